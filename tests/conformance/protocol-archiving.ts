/** Archiving of the recorded blocks into segments and pieces, and the way back from pieces to blocks. */
import { availableParallelism } from 'node:os';
import { archiveSegment, type SegmentPieces } from '../../src/crypto/archive.ts';
import { JobPriority, type ComputePool } from '../../src/crypto/jobs.ts';
import { commitSegment, interpolate } from '../../src/crypto/kzg.ts';
import { invalidPieces, type PlacedPiece } from '../../src/crypto/piece.ts';
import { createNodePool } from '../../src/crypto/pool/node.ts';
import { reconstructHistory, reconstructSegment } from '../../src/crypto/reconstruction.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { Archiver, type ClosedSegment } from '../../src/protocol/archiver.ts';
import { concat, equal, fromHex, toHex } from '../../src/protocol/bytes.ts';
import { PIECES_IN_SEGMENT, POINT_BYTES, RECORDED_SEGMENT_BYTES } from '../../src/protocol/constants.ts';
import { blake3Hash, hashToScalar } from '../../src/protocol/hash.ts';
import { Reconstructor } from '../../src/protocol/reconstructor.ts';
import { segmentItems, type SegmentItem } from '../../src/protocol/segment-item.ts';
import {
  encodeSegmentHeader,
  pieceAt,
  positionOfPiece,
  segmentHeaderHash,
  segmentHeaderToJson,
  segmentOfPiece,
} from '../../src/protocol/segment.ts';
import type { GlobalObject } from '../../src/protocol/types.ts';
import { SparingPool } from './archive-sparing-pool.ts';
import {
  blockBytes,
  blockObjectsOf,
  GENESIS_PREFIX_BYTES,
  headerOf,
  parentOf,
  rawRecord,
  RECORD_NUMBERS,
  recordedPieces,
  recordsOf,
  segmentAt,
  type ArchivingFile,
  type RecordedBlock,
  type RecordedSegment,
} from './archive-support.ts';
import { casesOf, expectFacts, expectRefusal, expectRule, expectSame, refusal } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

const ITEM_NAMES: Record<SegmentItem['kind'], string> = {
  padding: 'Padding',
  block: 'Block',
  blockStart: 'BlockStart',
  blockContinuation: 'BlockContinuation',
  parentSegmentHeader: 'ParentSegmentHeader',
};

function describeItem(item: SegmentItem): [string, (number | string)?] {
  const name = ITEM_NAMES[item.kind];
  if (item.kind === 'padding') return [name];
  if (item.kind === 'parentSegmentHeader') return [name, toHex(encodeSegmentHeader(item.header))];
  return [name, item.bytes.length];
}

function describeObjects(objects: readonly GlobalObject[]): unknown[] {
  return objects.map(({ hash, pieceIndex, offset }) => [hash, pieceIndex, offset]);
}

/** A segment on its way through the cases. */
interface Rebuilt {
  recorded: Uint8Array;
  pieces: SegmentPieces;
  records: Uint8Array[];
}

class Archiving {
  readonly rebuilt: Rebuilt[] = [];
  private readonly closed: ClosedSegment[] = [];
  private readonly archiver = new Archiver();

  constructor(
    private readonly file: ArchivingFile,
    private readonly pool: ComputePool,
    private readonly reconstructed: ReadonlySet<number>,
  ) {}

  checkBlock(block: RecordedBlock, index: number): void {
    const bytes = blockBytes(this.file.label, block);
    const extension = bytes.subarray(GENESIS_PREFIX_BYTES);
    const genesisRule = `genesis: ${GENESIS_PREFIX_BYTES} XOF bytes then ChaCha8 keystream`;
    expectRule(block.state_root === undefined ? 'xof with objects' : genesisRule, block.kind);
    expectFacts(block, {
      len: bytes.length,
      blake3: blake3Hash(bytes),
      prefix: bytes.subarray(0, GENESIS_PREFIX_BYTES),
      extension_first64: extension.subarray(0, 64),
      extension_last64: extension.subarray(-64),
    });
    const { segments, objects } = this.archiver.addBlock(bytes, blockObjectsOf(block));
    this.closed.push(...segments);
    expectSame(
      'outcome',
      {
        block: block.number,
        archived_segments: segments.map(({ segmentIndex }) => segmentIndex),
        global_objects: describeObjects(objects),
      },
      this.file.outcomes[index],
    );
  }

