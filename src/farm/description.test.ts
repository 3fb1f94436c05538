import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { decodeDescription, encodeDescription } from './description.ts';

const description = encodeDescription({
  id: '01M82R666CS5S1DW5SU36Z1Y7E',
  genesisHash: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(32).fill(2),
  piecesInSector: 1000,
  allocatedSpace: 5_000_000_000,
});

const change = fc.record({ at: fc.nat(description.length - 1), byte: fc.nat(255), cut: fc.boolean() });

/** Whether bytes are refused as such, or read the same once they were written again. */
function isStable(bytes: Uint8Array): boolean {
  try {
    const again = encodeDescription(decodeDescription(bytes));
    return equal(encodeDescription(decodeDescription(again)), again);
  } catch (error) {
    return error instanceof DecodeError;
  }
}

test('a damaged description is one that is written again as it was, or refused', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = changes.reduce((now, { at, byte, cut }) => {
        const next = now.slice(0, cut ? at : now.length);
        if (at < next.length) next[at] = byte;
        return next;
      }, description.slice());
      expect(isStable(bytes)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});
