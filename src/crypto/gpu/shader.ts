/**
 * The proof-of-time walk as a WebGPU compute shader: AES-128, bit-sliced. One invocation walks two blocks, whose
 * 32 bytes lie in eight words: word i holds bit i of every byte. Byte (row, column) of block b is at bit
 * 8 × row + 2 × column + b, so that rows are rotated by whole bytes and columns shift within a byte.
 *
 * The straight-line parts are text that is WGSL and JavaScript alike, so that tests run them without a GPU.
 */

/** Invocations that share a workgroup. */
export const WORKGROUP = 64;
/** Words of an invocation's state, and of a round key. */
export const PLANES = 8;
/** Round keys of AES-128. */
export const ROUND_KEYS = 11;
/**
 * What every output byte of the S-box is XORed with, left out of the circuit and put into the round keys instead:
 * shifting rows leaves it as it is, and so does mixing columns, because 2 + 3 + 1 + 1 = 1.
 */
export const SBOX_CONSTANT = 0x63;

const planes = Array.from({ length: PLANES }, (_, index) => index);

/**
 * SubBytes without its constant, from `a0`…`a7` to `s0`…`s7`: the circuit of Boyar and Peralta (“A depth-16 circuit
 * for the AES S-box”), whose x0 and s0 are the most significant bits.
 */
export const SUB_BYTES = `
let y14 = a4 ^ a2; let y13 = a7 ^ a1; let y9 = a7 ^ a4; let y8 = a7 ^ a2;
let q0 = a6 ^ a5; let y1 = q0 ^ a0; let y4 = y1 ^ a4; let y12 = y13 ^ y14;
let y2 = y1 ^ a7; let y5 = y1 ^ a1; let y3 = y5 ^ y8; let q1 = a3 ^ y12;
let y15 = q1 ^ a2; let y20 = q1 ^ a6; let y6 = y15 ^ a0; let y10 = y15 ^ q0;
let y11 = y20 ^ y9; let y7 = a0 ^ y11; let y17 = y10 ^ y11; let y19 = y10 ^ y8;
let y16 = q0 ^ y11; let y21 = y13 ^ y16; let y18 = a7 ^ y16;
let q2 = y12 & y15; let q3 = y3 & y6; let q4 = q3 ^ q2; let q5 = y4 & a0; let q6 = q5 ^ q2;
let q7 = y13 & y16; let q8 = y5 & y1; let q9 = q8 ^ q7; let q10 = y2 & y7; let q11 = q10 ^ q7;
let q12 = y9 & y11; let q13 = y14 & y17; let q14 = q13 ^ q12; let q15 = y8 & y10; let q16 = q15 ^ q12;
let q17 = q4 ^ q14; let q18 = q6 ^ q16; let q19 = q9 ^ q14; let q20 = q11 ^ q16;
let q21 = q17 ^ y20; let q22 = q18 ^ y19; let q23 = q19 ^ y21; let q24 = q20 ^ y18;
let q25 = q21 ^ q22; let q26 = q21 & q23; let q27 = q24 ^ q26; let q28 = q25 & q27; let q29 = q28 ^ q22;
let q30 = q23 ^ q24; let q31 = q22 ^ q26; let q32 = q31 & q30; let q33 = q32 ^ q24; let q34 = q23 ^ q33;
let q35 = q27 ^ q33; let q36 = q24 & q35; let q37 = q36 ^ q34; let q38 = q27 ^ q36; let q39 = q29 & q38;
let q40 = q25 ^ q39; let q41 = q40 ^ q37; let q42 = q29 ^ q33; let q43 = q29 ^ q40; let q44 = q33 ^ q37;
let q45 = q42 ^ q41;
let z0 = q44 & y15; let z1 = q37 & y6; let z2 = q33 & a0; let z3 = q43 & y16; let z4 = q40 & y1;
let z5 = q29 & y7; let z6 = q42 & y11; let z7 = q45 & y17; let z8 = q41 & y10; let z9 = q44 & y12;
let z10 = q37 & y3; let z11 = q33 & y4; let z12 = q43 & y13; let z13 = q40 & y5; let z14 = q29 & y2;
let z15 = q42 & y9; let z16 = q45 & y14; let z17 = q41 & y8;
let q46 = z15 ^ z16; let q47 = z10 ^ z11; let q48 = z5 ^ z13; let q49 = z9 ^ z10; let q50 = z2 ^ z12;
let q51 = z2 ^ z5; let q52 = z7 ^ z8; let q53 = z0 ^ z3; let q54 = z6 ^ z7; let q55 = z16 ^ z17;
let q56 = z12 ^ q48; let q57 = q50 ^ q53; let q58 = z4 ^ q46; let q59 = z3 ^ q54; let q60 = q46 ^ q57;
let q61 = z14 ^ q57; let q62 = q52 ^ q58; let q63 = q49 ^ q58; let q64 = z4 ^ q59; let q65 = q61 ^ q62;
let q66 = z1 ^ q63; let q67 = q64 ^ q65;
let s7 = q59 ^ q63; let s1 = q56 ^ q62; let s0 = q48 ^ q60; let s4 = q53 ^ q66; let s3 = q51 ^ q66;
let s2 = q47 ^ q65; let s6 = q64 ^ s4; let s5 = q55 ^ q67;
`;

