//! KZG commitments over BLS12-381, erasure coding and pieces, exactly as the network computes them.

pub mod combination;
pub mod erasure;
mod error;
mod fq;
pub mod kzg;
pub mod msm;
pub mod piece;
pub mod poly;
pub mod scalar;

pub use error::Error;
