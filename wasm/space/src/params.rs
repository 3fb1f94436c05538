//! Parameters of proof of space with K = 20, and the functions that both proving and verifying use.

use crate::hash;
use crate::lanes::Lanes;

pub const K: u32 = 20;
/// Bits that y has beyond K.
pub const EXT: u32 = 6;
pub const Y_BITS: u32 = K + EXT;
pub const B: u32 = 119;
pub const C: u32 = 127;
/// Values of y in a bucket.
pub const BC: u32 = B * C;
/// Matching targets of an entry.
pub const M: usize = 64;
pub const BUCKETS: usize = (1usize << Y_BITS).div_ceil(BC as usize);
/// Entries of a bucket and matches of a pair of buckets that are kept at most.
pub const MAX_BUCKET: usize = 512;
pub const PROOF_BYTES: usize = 160;
/// Bits of metadata of tables 1 to 7.
pub const META_BITS: [u32; 8] = [0, 20, 40, 80, 80, 60, 40, 0];

/// f1: y of an x whose 20 keystream bits are `bits`.
#[inline(always)]
pub fn y_of_table_1(x: u32, bits: u32) -> u32 {
    (bits << EXT) | (x >> (K - EXT))
}

/// Target residue of the left entry's residue `l` for `m`, in a bucket pair of this parity.
#[inline(always)]
pub fn target(l: u32, parity: u32, m: u32) -> u32 {
    let column = (2 * m + parity) * (2 * m + parity) + l;
    ((l / C + m) % B) * C + column % C
}

/// Input of f_t as big-endian words, with its length in bytes, for metadata of `bits` bits a side.
#[inline(always)]
pub fn f_input(bits: u32, y: u32, left: u128, right: u128) -> [u32; 6] {
    let total = Y_BITS + 2 * bits;
    let (high, low) = if total <= 128 {
        (
            ((u128::from(y) << (2 * bits)) | (left << bits) | right) << (128 - total),
            0u64,
        )
    } else {
        let over = total - 128;
        let high = (u128::from(y) << (102)) | (left << (102 - bits)) | (right >> over);
        (high, ((right as u64) << (64 - over)))
    };
    [
        (high >> 96) as u32,
        (high >> 64) as u32,
        (high >> 32) as u32,
        high as u32,
        (low >> 32) as u32,
        low as u32,
    ]
}

/// f_t of matches side by side: y and metadata of table `TABLE` (2..=7) from the left y and both sides' metadata.
#[inline(always)]
pub fn f<const TABLE: usize, const N: usize, V: Lanes<N>>(
    ys: &[u32; N],
    left: &[u128; N],
    right: &[u128; N],
) -> ([u32; N], [u128; N]) {
    let bits = META_BITS[TABLE - 1];
    let mut inputs = [[0; N]; 6];
    for lane in 0..N {
        let words = f_input(bits, ys[lane], left[lane], right[lane]);
        for (input, word) in inputs.iter_mut().zip(words) {
            input[lane] = word;
        }
    }
    let words = hash::hash_short::<N, V>(&inputs, (Y_BITS + 2 * bits).div_ceil(8));
    let own = META_BITS[TABLE];
    let mut y = [0; N];
    let mut meta = [0; N];
    for lane in 0..N {
        y[lane] = words[0][lane] >> (32 - Y_BITS);
        meta[lane] = match TABLE {
            2 | 3 => (left[lane] << bits) | right[lane],
            7 => 0,
            _ => {
                let hash = words
                    .iter()
                    .fold(0, |hash: u128, word| (hash << 32) | u128::from(word[lane]));
                (hash >> (128 - Y_BITS - own)) & ((1 << own) - 1)
            }
        };
    }
    (y, meta)
}

/// K-bit challenge value of a challenge index (in practice an s-bucket).
pub fn challenge_value(index: u32) -> u32 {
    u32::from_be_bytes(index.to_le_bytes()) >> (32 - K)
}
