/** The archived history: segments with their pieces, on disk, and the archiver that makes them. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chacha8 } from '@noble/ciphers/chacha.js';
import { archiveSegment } from '../src/crypto/archive.ts';
import { JobPriority, type ComputePool } from '../src/crypto/jobs.ts';
import type { SegmentCommitments } from '../src/crypto/kzg.ts';
import { Archiver, extendGenesisBlock, type ClosedSegment } from '../src/protocol/archiver.ts';
import { encodeSignedBlock } from '../src/protocol/block.ts';
import { concat, equal, fromHex } from '../src/protocol/bytes.ts';
import {
  PIECE_BYTES,
  PIECES_IN_SEGMENT,
  POINT_BYTES,
  RECORDED_SEGMENT_BYTES,
} from '../src/protocol/constants.ts';
import { blockObjects } from '../src/protocol/object-mapping.ts';
import { decodeAll, ScaleWriter } from '../src/protocol/scale.ts';
import {
  isSourcePiece,
  positionOfPiece,
  readSegmentHeader,
  segmentOfPiece,
  writeSegmentHeader,
} from '../src/protocol/segment.ts';
import type { Trie } from '../src/protocol/trie.ts';
import type { GlobalObject, PieceIndex, SegmentHeader } from '../src/protocol/types.ts';
import type { Block, Chain } from './chain.ts';
import { ObjectLog, type BlockObjects } from './object-log.ts';
import { skipCall } from './runtime/calls.ts';
import { segmentCommitment } from './runtime/subspace-state.ts';
import { startThread } from './threads.ts';

/** Commitments and witnesses of the genesis segments that the program comes with, each after its genesis hash. */
export const SHIPPED = new URL('./data/genesis-segments.bin', import.meta.url);
const POINTS_BYTES = PIECES_IN_SEGMENT * POINT_BYTES;
const COMMITMENTS_BYTES = POINT_BYTES + 2 * POINTS_BYTES;
/** Bytes of the extended genesis block that fit segment 0: all but its last ones. */
const GENESIS_ARCHIVED = RECORDED_SEGMENT_BYTES - 6;

export interface SegmentsOptions {
  chain: Chain;
  /** Commits to records. */
  pool: ComputePool;
  folder: string;
  log(line: string): void;
}

export const HEADERS_FILE = 'headers.bin';
export const OBJECTS_FILE = 'objects.log';
/** Bytes of a block's item beside the block. */
const ITEM_BYTES = 5;

/** Name of the file of a segment's commitments. */
export function commitmentsFile(index: bigint): string {
  return `${index}.commitments`;
}

/** The file of a segment's pieces: its source pieces are there at once, all of them a while later. */
interface PiecesFile {
  descriptor: number;
  complete: Promise<void>;
}

export class Segments {
  private readonly stored: SegmentHeader[];
  private readonly files = new Map<bigint, Promise<PiecesFile>>();
  private readonly objects: ObjectLog;
  private readonly headerListeners = new Set<(header: SegmentHeader) => void>();
  private readonly objectListeners = new Set<(objects: BlockObjects) => void>();
  private archiver: Archiver | null = null;
  private archived = 0;
  private work: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  private unsubscribe: () => void = () => undefined;

  private constructor(private readonly options: SegmentsOptions) {
    const path = this.headersPath;
    this.stored = existsSync(path)
      ? decodeAll(new Uint8Array(readFileSync(path)), 'segment-headers', (reader) =>
          reader.vec(readSegmentHeader, 94),
        )
      : [];
    this.objects = new ObjectLog(join(options.folder, OBJECTS_FILE));
  }

  /** Opens the history; a genesis segment that nobody computed yet is, which takes a minute or two. */
  static async open(options: SegmentsOptions): Promise<Segments> {
    mkdirSync(options.folder, { recursive: true });
    const segments = new Segments(options);
    await segments.ensureGenesis();
    return segments;
  }

