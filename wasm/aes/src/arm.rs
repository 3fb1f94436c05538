//! The walk with the AES instructions of ARMv8: one lane for proving, sixteen half walks side by side for verifying.

use crate::{Block, Lane, BLOCK_BYTES, CHECKPOINTS};
use core::arch::aarch64::*;

const ROUNDS: usize = 10;
type Schedule = [uint8x16_t; ROUNDS + 1];

pub fn available() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[inline]
#[target_feature(enable = "neon")]
fn load(block: &Block) -> uint8x16_t {
    // SAFETY: sixteen bytes are read from a block, from any address.
    unsafe { vld1q_u8(block.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(value: uint8x16_t) -> Block {
    let mut block = Block::default();
    // SAFETY: sixteen bytes are written to a block, at any address.
    unsafe { vst1q_u8(block.as_mut_ptr(), value) };
    block
}

/// The AES S-box over the bytes of a word: with four equal columns, the instruction's ShiftRows changes nothing.
#[inline]
#[target_feature(enable = "neon,aes")]
fn substitute(word: u32) -> u32 {
    let columns = vreinterpretq_u8_u32(vdupq_n_u32(word));
    vgetq_lane_u32::<0>(vreinterpretq_u32_u8(vaeseq_u8(columns, vdupq_n_u8(0))))
}

/// Round keys of encryption.
#[target_feature(enable = "neon,aes")]
fn schedule(key: &Block) -> Schedule {
    const CONSTANTS: [u32; ROUNDS] = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];
    let word = |index: usize| u32::from_le_bytes(std::array::from_fn(|byte| key[4 * index + byte]));
    let mut words: [u32; 4] = std::array::from_fn(word);
    let mut keys = [load(key); ROUNDS + 1];
    for (round, constant) in CONSTANTS.into_iter().enumerate() {
        words[0] ^= substitute(words[3].rotate_right(8)) ^ constant;
        for index in 1..4 {
            words[index] ^= words[index - 1];
        }
        let mut bytes = [0; BLOCK_BYTES];
        for (four, word) in bytes.chunks_exact_mut(4).zip(words) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        keys[round + 1] = load(&bytes);
    }
    keys
}

/// Round keys of decryption in the order they are used.
#[target_feature(enable = "neon,aes")]
fn inverse(encryption: &Schedule) -> Schedule {
    let mut keys = *encryption;
    keys.reverse();
    for key in &mut keys[1..ROUNDS] {
        *key = vaesimcq_u8(*key);
    }
    keys
}

/// The block after `count` encryptions. Only where `available`.
pub fn walk(key: &Block, start: &Block, count: u32) -> Block {
    debug_assert!(available());
    // SAFETY: called only where the instructions were found.
    unsafe { walk_with_aes(key, start, count) }
}

// AESE and AESD add the round key before they substitute, so the key that ends one encryption and the one that
// begins the next are added as one, and a walk begins and ends with the last round key added.

#[target_feature(enable = "neon,aes")]
fn walk_with_aes(key: &Block, start: &Block, count: u32) -> Block {
    let keys = schedule(key);
    let joined = veorq_u8(keys[0], keys[ROUNDS]);
    let mut block = veorq_u8(load(start), keys[ROUNDS]);
    for _ in 0..count {
        block = vaesmcq_u8(vaeseq_u8(block, joined));
        for key in &keys[1..ROUNDS - 1] {
            block = vaesmcq_u8(vaeseq_u8(block, *key));
        }
        block = vaeseq_u8(block, keys[ROUNDS - 1]);
    }
    store(veorq_u8(block, keys[ROUNDS]))
}

/// Which lanes hold; all have the first one's key and iterations. Only where `available`.
pub fn hold(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    debug_assert!(available());
    // SAFETY: called only where the instructions were found.
    unsafe { hold_with_aes(lanes) }
}

#[target_feature(enable = "neon,aes")]
fn hold_with_aes(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    let encryption = schedule(&lanes[0].key);
    let decryption = inverse(&encryption);
    let encryption_joined = veorq_u8(encryption[0], encryption[ROUNDS]);
    let decryption_joined = veorq_u8(decryption[0], decryption[ROUNDS]);
    let mut forward = [encryption[ROUNDS]; CHECKPOINTS];
    let mut backward = [decryption[ROUNDS]; CHECKPOINTS];
    for (index, lane) in lanes.iter().enumerate() {
        forward[index] = veorq_u8(forward[index], load(&lane.start));
        backward[index] = veorq_u8(backward[index], load(&lane.end));
    }
    for _ in 0..lanes[0].iterations / 2 {
        for round in 0..ROUNDS - 1 {
            let first = round == 0;
            let key = if first {
                encryption_joined
            } else {
                encryption[round]
            };
            for block in &mut forward {
                *block = vaesmcq_u8(vaeseq_u8(*block, key));
            }
            let key = if first {
                decryption_joined
            } else {
                decryption[round]
            };
            for block in &mut backward {
                *block = vaesimcq_u8(vaesdq_u8(*block, key));
            }
        }
        for block in &mut forward {
            *block = vaeseq_u8(*block, encryption[ROUNDS - 1]);
        }
        for block in &mut backward {
            *block = vaesdq_u8(*block, decryption[ROUNDS - 1]);
        }
    }
    std::array::from_fn(|index| {
        let middle = veorq_u8(forward[index], encryption[ROUNDS]);
        store(middle) == store(veorq_u8(backward[index], decryption[ROUNDS]))
    })
}
