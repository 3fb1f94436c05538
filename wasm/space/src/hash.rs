//! BLAKE3 of inputs of at most one block, as many at a time as there are lanes.

use crate::lanes::{Four, Lanes};

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
#[allow(clippy::too_many_arguments)] // as the hash is written
fn mix<const N: usize, V: Lanes<N>>(v: &mut [V; 16], a: usize, b: usize, c: usize, d: usize, x: V, y: V) {
    v[a] = v[a].add(v[b]).add(x);
    v[d] = v[d].xor(v[a]).rotate::<16, 16>();
    v[c] = v[c].add(v[d]);
    v[b] = v[b].xor(v[c]).rotate::<12, 20>();
    v[a] = v[a].add(v[b]).add(y);
    v[d] = v[d].xor(v[a]).rotate::<8, 24>();
    v[c] = v[c].add(v[d]);
    v[b] = v[b].xor(v[c]).rotate::<7, 25>();
}

/// Message words of each of the seven rounds.
const ORDER: [[usize; 16]; 7] = {
    let mut order = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]; 7];
    let mut round = 1;
    while round < 7 {
        let mut index = 0;
        while index < 16 {
            order[round][index] = order[round - 1][PERMUTATION[index]];
            index += 1;
        }
        round += 1;
    }
    order
};

#[inline(always)]
fn compress<const N: usize, V: Lanes<N>>(
    key: &[u32; 8],
    message: &[V; 16],
    length: u32,
    flags: u32,
) -> [V; 16] {
    let mut v = [V::splat(0); 16];
    for index in 0..8 {
        v[index] = V::splat(key[index]);
    }
    for index in 0..4 {
        v[8 + index] = V::splat(IV[index]);
    }
    v[14] = V::splat(length);
    v[15] = V::splat(flags);
    for o in &ORDER {
        mix(&mut v, 0, 4, 8, 12, message[o[0]], message[o[1]]);
        mix(&mut v, 1, 5, 9, 13, message[o[2]], message[o[3]]);
        mix(&mut v, 2, 6, 10, 14, message[o[4]], message[o[5]]);
        mix(&mut v, 3, 7, 11, 15, message[o[6]], message[o[7]]);
        mix(&mut v, 0, 5, 10, 15, message[o[8]], message[o[9]]);
        mix(&mut v, 1, 6, 11, 12, message[o[10]], message[o[11]]);
        mix(&mut v, 2, 7, 8, 13, message[o[12]], message[o[13]]);
        mix(&mut v, 3, 4, 9, 14, message[o[14]], message[o[15]]);
    }
    v
}

/// First 16 bytes of the hashes of inputs of `length` ≤ 24 bytes each, whose words are given side by side,
/// big-endian; the result is four big-endian words, side by side too.
#[inline(always)]
pub fn hash_short<const N: usize, V: Lanes<N>>(inputs: &[[u32; N]; 6], length: u32) -> [[u32; N]; 4] {
    let mut message = [V::splat(0); 16];
    for (word, input) in message.iter_mut().zip(inputs) {
        *word = V::load(&input.map(u32::swap_bytes));
    }
    let v = compress(&IV, &message, length, SINGLE_BLOCK);
    let mut words = [[0; N]; 4];
    for (index, word) in words.iter_mut().enumerate() {
        *word = v[index].xor(v[index + 8]).store().map(u32::swap_bytes);
    }
    words
}

/// First 8 bytes, little-endian, of the keyed hashes of four 32-byte inputs.
#[inline(always)]
pub fn keyed_hash_head(key: &[u32; 8], inputs: [&[u8]; 4]) -> [u64; 4] {
    let mut message = [Four::splat(0); 16];
    for (index, word) in message.iter_mut().take(8).enumerate() {
        *word = Four::load(&inputs.map(|input| {
            u32::from_le_bytes(input[4 * index..4 * index + 4].try_into().expect("four bytes"))
        }));
    }
    let v = compress(key, &message, 32, SINGLE_BLOCK | KEYED);
    let low = v[0].xor(v[8]).store();
    let high = v[1].xor(v[9]).store();
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
            let inputs = std::array::from_fn(|word| {
                bytes.map(|bytes| u32::from_be_bytes(bytes[4 * word..4 * word + 4].try_into().unwrap()))
            });
            let words = hash_short::<4, Four>(&inputs, length as u32);
            for lane in 0..4 {
                let hash = words.map(|word| word[lane].to_be_bytes()).concat();
                assert_eq!(hash, blake3::hash(&bytes[lane][..length]).as_bytes()[..16]);
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
