import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePotProof, encodePotProof } from './pot-proof.ts';

const proof = fc.record({
  slot: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  iterations: fc.integer({ min: 1, max: 2 ** 28 - 1 }).map((units) => 16 * units),
  checkpoints: fc.uint8Array({ minLength: 128, maxLength: 128 }),
});

test('a proof of time is 156 bytes, and comes back out of them', () => {
  fc.assert(
    fc.property(proof, (made) => {
      const bytes = encodePotProof(made);
      expect(bytes).toHaveLength(156);
      expect(decodePotProof(bytes)).toEqual(made);
    }),
  );
});

test('its parts stand where the network has them', () => {
  const made = {
    slot: 0x0102n,
    seed: new Uint8Array(16).fill(3),
    iterations: 0x1020,
    checkpoints: new Uint8Array(128).fill(4),
  };
  const bytes = encodePotProof(made);
  expect([...bytes.subarray(0, 9)]).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 3]);
  expect([...bytes.subarray(23, 29)]).toEqual([3, 0x20, 0x10, 0, 0, 4]);
});

test('other lengths and impossible iterations are refused', () => {
  const good = encodePotProof(fc.sample(proof, 1)[0]!);
  for (const bad of [new Uint8Array(), good.subarray(1), Uint8Array.of(...good, 0)])
    expect(() => decodePotProof(bad)).toThrow(expect.objectContaining({ rule: 'decode-pot-proof' }));
  const made = decodePotProof(good);
  expect(() => encodePotProof({ ...made, seed: new Uint8Array(15) })).toThrow(RangeError);
  expect(() => encodePotProof({ ...made, checkpoints: new Uint8Array(112) })).toThrow(RangeError);
  for (const iterations of [0, 8, 17]) {
    const bad = good.slice();
    new DataView(bad.buffer).setUint32(24, iterations, true);
    expect(() => decodePotProof(bad)).toThrow(expect.objectContaining({ rule: 'pot-iterations' }));
  }
});
