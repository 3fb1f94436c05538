//! Eight walks side by side without AES instructions, for WebAssembly. Bit k of byte p of word b is bit b of byte p
//! of block k: a gate of the S-box then works on the 128 bytes of eight blocks at once, and ShiftRows and the
//! rotations of MixColumns permute the bytes of a word. The bytes lie row by row, so that rotating the rows of a
//! column is rotating 32-bit lanes. The S-box is the one of Boyar and Peralta (2010), 113 gates.

use crate::{Block, Lane, BLOCK_BYTES, CHECKPOINTS};

const ROUNDS: usize = 10;
const WORDS: usize = 8;
type State = [Word; WORDS];

#[cfg(target_arch = "wasm32")]
mod word {
    use core::arch::wasm32::*;

    pub type Word = v128;

    pub fn word(bytes: [u8; 16]) -> Word {
        u64x2(
            u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")),
            u64::from_le_bytes(bytes[8..].try_into().expect("8 bytes")),
        )
    }

    pub fn bytes(word: Word) -> [u8; 16] {
        let halves = [u64x2_extract_lane::<0>(word), u64x2_extract_lane::<1>(word)];
        std::array::from_fn(|byte| halves[byte / 8].to_le_bytes()[byte % 8])
    }

    #[inline(always)]
    pub fn xor(a: Word, b: Word) -> Word {
        v128_xor(a, b)
    }

    #[inline(always)]
    pub fn and(a: Word, b: Word) -> Word {
        v128_and(a, b)
    }

    #[inline(always)]
    pub fn rotate_rows<const BY: usize>(a: Word) -> Word {
        match BY {
            1 => u32x4_shuffle::<1, 2, 3, 0>(a, a),
            _ => u32x4_shuffle::<2, 3, 0, 1>(a, a),
        }
    }

    #[inline(always)]
    pub fn permute(a: Word, from: Word) -> Word {
        u8x16_swizzle(a, from)
    }
}

/// The same words anywhere else, to test what is above them.
#[cfg(not(target_arch = "wasm32"))]
mod word {
    pub type Word = u128;

    pub fn word(bytes: [u8; 16]) -> Word {
        u128::from_le_bytes(bytes)
    }

    pub fn bytes(word: Word) -> [u8; 16] {
        word.to_le_bytes()
    }

    pub fn xor(a: Word, b: Word) -> Word {
        a ^ b
    }

    pub fn and(a: Word, b: Word) -> Word {
        a & b
    }

    pub fn rotate_rows<const BY: usize>(a: Word) -> Word {
        a.rotate_right(32 * BY as u32)
    }

    pub fn permute(a: Word, from: Word) -> Word {
        let a = bytes(a);
        word(bytes(from).map(|index| a[usize::from(index)]))
    }
}

use word::{and, bytes, permute, rotate_rows, word, xor, Word};

/// Position in a word of byte `index` of a block, which AES counts column by column.
const fn position(index: usize) -> usize {
    index % 4 * 4 + index / 4
}

/// Where ShiftRows takes each byte from: row r turns left by r.
fn shift_rows() -> Word {
    word(std::array::from_fn(|at| {
        let (row, column) = (at / 4, at % 4);
        (4 * row + (column + row) % 4) as u8
    }))
}

fn slice(blocks: &[Block; CHECKPOINTS]) -> State {
    std::array::from_fn(|bit| {
        let mut sliced = [0; BLOCK_BYTES];
        for (index, at) in (0..BLOCK_BYTES).map(|index| (index, position(index))) {
            for (block, bytes) in blocks.iter().enumerate() {
                sliced[at] |= (bytes[index] >> bit & 1) << block;
            }
        }
        word(sliced)
    })
}

fn unslice(state: &State) -> [Block; CHECKPOINTS] {
    let sliced = state.map(bytes);
    std::array::from_fn(|block| {
        std::array::from_fn(|index| {
            (0..WORDS).fold(0, |byte, bit| {
                byte | (sliced[bit][position(index)] >> block & 1) << bit
            })
        })
    })
}

