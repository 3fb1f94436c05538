//! ChaCha8 keystream with a zero nonce: f1 of proof of space.

const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

#[inline(always)]
fn quarter(s: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(16);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(12);
    s[a] = s[a].wrapping_add(s[b]);
    s[d] = (s[d] ^ s[a]).rotate_left(8);
    s[c] = s[c].wrapping_add(s[d]);
    s[b] = (s[b] ^ s[c]).rotate_left(7);
}

/// 64 bytes of keystream: block `counter` under `key`.
pub fn block(key: &[u8; 32], counter: u64) -> [u8; 64] {
    let mut input = [0u32; 16];
    input[..4].copy_from_slice(&CONSTANTS);
    for (word, bytes) in input[4..12].iter_mut().zip(key.chunks_exact(4)) {
        *word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    }
    input[12] = counter as u32;
    input[13] = (counter >> 32) as u32;
    let mut state = input;
    for _ in 0..4 {
        quarter(&mut state, 0, 4, 8, 12);
        quarter(&mut state, 1, 5, 9, 13);
        quarter(&mut state, 2, 6, 10, 14);
        quarter(&mut state, 3, 7, 11, 15);
        quarter(&mut state, 0, 5, 10, 15);
        quarter(&mut state, 1, 6, 11, 12);
        quarter(&mut state, 2, 7, 8, 13);
        quarter(&mut state, 3, 4, 9, 14);
    }
    let mut out = [0u8; 64];
    for (bytes, (word, initial)) in out.chunks_exact_mut(4).zip(state.into_iter().zip(input)) {
        bytes.copy_from_slice(&word.wrapping_add(initial).to_le_bytes());
    }
    out
}

/// Keystream from the beginning, `length` bytes.
pub fn keystream(key: &[u8; 32], length: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(length + 64);
    let mut counter = 0;
    while stream.len() < length {
        stream.extend_from_slice(&block(key, counter));
        counter += 1;
    }
    stream.truncate(length);
    stream
}
