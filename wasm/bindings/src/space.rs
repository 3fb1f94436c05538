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

/// Whether a proof of space answers a challenge, as leniently as the network judges.
#[wasm_bindgen]
pub fn pos_verify(seed: &[u8], challenge_index: u32, proof: &[u8]) -> Result<bool, JsError> {
    let proof: &[u8; PROOF_BYTES] = proof.try_into().map_err(|_| wrong_length("a proof of space", proof.len()))?;
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

    /// A bitmap of 8192 bytes of which challenge indices 0..65535 have a proof, then those proofs.
    pub fn find_all_proofs(&self) -> Vec<u8> {
        let mut bytes = vec![0u8; record::BITFIELD_BYTES];
        for index in 0..record::S_BUCKETS {
            if let Some(proof) = self.0.find_proof(index as u32) {
                bytes[index / 8] |= 1 << (index % 8);
                bytes.extend_from_slice(&proof);
            }
        }
        bytes
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

    /// Coefficients (at most 65536 · 32 bytes, trailing zeros trimmed) of the polynomial behind a record's
    /// stored chunks.
    pub fn recover_record_poly(&self, bitfield: &[u8], stored: &[u8]) -> Result<Vec<u8>, JsError> {
        let shards = record::decode(&self.0, bitfield, stored)
            .ok_or_else(|| JsError::new("record-undecodable: the bitfield names chunks that have no proof"))?;
        let values = shards
            .chunks
            .chunks_exact(record::CHUNK_BYTES)
            .zip(&shards.present)
            .enumerate()
            .map(|(index, (chunk, present))| match present {
                0 => Ok(None),
                _ => chunk.try_into().ok().and_then(scalar::from_bytes).map(Some).ok_or_else(|| {
                    JsError::new(&format!("scalar-not-canonical: the decoded chunk {index} is out of range"))
                }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let coefficients = erasure::recover_poly(&values).map_err(|error| JsError::new(&error.to_string()))?;
        Ok(scalar::many_to_bytes(&coefficients))
    }
}

/// The s-buckets (little-endian 16-bit numbers) that a record with this bitfield occupies, ascending.
#[wasm_bindgen]
pub fn record_occupied(bitfield: &[u8]) -> Result<Vec<u16>, JsError> {
    if bitfield.len() != record::BITFIELD_BYTES {
        return Err(wrong_length("a bitfield", bitfield.len()));
    }
    Ok(record::occupied(bitfield))
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
    if chunks.len() % record::CHUNK_BYTES != 0 {
        return Err(wrong_length("whole chunks", chunks.len()));
    }
    let candidates = record::audit(chunks, seed_of(sector_slot_challenge)?, seed_of(global_challenge)?, solution_range);
    Ok(candidates
        .into_iter()
        .flat_map(|candidate| [candidate.chunk, candidate.distance as u32, (candidate.distance >> 32) as u32])
        .collect())
}
