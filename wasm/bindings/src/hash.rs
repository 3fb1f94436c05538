//! BLAKE3, and history as records hold it.

use wasm_bindgen::prelude::wasm_bindgen;

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
