import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equal } from './bytes.ts';
import { RAW_RECORD_BYTES, RECORD_BYTES } from './constants.ts';
import { rawFromRecord, recordFromRaw } from './record.ts';

const raw = Uint8Array.from({ length: RAW_RECORD_BYTES }, (_, index) => (index * 167 + (index >> 8)) % 256);
const record = recordFromRaw(raw);

describe('a raw record', () => {
  it('has a zero byte before every 31 bytes in its record', () => {
    for (let at = 0; at < RECORD_BYTES; at += 32) {
      const expected = raw.subarray((at / 32) * 31, (at / 32 + 1) * 31);
      expect(record[at] === 0 && equal(record.subarray(at + 1, at + 32), expected)).toBe(true);
    }
  });

  it('comes back, from wherever the record lies', () => {
    for (const offset of [0, 1, 2, 3, 6]) {
      const memory = new Uint8Array(offset + RECORD_BYTES);
      memory.set(record, offset);
      expect(equal(rawFromRecord(memory.subarray(offset)), raw)).toBe(true);
      expect(equal(memory.subarray(offset), record)).toBe(true);
    }
  });

  it('is refused where a chunk does not begin with zero', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 32_767 }), fc.integer({ min: 1, max: 255 }), (chunk, seen) => {
        const wrong = record.slice();
        wrong[32 * chunk] = seen;
        expect(() => rawFromRecord(wrong)).toThrow(`chunk ${chunk} begins with ${seen}, not 0`);
      }),
      { numRuns: 10 },
    );
  });
});
