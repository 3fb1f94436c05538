//! The walk with constant-time software AES: eight lanes side by side where verification allows it.

use crate::{Block, Lane, BLOCK_BYTES, CHECKPOINTS, CHECKPOINTS_BYTES};
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use aes::Aes128;

pub fn walk(key: &Block, seed: &Block, per_checkpoint: u32) -> [u8; CHECKPOINTS_BYTES] {
    let cipher = Aes128::new(GenericArray::from_slice(key));
    let mut block = GenericArray::from(*seed);
    let mut checkpoints = [0; CHECKPOINTS_BYTES];
    for checkpoint in checkpoints.chunks_exact_mut(BLOCK_BYTES) {
        for _ in 0..per_checkpoint {
            cipher.encrypt_block(&mut block);
        }
        checkpoint.copy_from_slice(&block);
    }
    checkpoints
}

/// Which lanes hold; every lane has the first one's key and iterations. Each is walked from both ends to the
/// middle.
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
