//! The walk with constant-time software AES: eight lanes side by side where verification allows it.

use crate::Block;
#[cfg(not(target_arch = "wasm32"))]
use crate::{Lane, CHECKPOINTS};
use aes::cipher::generic_array::GenericArray;
#[cfg(not(target_arch = "wasm32"))]
use aes::cipher::BlockDecrypt;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::Aes128;

/// The block after `count` encryptions.
pub fn walk(key: &Block, start: &Block, count: u32) -> Block {
    let cipher = Aes128::new(GenericArray::from_slice(key));
    let mut block = GenericArray::from(*start);
    for _ in 0..count {
        cipher.encrypt_block(&mut block);
    }
    block.into()
}

/// Which lanes hold; every lane has the first one's key and iterations. Each is walked from both ends to the
/// middle. WebAssembly has the faster `bitslice` for that.
#[cfg(not(target_arch = "wasm32"))]
pub fn hold(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    let cipher = Aes128::new(GenericArray::from_slice(&lanes[0].key));
    let mut forward = lanes.map(|lane| GenericArray::from(lane.start));
    let mut backward = lanes.map(|lane| GenericArray::from(lane.end));
    for _ in 0..lanes[0].iterations / 2 {
        cipher.encrypt_blocks(&mut forward);
        cipher.decrypt_blocks(&mut backward);
    }
    std::array::from_fn(|index| forward[index] == backward[index])
}