/** ShiftRows, from `s0`…`s7` to `r0`…`r7`: row n moves n columns, two bits each, within its byte. */
export const SHIFT_ROWS = planes
  .map(
    (i) => `let r${i} = (s${i} & 0xff) | ((s${i} >> 2) & 0x3f00) | ((s${i} << 6) & 0xc000)
  | ((s${i} >> 4) & 0xf0000) | ((s${i} << 4) & 0xf00000) | ((s${i} >> 6) & 0x3000000) | ((s${i} << 2) & 0xfc000000);`,
  )
  .join('\n');

/** MixColumns, from `r0`…`r7` to `m0`…`m7`: each byte with those of the next rows, which are rotations by bytes. */
export const MIX_COLUMNS = [
  ...planes.map((i) => `let n${i} = (r${i} >> 8) | (r${i} << 24); let t${i} = r${i} ^ n${i};`),
  ...planes.map((i) => {
    // The doubled t: shifted by one bit, and reduced by x⁸ = x⁴ + x³ + x + 1.
    const doubled = i === 0 ? 't7' : [1, 3, 4].includes(i) ? `t${i - 1} ^ t7` : `t${i - 1}`;
    return `let m${i} = ${doubled} ^ n${i} ^ ((t${i} >> 16) | (t${i} << 16));`;
  }),
].join('\n');

const addRoundKey = (from: string, key: string): string =>
  planes.map((i) => `a${i} = ${from}${i} ^ keys[${key} + ${i} * params.slots];`).join('\n');

/**
 * Bindings: `keys`, word (round × 8 + plane) × slots + slot; `states`, word plane × invocations + invocation;
 * `lengths`, iterations of a checkpoint of each slot; `params`. Invocation 4 × slot + p walks checkpoints 2p and
 * 2p + 1 of a slot, `count` iterations of those that are left after `done`.
 */
export const SHADER = `
struct Params { slots: u32, done: u32, count: u32 }
@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> states: array<u32>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(${WORKGROUP})
fn walk(@builtin(global_invocation_id) invocation: vec3<u32>) {
  let at = invocation.x;
  let slot = at / 4;
  if (slot >= params.slots) { return; }
  let width = params.slots * 4;
  let count = min(params.count, max(lengths[slot], params.done) - params.done);
  ${planes.map((i) => `var a${i} = states[at + ${i} * width];`).join('\n')}
  for (var iteration = 0u; iteration < count; iteration++) {
    ${addRoundKey('a', 'slot')}
    for (var round = 1u; round < ${ROUND_KEYS - 1}; round++) {
      let key = slot + round * ${PLANES} * params.slots;
      ${SUB_BYTES}
      ${SHIFT_ROWS}
      ${MIX_COLUMNS}
      ${addRoundKey('m', 'key')}
    }
    let key = slot + ${(ROUND_KEYS - 1) * PLANES} * params.slots;
    ${SUB_BYTES}
    ${SHIFT_ROWS}
    ${addRoundKey('r', 'key')}
  }
  ${planes.map((i) => `states[at + ${i} * width] = a${i};`).join('\n')}
}
`;
