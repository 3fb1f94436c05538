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
  positionOfPiece,
  readSegmentHeader,
  segmentOfPiece,
  writeSegmentHeader,
} from '../src/protocol/segment.ts';
import type { Trie } from '../src/protocol/trie.ts';
import type { GlobalObject, PieceIndex, SegmentHeader } from '../src/protocol/types.ts';
import type { Block, Chain } from './chain.ts';
import { segmentCommitment } from './runtime/subspace.ts';
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

/** Objects of a block whose places in the history are known. */
export interface BlockObjects {
  blockNumber: number;
  objects: GlobalObject[];
}

export class Segments {
  private readonly stored: SegmentHeader[];
  private readonly files = new Map<bigint, Promise<number>>();
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
  }

  /** Opens the history; a genesis segment that nobody computed yet is, which takes a minute or two. */
  static async open(options: SegmentsOptions): Promise<Segments> {
    mkdirSync(options.folder, { recursive: true });
    const segments = new Segments(options);
    await segments.ensureGenesis();
    return segments;
  }

  private get headersPath(): string {
    return join(this.options.folder, 'headers.bin');
  }

  /** Commitments of the genesis segment, until its pieces are made. */
  private get commitmentsPath(): string {
    return join(this.options.folder, 'genesis.commitments');
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
    writeFileSync(this.commitmentsPath, encodeCommitments(commitments));
    this.store(header);
  }

  private store(header: SegmentHeader): void {
    this.stored.push(header);
    writeFileSync(this.headersPath, new ScaleWriter().vec(this.stored, writeSegmentHeader).bytes());
  }

  /** The open file of a segment's pieces; those of the genesis segment are made when somebody first wants one. */
  private async openPieces(index: bigint): Promise<number> {
    const path = this.piecesPath(index);
    if (!existsSync(path)) {
      const { genesis } = this.options.chain;
      const commitments = new Uint8Array(readFileSync(this.commitmentsPath));
      await this.writePieces(
        index,
        encodedGenesis(this.options.chain),
        commitments,
        genesis.header.stateRoot,
      );
    }
    return openSync(path, 'r');
  }

  /** Has a thread write the pieces of a segment: of a recorded one, or, with a state root, of the genesis block. */
  private async writePieces(
    index: bigint,
    block: Uint8Array,
    commitments: Uint8Array,
    stateRoot: Uint8Array | null,
  ): Promise<void> {
    const { signal } = this.stopping;
    const path = this.piecesPath(index);
    const thread = startThread('./segment-thread.ts', { block, stateRoot, commitments, path });
    const terminate = (): void => void thread.terminate();
    signal.addEventListener('abort', terminate);
    await new Promise<void>((resolve, reject) => {
      thread.on('error', reject);
      thread.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`ended with ${code}`))));
    });
    signal.removeEventListener('abort', terminate);
    signal.throwIfAborted();
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
    const piece = new Uint8Array(PIECE_BYTES);
    readSync(await file, piece, 0, PIECE_BYTES, positionOfPiece(index) * PIECE_BYTES);
    return piece;
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
      if (file.status === 'fulfilled') closeSync(file.value);
  }

  private resume(): void {
    const header = this.stored.at(-1)!;
    const { number } = header.lastArchivedBlock;
    const block = number === 0 ? this.genesisTail() : this.archivedForm(number);
    this.archiver = Archiver.resume(header, block, number === 0 ? [] : blockObjects(block));
    this.archived = number;
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
    const { segments, objects } = this.archiver.addBlock(bytes, blockObjects(bytes));
    this.archived = number;
    if (objects.length > 0) {
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
    await this.writePieces(header.segmentIndex, pieces.recorded, encodeCommitments(pieces.commitments), null);
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
