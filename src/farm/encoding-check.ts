/**
 * Checks records that another program encoded. That encoded chunks belong to a record can only be shown by encoding it
 * again: that is done with some, drawn at random here and unknown to whoever encoded them.
 */
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { randomBytes } from '../crypto/random.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { PIECE_BYTES, POINT_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { positionOfPiece } from '../protocol/segment.ts';
import type { PieceOffset } from '../protocol/types.ts';
import { FarmError } from './errors.ts';
import type { PartialSector } from './partial-sector.ts';
import type { SectorPlan } from './plan.ts';
import { PIECES_AT_ONCE } from './plot-memory.ts';
import { commitmentFor, type PieceSource, type VerifiedHistory } from './source.ts';

export interface EncodingCheckContext {
  pool: ComputePool;
  history: VerifiedHistory;
  pieces: PieceSource;
  signal: AbortSignal;
}

/** A record as it is stored. */
export interface StoredRecord {
  offset: PieceOffset;
  /** 8192 bytes. */
  bitfield: Uint8Array;
  /** 32768 chunks of 32 bytes in s-bucket order. */
  chunks: Uint8Array;
  /** 128 bytes: commitment, witness, BLAKE3 of the piece. */
  metadata: Uint8Array;
}

const LEAST_SAMPLE = 2;
/** One record of so many is encoded again. */
const SAMPLE_SHARE = 64;

/** Records of so many that are encoded again: one in 64, two at least. */
export function defaultSample(records: number): number {
  return Math.min(records, Math.max(LEAST_SAMPLE, Math.ceil(records / SAMPLE_SHARE)));
}

/** `count` of the offsets, or all of them, drawn at random. */
export function drawOffsets(offsets: readonly PieceOffset[], count: number): PieceOffset[] {
  const left = [...offsets];
  const drawn: PieceOffset[] = [];
  while (drawn.length < count && left.length > 0) drawn.push(...left.splice(randomBelow(left.length), 1));
  return drawn;
}

function randomBelow(limit: number): number {
  return new DataView(randomBytes(4).buffer).getUint32(0) % limit;
}

/**
 * Encodes a sample of a half-done sector's unchecked records again.
 *
 * @throws FarmError `wrong-encoding`; the signal's reason.
 */
export async function checkUnchecked(
  plan: SectorPlan,
  partial: PartialSector,
  context: EncodingCheckContext & {
    /** Records that are encoded again; `defaultSample` when left out. */
    sample?: number;
    /** Pieces in memory at once. */
    piecesAtOnce?: number;
  },
): Promise<void> {
  const unchecked = [...partial.rows.keys()].filter((offset) => partial.rows[offset]?.unchecked === true);
  const sample = drawOffsets(unchecked, context.sample ?? defaultSample(unchecked.length));
  // Their chunks are in memory as well; no batch of the sector is any more.
  const size = Math.min(context.piecesAtOnce ?? PIECES_AT_ONCE, PIECES_AT_ONCE);
  for (let from = 0; from < sample.length; from += size) {
    const records = await Promise.all(
      sample.slice(from, from + size).map(async (offset) => {
        const { bitfield, metadata } = partial.rows[offset]!;
        const chunks = new Uint8Array(RECORD_BYTES);
        await partial.readChunks(offset, 0, chunks);
        return { offset, bitfield, metadata, chunks };
      }),
    );
    const why = await wrongEncoding(plan, records, context);
    if (why === null) continue;
    throw new FarmError({
      code: 'wrong-encoding',
      message: why,
      sentence: `Sector ${plan.sectorIndex} was encoded wrongly by another program. Nothing of it was kept.`,
    });
  }
}

/**
 * Encodes records once more and compares; says what is wrong, null when nothing is. A piece that nobody gives now is
 * had by decoding its record, at twice the price.
 *
 * @throws FarmError `piece-unavailable`; the signal's reason.
 */
export async function wrongEncoding(
  plan: SectorPlan,
  records: readonly StoredRecord[],
  context: EncodingCheckContext,
): Promise<string | null> {
  const { pool, signal } = context;
  const fetched = await fetchPieces(plan, records, context);
  const decoded = new Map<PieceOffset, Uint8Array>();
  const verdicts = await Promise.all(
    records.map(async ({ offset, bitfield, chunks, metadata }) => {
      const piece = fetched.get(offset);
      if (piece === undefined) {
        const own = await decode(plan, { offset, bitfield, chunks, metadata }, context);
        if (typeof own === 'string') return own;
        decoded.set(offset, own);
        return null;
      }
      const { evaluationSeed } = plan.pieces[offset]!;
      const options = { priority: JobPriority.plot, signal, own: true };
      const own = await pool.run('record.encode', { evaluationSeed, piece }, options);
      const same =
        equal(own.bitfield, bitfield) && equal(own.chunks, chunks) && equal(own.metadata, metadata);
      return same ? null : `the record at offset ${offset} is encoded differently`;
    }),
  );
  const wrong = verdicts.find((verdict) => verdict !== null) ?? null;
  if (wrong !== null) return wrong;
  const [bad] = await invalid(plan, decoded, context);
  return bad === undefined ? null : `the record at offset ${bad} encodes another record`;
}

/** The pieces of records, verified, as far as they can be had. */
async function fetchPieces(
  plan: SectorPlan,
  records: readonly StoredRecord[],
  context: EncodingCheckContext,
): Promise<Map<PieceOffset, Uint8Array>> {
  const { pieces, signal } = context;
  const found = new Map<PieceOffset, Uint8Array>();
  await Promise.all(
    records.map(async ({ offset }) => {
      const piece = await pieces.piece(plan.pieces[offset]!.index, signal).catch(() => null);
      if (piece?.length === PIECE_BYTES) found.set(offset, piece);
    }),
  );
  signal.throwIfAborted();
  for (const offset of await invalid(plan, found, context)) {
    pieces.refused?.(plan.pieces[offset]!.index);
    found.delete(offset);
  }
  return found;
}

/** Offsets of the pieces that are not those of the plan. */
async function invalid(
  plan: SectorPlan,
  pieces: ReadonlyMap<PieceOffset, Uint8Array>,
  { pool, history, signal }: EncodingCheckContext,
): Promise<PieceOffset[]> {
  if (pieces.size === 0) return [];
  const offsets = [...pieces.keys()];
  const indices = offsets.map((offset) => plan.pieces[offset]!.index);
  const input = {
    pieces: [...pieces.values()],
    positions: indices.map(positionOfPiece),
    segmentCommitments: indices.map((index) => commitmentFor(index, history)),
  };
  const { bad } = await pool.run('piece.verify', input, { priority: JobPriority.plot, signal });
  return bad.map((position) => offsets[position]!);
}

/** The piece behind a record; a sentence where it has none. */
async function decode(
  plan: SectorPlan,
  { offset, bitfield, chunks, metadata }: StoredRecord,
  { pool, signal }: EncodingCheckContext,
): Promise<Uint8Array | string> {
  const { evaluationSeed } = plan.pieces[offset]!;
  let record: Uint8Array;
  try {
    const options = { priority: JobPriority.plot, signal, own: true };
    ({ record } = await pool.run('record.decode', { evaluationSeed, bitfield, chunks }, options));
  } catch {
    signal.throwIfAborted();
    return `the record at offset ${offset} does not decode`;
  }
  const piece = concat(record, metadata.subarray(0, 2 * POINT_BYTES));
  if (equal(blake3Hash(piece), metadata.subarray(2 * POINT_BYTES))) return piece;
  return `the record at offset ${offset} is not the one that it says it is`;
}
