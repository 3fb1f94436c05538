//! BLAKE3 of bytes in parts, and of the parts of a raw record.

use wasm_bindgen::prelude::{wasm_bindgen, JsError};

/// BLAKE3 of bytes that come in parts.
#[wasm_bindgen]
pub struct Blake3(blake3::Hasher);

#[wasm_bindgen]
impl Blake3 {
    /// A hash of nothing yet.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// 32 bytes; begins anew.
    pub fn digest(&mut self) -> Vec<u8> {
        let hash = self.0.finalize();
        self.0.reset();
        hash.as_bytes().to_vec()
    }
}

/// Bytes of a chunk in a record, the first of which is zero.
const CHUNK_BYTES: usize = 32;

/// A raw record in memory of its own, whose parts are hashed where they are.
#[wasm_bindgen]
pub struct RawRecord(Vec<u8>);

#[wasm_bindgen]
impl RawRecord {
    /// Leaves out the first byte of every chunk of a record; all of them have to be zero.
    #[wasm_bindgen(constructor)]
    pub fn new(mut record: Vec<u8>) -> Result<RawRecord, JsError> {
        let chunks = record.len() / CHUNK_BYTES;
        for number in 0..chunks {
            let (from, to) = (number * CHUNK_BYTES, number * (CHUNK_BYTES - 1));
            let mut chunk = [0; CHUNK_BYTES];
            chunk.copy_from_slice(&record[from..from + CHUNK_BYTES]);
            if chunk[0] != 0 {
                let message = format!("not-a-source-record: chunk {number} does not begin with 0");
                return Err(JsError::new(&message));
            }
            record[to..to + CHUNK_BYTES - 1].copy_from_slice(&chunk[1..]);
        }
        record.truncate(chunks * (CHUNK_BYTES - 1));
        Ok(Self(record))
    }

    /// Where its bytes begin in this module's memory, until it is freed.
    pub fn pointer(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// BLAKE3 of `length` bytes from byte `from` on: 32 bytes.
    pub fn hash(&self, from: usize, length: usize) -> Result<Vec<u8>, JsError> {
        let part = from
            .checked_add(length)
            .and_then(|to| self.0.get(from..to))
            .ok_or_else(|| JsError::new("out-of-bounds: no such part of the record"))?;
        Ok(blake3::hash(part).as_bytes().to_vec())
    }
}
