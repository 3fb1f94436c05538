import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHECKPOINTS_BYTES } from '../protocol/constants.ts';
import { chooseWalker, wasmWalker, webCryptoWalker } from './pot.ts';
import { tuneWebCrypto, walkWebCrypto } from './pot-webcrypto.ts';
import { loadWasm } from './wasm.ts';

beforeAll(() => loadWasm());

const seed = fc.uint8Array({ minLength: 16, maxLength: 16 });
const iterations = fc.integer({ min: 1, max: 64 }).map((number) => 16 * number);

describe.each([webCryptoWalker, wasmWalker])('walk by $name', (walker) => {
  test('verifies what it proved, and names the first checkpoint that was changed', async () => {
    await fc.assert(
      fc.asyncProperty(seed, iterations, fc.nat(8 * CHECKPOINTS_BYTES - 1), async (start, count, changed) => {
        const checkpoints = await walker.prove(start, count);
        expect(await walker.verify(start, count, checkpoints)).toBeNull();
        const forged = checkpoints.slice();
        forged[changed >> 3]! ^= 1 << (changed & 7);
        expect(await walker.verify(start, count, forged)).toBe(changed >> 7);
      }),
      { numRuns: 25 },
    );
  });

  test('refuses another seed, another number of iterations, and swapped checkpoints', async () => {
    const start = new Uint8Array(16).fill(7);
    const checkpoints = await walker.prove(start, 1600);
    expect(await walker.verify(new Uint8Array(16).fill(8), 1600, checkpoints)).toBe(0);
    expect(await walker.verify(start, 1616, checkpoints)).toBe(0);
    const swapped = checkpoints.slice();
    swapped.set(checkpoints.subarray(32, 48), 48);
    swapped.set(checkpoints.subarray(48, 64), 32);
    expect(await walker.verify(start, 1600, swapped)).toBe(2);
  });

  const refusal = { name: 'ProtocolError', rule: 'pot-iterations' };
  test.each([0, 8, 17, 2 ** 32])('refuses %d iterations', async (count) => {
    await expect(walker.prove(new Uint8Array(16), count)).rejects.toMatchObject(refusal);
    const checkpoints = new Uint8Array(CHECKPOINTS_BYTES);
    await expect(walker.verify(new Uint8Array(16), count, checkpoints)).rejects.toMatchObject(refusal);
  });

  test('refuses checkpoints of another length', async () => {
    await expect(walker.verify(new Uint8Array(16), 16, new Uint8Array(127))).rejects.toMatchObject({
      code: expect.stringMatching(/checkpoints|length/),
    });
  });
});

test('both walks are the same', async () => {
  await fc.assert(
    fc.asyncProperty(seed, iterations, async (start, count) => {
      expect(await wasmWalker.prove(start, count)).toEqual(await webCryptoWalker.prove(start, count));
    }),
    { numRuns: 25 },
  );
});

test('a walker is chosen by measurement, also for a few checkpoints', async () => {
  const start = new Uint8Array(16).fill(5);
  const checkpoints = await (await chooseWalker('prove')).prove(start, 1600);
  for (const only of [[6], [0, 3], [0, 1, 2, 3, 4, 5, 6, 7]]) {
    const walker = await chooseWalker(only.length);
    expect(await walker.verify(start, 1600, checkpoints, only)).toBeNull();
    expect(await walker.verify(start, 1616, checkpoints, only)).toBe(only[0]);
  }
});

test('the number of blocks a call changes nothing but the speed', async () => {
  const key = new Uint8Array(16).fill(1);
  const walks = () => Promise.all([1, 70_000].map((count) => walkWebCrypto(key, key, count)));
  const before = await walks();
  const rates = await tuneWebCrypto();
  expect(Math.min(...rates.values())).toBeGreaterThan(0);
  expect(await walks()).toEqual(before);
});
