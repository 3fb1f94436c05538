import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECORD_CHUNKS, S_BUCKETS } from './constants.ts';
import { ContentsMap, countBits } from './contents-map.ts';
import { ProtocolError } from './errors.ts';
import { BITFIELD_BYTES } from './sector.ts';

/** A bitfield with these s-buckets encoded. */
function bitfieldOf(sBuckets: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(BITFIELD_BYTES);
  for (const sBucket of sBuckets) bits[sBucket >> 3]! |= 1 << (sBucket & 7);
  return bits;
}

/** `count` s-buckets, `step` apart from `start` on, round the end. An odd step meets none twice. */
function spread(count: number, start: number, step: number): Set<number> {
  return new Set(Array.from({ length: count }, (_, i) => (start + i * step) % S_BUCKETS));
}

const encoded = fc
  .tuple(fc.constantFrom(0, 1, 20_000, RECORD_CHUNKS), fc.nat(S_BUCKETS - 1), fc.nat(S_BUCKETS / 2 - 1))
  .map(([count, start, half]) => spread(count, start, 2 * half + 1));

/** The s-buckets of a record by the rule: those encoded, then the lowest others until there are 32768. */
function occupiedBy(own: Set<number>): Set<number> {
  const occupied = new Set(own);
  for (let sBucket = 0; occupied.size < RECORD_CHUNKS; sBucket += 1) occupied.add(sBucket);
  return occupied;
}

function codeOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    return error instanceof ProtocolError ? error.code : String(error);
  }
}

describe('contents map', () => {
  it('says which s-buckets the records occupy, and where their chunks lie', () => {
    fc.assert(
      fc.property(fc.array(encoded, { minLength: 1, maxLength: 3 }), (records) => {
        const map = new ContentsMap(records.map(bitfieldOf));
        const occupied = records.map(occupiedBy);
        const sizes = map.sBucketSizes();
        const places = records.map((): number[] => []);
        const counts: number[] = [];
        let place = 0;
        for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
          occupied.forEach((own, offset) => {
            if (own.has(sBucket)) places[offset]!.push(place++);
          });
          counts.push(place);
        }
        let total = 0;
        expect(sizes.map((size) => (total += size)).join()).toBe(Uint16Array.from(counts).join());
        records.forEach((own, offset) => {
          const ascending = [...occupied[offset]!].sort((a, b) => a - b);
          expect(map.sBucketsOf(offset).join()).toBe(ascending.join());
          expect(map.chunkLocations(offset).join()).toBe(places[offset]!.join());
          expect(countBits(map.bitfields[offset]!)).toBe(own.size);
        });
        for (const sBucket of [0, 1, 7, 8, 4095, S_BUCKETS - 1]) {
          const within = records.flatMap((_, offset) => (occupied[offset]!.has(sBucket) ? [offset] : []));
          expect(map.recordsIn(sBucket)).toEqual(within);
          records.forEach((own, offset) => {
            expect(map.occupies(offset, sBucket)).toBe(occupied[offset]!.has(sBucket));
            expect(map.isEncoded(offset, sBucket)).toBe(own.has(sBucket));
          });
        }
      }),
      { numRuns: 5 },
    );
  });

  it('is read back from its bytes, and refused when any of them changed', () => {
    const bitfields = [
      bitfieldOf(spread(20_000, 5, 3)),
      bitfieldOf([]),
      bitfieldOf(spread(RECORD_CHUNKS, 0, 1)),
    ];
    const bytes = new ContentsMap(bitfields).encode();
    expect(ContentsMap.decode(bytes, 3).bitfields).toEqual(bitfields);
    for (const at of [0, BITFIELD_BYTES, 3 * BITFIELD_BYTES - 1, 3 * BITFIELD_BYTES, bytes.length - 1]) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(codeOf(() => ContentsMap.decode(changed, 3))).toBe('checksum');
    }
    for (const other of [2, 4]) expect(codeOf(() => ContentsMap.decode(bytes, other))).toBe('length');
    expect(codeOf(() => ContentsMap.decode(bytes.subarray(1), 3))).toBe('length');
  });

  it('has bitfields of 8192 bytes and at most 32768 bits', () => {
    const most = bitfieldOf(spread(RECORD_CHUNKS, 1, 1));
    expect(codeOf(() => new ContentsMap([most]))).toBeNull();
    expect(codeOf(() => new ContentsMap([bitfieldOf(spread(RECORD_CHUNKS + 1, 1, 1))]))).toBe(
      'encoded-chunks',
    );
    for (const length of [BITFIELD_BYTES - 1, BITFIELD_BYTES + 1]) {
      expect(codeOf(() => new ContentsMap([new Uint8Array(length)]))).toBe('bitfield-length');
    }
  });
});
