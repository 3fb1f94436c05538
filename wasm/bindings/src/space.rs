//! WebAssembly doors to `allotment-space`.

use allotment_kzg::{erasure, scalar};
use allotment_space::{record, table, PROOF_BYTES};
use wasm_bindgen::prelude::*;

fn wrong_length(what: &str, length: usize) -> JsError {
    JsError::new(&format!("bad-length: {length} bytes are not {what}"))
}

fn seed_of(bytes: &[u8]) -> Result<&[u8; 32], JsError> {
    bytes.try_into().map_err(|_| wrong_length("a seed", bytes.len()))
}

fn thrown(error: record::Undecodable) -> JsError {
    JsError::new(&error.to_string())
}

/// Whether a proof of space answers a challenge, as leniently as the network judges.
#[wasm_bindgen]
pub fn pos_verify(seed: &[u8], challenge_index: u32, proof: &[u8]) -> Result<bool, JsError> {
    let proof: &[u8; PROOF_BYTES] = proof
        .try_into()
        .map_err(|_| wrong_length("a proof of space", proof.len()))?;
    Ok(table::verify(seed_of(seed)?, challenge_index, proof))
}

/// A proof-of-space table; `build` makes another one in the same memory.
#[wasm_bindgen]
pub struct PosTable(table::Table);

#[wasm_bindgen]
impl PosTable {
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // a JavaScript constructor
    pub fn new() -> Self {
        Self(table::Table::new())
    }

    pub fn build(&mut self, seed: &[u8]) -> Result<(), JsError> {
        self.0.build(seed_of(seed)?);
        Ok(())
    }

    /// The proof of a challenge index, or nothing.
    pub fn find_proof(&self, challenge_index: u32) -> Option<Vec<u8>> {
        self.0.find_proof(challenge_index).map(|proof| proof.to_vec())
    }

    /// Encodes a record of 32768 scalars: its bitfield of 8192 bytes, then its 32768 stored chunks.
    pub fn encode_record(&self, source: &[u8]) -> Result<Vec<u8>, JsError> {
        if source.len() != record::RECORD_CHUNKS * record::CHUNK_BYTES {
            return Err(wrong_length("a record", source.len()));
        }
        let scalars = scalar::many_from_bytes(source).map_err(|error| JsError::new(&error.to_string()))?;
        let parity = erasure::extend(&scalars).map_err(|error| JsError::new(&error.to_string()))?;
        let encoded = record::encode(&self.0, source, &scalar::many_to_bytes(&parity));
        let mut bytes = encoded.bitfield;
        bytes.extend_from_slice(&encoded.chunks);
        Ok(bytes)
    }

    /// A record's 32768 stored chunks without their masks, spread over the 65536 positions of the extended
    /// record (2 MiB, zero where nothing is known), then one byte a position: 1 where it is known.
    pub fn unmask(&self, bitfield: &[u8], stored: &[u8]) -> Result<Vec<u8>, JsError> {
        let shards = record::unmask(&self.0, bitfield, stored).map_err(thrown)?;
        let mut bytes = shards.chunks;
        bytes.extend_from_slice(&shards.present);
        Ok(bytes)
    }
}

/// A column of table `number` (1..=7) of a seed, entry by entry. 0: y and position in bucket order; 1: y, left
/// and right parent by position; both as little-endian 32-bit numbers; 2: metadata by position, big-endian.
#[wasm_bindgen]
pub fn pos_table_column(seed: &[u8], number: usize, column: u8) -> Result<Vec<u8>, JsError> {
    let mut bytes = Vec::new();
    table::Table::new().build_observed(seed_of(seed)?, &mut |view| {
        if view.number == number {
            bytes = match column {
                0 => view
                    .sorted
                    .iter()
                    .flat_map(|key| key.rotate_left(32).to_le_bytes())
                    .collect(),
                1 => (0..view.y.len())
                    .flat_map(|at| {
                        let (left, right) = view.parents.get(at).copied().unwrap_or_default();
                        [view.y[at], left, right]
                    })
                    .flat_map(u32::to_le_bytes)
                    .collect(),
                _ => view.meta.iter().flat_map(|meta| meta.to_be_bytes()).collect(),
            };
        }
    });
    Ok(bytes)
}

/// Winning chunks of an s-bucket as [position, distance low, distance high] triples of 32-bit numbers, nearest
/// first.
#[wasm_bindgen]
pub fn audit_s_bucket(
    chunks: &[u8],
    sector_slot_challenge: &[u8],
    global_challenge: &[u8],
    solution_range: u64,
) -> Result<Vec<u32>, JsError> {
    if !chunks.len().is_multiple_of(record::CHUNK_BYTES) {
        return Err(wrong_length("whole chunks", chunks.len()));
    }
    let candidates = record::audit(
        chunks,
        seed_of(sector_slot_challenge)?,
        seed_of(global_challenge)?,
        solution_range,
    );
    Ok(candidates
        .into_iter()
        .flat_map(|candidate| {
            [
                candidate.chunk,
                candidate.distance as u32,
                (candidate.distance >> 32) as u32,
            ]
        })
        .collect())
}
