/**
 * Straight-line parts of the proof-of-space shaders: text that is WGSL and JavaScript alike, so that tests run them
 * without a GPU. Words are 32 bits and unsigned. A sum is not reduced in JavaScript, which keeps the few bits that it
 * grows by exactly; rotations and XOR reduce it.
 */
import { EXT_BITS, META_BITS, Y_BITS } from './space-layout.ts';

/** A word known when the text is written, or the name of one that is not. */
type Word = number | string;

/** Statements, each of which names one value. */
class Text {
  readonly lines: string[] = [];
  private names = 0;

  constructor(private readonly prefix: string) {}

  private name(expression: string): string {
    const name = `${this.prefix}${this.names}`;
    this.names += 1;
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }

  add(...terms: Word[]): Word {
    const names = terms.filter((term) => typeof term === 'string');
    const known = terms.reduce<number>(
      (sum, term) => (typeof term === 'number' ? (sum + term) >>> 0 : sum),
      0,
    );
    if (names.length === 0) return known;
    if (known !== 0) names.push(hex(known));
    return names.length === 1 ? names[0]! : this.name(names.join(' + '));
  }

  xor(a: Word, b: Word): Word {
    if (typeof a === 'number' && typeof b === 'number') return (a ^ b) >>> 0;
    return this.name(`${word(a)} ^ ${word(b)}`);
  }

  rotateRight(a: Word, bits: number): Word {
    if (typeof a === 'number') return ((a >>> bits) | (a << (32 - bits))) >>> 0;
    return this.name(`(${a} >> ${bits}) | (${a} << ${32 - bits})`);
  }

