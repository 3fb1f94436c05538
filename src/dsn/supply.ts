/**
 * The supply of pieces: own cache, then whoever may have them, then reconstruction out of any 128 pieces of the
 * segment. What leaves here is verified against the chain's commitments, unless its taker can do without.
 */
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { PIECE_BYTES, SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { pieceIndexesSourceFirst, positionOfPiece, segmentOfPiece } from '../protocol/segment.ts';
import type { PieceIndex, SegmentIndex } from '../protocol/types.ts';
import type { PieceProvider } from './provider.ts';
import { PieceVerifier, type SegmentCommitments } from './verifier.ts';

/** Pieces that are kept here. */
export interface OwnPieces {
  get(index: PieceIndex): Promise<Uint8Array | null>;
  /** Is told of every verified piece and keeps it, or not. */
  put(index: PieceIndex, piece: Uint8Array): Promise<void>;
}

export interface PieceSupplyOptions {
  pool: ComputePool;
  commitments: SegmentCommitments;
  cache: OwnPieces | null;
  /** Asked one after the other for what is still missing. */
  providers: readonly PieceProvider[];
  /** Whether to rebuild pieces that nobody has; takes 128 MiB of downloads, twice that of memory, and half a minute. */
  reconstruct?: boolean;
  watch?(event: PieceEvent): void;
}

/** What happens to pieces, for those who watch. */
export type PieceEvent =
  /** It came, and is checked now. */
  | { kind: 'received'; index: PieceIndex; from: string }
  /** It is right. */
  | { kind: 'arrived'; index: PieceIndex; from: string }
  /** The sender lied or its disk is damaged. */
  | { kind: 'invalid'; index: PieceIndex; from: string }
  | { kind: 'reconstructing'; segment: SegmentIndex; have: number }
  | { kind: 'missing'; index: PieceIndex };

/** Pieces looked for at once: bounds memory to so many MiB. */
const MAX_WANTED = 64;
/** Requests of the same moment are looked for together. */
const COLLECT_MS = 5;
/** Whom a piece comes from that was kept here. */
export const OWN_CACHE = 'own cache';
/** Whom a piece comes from that nobody had. */
export const RECONSTRUCTION = 'reconstruction';

type Answer = (index: PieceIndex, piece: Uint8Array) => void;

interface Waiter {
  index: PieceIndex;
  /** Takes a piece as it arrives, before it is checked. */
  quick: boolean;
  signal: AbortSignal;
  resolve(piece: Uint8Array | null): void;
  reject(reason: unknown): void;
}

export class PieceSupply {
  readonly name: string = 'The storage network';
  private readonly verifier: PieceVerifier;
  private waiting: Waiter[] = [];
  private running = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private reconstruction: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: PieceSupplyOptions) {
    this.verifier = new PieceVerifier(options.pool, options.commitments);
  }

  /**
   * A verified piece (1 048 672 bytes), or null when nobody has it. Rejects with the signal's reason.
   *
   * @param quick Gives the piece as it arrives, unverified, for those who verify by other means what they take out
   * of it, such as an object's hash. It is checked all the same, so that who sent a wrong one is found out.
   */
  piece(index: PieceIndex, signal: AbortSignal, quick = false): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      // Many wait with one signal: each listens on its own, which goes when the waiter does.
      const own = AbortSignal.any([signal]);
      const waiter: Waiter = { index, quick, signal: own, resolve, reject };
      own.addEventListener('abort', () => this.leave(waiter), { once: true });
      this.waiting.push(waiter);
      this.timer ??= setTimeout(() => this.flush(), COLLECT_MS);
    });
  }

  /** Pieces in the order of their indices, null for those that nobody has; see `piece`. */
  pieces(indices: readonly PieceIndex[], signal: AbortSignal, quick = false): Promise<(Uint8Array | null)[]> {
    return Promise.all(indices.map((index) => this.piece(index, signal, quick)));
  }

  private leave(waiter: Waiter): void {
    this.waiting = this.waiting.filter((other) => other !== waiter);
    waiter.reject(waiter.signal.reason);
  }

  private flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const room = MAX_WANTED - this.running;
    const taken: Waiter[] = [];
    const indices = new Set<PieceIndex>();
    const left: Waiter[] = [];
    for (const waiter of this.waiting) {
      if (indices.has(waiter.index) || indices.size < room) {
        indices.add(waiter.index);
        taken.push(waiter);
      } else left.push(waiter);
    }
    this.waiting = left;
    if (indices.size === 0) return;
    this.running += indices.size;
    void this.serve(taken, [...indices]).finally(() => {
      this.running -= indices.size;
      if (this.waiting.length > 0) this.flush();
    });
  }

  private async serve(waiters: Waiter[], indices: PieceIndex[]): Promise<void> {
    const abandoned = abortedWhenAll(waiters.map(({ signal }) => signal));
    const answer = (index: PieceIndex, piece: Uint8Array | null): void => {
      for (const waiter of waiters) if (waiter.index === index) waiter.resolve(piece);
    };
    const early = (index: PieceIndex, piece: Uint8Array): void => {
      for (const waiter of waiters) if (waiter.index === index && waiter.quick) waiter.resolve(piece);
    };
    try {
      const missing = await this.find(indices, answer, early, abandoned);
      for (const index of missing) {
        this.options.watch?.({ kind: 'missing', index });
        answer(index, null);
      }
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }

  /** Answers what it finds; returns what nobody has. */
  private async find(
    indices: readonly PieceIndex[],
    answer: Answer,
    early: Answer,
    signal: AbortSignal,
  ): Promise<PieceIndex[]> {
    // What the chain does not know cannot be verified, so that it need not be fetched.
    const unknown = indices.filter((index) => !this.verifier.knows(index));
    const wanted = indices.filter((index) => this.verifier.knows(index));
    const missing = await this.fetch(wanted, answer, early, signal);
    if (this.options.reconstruct === false) return [...unknown, ...missing];
    const bySegment = new Map<SegmentIndex, PieceIndex[]>();
    for (const index of missing) {
      const segment = segmentOfPiece(index);
      bySegment.set(segment, [...(bySegment.get(segment) ?? []), index]);
    }
    const lost: PieceIndex[] = [];
    for (const [segment, absent] of bySegment) {
      lost.push(...(await this.rebuilt(segment, absent, answer, signal)));
    }
    return [...unknown, ...lost];
  }

  /** From the cache and the providers only. */
  private async fetch(
    indices: readonly PieceIndex[],
    answer: Answer,
    early: Answer,
    signal: AbortSignal,
  ): Promise<PieceIndex[]> {
    const missing = new Set(indices);
    for (const index of indices) {
      const piece = await this.options.cache?.get(index);
      if (!piece) continue;
      missing.delete(index);
      this.options.watch?.({ kind: 'arrived', index, from: OWN_CACHE });
      answer(index, piece);
    }
    for (const provider of this.options.providers) {
      if (missing.size === 0) break;
      signal.throwIfAborted();
      const arrived = async (index: PieceIndex, piece: Uint8Array, from: string): Promise<boolean> => {
        this.options.watch?.({ kind: 'received', index, from });
        if (piece.length === PIECE_BYTES) early(index, piece);
        if (!(await this.verifier.valid(index, piece))) {
          this.options.watch?.({ kind: 'invalid', index, from });
          return false;
        }
        if (!missing.delete(index)) return true;
        this.options.watch?.({ kind: 'arrived', index, from });
        // A full disk must not keep the piece from whoever waits for it.
        void this.options.cache?.put(index, piece).catch(() => undefined);
        answer(index, piece);
        return true;
      };
      await provider.find([...missing], arrived, signal);
    }
    return [...missing];
  }

  /** Answers what it rebuilds; returns the rest. One segment at a time: each holds its pieces in memory. */
  private rebuilt(
    segment: SegmentIndex,
    absent: PieceIndex[],
    answer: Answer,
    signal: AbortSignal,
  ): Promise<PieceIndex[]> {
    const work = this.reconstruction.then(() => this.rebuild(segment, absent, answer, signal));
    this.reconstruction = work.catch(() => undefined);
    return work;
  }

  private async rebuild(
    segment: SegmentIndex,
    absent: PieceIndex[],
    answer: Answer,
    signal: AbortSignal,
  ): Promise<PieceIndex[]> {
    const pieces = await this.collect(segment, absent, signal);
    if (pieces === null) return absent;
    const lost: PieceIndex[] = [];
    for (const index of absent) {
      const input = { pieces, position: positionOfPiece(index) };
      const options = { priority: JobPriority.catchUp, signal };
      const { piece } = await this.options.pool.run('piece.reconstruct', input, options);
      // Made from verified pieces it has to be right; checking it costs little and proves the making.
      if (!(await this.verifier.valid(index, piece))) {
        lost.push(index);
        continue;
      }
      void this.options.cache?.put(index, piece).catch(() => undefined);
      this.options.watch?.({ kind: 'arrived', index, from: RECONSTRUCTION });
      answer(index, piece);
    }
    return lost;
  }

  /** 128 verified pieces of a segment, source pieces first, without those known to be missing; null if too few. */
  private async collect(
    segment: SegmentIndex,
    absent: PieceIndex[],
    signal: AbortSignal,
  ): Promise<{ position: number; piece: Uint8Array }[] | null> {
    const pieces: { position: number; piece: Uint8Array }[] = [];
    const candidates = pieceIndexesSourceFirst(segment).filter((index) => !absent.includes(index));
    const take = (index: PieceIndex, piece: Uint8Array): void => {
      pieces.push({ position: positionOfPiece(index), piece });
      this.options.watch?.({ kind: 'reconstructing', segment, have: pieces.length });
    };
    while (pieces.length < SOURCE_PIECES_IN_SEGMENT && candidates.length > 0) {
      signal.throwIfAborted();
      const portion = Math.min(MAX_WANTED, SOURCE_PIECES_IN_SEGMENT - pieces.length);
      await this.fetch(candidates.splice(0, portion), take, () => undefined, signal);
    }
    return pieces.length < SOURCE_PIECES_IN_SEGMENT ? null : pieces.slice(0, SOURCE_PIECES_IN_SEGMENT);
  }
}

/** A signal that aborts when all of the given ones have. */
function abortedWhenAll(signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  let left = signals.length;
  for (const signal of signals) {
    const one = (): void => {
      left -= 1;
      if (left === 0) controller.abort(signal.reason);
    };
    if (signal.aborted) one();
    else signal.addEventListener('abort', one, { once: true });
  }
  return controller.signal;
}