  /** Every block has an outcome, and every segment that was closed is recorded. */
  checkNumbers(): void {
    const { blocks, outcomes, segments } = this.file;
    expectSame('outcomes', outcomes.length, blocks.length);
    const closed = this.closed.map(({ segmentIndex }) => segmentIndex);
    expectSame(
      'segments',
      closed,
      segments.map((segment) => segment.segment_index).toSorted((a, b) => a - b),
    );
  }

  private segmentAt(index: number): Rebuilt {
    const rebuilt = this.rebuilt[index];
    if (rebuilt === undefined) throw new Error(`segment ${index} was not archived`);
    return rebuilt;
  }

  /** Everything of a segment that follows from its blocks alone, and its commitments from those of its records. */
  async checkSegment(segment: RecordedSegment): Promise<void> {
    const index = segment.segment_index;
    const closed = this.closed[index];
    if (closed === undefined) throw new Error(`segment ${index} was not closed`);
    const parent = parentOf(this.file, index);
    const recorded = closed.record(parent);
    const pieces = recordedPieces(segment, recorded);
    const sources = RECORD_NUMBERS.map((number) => pieces.recordCommitment(2 * number));
    const commitments = commitSegment(concat(...sources));
    this.rebuilt[index] = {
      recorded,
      pieces,
      records: recordsOf(recorded, await pieces.parityRecords()),
    };
    expectSame('commitments of records', commitments.recordCommitments, pieces.commitments.recordCommitments);
    expectSame('witnesses of records', commitments.recordWitnesses, pieces.commitments.recordWitnesses);

    const header = {
      segmentIndex: closed.segmentIndex,
      segmentCommitment: commitments.segmentCommitment,
      prevSegmentHeaderHash: parent === null ? new Uint8Array(32) : segmentHeaderHash(parent),
      lastArchivedBlock: closed.lastArchivedBlock,
    };
    const json = segmentHeaderToJson(header);
    const scalars = Array.from({ length: PIECES_IN_SEGMENT }, (_, position) =>
      hashToScalar(pieces.recordCommitment(position)),
    );
    expectFacts(segment, {
      segment_index: closed.segmentIndex,
      header_scale: encodeSegmentHeader(header),
      header_hash: segmentHeaderHash(header),
      segment_commitment: commitments.segmentCommitment,
      prev_segment_header_hash: header.prevSegmentHeaderHash,
      last_archived_block: json.v0.lastArchivedBlock,
      header_json: json,
      recorded_history_segment_blake3: blake3Hash(recorded),
      recorded_history_segment_first128: recorded.subarray(0, 128),
      recorded_history_segment_last16: recorded.subarray(-16),
      raw_record_blake3: RECORD_NUMBERS.map((number) => blake3Hash(rawRecord(recorded, number))),
      items: [...segmentItems(recorded)].map(describeItem),
      commitment_hash_polynomial_coefficients_blake3: blake3Hash(interpolate(concat(...scalars))),
    });
  }

  checkPiece(segment: RecordedSegment, recorded: RecordedSegment['pieces'][number]): void {
    const { records, pieces } = this.segmentAt(segment.segment_index);
    const { position } = recorded;
    const record = records[position]!;
    const commitment = pieces.recordCommitment(position);
    expectFacts(recorded, {
      piece_index: pieceAt(BigInt(segment.segment_index), position),
      piece_blake3: blake3Hash(pieces.pieceOf(record, position)),
      record_blake3: blake3Hash(record),
      commitment,
      witness: pieces.recordWitness(position),
      commitment_hash_scalar: hashToScalar(commitment),
    });
  }

  /** The commitments are those of the records: all pieces in one random linear combination. */
  async checkValidity(segment: RecordedSegment): Promise<void> {
    const { records, pieces } = this.segmentAt(segment.segment_index);
    const segmentCommitment = fromHex(segment.segment_commitment, POINT_BYTES);
    const places = records.map((_, position) => ({ segmentCommitment, position }));
    const pieceAt = (position: number) => Promise.resolve(pieces.pieceOf(records[position]!, position));
    expectSame('pieces that are not valid', await invalidPieces(places, pieceAt), []);
    // 256 MiB that only a segment to be reconstructed needs again.
    if (!this.reconstructed.has(segment.segment_index)) records.length = 0;
  }

