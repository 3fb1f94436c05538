/** Archiving's heavy half: what makes a closed segment 256 pieces that everybody can verify. */
import { pause } from '../async/pause.ts';
import type { ClosedSegment } from '../protocol/archiver.ts';
import { concat } from '../protocol/bytes.ts';
import {
  CHUNK_BYTES,
  PIECES_IN_SEGMENT,
  POINT_BYTES,
  RAW_RECORD_BYTES,
  RECORD_BYTES,
  RECORD_CHUNKS,
  SOURCE_PIECES_IN_SEGMENT,
} from '../protocol/constants.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { segmentHeaderHash } from '../protocol/segment.ts';
import type { SegmentHeader } from '../protocol/types.ts';
import type { ComputePool, JobOptions } from './jobs.ts';
import { JobPriority } from './jobs.ts';
import { commitSegment, extend, recoverRecord, type SegmentCommitments } from './kzg.ts';
import { loadSrs } from './srs.ts';
import { loadWasm } from './wasm.ts';

const SOURCE_POSITIONS = Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, (_, number) => 2 * number);
/** Chunk positions extended between two looks at the event loop. */
const EXTENDED_AT_ONCE = 512;

/** The history of a segment with its commitments: gives out all its 256 pieces. */
export class SegmentPieces {
  constructor(
    /** The recorded history segment: 130 023 424 bytes. */
    readonly recorded: Uint8Array,
    readonly commitments: SegmentCommitments,
  ) {}

  /** Commitment (48 bytes) of the record at a position 0..255. */
  recordCommitment(position: number): Uint8Array {
    return pointAt(this.commitments.recordCommitments, position);
  }

  /** Witness (48 bytes) of the record's place at a position 0..255. */
  recordWitness(position: number): Uint8Array {
    return pointAt(this.commitments.recordWitnesses, position);
  }

  /** Source record number 0..127 (position 2·number): 1 MiB. */
  sourceRecord(number: number): Uint8Array {
    return recordFromRaw(this.recorded.subarray(number * RAW_RECORD_BYTES, (number + 1) * RAW_RECORD_BYTES));
  }

  /**
   * Piece (1 048 672 bytes) at a position 0..255. Source pieces, at even positions, take milliseconds; a parity
   * piece about a second on this thread, which is why who needs many calls `parityRecords` once. Needs `loadWasm`. Throws
   * RangeError.
   */
  at(position: number): Uint8Array {
    if (!Number.isInteger(position) || position < 0 || position >= PIECES_IN_SEGMENT) {
      throw new RangeError(`position ${position} of a segment`);
    }
    const record =
      position % 2 === 0
        ? this.sourceRecord(position / 2)
        : recoverRecord(SOURCE_POSITIONS, (source) => this.sourceRecord(source / 2), position);
    return this.pieceOf(record, position);
  }

  /** The piece of the record at a position, for those who have the record already. */
  pieceOf(record: Uint8Array, position: number): Uint8Array {
    return concat(record, this.recordCommitment(position), this.recordWitness(position));
  }

  /**
   * All 128 parity records (of positions 1, 3, …, 255), 128 MiB together: some eight seconds of this thread, in
   * steps of about a tenth of a second.
   */
  async parityRecords(): Promise<Uint8Array[]> {
    await loadWasm();
    const sources = SOURCE_POSITIONS.map((position) => this.sourceRecord(position / 2));
    const parity = sources.map(() => new Uint8Array(RECORD_BYTES));
    const column = new Uint8Array(SOURCE_PIECES_IN_SEGMENT * CHUNK_BYTES);
    for (let chunk = 0; chunk < RECORD_CHUNKS; chunk += 1) {
      if (chunk % EXTENDED_AT_ONCE === 0) await pause(0);
      const at = chunk * CHUNK_BYTES;
      sources.forEach((record, i) => column.set(record.subarray(at, at + CHUNK_BYTES), i * CHUNK_BYTES));
      const extended = extend(column);
      parity.forEach((record, i) =>
        record.set(extended.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES), at),
      );
    }
    return parity;
  }
}

/** A segment with its header. */
export interface ArchivedSegment {
  header: SegmentHeader;
  pieces: SegmentPieces;
}

/** How a segment is archived. */
export interface ArchiveOptions extends Partial<Pick<JobOptions, 'priority' | 'signal'>> {
  /** Called after each of the 128 source records is committed to. */
  progress?(committed: number): void;
}

/**
 * Archives a closed segment: commits to its 128 source records on the pool (about a second of a core
 * each), then, on this thread, makes the segment's commitment and the 256 witnesses. Loads the reference string.
 *
 * @param parent Header of the segment before; null for segment 0.
 * @throws ProtocolError (rule `parent-segment-header`) for another parent; the signal's reason.
 */
export async function archiveSegment(
  pool: ComputePool,
  segment: ClosedSegment,
  parent: SegmentHeader | null,
  options: ArchiveOptions = {},
): Promise<ArchivedSegment> {
  const recorded = segment.record(parent);
  await loadSrs();
  const sources = await commitSourceRecords(pool, recorded, options);
  const commitments = commitSegment(sources);
  const { segmentIndex, lastArchivedBlock } = segment;
  const { segmentCommitment } = commitments;
  const prevSegmentHeaderHash = parent === null ? new Uint8Array(32) : segmentHeaderHash(parent);
  return {
    header: { segmentIndex, segmentCommitment, prevSegmentHeaderHash, lastArchivedBlock },
    pieces: new SegmentPieces(recorded, commitments),
  };
}

/**
 * Commitments of the 128 source records of a recorded segment: 128 × 48 bytes.
 *
 * @param known Those that need no work, by the number of their record.
 */
export async function commitSourceRecords(
  pool: ComputePool,
  recorded: Uint8Array,
  { priority = JobPriority.catchUp, signal, progress }: ArchiveOptions,
  known: ReadonlyMap<number, Uint8Array> = new Map(),
): Promise<Uint8Array> {
  const commitments = new Uint8Array(SOURCE_PIECES_IN_SEGMENT * POINT_BYTES);
  let next = 0;
  let committed = 0;
  const commit = async (number: number): Promise<Uint8Array> => {
    const raw = recorded.subarray(number * RAW_RECORD_BYTES, (number + 1) * RAW_RECORD_BYTES);
    const job = { record: recordFromRaw(raw) };
    return (await pool.run('record.commit', job, { priority, signal })).commitment;
  };
  const work = async (): Promise<void> => {
    for (let number = next++; number < SOURCE_PIECES_IN_SEGMENT; number = next++) {
      commitments.set(known.get(number) ?? (await commit(number)), number * POINT_BYTES);
      committed += 1;
      progress?.(committed);
    }
  };
  // One more than there are workers, so that none waits for its next record to be made.
  await Promise.all(Array.from({ length: pool.status().workers + 1 }, work));
  return commitments;
}

function pointAt(points: Uint8Array, position: number): Uint8Array {
  return points.slice(position * POINT_BYTES, (position + 1) * POINT_BYTES);
}
