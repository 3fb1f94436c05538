//! ChaCha20-Poly1305, the cipher of connections between peers, for browsers, which have none.

use chacha20poly1305::{aead::AeadInPlace, ChaCha20Poly1305, Key, KeyInit, Nonce};
use wasm_bindgen::prelude::{wasm_bindgen, JsError};

fn cipher(key: &[u8], nonce: &[u8]) -> Result<(ChaCha20Poly1305, Nonce), JsError> {
    if key.len() != 32 || nonce.len() != 12 {
        let (key, nonce) = (key.len(), nonce.len());
        let message = format!("bad-length: a key of {key} and a nonce of {nonce} bytes");
        return Err(JsError::new(&message));
    }
    let cipher = ChaCha20Poly1305::new(Key::from_slice(key));
    Ok((cipher, *Nonce::from_slice(nonce)))
}

/// The message encrypted, 16 bytes of tag behind it. `key`: 32 bytes, `nonce`: 12.
#[wasm_bindgen]
pub fn chacha20poly1305_seal(
    key: &[u8],
    nonce: &[u8],
    ad: &[u8],
    mut message: Vec<u8>,
) -> Result<Vec<u8>, JsError> {
    let (cipher, nonce) = cipher(key, nonce)?;
    cipher
        .encrypt_in_place(&nonce, ad, &mut message)
        .map_err(|_| JsError::new("too-long: the message is too long"))?;
    Ok(message)
}

/// The message behind what was sealed, or nothing where it was changed or is of another key.
#[wasm_bindgen]
pub fn chacha20poly1305_open(
    key: &[u8],
    nonce: &[u8],
    ad: &[u8],
    mut sealed: Vec<u8>,
) -> Result<Option<Vec<u8>>, JsError> {
    let (cipher, nonce) = cipher(key, nonce)?;
    let opened = cipher.decrypt_in_place(&nonce, ad, &mut sealed);
    Ok(opened.is_ok().then_some(sealed))
}