fn add(a: &State, b: &State) -> State {
    std::array::from_fn(|bit| xor(a[bit], b[bit]))
}

/// The S-box without its constant 0x63, which is part of the round keys here. `q[0]` is the lowest bit.
#[inline(always)]
fn substitute(q: &State) -> State {
    let [x7, x6, x5, x4, x3, x2, x1, x0] = *q;
    let y14 = xor(x3, x5);
    let y13 = xor(x0, x6);
    let y9 = xor(x0, x3);
    let y8 = xor(x0, x5);
    let t0 = xor(x1, x2);
    let y1 = xor(t0, x7);
    let y4 = xor(y1, x3);
    let y12 = xor(y13, y14);
    let y2 = xor(y1, x0);
    let y5 = xor(y1, x6);
    let y3 = xor(y5, y8);
    let t1 = xor(x4, y12);
    let y15 = xor(t1, x5);
    let y20 = xor(t1, x1);
    let y6 = xor(y15, x7);
    let y10 = xor(y15, t0);
    let y11 = xor(y20, y9);
    let y7 = xor(x7, y11);
    let y17 = xor(y10, y11);
    let y19 = xor(y10, y8);
    let y16 = xor(t0, y11);
    let y21 = xor(y13, y16);
    let y18 = xor(x0, y16);

    let t2 = and(y12, y15);
    let t4 = xor(and(y3, y6), t2);
    let t6 = xor(and(y4, x7), t2);
    let t7 = and(y13, y16);
    let t9 = xor(and(y5, y1), t7);
    let t11 = xor(and(y2, y7), t7);
    let t12 = and(y9, y11);
    let t14 = xor(and(y14, y17), t12);
    let t16 = xor(and(y8, y10), t12);
    let t21 = xor(xor(t4, t14), y20);
    let t22 = xor(xor(t6, t16), y19);
    let t23 = xor(xor(t9, t14), y21);
    let t24 = xor(xor(t11, t16), y18);

    let t25 = xor(t21, t22);
    let t26 = and(t21, t23);
    let t27 = xor(t24, t26);
    let t29 = xor(and(t25, t27), t22);
    let t30 = xor(t23, t24);
    let t31 = xor(t22, t26);
    let t33 = xor(and(t31, t30), t24);
    let t34 = xor(t23, t33);
    let t35 = xor(t27, t33);
    let t36 = and(t24, t35);
    let t37 = xor(t36, t34);
    let t38 = xor(t27, t36);
    let t40 = xor(t25, and(t29, t38));

    let t41 = xor(t40, t37);
    let t42 = xor(t29, t33);
    let t43 = xor(t29, t40);
    let t44 = xor(t33, t37);
    let t45 = xor(t42, t41);
    let z0 = and(t44, y15);
    let z1 = and(t37, y6);
    let z2 = and(t33, x7);
    let z3 = and(t43, y16);
    let z4 = and(t40, y1);
    let z5 = and(t29, y7);
    let z6 = and(t42, y11);
    let z7 = and(t45, y17);
    let z8 = and(t41, y10);
    let z9 = and(t44, y12);
    let z10 = and(t37, y3);
    let z11 = and(t33, y4);
    let z12 = and(t43, y13);
    let z13 = and(t40, y5);
    let z14 = and(t29, y2);
    let z15 = and(t42, y9);
    let z16 = and(t45, y14);
    let z17 = and(t41, y8);

    let t46 = xor(z15, z16);
    let t47 = xor(z10, z11);
    let t48 = xor(z5, z13);
    let t49 = xor(z9, z10);
    let t50 = xor(z2, z12);
    let t51 = xor(z2, z5);
    let t52 = xor(z7, z8);
    let t53 = xor(z0, z3);
    let t54 = xor(z6, z7);
    let t55 = xor(z16, z17);
    let t56 = xor(z12, t48);
    let t57 = xor(t50, t53);
    let t58 = xor(z4, t46);
    let t59 = xor(z3, t54);
    let t60 = xor(t46, t57);
    let t61 = xor(z14, t57);
    let t62 = xor(t52, t58);
    let t63 = xor(t49, t58);
    let t64 = xor(z4, t59);
    let t65 = xor(t61, t62);
    let t66 = xor(z1, t63);
    let s0 = xor(t59, t63);
    let s6 = xor(t56, t62);
    let s7 = xor(t48, t60);
    let t67 = xor(t64, t65);
    let s3 = xor(t53, t66);
    let s4 = xor(t51, t66);
    let s5 = xor(t47, t65);
    let s1 = xor(t64, s3);
    let s2 = xor(t55, t67);
    [s7, s6, s5, s4, s3, s2, s1, s0]
}

