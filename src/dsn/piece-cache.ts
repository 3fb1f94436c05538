/**
 * Verified pieces kept on disk, up to a size that the person sets. One file a piece, in the form of an element of the
 * native farmer's cache: index, piece, BLAKE3 of both.
 */
import { concat, equal, littleEndian } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { readSmall, type FarmDirectory } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';

const INDEX_BYTES = 8;
const CHECKSUM_BYTES = 32;
/** Bytes that one piece takes. */
export const CACHED_PIECE_BYTES = INDEX_BYTES + PIECE_BYTES + CHECKSUM_BYTES;
const NAME = /^piece-(0|[1-9][0-9]{0,19})\.bin$/;

function fileOf(index: PieceIndex): string {
  return `piece-${index}.bin`;
}

export class PieceCache {
  /** Least recently used first. */
  private readonly order = new Map<PieceIndex, true>();
  private readonly pinned = new Map<PieceIndex, number>();
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly directory: FarmDirectory,
    private limitBytes: number,
  ) {}

  /** Opens what is in a folder; pieces beyond the size are removed. Throws StorageError. */
  static async open(directory: FarmDirectory, limitBytes: number): Promise<PieceCache> {
    const cache = new PieceCache(directory, limitBytes);
    for (const { name, size } of await directory.list()) {
      const match = NAME.exec(name);
      if (match === null) continue;
      if (size === CACHED_PIECE_BYTES) cache.order.set(BigInt(match[1]!), true);
      else await directory.remove(name);
    }
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
    let bytes: Uint8Array | null;
    try {
      bytes = await readSmall(this.directory, fileOf(index), CACHED_PIECE_BYTES);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return null;
    }
    if (bytes === null || !isIntact(index, bytes)) {
      this.order.delete(index);
      await this.directory.remove(fileOf(index)).catch(() => undefined);
      return null;
    }
    this.order.delete(index);
    this.order.set(index, true);
    return bytes.slice(INDEX_BYTES, INDEX_BYTES + PIECE_BYTES);
  }

  /** Keeps a verified piece, one after the other; removes the least recently used ones for it. Throws StorageError. */
  put(index: PieceIndex, piece: Uint8Array): Promise<void> {
    const work = this.writing.then(() => this.write(index, piece));
    this.writing = work.catch(() => undefined);
    return work;
  }

  private async write(index: PieceIndex, piece: Uint8Array): Promise<void> {
    if (this.order.has(index) || this.limitBytes < CACHED_PIECE_BYTES) return;
    if (piece.length !== PIECE_BYTES) throw new RangeError(`a piece of ${piece.length} bytes`);
    await this.evict(1);
    const begin = littleEndian(index, INDEX_BYTES);
    await this.directory.write(fileOf(index), [begin, piece, blake3Hash(begin, piece)]);
    this.order.set(index, true);
  }

  private async evict(room = 0): Promise<void> {
    for (const index of this.order.keys()) {
      if ((this.order.size + room) * CACHED_PIECE_BYTES <= this.limitBytes) return;
      if (this.pinned.has(index)) continue;
      this.order.delete(index);
      await this.directory.remove(fileOf(index));
    }
  }
}

function isIntact(index: PieceIndex, bytes: Uint8Array): boolean {
  if (bytes.length !== CACHED_PIECE_BYTES) return false;
  const content = bytes.subarray(0, INDEX_BYTES + PIECE_BYTES);
  const begin = concat(littleEndian(index, INDEX_BYTES));
  return (
    equal(content.subarray(0, INDEX_BYTES), begin) &&
    equal(bytes.subarray(INDEX_BYTES + PIECE_BYTES), blake3Hash(content))
  );
}
