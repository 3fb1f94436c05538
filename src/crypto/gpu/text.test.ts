import { blake3 } from '@noble/hashes/blake3.js';
import { chacha8 } from '@noble/ciphers/chacha.js';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { META_BITS } from './space-layout.ts';
import { BLAKE3_BLOCK, BLAKE3_IV, CHACHA_BLOCK, F1, f, PROOF_WORDS } from './text.ts';

type Words = Record<string, number>;

/** Straight-line text of a shader as a function of words by name. */
function compiled(text: string, outputs: readonly string[]): (input: Words) => number[] {
  // Shifts of the shader's words bring in zeros.
  const body = `${text.replaceAll('>>', '>>>')} return [${outputs.join(',')}].map((word) => word >>> 0);`;
  // oxlint-disable-next-line no-new-func
  const run = (names: string[]) => new Function(...names, body) as (...words: number[]) => number[];
  let made: ReturnType<typeof run> | null = null;
  return (input) => (made ??= run(Object.keys(input)))(...Object.values(input));
}

const names = (letter: string, count: number) => Array.from({ length: count }, (_, i) => letter + i);
const named = (letter: string, words: Iterable<number>): Words =>
  Object.fromEntries([...words].map((word, i) => [letter + i, word]));
const littleEndian = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
};
const bigEndian = (words: readonly number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(4 * words.length));
  words.forEach((word, i) => view.setUint32(4 * i, word));
  return new Uint8Array(view.buffer);
};
const bytesOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

test('the keystream is that of ChaCha8', () => {
  const block = compiled(CHACHA_BLOCK, names('s', 16));
  fc.assert(
    fc.property(bytesOf(32), fc.nat(40_959), (key, counter) => {
      const expected = chacha8(key, new Uint8Array(12), new Uint8Array(64), undefined, counter);
      expect(bigEndian(block({ ...named('k', littleEndian(key)), counter }))).toEqual(expected);
    }),
  );
});

test('a block of BLAKE3 is compressed as the standard does', () => {
  const block = compiled(BLAKE3_BLOCK, names('o', 8));
  fc.assert(
    fc.property(bytesOf(64), fc.integer({ min: 0, max: 64 }), (bytes, length) => {
      const message = bytes.fill(0, length);
      const words = block({
        ...named('h', BLAKE3_IV),
        ...named('m', littleEndian(message)),
        length,
        flags: 1 | 2 | 8,
      });
      expect(words).toEqual(littleEndian(blake3(message.subarray(0, length))));
    }),
  );
});

/** Bits of bytes from bit `from` on, the most significant first. */
const bitsOf = (bytes: Uint8Array, from: number, bits: number): bigint => {
  const all = BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
  return (all >> BigInt(8 * bytes.length - from - bits)) & ((1n << BigInt(bits)) - 1n);
};
const leastFirst = (value: bigint, bits: number): number[] =>
  Array.from({ length: Math.ceil(bits / 32) }, (_, i) => Number((value >> BigInt(32 * i)) & 0xffff_ffffn));

test('y of table 1 is made of the keystream', () => {
  const f1 = compiled(F1, ['y']);
  fc.assert(
    fc.property(bytesOf(40), fc.nat(15), fc.nat(63), (stream, place, top) => {
      const view = new DataView(stream.buffer, stream.byteOffset);
      const words = Array.from({ length: 10 }, (_, i) => view.getUint32(4 * i));
      const first = 20 * place;
      const x = (top << 14) | place;
      const input = { x, at: first & 31, high: words[first >> 5]!, low: words[(first >> 5) + 1] ?? 0 };
      expect(f1(input)).toEqual([Number((bitsOf(stream, first, 20) << 6n) | BigInt(top))]);
    }),
  );
});

test.each([2, 3, 4, 5, 6, 7])('f of table %i is the hash of y and both sides', (table) => {
  const before = META_BITS[table - 1]!;
  const own = META_BITS[table]!;
  const run = compiled(f(table), ['y', ...names('meta', Math.ceil(own / 32))]);
  const meta = fc.bigInt({ min: 0n, max: (1n << BigInt(before)) - 1n });
  fc.assert(
    fc.property(fc.nat(2 ** 26 - 1), meta, meta, (leftY, left, right) => {
      const bits = 26 + 2 * before;
      const length = Math.ceil(bits / 8);
      const both = (left << BigInt(before)) | right;
      const input = ((BigInt(leftY) << BigInt(2 * before)) | both) << BigInt(8 * length - bits);
      const hash = blake3(Uint8Array.from(Buffer.from(input.toString(16).padStart(2 * length, '0'), 'hex')));
      const expected = table <= 3 ? both : bitsOf(hash, 26, own);
      expect(
        run({
          left_y: leftY,
          ...named('left', leastFirst(left, before)),
          ...named('right', leastFirst(right, before)),
        }),
      ).toEqual([Number(bitsOf(hash, 0, 26)), ...leastFirst(expected, own)]);
    }),
  );
});

test('a proof is its x values of 20 bits each', () => {
  const run = compiled(PROOF_WORDS, names('p', 5));
  const x = fc.array(fc.nat(2 ** 20 - 1), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(x, (xs) => {
      const bits = xs.reduce((all, value) => (all << 20n) | BigInt(value), 0n);
      const hex = bits.toString(16).padStart(40, '0');
      expect(run(named('x', xs))).toEqual(littleEndian(Uint8Array.from(Buffer.from(hex, 'hex'))));
    }),
  );
});
