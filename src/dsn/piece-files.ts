/** Pieces as files: one file a piece, in the form of an element of the native farmer's cache: index, piece, BLAKE3. */
import { equal, littleEndian } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { readSmall, type FarmDirectory } from '../storage/directory.ts';
import { StorageError, type StorageErrorCode } from '../storage/errors.ts';

const INDEX_BYTES = 8;
const CHECKSUM_BYTES = 32;
/** Bytes that one piece takes. */
export const CACHED_PIECE_BYTES = INDEX_BYTES + PIECE_BYTES + CHECKSUM_BYTES;
/** What is wrong with one file, and says nothing of the others; the rest is about the folder or its drive. */
const OF_ONE_FILE: ReadonlySet<StorageErrorCode> = new Set(['damaged', 'too-short', 'input-output']);
const NAME = /^piece-(0|[1-9][0-9]{0,19})\.bin$/;

/** What came of reading pieces. */
export interface PieceCheck {
  whole: number;
  damaged: PieceIndex[];
}

/** The pieces of a folder; other files in it are left alone. Every method throws StorageError. */
export class PieceFiles {
  constructor(private readonly directory: FarmDirectory) {}

  /** Indices of the pieces that are there; files of another length are removed. */
  async list(): Promise<PieceIndex[]> {
    const indices: PieceIndex[] = [];
    for (const { name, size } of await this.directory.list()) {
      const match = NAME.exec(name);
      if (match === null) continue;
      if (size === CACHED_PIECE_BYTES) indices.push(BigInt(match[1]!));
      else await this.directory.remove(name);
    }
    return indices;
  }

  /**
   * A piece (1 048 672 bytes); `damaged`: what is on disk is not what was written, and was removed; null: it cannot be
   * read at the moment.
   */
  async read(index: PieceIndex): Promise<Uint8Array | 'damaged' | null> {
    let written: Uint8Array | null;
    try {
      written = await this.written(index);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return null;
    }
    if (written !== null) return written.slice(INDEX_BYTES, INDEX_BYTES + PIECE_BYTES);
    await this.remove(index).catch(() => undefined);
    return 'damaged';
  }

  /** What was written of a piece; null: it is there no more, or not all of it, or something else. */
  private async written(index: PieceIndex): Promise<Uint8Array | null> {
    try {
      const bytes = await readSmall(this.directory, fileOf(index), CACHED_PIECE_BYTES);
      return bytes !== null && isIntact(index, bytes) ? bytes : null;
    } catch (error) {
      if (error instanceof StorageError && OF_ONE_FILE.has(error.code)) return null;
      throw error;
    }
  }

  /** Reads pieces whole and tells which are not what was written; unlike `read` it removes nothing. */
  async check(indices: readonly PieceIndex[]): Promise<PieceCheck> {
    const damaged: PieceIndex[] = [];
    let whole = 0;
    for (const index of indices) {
      if ((await this.written(index)) !== null) whole += 1;
      else damaged.push(index);
    }
    return { whole, damaged };
  }

  /** Throws RangeError for what has not the length of a piece. */
  async write(index: PieceIndex, piece: Uint8Array): Promise<void> {
    if (piece.length !== PIECE_BYTES) throw new RangeError(`a piece of ${piece.length} bytes`);
    const begin = littleEndian(index, INDEX_BYTES);
    await this.directory.write(fileOf(index), [begin, piece, blake3Hash(begin, piece)]);
  }

  remove(index: PieceIndex): Promise<void> {
    return this.directory.remove(fileOf(index));
  }
}

function fileOf(index: PieceIndex): string {
  return `piece-${index}.bin`;
}

function isIntact(index: PieceIndex, bytes: Uint8Array): boolean {
  if (bytes.length !== CACHED_PIECE_BYTES) return false;
  const content = bytes.subarray(0, INDEX_BYTES + PIECE_BYTES);
  return (
    equal(content.subarray(0, INDEX_BYTES), littleEndian(index, INDEX_BYTES)) &&
    equal(bytes.subarray(INDEX_BYTES + PIECE_BYTES), blake3Hash(content))
  );
}
