/**
 * Looks through all of history for an object, newest segment first. It needs nobody's index, and downloads half of
 * every segment that it looks through: a job for whoever has time, that can be stopped and gone on with.
 */
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { nodesOfPiece, type RecordNodes } from '../protocol/history-nodes.ts';
import { firstPieceOfSegment, pieceAt, previousSourcePiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex, SegmentIndex } from '../protocol/types.ts';
import { Borders } from './borders.ts';
import { keyOf } from './tree.ts';
import type { PieceAccess } from './window.ts';

/** Pieces fetched and checked together. */
const BATCH = 16;

/** How far a search is. */
export interface SearchPlace {
  /** The segment that it began with. */
  newest: SegmentIndex;
  /** Source pieces that were looked through. */
  done: number;
  /** Those of them that were not to be had: what lies in them was not seen. */
  absent: number;
}

/** Source pieces that a search looks through in all. */
export function piecesToSearch({ newest }: SearchPlace): number {
  return (Number(newest) + 1) * SOURCE_PIECES_IN_SEGMENT;
}

/** The piece that comes after so many others. */
function pieceAfter(newest: SegmentIndex, done: number): PieceIndex {
  const segment = newest - BigInt(Math.floor(done / SOURCE_PIECES_IN_SEGMENT));
  return pieceAt(segment, 2 * (done % SOURCE_PIECES_IN_SEGMENT));
}

/**
 * Searches for an object (32-byte hash) from a place on. Pieces are verified, and not rebuilt.
 *
 * @param moved Told after every few pieces; a search can be gone on with from there.
 * @returns Where the object lies; null when all of history was looked through.
 * @throws The signal's reason.
 */
export async function searchHistory(
  source: PieceAccess,
  hash: Uint8Array,
  from: SearchPlace,
  moved: (place: SearchPlace) => void,
  signal: AbortSignal,
  pool: ComputePool | null = null,
): Promise<GlobalObject | null> {
  const key = keyOf(hash);
  const { newest } = from;
  const borders = new Borders();
  const total = piecesToSearch(from);
  const look = async (index: PieceIndex, piece: Uint8Array): Promise<GlobalObject | null> => {
    const found = await nodesIn(piece, pool, signal);
    if (found === null) return null;
    const inside = found.nodes.find((node) => keyOf(node.hash) === key);
    if (inside !== undefined) return { hash, pieceIndex: index, offset: inside.offset };
    for (const { place } of borders.nodesAt(index, found)) if (keyOf(place.hash) === key) return place;
    return null;
  };
  const fetched = async (indices: readonly PieceIndex[]): Promise<GlobalObject | number> => {
    const pieces = await source.pieces(indices, signal, { speculative: true });
    let absent = 0;
    for (const [at, piece] of pieces.entries()) {
      const found = piece === null ? null : await look(indices[at]!, piece);
      if (found !== null) return found;
      if (piece === null) absent += 1;
    }
    return absent;
  };

  let { done, absent } = from;
  // What lies across a border is only seen from both sides: those on this side were seen in an earlier run.
  const again = await fetched(seenBefore(newest, done));
  if (typeof again !== 'number') return again;
  while (done < total) {
    signal.throwIfAborted();
    const count = Math.min(BATCH, total - done);
    const found = await fetched(Array.from({ length: count }, (_, at) => pieceAfter(newest, done + at)));
    if (typeof found !== 'number') return found;
    done += count;
    absent += found;
    moved({ newest, done, absent });
  }
  return null;
}

/** The pieces at whose border a search goes on: the one before, and the first of the segment after. */
function seenBefore(newest: SegmentIndex, done: number): PieceIndex[] {
  if (done === 0) return [];
  const next = pieceAfter(newest, done);
  const segment = newest - BigInt(Math.floor(done / SOURCE_PIECES_IN_SEGMENT));
  const before = done % SOURCE_PIECES_IN_SEGMENT === 0 ? null : previousSourcePiece(next);
  const after = segment < newest ? firstPieceOfSegment(segment + 1n) : null;
  return [before, after].filter((index) => index !== null);
}

async function nodesIn(
  piece: Uint8Array,
  pool: ComputePool | null,
  signal: AbortSignal,
): Promise<RecordNodes | null> {
  if (pool === null) return nodesOfPiece(piece);
  const copy = piece.slice();
  const options = { priority: JobPriority.catchUp, transfer: [copy.buffer], signal };
  return (await pool.run('piece.nodes', { piece: copy }, options)).found;
}