  toString(): string {
    return this.lines.join('\n');
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function word(value: Word): string {
  return typeof value === 'number' ? hex(value) : value;
}

/** The word with its bytes in reverse. */
function swapped(name: string): string {
  return `(${name} << 24) | ((${name} & 0xff00) << 8) | ((${name} >> 8) & 0xff00) | (${name} >> 24)`;
}

const CHACHA_CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];
/** Columns, then diagonals, of ChaCha's state and of the first and second half of a round of BLAKE3. */
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

/**
 * Block `counter` of the ChaCha8 keystream with a zero nonce under the key `k0`…`k7` (little-endian words): `s0`…`s15`,
 * whose most significant byte comes first in the stream.
 */
export const CHACHA_BLOCK = ((): string => {
  const text = new Text('c');
  const key = Array.from({ length: 8 }, (_, index) => `k${index}`);
  const input: Word[] = [...CHACHA_CONSTANTS, ...key, 'counter', 0, 0, 0];
  const v = input.slice();
  for (let doubleRound = 0; doubleRound < 4; doubleRound += 1) {
    for (const [a, b, c, d] of QUARTERS) {
      const step = (to: number, from: number, mixed: number, left: number): void => {
        v[to] = text.add(v[to]!, v[from]!);
        v[mixed] = text.rotateRight(text.xor(v[mixed]!, v[to]!), 32 - left);
      };
      step(a, b, d, 16);
      step(c, d, b, 12);
      step(a, b, d, 8);
      step(c, d, b, 7);
    }
  }
  v.forEach((value, index) => {
    const sum = text.add(value, input[index]!);
    text.lines.push(`let s${index} = ${swapped(word(sum))};`);
  });
  return text.toString();
})();

/** Initial words of BLAKE3. */
export const BLAKE3_IV = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
/** Flags of BLAKE3’s compression. */
export const BLAKE3_FLAGS = { chunkStart: 1, chunkEnd: 2, root: 8 } as const;

/** First words of BLAKE3's compression, `o0`… up to `outputs` of 8. */
function compression(
  chaining: readonly Word[],
  message: readonly Word[],
  length: Word,
  flags: Word,
  outputs: number,
): string {
  const text = new Text('b');
  const v: Word[] = [...chaining, ...BLAKE3_IV.slice(0, 4), 0, 0, length, flags];
  let order = message;
  for (let round = 0; round < 7; round += 1) {
    QUARTERS.forEach(([a, b, c, d], index) => {
      const step = (to: number, from: number, mixed: number, right: number, input: Word = 0): void => {
        v[to] = text.add(v[to]!, v[from]!, input);
        v[mixed] = text.rotateRight(text.xor(v[mixed]!, v[to]!), right);
      };
      step(a, b, d, 16, order[2 * index]!);
      step(c, d, b, 12);
      step(a, b, d, 8, order[2 * index + 1]!);
      step(c, d, b, 7);
    });
    order = PERMUTATION.map((from) => order[from]!);
  }
  for (let index = 0; index < outputs; index += 1) {
    text.lines.push(`let o${index} = ${word(v[index]!)} ^ ${word(v[index + 8]!)};`);
  }
  return text.toString();
}

/** One block of BLAKE3: chaining value `h0`…`h7`, message `m0`…`m15`, `length` in bytes, `flags`; gives `o0`…`o7`. */
export const BLAKE3_BLOCK = compression(
  Array.from({ length: 8 }, (_, index) => `h${index}`),
  Array.from({ length: 16 }, (_, index) => `m${index}`),
  'length',
  'flags',
  8,
);

/** Bits of a stream in words, the least significant word first. */
interface Field {
  words: string[];
  bits: number;
}

/** Expressions of the words of a big-endian bit stream, first word first, in which fields follow each other. */
function stream(fields: readonly Field[], from = 0): string[] {
  const parts: string[][] = [];
  let at = from;
  for (const { words, bits } of fields) {
    at += bits;
    for (let index = 0; index < Math.ceil(bits / 32); index += 1) {
      // Where the word's least significant bit lies in the stream.
      const last = at - 1 - 32 * index;
      const own = last >> 5;
      const shift = 31 - (last & 31);
      put(parts, own, shift === 0 ? words[index]! : `(${words[index]!} << ${shift})`);
      const spills = Math.min(32, bits - 32 * index) + shift > 32;
      if (spills) put(parts, own - 1, `(${words[index]!} >> ${32 - shift})`);
    }
  }
  return parts.map((part) => part.join(' | '));
}

function put(parts: string[][], index: number, part: string): void {
  while (parts.length <= index) parts.push([]);
  parts[index]!.push(part);
}

/** Expressions of `bits` bits of a stream from bit `from` on, as a number, the least significant word first. */
function taken(words: readonly string[], from: number, bits: number): string[] {
  return Array.from({ length: Math.ceil(bits / 32) }, (_, index) => {
    const end = from + bits - 32 * index;
    const width = Math.min(32, bits - 32 * index);
    const last = (end - 1) >> 5;
    const shift = 31 - ((end - 1) & 31);
    let value = shift === 0 ? words[last]! : `(${words[last]!} >> ${shift})`;
    if (width + shift > 32) value = `(${value} | (${words[last - 1]!} << ${32 - shift}))`;
    return width === 32 ? value : `${value} & ${hex(2 ** width - 1)}`;
  });
}

/**
 * f of table 2..7: from the left entry's y `left_y` and both sides' metadata `left0`… and `right0`… (least significant
 * word first) to `y` and metadata `meta0`….
 */
export function f(table: number): string {
  const bits = META_BITS[table - 1]!;
  const own = META_BITS[table]!;
  const side = (name: string): Field => ({
    words: Array.from({ length: Math.ceil(bits / 32) }, (_, index) => `${name}${index}`),
    bits,
  });
  const input = stream([{ words: ['left_y'], bits: Y_BITS }, side('left'), side('right')]);
  const message = Array.from({ length: 16 }, (_, index): Word => (index < input.length ? `i${index}` : 0));
  const length = Math.ceil((Y_BITS + 2 * bits) / 8);
  const { chunkStart, chunkEnd, root } = BLAKE3_FLAGS;
  const hashWords = Math.ceil((Y_BITS + (table > 3 ? own : 0)) / 32);
  const hash = Array.from({ length: hashWords }, (_, index) => `e${index}`);
  const meta =
    table <= 3
      ? stream([side('left'), side('right')], 32 * Math.ceil(own / 32) - own).reverse()
      : taken(hash, Y_BITS, own);
  return [
    ...input.flatMap((expression, index) => [
      `let w${index} = ${expression};`,
      `let i${index} = ${swapped(`w${index}`)};`,
    ]),
    compression(BLAKE3_IV, message, length, chunkStart | chunkEnd | root, hashWords),
    ...hash.map((name, index) => `let ${name} = ${swapped(`o${index}`)};`),
    `let y = e0 >> ${32 - Y_BITS};`,
    ...meta.map((expression, index) => `let meta${index} = ${expression};`),
  ].join('\n');
}

/**
 * Keystream bits of x: 20 bits `bits` from word `high` of the stream and the next one, `low`, in which they begin at
 * bit `at`; and its `y`.
 */
export const F1 = `
let bits = ((high << at) | ((low >> 1) >> (31 - at))) >> 12;
let y = (bits << ${EXT_BITS}) | (x >> 14);
`;

/** A proof's five words, bytes in order, from eight of its x values `x0`…`x7`: `p0`…`p4`. */
export const PROOF_WORDS = stream(
  Array.from({ length: 8 }, (_, index) => ({ words: [`x${index}`], bits: 20 })),
)
  .flatMap((expression, index) => [
    `let q${index} = ${expression};`,
    `let p${index} = ${swapped(`q${index}`)};`,
  ])
  .join('\n');
