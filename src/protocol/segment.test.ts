import { describe, expect, it } from 'vitest';
import { DecodeError } from './errors.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  nextSourcePiece,
  pieceAt,
  previousSourcePiece,
  segmentHeaderFromJson,
  segmentHeaderToJson,
} from './segment.ts';

const HEADER = {
  segmentIndex: 5n,
  segmentCommitment: new Uint8Array(48).fill(1),
  prevSegmentHeaderHash: new Uint8Array(32).fill(2),
  lastArchivedBlock: { number: 7, partialArchived: 9 },
};

describe('segment header', () => {
  it('is of version 0', () => {
    const bytes = encodeSegmentHeader(HEADER);
    expect(decodeSegmentHeader(bytes)).toEqual(HEADER);
    bytes[0] = 1;
    expect(() => decodeSegmentHeader(bytes)).toThrow(DecodeError);
  });

  it('has a last block that is archived whole or in part', () => {
    for (const partialArchived of [null, 0, 9]) {
      const header = { ...HEADER, lastArchivedBlock: { number: 7, partialArchived } };
      expect(segmentHeaderFromJson(segmentHeaderToJson(header))).toEqual(header);
    }
    const { v0 } = segmentHeaderToJson(HEADER);
    for (const archivedProgress of ['Complete', 'partial', null, 9, {}, { partial: '9' }]) {
      const json = { v0: { ...v0, lastArchivedBlock: { number: 7, archivedProgress } } };
      expect(() => segmentHeaderFromJson(json)).toThrow(DecodeError);
    }
  });
});

describe('source pieces', () => {
  it('follow one another across segments', () => {
    expect([0n, 1n, 254n, 255n].map(nextSourcePiece)).toEqual([2n, 2n, 256n, 256n]);
    expect([0n, 2n, 256n].map(previousSourcePiece)).toEqual([null, 0n, 254n]);
    expect(pieceAt(3n, 255)).toBe(1023n);
  });
});
