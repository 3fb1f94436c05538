import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { webCryptoWalker } from '../pot.ts';
import { walkWebCrypto } from '../pot-webcrypto.ts';
import { potKey } from '../../protocol/pot.ts';
import { firstWrong, pack, roundKeys, slice, unslice } from './layout.ts';
import { MIX_COLUMNS, PLANES, ROUND_KEYS, SBOX_CONSTANT, SHIFT_ROWS, SUB_BYTES } from './shader.ts';

const block = fc.uint8Array({ minLength: 16, maxLength: 16 });
const numbers = Array.from({ length: PLANES }, (_, index) => index);

/** A straight-line part of the shader as a function of eight words. */
function compiled(text: string, from: string, to: string): (words: Uint32Array) => Uint32Array {
  const names = (letter: string): string => numbers.map((index) => letter + index).join(',');
  // Shifts of the shader's words bring in zeros.
  const body = `${text.replaceAll('>>', '>>>')} return Uint32Array.of(${names(to)});`;
  // oxlint-disable-next-line no-new-func
  const run = new Function(...names(from).split(','), body) as (...words: number[]) => Uint32Array;
  return (words) => run(...words);
}

const subBytes = compiled(SUB_BYTES, 'a', 's');
const shiftRows = compiled(SHIFT_ROWS, 's', 'r');
const mixColumns = compiled(MIX_COLUMNS, 'r', 'm');

/** One encryption as the shader does it. */
function encrypt(keys: Uint32Array, state: Uint32Array): Uint32Array<ArrayBuffer> {
  const add = (words: Uint32Array, round: number) => words.map((word, i) => word ^ keys[round * PLANES + i]!);
  let words = add(state, 0);
  for (let round = 1; round < ROUND_KEYS - 1; round += 1)
    words = add(mixColumns(shiftRows(subBytes(words))), round);
  return add(shiftRows(subBytes(words)), ROUND_KEYS - 1);
}

test('blocks come back out of their planes', () => {
  fc.assert(
    fc.property(block, block, (one, two) => {
      const words = slice([one, two]);
      expect([unslice(words, 0), unslice(words, 1)]).toEqual([one, two]);
    }),
  );
});

describe('the shader’s rounds', () => {
  test('substitute every byte as the standard does', () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => byte);
    const substituted = bytes.map((byte) => {
      const words = slice([new Uint8Array(16).fill(byte), new Uint8Array(16)]);
      return unslice(subBytes(words), 0)[0]! ^ SBOX_CONSTANT;
    });
    expect(new Set(substituted).size).toBe(256);
    expect([0x00, 0x01, 0x53, 0xff].map((byte) => substituted[byte])).toEqual([0x63, 0x7c, 0xed, 0x16]);
  });

  test('encrypt as WebCrypto does', async () => {
    await fc.assert(
      fc.asyncProperty(block, block, block, async (seed, one, two) => {
        const words = encrypt(roundKeys(seed), slice([one, two]));
        const key = potKey(seed);
        expect(unslice(words, 0)).toEqual(await walkWebCrypto(key, one, 1));
        expect(unslice(words, 1)).toEqual(await walkWebCrypto(key, two, 1));
      }),
    );
  });
});

test('slots are packed, walked, and their first wrong checkpoint named', async () => {
  const iterations = 160;
  const slots = await Promise.all(
    [3, 4, 5].map(async (fill, index) => {
      const seed = new Uint8Array(16).fill(fill);
      return {
        slot: BigInt(index),
        seed,
        iterations,
        checkpoints: await webCryptoWalker.prove(seed, iterations),
      };
    }),
  );
  slots[1]!.checkpoints[16 * 4 + 2]! ^= 1;
  const { keys, states, lengths } = pack(slots);
  expect([...lengths]).toEqual([20, 20, 20]);
  const width = 4 * slots.length;
  for (let at = 0; at < width; at += 1) {
    const slot = at >> 2;
    const own = Uint32Array.from(
      { length: ROUND_KEYS * PLANES },
      (_, word) => keys[word * slots.length + slot]!,
    );
    let words = Uint32Array.from(numbers, (plane) => states[plane * width + at]!);
    for (let left = lengths[slot]!; left > 0; left -= 1) words = encrypt(own, words);
    words.forEach((word, plane) => (states[plane * width + at] = word));
  }
  expect(firstWrong(slots, states)).toEqual([null, 4, null]);
});