/// MixColumns and the addition of a round key: with t = a + a turned by one row, the column becomes 2t + a turned
/// by one + t turned by two.
#[inline(always)]
fn mix_columns(a: &State, key: &State) -> State {
    let turned: State = std::array::from_fn(|bit| rotate_rows::<1>(a[bit]));
    let t = add(a, &turned);
    std::array::from_fn(|bit| {
        let doubled = match bit {
            0 => t[7],
            1 | 3 | 4 => xor(t[bit - 1], t[7]),
            _ => t[bit - 1],
        };
        let rest = xor(turned[bit], rotate_rows::<2>(t[bit]));
        xor(xor(doubled, rest), key[bit])
    })
}

/// Round keys of AES-128.
fn schedule(key: &Block) -> [Block; ROUNDS + 1] {
    let mut keys = [*key; ROUNDS + 1];
    let mut constant: u8 = 1;
    for round in 1..=ROUNDS {
        let last = keys[round - 1];
        let turned = std::array::from_fn(|at| if at < 4 { last[12 + (at + 1) % 4] } else { 0 });
        let mut word = unslice(&substitute(&slice(&[turned; CHECKPOINTS])))[0].map(|byte| byte ^ 0x63);
        word[0] ^= constant;
        for at in 0..BLOCK_BYTES {
            keys[round][at] = last[at] ^ if at < 4 { word[at] } else { keys[round][at - 4] };
        }
        constant = constant << 1 ^ if constant & 0x80 != 0 { 0x1b } else { 0 };
    }
    keys
}

/// Which lanes hold; all have the first one's iterations, each its own key.
pub fn hold(lanes: &[Lane; CHECKPOINTS]) -> [bool; CHECKPOINTS] {
    let schedules = lanes.map(|lane| schedule(&lane.key));
    let constant = slice(&[[0x63; BLOCK_BYTES]; CHECKPOINTS]);
    let keys: [State; ROUNDS + 1] = std::array::from_fn(|round| slice(&schedules.map(|keys| keys[round])));
    let inner: [State; ROUNDS - 1] = std::array::from_fn(|round| add(&keys[round + 1], &constant));
    // The last round key of one encryption and the first of the next are added as one.
    let joined = add(&add(&keys[ROUNDS], &constant), &keys[0]);
    // A constant would be built anew at every use by the engines' compilers.
    let shift = std::hint::black_box(shift_rows());
    let mut state = add(&slice(&lanes.map(|lane| lane.start)), &keys[0]);
    for _ in 0..lanes[0].iterations {
        for key in &inner {
            let shifted = substitute(&state).map(|word| permute(word, shift));
            state = mix_columns(&shifted, key);
        }
        let shifted = substitute(&state).map(|word| permute(word, shift));
        state = add(&shifted, &joined);
    }
    let ends = unslice(&add(&state, &keys[0]));
    std::array::from_fn(|index| ends[index] == lanes[index].end)
}
