/** Pieces through the cluster: its caches first, then the controller. Nothing that comes is believed. */
import { Later } from '../async/later.ts';
import { onAbort } from '../async/on-abort.ts';
import { ANY_CACHE_GROUP, clusterMessages } from '../protocol/cluster/messages.ts';
import { SILENCE_MS } from '../protocol/cluster/times.ts';
import type { Ulid } from '../protocol/cluster/values.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { PieceSource } from '../farm/source.ts';
import type { ClusterConnection } from './connection.ts';

/** Requests that come within so long of each other go out together. */
const COLLECT_MS = 5;
const MAX_TOGETHER = 64;
/**
 * Silence after which a member's pieces are given up for now. A controller of the network says nothing while it looks for
 * a rare piece in the plots of others, for minutes, and begins anew when it is asked anew.
 */
const PATIENCE_MS = { cache: SILENCE_MS, controller: 5 * 60_000 };
/** A piece that was another one is not taken from a cache for so long. */
const DOUBT_MS = 3_600_000;
/** Pieces that are remembered so, at most. */
const MAX_DOUBTED = 1_024;

interface Waiter {
  index: PieceIndex;
  resolve(piece: Uint8Array | null): void;
  reject(error: unknown): void;
}

export class ClusterPieces implements PieceSource {
  readonly name = 'the cluster';
  private waiting: Waiter[] = [];
  private readonly flushing = new Later(() => this.flush());
  /** Pieces that caches may have wrong, and until when the controller is asked for them instead. */
  private readonly doubted = new Map<PieceIndex, number>();

  constructor(
    private readonly connection: ClusterConnection,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** A piece (1 048 672 bytes), unverified; null when no member has it. Rejects with ClusterError. */
  piece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const done = onAbort(signal, () => reject(signal.reason as Error));
      this.waiting.push({
        index,
        resolve: (piece) => {
          done();
          resolve(piece);
        },
        reject: (error) => {
          done();
          reject(error as Error);
        },
      });
      if (this.waiting.length >= MAX_TOGETHER) this.flush();
      else this.flushing.plan(COLLECT_MS);
    });
  }

  /** The piece is asked of the controller for a while, which verifies what its caches have. */
  refused(index: PieceIndex): void {
    this.doubted.delete(index);
    this.doubted.set(index, performance.now() + DOUBT_MS);
    for (const oldest of this.doubted.keys()) {
      if (this.doubted.size <= MAX_DOUBTED) break;
      this.doubted.delete(oldest);
    }
  }

  private flush(): void {
    this.flushing.cancel();
    const waiters = this.waiting.splice(0);
    const missing = new Set(waiters.map(({ index }) => index));
    const arrived = (index: PieceIndex, piece: Uint8Array): void => {
      if (!missing.delete(index)) return;
      for (const waiter of waiters) if (waiter.index === index) waiter.resolve(piece);
    };
    this.fetch(missing, arrived).then(
      () => waiters.forEach(({ resolve }) => resolve(null)),
      (error: unknown) => waiters.forEach(({ reject }) => reject(error)),
    );
  }

  /** Fetches what is `missing`; those that arrive are no longer in it. */
  private async fetch(
    missing: ReadonlySet<PieceIndex>,
    arrived: (index: PieceIndex, piece: Uint8Array) => void,
  ): Promise<void> {
    try {
      const now = performance.now();
      const places = await this.findInCaches(
        [...missing].filter((index) => (this.doubted.get(index) ?? 0) <= now),
      );
      await Promise.allSettled(
        [...places].map(([cache, offsets]) => this.readCache(cache, offsets, arrived)),
      );
    } catch {
      // The controller may still have the pieces, or say better what is wrong.
    }
    if (missing.size === 0) return;
    const { pieces } = clusterMessages;
    const stream = this.connection.stream(pieces, [...missing], { idleMs: this.patienceMs.controller });
    for await (const [index, piece] of stream) arrived(index, piece);
  }

  private async findInCaches(indices: PieceIndex[]): Promise<Map<Ulid, Map<number, PieceIndex>>> {
    const places = new Map<Ulid, Map<number, PieceIndex>>();
    if (indices.length === 0) return places;
    const { findPiecesInCache } = clusterMessages;
    const options = { instance: ANY_CACHE_GROUP, idleMs: this.patienceMs.cache };
    for await (const [index, cache, offset] of this.connection.stream(findPiecesInCache, indices, options)) {
      const offsets = places.get(cache) ?? new Map<number, PieceIndex>();
      places.set(cache, offsets.set(offset, index));
    }
    return places;
  }

  private async readCache(
    cache: Ulid,
    offsets: Map<number, PieceIndex>,
    arrived: (index: PieceIndex, piece: Uint8Array) => void,
  ): Promise<void> {
    const { readPieces } = clusterMessages;
    const options = { instance: cache, idleMs: this.patienceMs.cache };
    for await (const answer of this.connection.stream(readPieces, [...offsets.keys()], options)) {
      if (!answer.ok) continue;
      const [offset, found] = answer.value;
      // A cache may have replaced the piece since the controller looked.
      if (found !== null && offsets.get(offset) === found[0]) arrived(...found);
    }
  }
}
