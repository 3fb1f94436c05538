import { blake3 } from '@noble/hashes/blake3.js';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { concat } from '../protocol/bytes.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { loadBlake3 } from './blake3.ts';

it('hashes the same in WebAssembly as in JavaScript, in any parts', async () => {
  await loadBlake3();
  const part = fc
    .tuple(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 0, max: 255 }))
    .map(([length, start]) => Uint8Array.from({ length }, (_, index) => start + index * 31));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
      expect(blake3Hash(...parts)).toEqual(blake3(concat(...parts)));
    }),
    { numRuns: 30 },
  );
});
