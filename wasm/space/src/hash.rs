//! BLAKE3 of inputs of at most one block, four at a time.

use crate::lanes::Lanes;

const IV: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
/// First and last block of the only chunk, which is the root.
const SINGLE_BLOCK: u32 = 1 | 2 | 8;
const KEYED: u32 = 16;

#[inline(always)]
fn mix(v: &mut [Lanes; 16], a: usize, b: usize, c: usize, d: usize, x: Lanes, y: Lanes) {
    v[a] = v[a].add(v[b]).add(x);
    v[d] = v[d].xor(v[a]).rotate_right::<16>();
    v[c] = v[c].add(v[d]);
    v[b] = v[b].xor(v[c]).rotate_right::<12>();
    v[a] = v[a].add(v[b]).add(y);
    v[d] = v[d].xor(v[a]).rotate_right::<8>();
    v[c] = v[c].add(v[d]);
    v[b] = v[b].xor(v[c]).rotate_right::<7>();
}

#[inline(always)]
fn compress(key: [u32; 8], message: &[Lanes; 16], length: u32, flags: u32) -> [Lanes; 16] {
    let mut v = [Lanes::splat(0); 16];
    for index in 0..8 {
        v[index] = Lanes::splat(key[index]);
    }
    for index in 0..4 {
        v[8 + index] = Lanes::splat(IV[index]);
    }
    v[14] = Lanes::splat(length);
    v[15] = Lanes::splat(flags);
    let mut order: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    for _ in 0..7 {
        let m = |index: usize| message[order[index]];
        mix(&mut v, 0, 4, 8, 12, m(0), m(1));
        mix(&mut v, 1, 5, 9, 13, m(2), m(3));
        mix(&mut v, 2, 6, 10, 14, m(4), m(5));
        mix(&mut v, 3, 7, 11, 15, m(6), m(7));
        mix(&mut v, 0, 5, 10, 15, m(8), m(9));
        mix(&mut v, 1, 6, 11, 12, m(10), m(11));
        mix(&mut v, 2, 7, 8, 13, m(12), m(13));
        mix(&mut v, 3, 4, 9, 14, m(14), m(15));
        order = PERMUTATION.map(|index| order[index]);
    }
    v
}

/// First 16 bytes of the hashes of four inputs of `length` ≤ 24 bytes each, given as big-endian words; the
/// result is those 16 bytes as a big-endian integer.
#[inline(always)]
pub fn hash_short(inputs: &[[u32; 6]; 4], length: u32) -> [u128; 4] {
    let zero = Lanes::splat(0);
    let word = |index: usize| Lanes::new(std::array::from_fn(|lane| inputs[lane][index].swap_bytes()));
    let message = [
        word(0),
        word(1),
        word(2),
        word(3),
        word(4),
        word(5),
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
        zero,
    ];
    let v = compress(IV, &message, length, SINGLE_BLOCK);
    let words: [[u32; 4]; 4] = std::array::from_fn(|index| v[index].xor(v[index + 8]).to_array());
    std::array::from_fn(|lane| {
        words.iter().fold(0, |value, word| {
            (value << 32) | u128::from(word[lane].swap_bytes())
        })
    })
}

/// First 8 bytes, little-endian, of the keyed hashes of four 32-byte inputs.
#[inline(always)]
pub fn keyed_hash_head(key: &[u32; 8], inputs: [&[u8]; 4]) -> [u64; 4] {
    let zero = Lanes::splat(0);
    let mut message = [zero; 16];
    for (index, word) in message.iter_mut().take(8).enumerate() {
        *word = Lanes::new(inputs.map(|input| {
            u32::from_le_bytes(input[4 * index..4 * index + 4].try_into().expect("four bytes"))
        }));
    }
    let v = compress(*key, &message, 32, SINGLE_BLOCK | KEYED);
    let low = v[0].xor(v[8]).to_array();
    let high = v[1].xor(v[9]).to_array();
    std::array::from_fn(|lane| u64::from(low[lane]) | (u64::from(high[lane]) << 32))
}

/// A 32-byte key as the words that the hash uses.
pub fn key_words(key: &[u8; 32]) -> [u32; 8] {
    std::array::from_fn(|index| {
        u32::from_le_bytes(key[4 * index..4 * index + 4].try_into().expect("four bytes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_hashes_are_those_of_blake3() {
        for length in [9usize, 14, 19, 24] {
            let bytes: [[u8; 24]; 4] = std::array::from_fn(|lane| {
                std::array::from_fn(|i| {
                    if i < length {
                        (i * 37 + lane * 101 + length) as u8
                    } else {
                        0
                    }
                })
            });
            let inputs = bytes.map(|bytes| {
                std::array::from_fn(|i| u32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
            });
            for (lane, hash) in hash_short(&inputs, length as u32).into_iter().enumerate() {
                let expected = blake3::hash(&bytes[lane][..length]);
                assert_eq!(hash.to_be_bytes(), expected.as_bytes()[..16]);
            }
        }
    }

    #[test]
    fn keyed_hashes_are_those_of_blake3() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8 * 3);
        let inputs: [[u8; 32]; 4] = std::array::from_fn(|lane| std::array::from_fn(|i| (i * 7 + lane) as u8));
        let heads = keyed_hash_head(&key_words(&key), [&inputs[0], &inputs[1], &inputs[2], &inputs[3]]);
        for (input, head) in inputs.iter().zip(heads) {
            assert_eq!(
                head.to_le_bytes(),
                blake3::keyed_hash(&key, input).as_bytes()[..8]
            );
        }
    }
}
