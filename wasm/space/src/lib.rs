//! Proof of space with K = 20, and the encoding, decoding and auditing of sectors that rest on it.

mod chacha;
mod hash;
mod lanes;
pub mod params;
mod places;
pub mod record;
pub mod table;

pub use lanes::Width;
pub use params::PROOF_BYTES;
pub use table::{verify, Table};
