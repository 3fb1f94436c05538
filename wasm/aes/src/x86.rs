//! The walk with AES-NI: one lane for proving, sixteen interleaved ones for verifying.

use crate::{Block, Lane, BLOCK_BYTES, CHECKPOINTS, CHECKPOINTS_BYTES};
use core::arch::x86_64::*;

const ROUNDS: usize = 10;
type Schedule = [__m128i; ROUNDS + 1];

pub fn available() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("sse2")
}

#[inline]
#[target_feature(enable = "aes,sse2")]
unsafe fn expand<const CONSTANT: i32>(key: __m128i) -> __m128i {
    let assist = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<CONSTANT>(key));
    let mut key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    _mm_xor_si128(key, assist)
}

#[target_feature(enable = "aes,sse2")]
unsafe fn schedule(key: &Block) -> Schedule {
    let mut keys = [load(key); ROUNDS + 1];
    keys[1] = expand::<0x01>(keys[0]);
    keys[2] = expand::<0x02>(keys[1]);
    keys[3] = expand::<0x04>(keys[2]);
    keys[4] = expand::<0x08>(keys[3]);
    keys[5] = expand::<0x10>(keys[4]);
    keys[6] = expand::<0x20>(keys[5]);
    keys[7] = expand::<0x40>(keys[6]);
    keys[8] = expand::<0x80>(keys[7]);
    keys[9] = expand::<0x1b>(keys[8]);
    keys[10] = expand::<0x36>(keys[9]);
    keys
}

#[inline]
#[target_feature(enable = "sse2")]
unsafe fn load(block: &Block) -> __m128i {
    _mm_loadu_si128(block.as_ptr().cast())
}

pub fn walk(key: &Block, seed: &Block, per_checkpoint: u32) -> [u8; CHECKPOINTS_BYTES] {
    // SAFETY: called only where `available` found the instructions.
    unsafe { walk_with_aes(key, seed, per_checkpoint) }
}

#[target_feature(enable = "aes,sse2")]
unsafe fn walk_with_aes(key: &Block, seed: &Block, per_checkpoint: u32) -> [u8; CHECKPOINTS_BYTES] {
    let keys = schedule(key);
    // The last round key of one encryption and the first of the next are added as one.
    let joined = _mm_xor_si128(keys[ROUNDS], keys[0]);
    let mut block = _mm_xor_si128(load(seed), keys[0]);
    let mut checkpoints = [0; CHECKPOINTS_BYTES];
    for checkpoint in checkpoints.chunks_exact_mut(BLOCK_BYTES) {
        for _ in 0..per_checkpoint {
            for key in &keys[1..ROUNDS] {
                block = _mm_aesenc_si128(block, *key);
            }
            block = _mm_aesenclast_si128(block, joined);
        }
        _mm_storeu_si128(checkpoint.as_mut_ptr().cast(), _mm_xor_si128(block, keys[0]));
    }
    checkpoints
}

pub fn hold(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    // SAFETY: called only where `available` found the instructions.
    unsafe { hold_with_aes(lanes) }
}

#[target_feature(enable = "aes,sse2")]
unsafe fn hold_with_aes(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    let encryption = schedule(&lanes[0].key);
    let mut decryption = encryption;
    for (index, key) in decryption.iter_mut().enumerate() {
        let own = encryption[ROUNDS - index];
        *key = if index == 0 || index == ROUNDS {
            own
        } else {
            _mm_aesimc_si128(own)
        };
    }
    let encryption_joined = _mm_xor_si128(encryption[ROUNDS], encryption[0]);
    let decryption_joined = _mm_xor_si128(decryption[ROUNDS], decryption[0]);
    let mut forward = [load(&lanes[0].start); CHECKPOINTS];
    let mut backward = forward;
    for index in 0..CHECKPOINTS {
        forward[index] = _mm_xor_si128(load(&lanes[index].start), encryption[0]);
        backward[index] = _mm_xor_si128(load(&lanes[index].end), decryption[0]);
    }
    for _ in 0..lanes[0].iterations / 2 {
        for round in 1..ROUNDS {
            for lane in &mut forward {
                *lane = _mm_aesenc_si128(*lane, encryption[round]);
            }
            for lane in &mut backward {
                *lane = _mm_aesdec_si128(*lane, decryption[round]);
            }
        }
        for lane in &mut forward {
            *lane = _mm_aesenclast_si128(*lane, encryption_joined);
        }
        for lane in &mut backward {
            *lane = _mm_aesdeclast_si128(*lane, decryption_joined);
        }
    }
    let mut holds = [false; CHECKPOINTS];
    for index in 0..CHECKPOINTS {
        let middle = _mm_xor_si128(forward[index], encryption[0]);
        let other = _mm_xor_si128(backward[index], decryption[0]);
        holds[index] = _mm_movemask_epi8(_mm_cmpeq_epi8(middle, other)) == 0xffff;
    }
    holds
}