  private get headersPath(): string {
    return join(this.options.folder, HEADERS_FILE);
  }

  /** Commitments of a segment whose pieces are not made yet. */
  private commitmentsPath(index: bigint): string {
    return join(this.options.folder, commitmentsFile(index));
  }

  private piecesPath(index: bigint): string {
    return join(this.options.folder, `${index}.pieces`);
  }

  private async ensureGenesis(): Promise<void> {
    if (this.stored.length > 0) return;
    const { chain, pool, log } = this.options;
    const shipped = shippedCommitments(fromHex(chain.genesis.hash, 32));
    const commitments = shipped ?? (await computeGenesisCommitments(chain, pool, log));
    const header: SegmentHeader = {
      segmentIndex: 0n,
      segmentCommitment: commitments.segmentCommitment,
      prevSegmentHeaderHash: new Uint8Array(32),
      lastArchivedBlock: { number: 0, partialArchived: GENESIS_ARCHIVED },
    };
    writeFileSync(this.commitmentsPath(0n), encodeCommitments(commitments));
    this.store(header);
  }

  private store(header: SegmentHeader): void {
    this.stored.push(header);
    writeFileSync(this.headersPath, new ScaleWriter().vec(this.stored, writeSegmentHeader).bytes());
  }

  /** The open file of a segment's pieces; those that came without pieces are made when somebody first wants one. */
  private async openPieces(index: bigint): Promise<PiecesFile> {
    const path = this.piecesPath(index);
    if (existsSync(path)) return { descriptor: openSync(path, 'r'), complete: Promise.resolve() };
    const { genesis } = this.options.chain;
    const commitments = new Uint8Array(readFileSync(this.commitmentsPath(index)));
    if (index > 0n) return this.writePieces(index, this.recorded(index), commitments, null);
    return this.writePieces(index, encodedGenesis(this.options.chain), commitments, genesis.header.stateRoot);
  }

  /** A segment put together from its blocks once more. */
  private recorded(index: bigint): Uint8Array {
    const parent = this.header(index - 1n)!;
    const { archiver, archived } = this.archiverAfter(parent);
    for (let number = archived + 1; ; number += 1) {
      const [segment] = archiver.addBlock(this.archivedForm(number), []).segments;
      if (segment !== undefined) return segment.record(parent);
    }
  }