  /** The whole of archiving as the product does it. */
  async checkArchived(segment: RecordedSegment): Promise<void> {
    const index = segment.segment_index;
    const closed = this.closed[index];
    if (closed === undefined) throw new Error(`segment ${index} was not closed`);
    const { header, pieces } = await archiveSegment(this.pool, closed, parentOf(this.file, index));
    expectSame('header', encodeSegmentHeader(header), segment.header_scale);
    const { recorded, pieces: own } = this.segmentAt(index);
    expectSame('the history is the same', equal(pieces.recorded, recorded), true);
    expectSame('commitments and witnesses', pieces.commitments, own.commitments);
  }

  checkResumed(): void {
    const { from_segment_header, block, ...rest } = this.file.resume;
    const parent = headerOf(segmentAt(this.file, from_segment_header));
    expectSame('last block of the header', parent.lastArchivedBlock.number, block);
    const at = this.file.blocks.findIndex(({ number }) => number === block);
    const last = this.file.blocks[at]!;
    const archiver = Archiver.resume(parent, blockBytes(this.file.label, last), blockObjectsOf(last));
    const objects: GlobalObject[] = [];
    for (const next of this.file.blocks.slice(at + 1)) {
      const archived = archiver.addBlock(blockBytes(this.file.label, next), blockObjectsOf(next));
      if (archived.segments.length > 0) break;
      objects.push(...archived.objects);
    }
    const next = `global_objects_of_following_blocks_before_segment_${from_segment_header + 1}`;
    expectSame('mappings', { [next]: describeObjects(objects) }, rest);
  }

  async checkFile(ctx: ConformanceContext, file: string, pieceIndex: bigint): Promise<void> {
    const { pieces } = this.segmentAt(Number(segmentOfPiece(pieceIndex)));
    const piece = pieces.at(positionOfPiece(pieceIndex));
    expectSame('the piece is the file', equal(piece, await ctx.read(file)), true);
  }

  /** Pieces of a segment at these positions. */
  placed(segment: number, positions: readonly number[]): PlacedPiece[] {
    const { pieces, records } = this.segmentAt(segment);
    return positions.map((position) => ({ position, piece: pieces.pieceOf(records[position]!, position) }));
  }

  async checkReconstruction(record: Reconstruction): Promise<void> {
    const segment = reconstructedSegment(record, this.file.segments.length);
    const own = this.segmentAt(segment);
    const given = this.placed(segment, record.present_positions ?? []);
    const { recorded, commitments } = await reconstructSegment(this.pool, given);
    expectSame('all_equal', equal(recorded, own.recorded), record.all_equal);
    expectSame('commitments and witnesses', commitments, own.pieces.commitments);
    await this.checkOneReconstructed(segment, given);
  }

  /** A piece that is not among them, as it is made where only that one is wanted. */
  private async checkOneReconstructed(segment: number, given: readonly PlacedPiece[]): Promise<void> {
    const positions = given.map(({ position }) => position);
    const wanted = Array.from({ length: PIECES_IN_SEGMENT }, (_, i) => i).find((i) => !positions.includes(i));
    if (wanted === undefined) return;
    const input = { positions, pieces: given.map(({ piece }) => piece), wanted };
    const { piece } = await this.pool.run('piece.reconstruct', input, { priority: JobPriority.catchUp });
    const [own] = this.placed(segment, [wanted]);
    expectSame(`piece ${wanted}`, blake3Hash(piece), blake3Hash(own!.piece));
  }

  /** Refused, whichever pieces they are: the last ones where the recording tells how many and not which. */
  async checkRefused(record: Reconstruction): Promise<void> {
    const count = Number(/^(\d+) pieces/.exec(record.what)?.[1]);
    const positions =
      record.present_positions ?? Array.from({ length: count }, (_, i) => PIECES_IN_SEGMENT - 1 - i);
    const segment = reconstructedSegment(record, this.file.segments.length);
    const given = this.placed(segment, positions);
    expectRefusal(await refusal(() => reconstructHistory(this.pool, given)), record.error, {
      [`Error during data shards reconstruction: ${TOO_MANY_MISSING}`]: /^too-many-missing: /,
    });
  }

