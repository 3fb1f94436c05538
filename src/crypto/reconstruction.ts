/** Segments from any 128 of their 256 pieces. */
import {
  CHUNK_BYTES,
  PIECES_IN_SEGMENT,
  RAW_RECORD_BYTES,
  RECORD_BYTES,
  RECORDED_SEGMENT_BYTES,
  SOURCE_PIECES_IN_SEGMENT,
} from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { rawFromRecord } from '../protocol/record.ts';
import { type ArchiveOptions, commitSourceRecords, SegmentPieces } from './archive.ts';
import { type ComputePool, JobPriority } from './jobs.ts';
import { commitSegment, locate, recoverSource } from './kzg.ts';
import { type PlacedPiece, recordCommitmentOf, recordOf, requirePieceLength } from './piece.ts';
import { loadSrs } from './srs.ts';

/** Bytes of each record that one job recovers: 2048 chunks. */
const SLICE_BYTES = 2048 * CHUNK_BYTES;

/**
 * The recorded history segment (130 023 424 bytes) from pieces of it that are valid. Where a source piece is
 * missing everything is recovered on the pool, which takes some 30 seconds of a core.
 *
 * @param pieces At least 128 of distinct positions 0..255.
 * @throws ProtocolError (rule `erasure-coding`) when there are too few or what is there does not decode, rule
 * `source-record` when that gives no history; the signal's reason.
 */
export async function reconstructHistory(
  pool: ComputePool,
  pieces: readonly PlacedPiece[],
  options: ArchiveOptions = {},
): Promise<Uint8Array> {
  const byPosition = placed(pieces);
  const present = Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, (_, number) => byPosition.get(2 * number));
  const records = present.every((piece) => piece !== undefined)
    ? present.map(recordOf)
    : await recoverRecords(pool, byPosition, options);
  const recorded = new Uint8Array(RECORDED_SEGMENT_BYTES);
  records.forEach((record, number) => recorded.set(rawFromRecord(record), number * RAW_RECORD_BYTES));
  return recorded;
}

/**
 * All 256 pieces of a segment from at least 128 that are valid. Commitments of source records that are there are
 * taken from their pieces; those of the others cost about a second of a core each. Loads the reference string.
 *
 * @throws As `reconstructHistory` does.
 */
export async function reconstructSegment(
  pool: ComputePool,
  pieces: readonly PlacedPiece[],
  options: ArchiveOptions = {},
): Promise<SegmentPieces> {
  const recorded = await reconstructHistory(pool, pieces, options);
  const known = new Map(
    pieces
      .filter(({ position }) => position % 2 === 0)
      .map(({ position, piece }) => [position / 2, recordCommitmentOf(piece)]),
  );
  await loadSrs();
  const commitments = await commitSourceRecords(pool, recorded, options, known);
  return new SegmentPieces(recorded, commitSegment(commitments));
}

function placed(pieces: readonly PlacedPiece[]): Map<number, Uint8Array> {
  const byPosition = new Map<number, Uint8Array>();
  for (const { position, piece } of pieces) {
    if (!Number.isInteger(position) || position < 0 || position >= PIECES_IN_SEGMENT) {
      throw new RangeError(`position ${position} of a segment`);
    }
    requirePieceLength(piece);
    byPosition.set(position, piece);
  }
  requireEnough(byPosition.size);
  return byPosition;
}

function requireEnough(count: number): void {
  if (count >= SOURCE_PIECES_IN_SEGMENT) return;
  throw new ProtocolError({
    code: 'too-many-missing',
    rule: 'erasure-coding',
    message: `${count} pieces of a segment where ${SOURCE_PIECES_IN_SEGMENT} are needed`,
    sentence: 'Too few pieces of a segment were found to reconstruct it.',
    values: { present: count, needed: SOURCE_PIECES_IN_SEGMENT },
  });
}

async function recoverRecords(
  pool: ComputePool,
  byPosition: ReadonlyMap<number, Uint8Array>,
  { priority = JobPriority.catchUp, signal }: ArchiveOptions,
): Promise<Uint8Array[]> {
  const used = [...byPosition].slice(0, SOURCE_PIECES_IN_SEGMENT).sort(([a], [b]) => a - b);
  const positions = used.map(([position]) => position);
  const records = Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, () => new Uint8Array(RECORD_BYTES));
  let next = 0;
  const work = async (): Promise<void> => {
    for (let start = next; start < RECORD_BYTES; start = next) {
      next += SLICE_BYTES;
      const slices = used.map(([, piece]) => piece.slice(start, start + SLICE_BYTES));
      const { sources } = await pool.run('segment.recover', { positions, slices }, { priority, signal });
      sources.forEach((slice, number) => records[number]!.set(slice, start));
    }
  };
  await Promise.all(Array.from({ length: pool.status().workers + 1 }, work));
  return records;
}

/**
 * Slices of all 128 source records of a segment from the same slices of 128 of its records. Takes about a
 * millisecond a chunk; needs `loadWasm`.
 *
 * @param positions Of the records given, 0..255, ascending.
 * @param slices One a position, of a whole number of chunks each.
 * @throws ProtocolError (rule `erasure-coding`).
 */
export function recoverSlices(positions: readonly number[], slices: readonly Uint8Array[]): Uint8Array[] {
  requireEnough(positions.length);
  const present = new Uint8Array(PIECES_IN_SEGMENT);
  for (const position of positions) present[position] = 1;
  const locator = locate(present);
  const length = slices[0]?.length ?? 0;
  const sources = Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, () => new Uint8Array(length));
  const shards = new Uint8Array(PIECES_IN_SEGMENT * CHUNK_BYTES);
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    positions.forEach((position, i) =>
      shards.set(slices[i]!.subarray(at, at + CHUNK_BYTES), position * CHUNK_BYTES),
    );
    const column = recoverSource(shards, present, locator);
    sources.forEach((source, number) =>
      source.set(column.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES), at),
    );
  }
  return sources;
}
