/** Verified pieces kept on disk, up to a size that the person sets; the least recently used go first. */
import type { PieceIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { CACHED_PIECE_BYTES, PieceFiles, type PieceCheck } from './piece-files.ts';

export class PieceCache {
  /** Least recently used first. */
  private readonly order = new Map<PieceIndex, true>();
  private readonly pinned = new Map<PieceIndex, number>();
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly files: PieceFiles,
    private limitBytes: number,
  ) {}

  /** Opens what is in a folder; pieces beyond the size are removed. Throws StorageError. */
  static async open(directory: FarmDirectory, limitBytes: number): Promise<PieceCache> {
    const files = new PieceFiles(directory);
    const cache = new PieceCache(files, limitBytes);
    for (const index of await files.list()) cache.order.set(index, true);
    await cache.evict();
    return cache;
  }

  get size(): number {
    return this.order.size;
  }

  /** Bytes that the pieces take. */
  get usedBytes(): number {
    return this.order.size * CACHED_PIECE_BYTES;
  }

  has(index: PieceIndex): boolean {
    return this.order.has(index);
  }

  /** Indices of all pieces. */
  indices(): PieceIndex[] {
    return [...this.order.keys()];
  }

  /** Gives the cache more or less space. Throws StorageError. */
  async resize(limitBytes: number): Promise<void> {
    this.limitBytes = limitBytes;
    await this.evict();
  }

  /** Keeps pieces from being removed, until released as often as pinned. */
  pin(indices: readonly PieceIndex[]): void {
    for (const index of indices) this.pinned.set(index, (this.pinned.get(index) ?? 0) + 1);
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
    if (piece === 'damaged') this.order.delete(index);
    if (piece === 'damaged' || piece === null) return null;
    this.order.delete(index);
    this.order.set(index, true);
    return piece;
  }

  /** Keeps a verified piece, one after the other; removes the least recently used ones for it. Throws StorageError. */
  put(index: PieceIndex, piece: Uint8Array): Promise<void> {
    const work = this.writing.then(() => this.write(index, piece));
    this.writing = work.catch(() => undefined);
    return work;
  }

  /** Reads every piece; damaged ones are removed unless it is a dry run. Throws StorageError. */
  async check(dryRun: boolean): Promise<PieceCheck> {
    const found = await this.files.check(this.indices());
    for (const index of dryRun ? [] : found.damaged) {
      this.order.delete(index);
      await this.files.remove(index);
    }
    return found;
  }

  private async write(index: PieceIndex, piece: Uint8Array): Promise<void> {
    if (this.order.has(index) || this.limitBytes < CACHED_PIECE_BYTES) return;
    await this.evict(1);
    await this.files.write(index, piece);
    this.order.set(index, true);
  }

  private async evict(room = 0): Promise<void> {
    for (const index of this.order.keys()) {
      if ((this.order.size + room) * CACHED_PIECE_BYTES <= this.limitBytes) return;
      if (this.pinned.has(index)) continue;
      this.order.delete(index);
      await this.files.remove(index);
    }
  }
}
