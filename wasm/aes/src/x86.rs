//! The walk with the processor's AES instructions: one lane for proving; for verifying the sixteen half walks of a
//! slot side by side, four in a register where the processor has VAES for 512 bits, two where for 256.

use crate::{Block, Lane, CHECKPOINTS};
use core::arch::x86_64::*;
use std::is_x86_feature_detected as has;

const ROUNDS: usize = 10;
type Schedule = [__m128i; ROUNDS + 1];
type Blocks = [Block; CHECKPOINTS];

/// How wide the registers are that this processor's AES instructions work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Xmm,
    Ymm,
    Zmm,
}

impl Width {
    pub const ALL: [Width; 3] = [Width::Xmm, Width::Ymm, Width::Zmm];

    pub fn name(self) -> &'static str {
        match self {
            Width::Xmm => "AES-NI",
            Width::Ymm => "VAES-256",
            Width::Zmm => "VAES-512",
        }
    }

    pub fn available(self) -> bool {
        has!("aes")
            && match self {
                Width::Xmm => true,
                Width::Ymm => has!("vaes") && has!("avx2"),
                Width::Zmm => has!("vaes") && has!("avx512f"),
            }
    }

    /// The widest that this processor has; none: it has no AES instructions.
    pub fn widest() -> Option<Width> {
        Width::ALL.into_iter().rev().find(|width| width.available())
    }
}

#[inline]
#[target_feature(enable = "aes,sse2")]
fn expand<const CONSTANT: i32>(key: __m128i) -> __m128i {
    let assist = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<CONSTANT>(key));
    let mut key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
    _mm_xor_si128(key, assist)
}

/// Round keys of encryption.
#[target_feature(enable = "aes,sse2")]
fn schedule(key: &Block) -> Schedule {
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

/// Round keys of decryption in the order they are used.
#[target_feature(enable = "aes,sse2")]
fn inverse(encryption: &Schedule) -> Schedule {
    let mut keys = *encryption;
    keys.reverse();
    for key in &mut keys[1..ROUNDS] {
        *key = _mm_aesimc_si128(*key);
    }
    keys
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(block: &Block) -> __m128i {
    // SAFETY: sixteen bytes are read from a block, from any address.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

/// The block after `count` encryptions. Only where AES-NI is available.
pub fn walk(key: &Block, start: &Block, count: u32) -> Block {
    debug_assert!(Width::Xmm.available());
    // SAFETY: called only where the instructions were found.
    unsafe { walk_with_aes(key, start, count) }
}

#[target_feature(enable = "aes,sse2")]
fn walk_with_aes(key: &Block, start: &Block, count: u32) -> Block {
    let keys = schedule(key);
    // The last round key of one encryption and the first of the next are added as one.
    let joined = _mm_xor_si128(keys[ROUNDS], keys[0]);
    let mut block = _mm_xor_si128(load(start), keys[0]);
    for _ in 0..count {
        for key in &keys[1..ROUNDS] {
            block = _mm_aesenc_si128(block, *key);
        }
        block = _mm_aesenclast_si128(block, joined);
    }
    let mut end = Block::default();
    // SAFETY: sixteen bytes are written to a block, at any address.
    unsafe { _mm_storeu_si128(end.as_mut_ptr().cast(), _mm_xor_si128(block, keys[0])) };
    end
}

/// Which lanes hold; all have the first one's key and iterations. Only where `width` is available.
pub fn hold(width: Width, lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    debug_assert!(width.available());
    // SAFETY: called only where the instructions were found.
    let middles = unsafe {
        match width {
            Width::Xmm => meet_xmm(lanes),
            Width::Ymm => meet_ymm(lanes),
            Width::Zmm => meet_zmm(lanes),
        }
    };
    std::array::from_fn(|index| middles[0][index] == middles[1][index])
}

/// Where the walks forward from the starts and backward from the ends of eight lanes arrive after half of the
/// iterations, in registers of any width.
macro_rules! meet {
    ($name:ident, $features:literal, $register:ty, $broadcast:expr, $xor:ident,
     $enc:ident, $enclast:ident, $dec:ident, $declast:ident) => {
        #[target_feature(enable = $features)]
        fn $name(lanes: &[Lane; CHECKPOINTS]) -> [Blocks; 2] {
            const PER_REGISTER: usize = size_of::<$register>() / size_of::<Block>();
            const REGISTERS: usize = CHECKPOINTS / PER_REGISTER;
            let encryption = schedule(&lanes[0].key);
            let decryption = inverse(&encryption).map(|key| $broadcast(key));
            let encryption = encryption.map(|key| $broadcast(key));
            let encryption_joined = $xor(encryption[ROUNDS], encryption[0]);
            let decryption_joined = $xor(decryption[ROUNDS], decryption[0]);
            let starts = lanes.map(|lane| lane.start);
            let ends = lanes.map(|lane| lane.end);
            // SAFETY: eight blocks and the registers they are read into are equally long and plain bytes.
            let mut forward: [$register; REGISTERS] = unsafe { std::mem::transmute::<Blocks, _>(starts) };
            // SAFETY: as above.
            let mut backward: [$register; REGISTERS] = unsafe { std::mem::transmute::<Blocks, _>(ends) };
            for register in 0..REGISTERS {
                forward[register] = $xor(forward[register], encryption[0]);
                backward[register] = $xor(backward[register], decryption[0]);
            }
            for _ in 0..lanes[0].iterations / 2 {
                for round in 1..ROUNDS {
                    for block in &mut forward {
                        *block = $enc(*block, encryption[round]);
                    }
                    for block in &mut backward {
                        *block = $dec(*block, decryption[round]);
                    }
                }
                for block in &mut forward {
                    *block = $enclast(*block, encryption_joined);
                }
                for block in &mut backward {
                    *block = $declast(*block, decryption_joined);
                }
            }
            for register in 0..REGISTERS {
                forward[register] = $xor(forward[register], encryption[0]);
                backward[register] = $xor(backward[register], decryption[0]);
            }
            // SAFETY: as above, the other way round.
            unsafe { [forward, backward].map(|blocks| std::mem::transmute::<_, Blocks>(blocks)) }
        }
    };
}

meet!(
    meet_xmm,
    "aes,sse2",
    __m128i,
    std::convert::identity,
    _mm_xor_si128,
    _mm_aesenc_si128,
    _mm_aesenclast_si128,
    _mm_aesdec_si128,
    _mm_aesdeclast_si128
);
meet!(
    meet_ymm,
    "aes,sse2,avx2,vaes",
    __m256i,
    _mm256_broadcastsi128_si256,
    _mm256_xor_si256,
    _mm256_aesenc_epi128,
    _mm256_aesenclast_epi128,
    _mm256_aesdec_epi128,
    _mm256_aesdeclast_epi128
);
meet!(
    meet_zmm,
    "aes,sse2,avx512f,vaes",
    __m512i,
    _mm512_broadcast_i32x4,
    _mm512_xor_si512,
    _mm512_aesenc_epi128,
    _mm512_aesenclast_epi128,
    _mm512_aesdec_epi128,
    _mm512_aesdeclast_epi128
);
