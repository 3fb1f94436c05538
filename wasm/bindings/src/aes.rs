//! WebAssembly doors to `allotment-aes`.

use allotment_aes::{pot_prove as prove, pot_verify_only as verify, Claim};
use wasm_bindgen::prelude::*;

fn fixed<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N], JsError> {
    bytes
        .try_into()
        .map_err(|_| JsError::new(&format!("bad-length: {} bytes are not {what}", bytes.len())))
}

fn claim(seed: &[u8], iterations: u32, checkpoints: &[u8]) -> Result<Claim, JsError> {
    Ok(Claim {
        seed: fixed("a seed", seed)?,
        iterations,
        checkpoints: fixed("a slot's checkpoints", checkpoints)?,
    })
}

/// Walks a slot: its eight checkpoints, 128 bytes.
#[wasm_bindgen]
pub fn pot_prove(seed: &[u8], iterations: u32) -> Result<Vec<u8>, JsError> {
    let seed = fixed("a seed", seed)?;
    Ok(prove(&seed, iterations)
        .map_err(|error| JsError::new(&error.to_string()))?
        .to_vec())
}

/// Index of the first wrong checkpoint (0..7), or −1 when all hold; only those whose bit is set in `only` count.
#[wasm_bindgen]
pub fn pot_verify(seed: &[u8], iterations: u32, checkpoints: &[u8], only: u8) -> Result<i32, JsError> {
    let claim = claim(seed, iterations, checkpoints)?;
    let only = std::array::from_fn(|index| only >> index & 1 == 1);
    let wrong = verify(&claim, only).map_err(|error| JsError::new(&error.to_string()))?;
    Ok(wrong.map_or(-1, |index| index as i32))
}