  checkSteps(steps: ReconstructionStep[]): void {
    const reconstructor = new Reconstructor();
    for (const step of steps) {
      const { parent, blocks } = reconstructor.addSegment(this.segmentAt(step.segment).recorded);
      expectSame(
        `segment ${step.segment}`,
        {
          segment: step.segment,
          parent_segment_header: parent && encodeSegmentHeader(parent),
          blocks: blocks.map(({ number, bytes }) => [number, bytes.length, blake3Hash(bytes)]),
        },
        step,
      );
    }
  }
}

function archivingCases(
  ctx: ConformanceContext,
  file: ArchivingFile,
  archiving: Archiving,
): ConformanceCase[] {
  return [
    {
      name: 'size of a recorded segment',
      rule: 'archiver',
      run: () => expectSame('bytes', RECORDED_SEGMENT_BYTES, file.recorded_history_segment_size),
    },
    ...casesOf(
      file.blocks,
      ({ number }) => ({ name: `block ${number}`, rule: 'archiver' }),
      (block, index) => archiving.checkBlock(block, index),
    ),
    {
      name: 'blocks and segments',
      rule: 'archiver',
      run: () => archiving.checkNumbers(),
    },
    {
      name: `resumed from segment ${file.resume.from_segment_header}`,
      rule: 'archiver-resume',
      run: () => archiving.checkResumed(),
    },
    ...file.segments.flatMap((segment) => [
      {
        name: `segment ${segment.segment_index}`,
        rule: 'segment-commitment',
        run: () => archiving.checkSegment(segment),
      },
      ...casesOf(
        segment.pieces,
        ({ piece_index }) => ({ name: `piece ${piece_index}`, rule: 'piece' }),
        (piece) => archiving.checkPiece(segment, piece),
      ),
      {
        name: `pieces of segment ${segment.segment_index} together`,
        rule: 'piece-valid',
        run: () => archiving.checkValidity(segment),
      },
    ]),
    ...file.segments.map((segment) => ({
      name: `segment ${segment.segment_index} archived on the pool`,
      rule: 'record-commitment',
      run: () => archiving.checkArchived(segment),
    })),
    ...casesOf(
      file.full_pieces,
      (record) => ({ name: record.file, rule: 'piece' }),
      (record) => archiving.checkFile(ctx, record.file, BigInt(record.piece_index)),
    ),
  ];
}

interface ReconstructionStep {
  segment: number;
  parent_segment_header: string | null;
  blocks: [number, number, string][];
}

interface Reconstruction {
  what: string;
  present_positions?: number[];
  all_equal?: boolean;
  error?: string;
  steps?: ReconstructionStep[];
}

const TOO_MANY_MISSING = 'Impossible to recover, too many shards are missing';

/** The segment, of so many, that a case of a single one names; by default the first that follows another. */
function reconstructedSegment({ what }: Reconstruction, segments: number): number {
  return Number(/\bsegment (\d+)/.exec(what)?.[1] ?? Math.min(1, segments - 1));
}

function reconstructionCases(cases: Reconstruction[], archiving: Archiving): ConformanceCase[] {
  return casesOf(
    cases,
    ({ what }) => ({ name: what, rule: 'reconstruction' }),
    (record) => {
      if (record.steps !== undefined) return archiving.checkSteps(record.steps);
      if (record.error !== undefined) return archiving.checkRefused(record);
      return archiving.checkReconstruction(record);
    },
  );
}

export const archiving: ConformanceSuite = {
  files: [/^(archiving|reconstruction)\.json$/],
  companions: [/^piece_\d+_\d+\.bin$/],
  async *cases(ctx, files) {
    await loadSrs();
    const file = await ctx.json<ArchivingFile>('archiving.json');
    const pool = new SparingPool(createNodePool(Math.min(2, availableParallelism())), file.segments);
    try {
      const { cases } = files.includes('reconstruction.json')
        ? await ctx.json<{ cases: Reconstruction[] }>('reconstruction.json')
        : { cases: [] };
      const named = cases.map((record) => reconstructedSegment(record, file.segments.length));
      const state = new Archiving(file, pool, new Set(named));
      yield* archivingCases(ctx, file, state);
      yield* reconstructionCases(cases, state);
    } finally {
      await pool.close();
    }
  },
};
