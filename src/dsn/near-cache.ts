/**
 * A farmer's share of the network's pieces: those of all history that are nearest to its own peer in the key space, as
 * many as fit the size that the person sets. Whoever looks for a piece asks the peers nearest to it.
 */
import { pause } from '../async/pause.ts';
import { InOrder } from '../async/in-order.ts';
import { kademliaDistance, kademliaKey, pieceMultihash } from '../protocol/dsn.ts';
import { PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import type { HistorySize, PieceIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { CACHED_PIECE_BYTES, PieceFiles, type PieceCheck } from './piece-files.ts';

interface Place {
  index: PieceIndex;
  distance: bigint;
}

/** Places worked out before others get their turn. */
const PORTION = 1024;

export class NearCache {
  private readonly held: Set<PieceIndex>;
  /** The pieces that belong here, nearest first. */
  private wanted: Place[] = [];
  private readonly belongs = new Set<PieceIndex>();
  /** Pieces of history whose place is known. */
  private known = 0n;
  private readonly changes = new InOrder();
  private readonly lossListeners = new Set<() => void>();

  private constructor(
    private readonly files: PieceFiles,
    /** Place of the own peer in the key space. */
    private readonly ownKey: Uint8Array,
    private capacity: number,
    held: readonly PieceIndex[],
  ) {
    this.held = new Set(held);
  }

  /**
   * Opens what is in a folder.
   *
   * @param peerId Multihash of the own peer id.
   * @throws StorageError
   */
  static async open(directory: FarmDirectory, peerId: Uint8Array, limitBytes: number): Promise<NearCache> {
    const files = new PieceFiles(directory);
    return new NearCache(files, kademliaKey(peerId), capacityOf(limitBytes), await files.list());
  }

  /** Pieces that are here, of those that belong here. */
  get size(): number {
    return this.wanted.filter(({ index }) => this.held.has(index)).length;
  }

  /** Pieces that belong here, as far as history is known. */
  get wantedSize(): number {
    return this.wanted.length;
  }

  get usedBytes(): number {
    return this.held.size * CACHED_PIECE_BYTES;
  }

  has(index: PieceIndex): boolean {
    return this.held.has(index);
  }

  /** A piece (1 048 672 bytes), or null. One that is damaged on disk is removed and missing from then on. */
  async get(index: PieceIndex): Promise<Uint8Array | null> {
    if (!this.held.has(index)) return null;
    const piece = await this.files.read(index);
    if (piece !== 'damaged') return piece;
    this.lose(index);
    return null;
  }

  /** Calls `listener` when a piece turned out to be damaged, and is missing therefore; returns what stops that. */
  onLoss(listener: () => void): () => void {
    this.lossListeners.add(listener);
    return () => this.lossListeners.delete(listener);
  }

  private lose(index: PieceIndex): void {
    this.held.delete(index);
    for (const listener of this.lossListeners) listener();
  }

  /** Takes in that history has so many segments; what is nearer than what is here takes its place. */
  grow(historySize: HistorySize): Promise<void> {
    return this.changes.run(() => this.learn(historySize * BigInt(PIECES_IN_SEGMENT)));
  }

  /** Gives the cache more or less space; the farthest go first. */
  resize(limitBytes: number): Promise<void> {
    return this.changes.run(async () => {
      const { known } = this;
      this.capacity = capacityOf(limitBytes);
      this.wanted = [];
      this.belongs.clear();
      this.known = 0n;
      await this.learn(known);
    });
  }

  /** Pieces that belong here and are missing, nearest first. */
  missing(): PieceIndex[] {
    return this.wanted.map(({ index }) => index).filter((index) => !this.held.has(index));
  }

  /** Keeps a verified piece if it belongs here. Throws StorageError. */
  put(index: PieceIndex, piece: Uint8Array): Promise<void> {
    return this.changes.run(async () => {
      if (!this.belongs.has(index) || this.held.has(index)) return;
      await this.files.write(index, piece);
      this.held.add(index);
    });
  }

  /** Reads every piece; damaged ones are removed, so that they are missing, unless it is a dry run. Throws StorageError. */
  check(dryRun: boolean): Promise<PieceCheck> {
    return this.changes.run(async () => {
      const found = await this.files.check([...this.held]);
      for (const index of dryRun ? [] : found.damaged) {
        this.lose(index);
        await this.files.remove(index);
      }
      return found;
    });
  }

  private async learn(pieces: bigint): Promise<void> {
    for (; this.known < pieces; this.known += 1n) {
      if (this.known % BigInt(PORTION) === BigInt(PORTION - 1)) await pause(0);
      this.place(this.known);
    }
    for (const index of this.held) {
      if (this.belongs.has(index)) continue;
      this.held.delete(index);
      await this.files.remove(index);
    }
  }

  private place(index: PieceIndex): void {
    const distance = kademliaDistance(this.ownKey, kademliaKey(pieceMultihash(index)));
    const { wanted } = this;
    let [from, to] = [0, wanted.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (wanted[middle]!.distance < distance) from = middle + 1;
      else to = middle;
    }
    wanted.splice(from, 0, { index, distance });
    this.belongs.add(index);
    if (wanted.length > this.capacity) this.belongs.delete(wanted.pop()!.index);
  }
}

function capacityOf(limitBytes: number): number {
  return Math.floor(limitBytes / CACHED_PIECE_BYTES);
}
