/** Objects where a segment ends, and mappings that point anywhere. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal } from './bytes.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { fetchObject } from './object-retrieval.ts';
import { recordFromRaw } from './record.ts';
import { ScaleWriter } from './scale.ts';
import { encodeSegmentHeader } from './segment.ts';
import type { PieceIndex } from './types.ts';

/** Bytes before the continuation's content: version, parent header, kind; its length follows. */
const BEGIN = concat(
  Uint8Array.of(0, 4),
  encodeSegmentHeader({
    segmentIndex: 0n,
    segmentCommitment: new Uint8Array(48).fill(0xc0),
    prevSegmentHeaderHash: new Uint8Array(32).fill(5),
    lastArchivedBlock: { number: 1, partialArchived: 5 },
  }),
  Uint8Array.of(3),
);
const LAST = 254n;

function pieceOf(raw: Uint8Array): Uint8Array {
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
  return piece;
}

/** The last piece of a segment and the first of the next, with an object's encoding cut in two between them. */
function cut(encoded: Uint8Array, inFirst: number, padding: number): Map<PieceIndex, Uint8Array> {
  const [last, first] = [new Uint8Array(RAW_RECORD_BYTES), new Uint8Array(RAW_RECORD_BYTES)];
  last.fill(0x55).fill(0, RAW_RECORD_BYTES - padding);
  last.set(encoded.subarray(0, inFirst), RAW_RECORD_BYTES - padding - inFirst);
  first.fill(0x55);
  const content = concat(encoded.subarray(inFirst), new Uint8Array(20).fill(0x55));
  first.set(concat(BEGIN, new ScaleWriter().byteVector(content).bytes()));
  return new Map([
    [LAST, pieceOf(last)],
    [LAST + 2n, pieceOf(first)],
  ]);
}

const given =
  (pieces: Map<PieceIndex, Uint8Array>) =>
  async (indices: PieceIndex[]): Promise<(Uint8Array | null)[]> =>
    indices.map((index) => pieces.get(index) ?? null);

describe('an object at the end of a segment', () => {
  it('is had whatever padding follows it, wherever it is cut, however its bytes resemble padding', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 3 }),
        fc.oneof(fc.nat({ max: 80 }), fc.integer({ min: 16_300, max: 16_500 })),
        fc.nat({ max: 12 }),
        fc.boolean(),
        fc.boolean(),
        async (padding, length, at, fromEnd, zeros) => {
          const data = new Uint8Array(length).map((_, byte) => (zeros ? 0 : byte * 7 + 3));
          const encoded = new ScaleWriter().byteVector(data).bytes();
          const inFirst = Math.max(1, fromEnd ? encoded.length - at : Math.min(at, encoded.length));
          const offset = RAW_RECORD_BYTES - padding - inFirst;
          const mapping = { hash: blake3Hash(data), pieceIndex: LAST, offset };
          expect(equal(await fetchObject(mapping, given(cut(encoded, inFirst, padding))), data)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is had where padding is only seen after its length was: pieces are fetched as the padding needs them', async () => {
    // Its bytes would end with the segment, were the last ones of that not padding.
    for (const padding of [1, 2, 3]) {
      const data = new Uint8Array(500).fill(9);
      const encoded = new ScaleWriter().byteVector(data).bytes();
      const pieces = cut(encoded, encoded.length - padding, padding);
      const offset = RAW_RECORD_BYTES - encoded.length;
      const mapping = { hash: blake3Hash(data), pieceIndex: LAST, offset };
      expect(equal(await fetchObject(mapping, given(pieces)), data)).toBe(true);
    }
  });
});

describe('a mapping that points anywhere', () => {
  const data = Uint8Array.of(1, 2, 3);
  const pieces = cut(new ScaleWriter().byteVector(data).bytes(), 2, 1);

  it('gives the object of its hash or is refused, and asks for few pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.constantFrom(0n, LAST, LAST + 2n, 255n, 2n ** 64n - 2n), fc.bigInt(0n, 2n ** 64n - 1n)),
        fc.oneof(
          fc.integer({ min: 0, max: 300 }),
          fc.integer({ min: RAW_RECORD_BYTES - 10, max: RAW_RECORD_BYTES + 10 }),
          fc.nat({ max: 2 ** 32 - 1 }),
        ),
        fc.boolean(),
        async (pieceIndex, offset, right) => {
          const hash = right ? blake3Hash(data) : new Uint8Array(32).fill(1);
          let asked = 0;
          const give = async (indices: PieceIndex[]): Promise<(Uint8Array | null)[]> => {
            asked += indices.length;
            return given(pieces)(indices);
          };
          const found = await fetchObject({ hash, pieceIndex, offset }, give).catch(
            (error: unknown) => error,
          );
          const sound =
            found instanceof Uint8Array ? equal(blake3Hash(found), hash) : found instanceof ProtocolError;
          expect(sound).toBe(true);
          expect(asked).toBeLessThan(16);
        },
      ),
      { numRuns: 200 },
    );
  });
});