  /**
   * Has a thread write the pieces of a segment: of a recorded one, or, with a state root, of the genesis block.
   * Resolves once the source pieces are written.
   */
  private writePieces(
    index: bigint,
    block: Uint8Array,
    commitments: Uint8Array,
    stateRoot: Uint8Array | null,
  ): Promise<PiecesFile> {
    const { signal } = this.stopping;
    const path = this.piecesPath(index);
    const thread = startThread('./segment-thread.ts', { block, stateRoot, commitments, path });
    const terminate = (): void => void thread.terminate();
    signal.addEventListener('abort', terminate);
    const complete = new Promise<void>((resolve, reject) => {
      thread.on('error', reject);
      thread.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`ended with ${code}`))));
    }).finally(() => signal.removeEventListener('abort', terminate));
    return new Promise((resolve, reject) => {
      thread.once('message', (written: string) => resolve({ descriptor: openSync(written, 'r'), complete }));
      complete.catch(reject);
    });
  }

  /** Headers of all archived segments, by index. */
  headers(): readonly SegmentHeader[] {
    return this.stored;
  }

  header(index: bigint): SegmentHeader | null {
    return this.stored[Number(index)] ?? null;
  }

  /** Headers that a block on top of this state has to store. */
  headersFor(state: Trie): SegmentHeader[] {
    return this.stored.filter(({ segmentIndex }) => segmentCommitment(state, segmentIndex) === null);
  }

  /** A piece of 1 048 672 bytes, or null when its segment is not archived. */
  async piece(index: PieceIndex): Promise<Uint8Array | null> {
    const segment = segmentOfPiece(index);
    if (this.header(segment) === null) return null;
    let file = this.files.get(segment);
    if (file === undefined) {
      file = this.openPieces(segment);
      this.files.set(segment, file);
      file.catch(() => this.files.delete(segment));
    }
    const { descriptor, complete } = await file;
    if (!isSourcePiece(index)) await complete;
    const piece = new Uint8Array(PIECE_BYTES);
    readSync(descriptor, piece, 0, PIECE_BYTES, positionOfPiece(index) * PIECE_BYTES);
    return piece;
  }

  /** Where an archived object (32-byte hash) lies, or null. */
  place(hash: Uint8Array): (GlobalObject & { blockNumber: number }) | null {
    return this.objects.place(hash);
  }

  /** The segment that the best branch is filling, and how many bytes it still takes, a few more or less. */
  openSegment(): { segment: bigint; bytesLeft: number } {
    const { chain } = this.options;
    let segment = this.archiver!.openSegment;
    let bytesLeft = RECORDED_SEGMENT_BYTES - this.archiver!.pendingBytes;
    for (let number = this.archived + 1; number <= chain.best.number; number += 1) {
      bytesLeft -= this.archivedForm(number).length + ITEM_BYTES;
      if (bytesLeft >= 0) continue;
      segment += 1n;
      bytesLeft += RECORDED_SEGMENT_BYTES;
    }
    return { segment, bytesLeft };
  }

  onHeader(listener: (header: SegmentHeader) => void): () => void {
    this.headerListeners.add(listener);
    return () => this.headerListeners.delete(listener);
  }

  onObjects(listener: (objects: BlockObjects) => void): () => void {
    this.objectListeners.add(listener);
    return () => this.objectListeners.delete(listener);
  }

  /** Archives final blocks from now on. */
  start(): void {
    const { chain } = this.options;
    this.resume();
    this.unsubscribe = chain.on('finalized', (block) => this.enqueue(block));
    for (let number = this.archived + 1; number <= chain.finalized.number; number += 1)
      this.enqueue(chain.block(chain.hashAt(number)!)!);
  }

  async stop(): Promise<void> {
    this.unsubscribe();
    this.stopping.abort(new DOMException('the network stops', 'AbortError'));
    await this.work;
    for (const file of await Promise.allSettled(this.files.values()))
      if (file.status === 'fulfilled') closeSync(file.value.descriptor);
  }

  private resume(): void {
    const { archiver, archived } = this.archiverAfter(this.stored.at(-1)!);
    this.archiver = archiver;
    this.archived = archived;
  }

  private archiverAfter(header: SegmentHeader): { archiver: Archiver; archived: number } {
    const { number } = header.lastArchivedBlock;
    const block = number === 0 ? this.genesisTail() : this.archivedForm(number);
    const objects = number === 0 ? [] : blockObjects(block, skipCall);
    return { archiver: Archiver.resume(header, block, objects), archived: number };
  }

  /** The extended genesis block, of which only what segment 0 did not take has to be right. */
  private genesisTail(): Uint8Array {
    const { stateRoot } = this.options.chain.genesis.header;
    const extended = new Uint8Array(RECORDED_SEGMENT_BYTES);
    const start = GENESIS_ARCHIVED - encodedGenesis(this.options.chain).length;
    const block = Math.floor(start / 64);
    const stream = chacha8(stateRoot, new Uint8Array(12), new Uint8Array(128), undefined, block);
    extended.set(stream.subarray(start % 64, (start % 64) + 6), GENESIS_ARCHIVED);
    return extended;
  }

  private archivedForm(number: number): Uint8Array {
    const { chain } = this.options;
    return encodeSignedBlock(chain.signedBlock(chain.hashAt(number)!)!);
  }

  private enqueue(block: Block): void {
    this.work = this.work
      .then(() => this.archive(block))
      .catch((error: unknown) => {
        if (!this.stopping.signal.aborted) throw error;
      });
  }

  private async archive({ number }: Block): Promise<void> {
    if (this.archiver === null || number !== this.archived + 1 || this.stopping.signal.aborted) return;
    const bytes = this.archivedForm(number);
    // What is in the log already need not be looked for again after a restart.
    const inBlock = number > this.objects.lastBlock ? blockObjects(bytes, skipCall) : [];
    const { segments, objects } = this.archiver.addBlock(bytes, inBlock);
    this.archived = number;
    if (objects.length > 0) {
      this.objects.append({ blockNumber: number, objects });
      for (const listener of this.objectListeners) listener({ blockNumber: number, objects });
    }
    for (const segment of segments) await this.close(segment);
  }

  private async close(segment: ClosedSegment): Promise<void> {
    const { pool, log } = this.options;
    const parent = this.stored.at(-1)!;
    const { signal } = this.stopping;
    const { header, pieces } = await archiveSegment(pool, segment, parent, {
      priority: JobPriority.catchUp,
      signal,
    });
    const commitments = encodeCommitments(pieces.commitments);
    writeFileSync(this.commitmentsPath(header.segmentIndex), commitments);
    const file = this.writePieces(header.segmentIndex, pieces.recorded, commitments, null);
    this.files.set(header.segmentIndex, file);
    await file;
    this.store(header);
    log(`Segment ${header.segmentIndex} archived`);
    for (const listener of this.headerListeners) listener(header);
  }
}

