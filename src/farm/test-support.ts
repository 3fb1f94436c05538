/** Stand-ins for what a farm needs of the world, for its tests. */
import type { ComputePool, EncodedRecord, JobInput, JobName, JobOptions, JobOutput } from '../crypto/jobs.ts';
import { blake3 } from '@noble/hashes/blake3.js';
import { utf8 } from '../protocol/bytes.ts';
import { PIECE_BYTES, RECORD_BYTES, RECORD_CHUNKS, S_BUCKETS } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { BITFIELD_BYTES, RECORD_METADATA_BYTES } from '../protocol/sector.ts';
import type {
  FarmerAppInfo,
  FarmerProtocolInfo,
  HistorySize,
  PieceIndex,
  RewardSigningInfo,
  SegmentIndex,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../protocol/types.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { FarmerIdentity } from './identity.ts';
import type { PlotContext } from './plotter.ts';
import type { AuthoringNode, PieceSource, SectorRules, VerifiedHistory } from './source.ts';

/** Bytes that a name stands for. */
export function named(name: string, length: number): Uint8Array {
  return blake3(utf8(name), { dkLen: length });
}

type Handlers = {
  [J in JobName]?: (input: JobInput<J>, options: JobOptions) => JobOutput<J> | Promise<JobOutput<J>>;
};

/** A pool that does what the test tells it to, and counts. */
export class FakePool implements ComputePool {
  readonly calls: Partial<Record<JobName, number>> = {};

  constructor(readonly handlers: Handlers = {}) {}

  async run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    this.calls[job] = (this.calls[job] ?? 0) + 1;
    const handler = this.handlers[job] as
      ((input: JobInput<J>, options: JobOptions) => JobOutput<J>) | undefined;
    if (handler === undefined) throw new Error(`no answer to ${job}`);
    const output = await handler(input, options);
    options.signal?.throwIfAborted();
    return output;
  }

  resize(): void {}

  status(): { workers: number; busy: number; queued: number } {
    return { workers: 2, busy: 0, queued: 0 };
  }

  async close(): Promise<void> {}
}

/** A piece as a source would give it; its first byte is 0 when it is good. */
export function fakePiece(index: PieceIndex): Uint8Array {
  const piece = new Uint8Array(PIECE_BYTES);
  piece.set(named(`piece-${index}`, 64), 1);
  return piece;
}

/** The outcome of an encoding that never happened: 32768 s-buckets spread by the seed, chunks that tell them apart. */
export function fakeEncoding({ evaluationSeed, piece }: JobInput<'record.encode'>): EncodedRecord {
  const bitfield = new Uint8Array(BITFIELD_BYTES);
  const stride = 1 + 2 * (evaluationSeed[0]! & 127);
  for (let i = 0; i < RECORD_CHUNKS; i += 1) {
    const sBucket = (i * stride + evaluationSeed[1]!) % S_BUCKETS;
    bitfield[sBucket >> 3]! |= 1 << (sBucket & 7);
  }
  const chunks = new Uint8Array(RECORD_BYTES);
  const words = new Uint32Array(chunks.buffer);
  const salt = new DataView(evaluationSeed.buffer, evaluationSeed.byteOffset).getUint32(0);
  for (let i = 0; i < words.length; i += 1) words[i] = Math.imul(i + 1, 2_654_435_761) ^ salt;
  const metadata = new Uint8Array(RECORD_METADATA_BYTES);
  metadata.set(piece.subarray(RECORD_BYTES));
  metadata.set(blake3Hash(piece.subarray(0, 65)), RECORD_METADATA_BYTES - 32);
  return { bitfield, chunks, metadata };
}

/** A pool that takes pieces with a first byte of 0 for good and encodes them as `fakeEncoding` does. */
export function plottingPool(handlers: Handlers = {}): FakePool {
  return new FakePool({
    'piece.verify': ({ pieces }) => ({ bad: pieces.flatMap((piece, i) => (piece[0] === 0 ? [] : [i])) }),
    'record.encode': fakeEncoding,
    ...handlers,
  });
}

/** What plots a sector in memory, and what the test names instead. */
export function plotContext(change: Partial<PlotContext> = {}): PlotContext {
  return {
    pool: plottingPool(),
    pieces: new FakeSource(),
    history: new FakeHistory(),
    directory: new MemoryDirectory(),
    concurrency: 2,
    signal: new AbortController().signal,
    progress: () => undefined,
    badPiece: () => undefined,
    beforeReplace: async () => undefined,
    ...change,
  };
}

