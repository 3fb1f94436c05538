import { beforeAll, describe, expect, it } from 'vitest';
import { concat } from '../protocol/bytes.ts';
import { POINT_BYTES, RECORD_BYTES, SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { commitRecord, commitSegment } from './kzg.ts';
import { invalidPieces } from './piece.ts';
import { loadSrs } from './srs.ts';
import { loadWasm } from './wasm.ts';

/** Source pieces of a segment of empty records. */
let pieceAt: (position: number) => Uint8Array<ArrayBuffer>;
let segmentCommitment: Uint8Array;

beforeAll(async () => {
  await loadWasm();
  await loadSrs();
  const record = new Uint8Array(RECORD_BYTES);
  const commitment = commitRecord(record);
  const made = commitSegment(concat(...Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, () => commitment)));
  segmentCommitment = made.segmentCommitment;
  pieceAt = (position) => {
    const own = (points: Uint8Array) => points.subarray(position * POINT_BYTES, (position + 1) * POINT_BYTES);
    return concat(record, own(made.recordCommitments), own(made.recordWitnesses));
  };
});

describe('many pieces checked at once', () => {
  const check = (pieces: readonly Uint8Array[], commitments = pieces.map(() => segmentCommitment)) => {
    let asked = 0;
    const places = pieces.map((_, index) => ({
      segmentCommitment: commitments[index]!,
      position: 2 * index,
    }));
    return invalidPieces(places, async (index) => {
      asked += 1;
      expect(asked).toBe(1);
      await new Promise(setImmediate);
      asked -= 1;
      return pieces[index]!;
    });
  };
  const pieces = (count: number) => Array.from({ length: count }, (_, index) => pieceAt(2 * index));

  it('are asked for one after the other', async () => {
    expect(await check(pieces(3))).toEqual([]);
    expect(await check([])).toEqual([]);
  });

  it('are told apart from those of a wrong content, length or segment', async () => {
    const own = pieces(3);
    own[1]![40] = 1;
    own[2] = own[2]!.slice(1);
    expect(await check(own)).toEqual([1, 2]);
    const short = [segmentCommitment.slice(1), segmentCommitment];
    expect(await check(pieces(2), short)).toEqual([0]);
    expect(await check([Uint8Array.of(1)])).toEqual([0]);
  });
});