function encodedGenesis(chain: Chain): Uint8Array {
  return encodeSignedBlock(chain.signedBlock(chain.genesis.hash)!);
}

/** Archives the genesis block: a minute or so of two cores. */
export async function computeGenesisCommitments(
  chain: Chain,
  pool: ComputePool,
  log: (line: string) => void,
): Promise<SegmentCommitments> {
  log('Computing the genesis segment of these parameters, once…');
  const extended = extendGenesisBlock(encodedGenesis(chain), chain.genesis.header.stateRoot);
  const closed = new Archiver().addBlock(extended, []).segments[0]!;
  const progress = (committed: number): void => {
    if (committed % 16 === 0) log(`Genesis segment: ${committed} of 128 records committed to`);
  };
  return (await archiveSegment(pool, closed, null, { progress })).pieces.commitments;
}

/** The commitments that come with the program for this genesis, or null. */
export function shippedCommitments(genesisHash: Uint8Array): SegmentCommitments | null {
  const bytes = existsSync(SHIPPED) ? new Uint8Array(readFileSync(SHIPPED)) : new Uint8Array(0);
  for (let at = 0; at < bytes.length; at += 32 + COMMITMENTS_BYTES) {
    const record = bytes.subarray(at, at + 32 + COMMITMENTS_BYTES);
    if (equal(record.subarray(0, 32), genesisHash)) return readCommitments(record.subarray(32));
  }
  return null;
}

/** A record of the file of commitments that the program comes with. */
export function encodeShipped(chain: Chain, commitments: SegmentCommitments): Uint8Array {
  return concat(fromHex(chain.genesis.hash, 32), encodeCommitments(commitments));
}

function encodeCommitments(commitments: SegmentCommitments): Uint8Array {
  const { segmentCommitment: commitment, recordCommitments, recordWitnesses } = commitments;
  return concat(commitment, recordCommitments, recordWitnesses);
}

/** Segment commitment, record commitments and witnesses, one after the other. */
export function readCommitments(bytes: Uint8Array): SegmentCommitments {
  return {
    segmentCommitment: bytes.slice(0, POINT_BYTES),
    recordCommitments: bytes.slice(POINT_BYTES, POINT_BYTES + POINTS_BYTES),
    recordWitnesses: bytes.slice(POINT_BYTES + POINTS_BYTES, POINT_BYTES + 2 * POINTS_BYTES),
  };
}