/** A source that has every piece. */
export class FakeSource implements PieceSource {
  readonly name = 'the source';
  readonly asked: PieceIndex[] = [];

  constructor(
    private readonly answer: (index: PieceIndex, attempt: number) => Uint8Array | null = fakePiece,
  ) {}

  async piece(index: PieceIndex): Promise<Uint8Array | null> {
    this.asked.push(index);
    return this.answer(index, this.asked.filter((other) => other === index).length);
  }
}

/** A history that grows when the test says so. */
export class FakeHistory implements VerifiedHistory {
  constants: () => SectorRules | null = () => null;
  private readonly listeners = new Set<() => void>();

  constructor(private size: HistorySize = 3n) {}

  historySize(): HistorySize {
    return this.size;
  }

  segmentCommitment(segment: SegmentIndex): Uint8Array | null {
    return segment < this.size ? named(`segment-${segment}`, 48) : null;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  grow(size: HistorySize): void {
    this.size = size;
    for (const listener of this.listeners) listener();
  }
}

export const RULES: FarmerProtocolInfo = {
  historySize: 3n,
  maxPiecesInSector: 2,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n],
  minSectorLifetime: 4n,
};

export const GENESIS = named('genesis', 32);

/** A node that takes what it is given. */
export class FakeNode implements AuthoringNode {
  readonly solutions: { slot: SlotNumber; solution: Solution }[] = [];
  readonly signatures: { hash: Uint8Array; signature: Uint8Array }[] = [];
  info: FarmerAppInfo = {
    genesisHash: GENESIS,
    dsnBootstrapNodes: [],
    syncing: false,
    farmingTimeoutMs: 4_000,
    protocolInfo: RULES,
  };
  /** Throws to refuse a solution. */
  refuse: (slot: SlotNumber) => void = () => undefined;
  private readonly slots = new Set<(slot: SlotInfo) => void>();
  private readonly rewards = new Set<(request: RewardSigningInfo) => void>();

  appInfo(): Promise<FarmerAppInfo> {
    return Promise.resolve(this.info);
  }

  onSlot(listener: (slot: SlotInfo) => void): () => void {
    this.slots.add(listener);
    return () => this.slots.delete(listener);
  }

  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void {
    this.rewards.add(listener);
    return () => this.rewards.delete(listener);
  }

  async submitSolution(slot: SlotNumber, solution: Solution): Promise<void> {
    this.refuse(slot);
    this.solutions.push({ slot, solution });
  }

  async submitRewardSignature(hash: Uint8Array, signature: Uint8Array): Promise<void> {
    this.signatures.push({ hash, signature });
  }

  announce(slot: SlotInfo): void {
    for (const listener of this.slots) listener(slot);
  }

  askToSign(request: RewardSigningInfo): void {
    for (const listener of this.rewards) listener(request);
  }

  get listeners(): number {
    return this.slots.size + this.rewards.size;
  }
}

/** A solution of `fakeIdentity`, without anything in it that would verify. */
export function fakeSolution(rewardAddress: Uint8Array): Solution {
  return {
    publicKey: fakeIdentity().publicKey,
    rewardAddress,
    sectorIndex: 0,
    historySize: 3n,
    pieceOffset: 1,
    recordCommitment: named('a', 48),
    recordWitness: named('b', 48),
    chunk: named('c', 32),
    chunkWitness: named('d', 48),
    proofOfSpace: named('e', 160),
  };
}

export function fakeIdentity(name = 'farmer'): FarmerIdentity {
  return {
    publicKey: named(name, 32),
    signReward: (hash) => {
      const signature = new Uint8Array(64);
      signature.set(hash);
      return signature;
    },
  };
}

/** A slot with a challenge of its own. */
export function slotAt(slot: number, change: Partial<SlotInfo> = {}): SlotInfo {
  return {
    slotNumber: BigInt(slot),
    globalChallenge: named(`challenge-${slot}`, 32),
    solutionRange: 1n << 50n,
    votingSolutionRange: 1n << 60n,
    ...change,
  };
}

/** Waits until something holds, on a machine that may be busy. */
export async function until(holds: () => boolean, what = 'what was waited for'): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
