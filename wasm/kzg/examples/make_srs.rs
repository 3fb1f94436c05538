//! Writes the reference string decompressed, so that no page has to take 32768 square roots:
//! `cargo run --release --example make_srs -- SRS.bin OUT.bin`.

use allotment_kzg::kzg::{points_from_bytes, uncompressed, MAX_COEFFICIENTS, POINT_BYTES};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        eprintln!("two arguments are needed: the ceremony's file and the file to write");
        std::process::exit(2);
    };
    let bytes = std::fs::read(&from).expect("a readable reference string");
    let powers = points_from_bytes(&bytes[..MAX_COEFFICIENTS * POINT_BYTES]).expect("points of the curve");
    let bytes: Vec<u8> = powers.iter().flat_map(uncompressed).collect();
    std::fs::write(&to, bytes).expect("a writable file");
}
