//! WebAssembly doors to `allotment-keys`.

use allotment_keys as keys;
use wasm_bindgen::prelude::*;

fn thrown(error: keys::Error) -> JsError {
    JsError::new(&error.to_string())
}

#[wasm_bindgen]
pub fn sr25519_mini_secret_from_entropy(entropy: &[u8], password: &str) -> Result<Vec<u8>, JsError> {
    Ok(keys::mini_secret_from_entropy(entropy, password)
        .map_err(thrown)?
        .to_vec())
}

#[wasm_bindgen]
pub fn sr25519_expand(mini_secret: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(keys::expand(mini_secret).map_err(thrown)?.to_vec())
}

#[wasm_bindgen]
pub fn sr25519_public_key(secret: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(keys::public_key(secret).map_err(thrown)?.to_vec())
}

#[wasm_bindgen]
pub fn sr25519_derive(secret: &[u8], chain_code: &[u8], hard: bool) -> Result<Vec<u8>, JsError> {
    Ok(keys::derive(secret, chain_code, hard).map_err(thrown)?.to_vec())
}

#[wasm_bindgen]
pub fn sr25519_sign(secret: &[u8], context: &[u8], message: &[u8]) -> Result<Vec<u8>, JsError> {
    Ok(keys::sign(secret, context, message).map_err(thrown)?.to_vec())
}

#[wasm_bindgen]
pub fn sr25519_verify(public: &[u8], context: &[u8], message: &[u8], signature: &[u8]) -> bool {
    keys::verify(public, context, message, signature)
}

#[wasm_bindgen]
pub fn sr25519_verify_batch(
    publics: &[u8],
    context: &[u8],
    messages: &[u8],
    signatures: &[u8],
) -> Result<bool, JsError> {
    keys::verify_many(publics, context, messages, signatures).map_err(thrown)
}
