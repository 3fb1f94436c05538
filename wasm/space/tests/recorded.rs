//! Tables, proofs and verdicts against the recordings of the reference implementation.

use allotment_space::{verify, Table};
use serde_json::Value;
use std::path::PathBuf;

fn vectors(name: &str) -> Vec<u8> {
    std::fs::read(
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/vectors")
            .join(name),
    )
    .expect("a recording")
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

#[test]
fn proofs_are_the_recorded_ones() {
    let recorded: Value = serde_json::from_slice(&vectors("pos.json")).expect("JSON");
    let mut table = Table::new();
    for (number, seed) in recorded["seeds"].as_array().expect("seeds").iter().enumerate() {
        let bytes: [u8; 32] = hex(&seed["seed"]).try_into().expect("32 bytes");
        table.build(&bytes);
        let presence = vectors(&format!("pos_presence_{number}.bin"));
        let mut all = blake3::Hasher::new();
        for index in 0..65_536u32 {
            let proof = table.find_proof(index);
            let expected = presence[index as usize / 8] >> (index % 8) & 1 == 1;
            assert_eq!(proof.is_some(), expected, "seed {number}, challenge {index}");
            if let Some(proof) = proof {
                all.update(&proof);
                if index % 97 == 0 {
                    assert!(verify(&bytes, index, &proof));
                    let mut wrong = proof;
                    wrong[index as usize % 160] ^= 4;
                    assert!(!verify(&bytes, index, &wrong));
                }
            }
        }
        assert_eq!(
            all.finalize().as_bytes()[..],
            hex(&seed["all_proofs_blake3"])[..],
            "seed {number}"
        );
    }
}
