/**
 * Verified pieces kept on disk, up to a size that the person sets; the least recently used go first, and before them the
 * guests: pieces that nobody opened, out of which others were made or found.
 */
import { InOrder } from '../async/in-order.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { CACHED_PIECE_BYTES, PieceFiles, type PieceCheck } from './piece-files.ts';
import { PieceOrder, type UsedPiece } from './piece-order.ts';

/** Part of the space that guests take at most: they save a second download, and must not take the place of the rest. */
const GUEST_SHARE = 1 / 4;

export class PieceCache {
  /** Least recently used first. */
  private readonly order = new Map<PieceIndex, true>();
  /** Least recently used first. */
  private readonly guests = new Set<PieceIndex>();
  private readonly pinned = new Map<PieceIndex, number>();
  private readonly changes = new InOrder();
  private readonly files: PieceFiles;
  private readonly usage: PieceOrder;

  private constructor(
    directory: FarmDirectory,
    private limitBytes: number,
  ) {
    this.files = new PieceFiles(directory);
    this.usage = new PieceOrder(directory, () => this.used());
  }

  /** Opens what is in a folder; pieces beyond the size that are not pinned are removed. Throws StorageError. */
  static async open(
    directory: FarmDirectory,
    limitBytes: number,
    pinned: readonly PieceIndex[] = [],
  ): Promise<PieceCache> {
    const cache = new PieceCache(directory, limitBytes);
    await cache.load();
    cache.pin(pinned);
    await cache.evict([cache.guests, cache.order.keys()]);
    return cache;
  }

  /** Takes what is there, in the order of its last use; what that does not name came last. */
  private async load(): Promise<void> {
    const there = new Set(await this.files.list());
    for (const { index, guest } of await this.usage.read()) {
      if (!there.delete(index)) continue;
      this.order.set(index, true);
      if (guest) this.guests.add(index);
    }
    for (const index of there) this.order.set(index, true);
  }

  private *used(): Generator<UsedPiece> {
    for (const index of this.order.keys()) yield { index, guest: this.guests.has(index) };
  }

  get size(): number {
    return this.order.size;
  }

  /** Bytes that the pieces take. */
  get usedBytes(): number {
    return this.order.size * CACHED_PIECE_BYTES;
  }

  /** Bytes that pinned pieces take, those included that have to be fetched again. */
  get pinnedBytes(): number {
    return this.pinned.size * CACHED_PIECE_BYTES;
  }

  has(index: PieceIndex): boolean {
    return this.order.has(index);
  }

  /** Indices of all pieces. */
  indices(): PieceIndex[] {
    return [...this.order.keys()];
  }

  /** Gives the cache more or less space; what is pinned stays. Throws StorageError. */
  resize(limitBytes: number): Promise<void> {
    this.limitBytes = limitBytes;
    return this.changes.run(() => this.evict([this.guests, this.order.keys()]));
  }

  /** Keeps pieces from being removed, until released as often as pinned. */
  pin(indices: readonly PieceIndex[]): void {
    for (const index of indices) {
      this.pinned.set(index, (this.pinned.get(index) ?? 0) + 1);
      this.guests.delete(index);
    }
  }

  release(indices: readonly PieceIndex[]): void {
    for (const index of indices) {
      const count = (this.pinned.get(index) ?? 0) - 1;
      if (count > 0) this.pinned.set(index, count);
      else this.pinned.delete(index);
    }
  }

  /** A piece (1 048 672 bytes), or null. One that is damaged on disk is removed and counts as missing. */
  async get(index: PieceIndex): Promise<Uint8Array | null> {
    if (!this.order.has(index)) return null;
    const piece = await this.files.read(index);
    if (piece === 'damaged') this.drop(index);
    if (piece === 'damaged' || piece === null) return null;
    this.order.delete(index);
    this.order.set(index, true);
    if (this.guests.delete(index)) this.guests.add(index);
    this.usage.changed();
    return piece;
  }

  /**
   * Keeps a verified piece, one after the other; removes the least recently used ones for it, and does without where
   * pinned ones leave no room. A guest that is kept once more as none is none from then on. Throws StorageError.
   */
  put(index: PieceIndex, piece: Uint8Array, guest = false): Promise<void> {
    return this.changes.run(() => this.write(index, piece, guest));
  }

  /** Waits until all that was put so far is written, or could not be. */
  settled(): Promise<void> {
    return this.changes.settled();
  }

  /** Reads every piece; damaged ones are removed unless it is a dry run. Throws StorageError. */
  async check(dryRun: boolean): Promise<PieceCheck> {
    const found = await this.files.check(this.indices());
    for (const index of dryRun ? [] : found.damaged) await this.remove(index);
    return found;
  }

  private async write(index: PieceIndex, piece: Uint8Array, guest: boolean): Promise<void> {
    if (!guest && this.guests.delete(index)) this.usage.changed();
    if (this.order.has(index)) return;
    const isPinned = this.pinned.has(index);
    const room = this.limitBytes * (guest ? GUEST_SHARE : 1);
    if (room < CACHED_PIECE_BYTES && !isPinned) return;
    const [oldest] = this.guests;
    if (guest && oldest !== undefined && (this.guests.size + 1) * CACHED_PIECE_BYTES > room)
      await this.remove(oldest);
    // Guests have their share of a full cache, too: what one rebuilding fetched serves the next in that segment.
    await this.evict(guest ? [this.order.keys()] : [this.guests, this.order.keys()], 1);
    if (!isPinned && !this.hasRoom(1)) return;
    await this.files.write(index, piece);
    this.order.set(index, true);
    if (guest && !isPinned) this.guests.add(index);
    this.usage.changed();
  }

  /** Makes room for so many more, out of these in turn. */
  private async evict(groups: Iterable<PieceIndex>[], room = 0): Promise<void> {
    for (const pieces of groups) {
      for (const index of pieces) {
        if (this.hasRoom(room)) return;
        if (!this.pinned.has(index)) await this.remove(index);
      }
    }
  }

  private hasRoom(pieces: number): boolean {
    return (this.order.size + pieces) * CACHED_PIECE_BYTES <= this.limitBytes;
  }

  private drop(index: PieceIndex): void {
    this.order.delete(index);
    this.guests.delete(index);
  }

  private async remove(index: PieceIndex): Promise<void> {
    this.drop(index);
    await this.files.remove(index);
  }
}
