/** Where a cache keeps its pieces: numbered places, each a file of index, piece and BLAKE3 of both. */
import { concat, equal, fromLittleEndian, littleEndian } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { isUlid } from '../protocol/ulid.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { InOrder } from '../async/in-order.ts';
import { createUlid } from '../farm/ulid.ts';
import { readSmall, type DirectoryLock, type FarmDirectory } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';

const INDEX_BYTES = 8;
const ELEMENT_BYTES = INDEX_BYTES + PIECE_BYTES + 32;
const NAME = /^element-(0|[1-9][0-9]{0,9})\.bin$/;
const DESCRIPTION = 'cache.json';
const MAX_DESCRIPTION_BYTES = 1_024;

/** What lies at a place; another one with every write. */
interface Element {
  index: PieceIndex;
}

export class CacheStore {
  /** Writes and removals, one after the other. */
  private readonly changes = new InOrder();

  private constructor(
    private readonly directory: FarmDirectory,
    private readonly lock: DirectoryLock,
    /** ULID of the places that it keeps pieces in: `PieceCacheId`. */
    readonly id: string,
    /** Pieces that it can hold. */
    readonly capacity: number,
    private readonly elements: Map<number, Element>,
  ) {}

  /** Takes a folder for a cache of so many pieces. Throws StorageError, `in-use` when another program has it. */
  static async open(directory: FarmDirectory, capacity: number): Promise<CacheStore> {
    const lock = await directory.lock();
    try {
      await directory.clean();
      const id = await idIn(directory);
      const elements = new Map<number, Element>();
      for (const { name, size } of await directory.list()) {
        const match = NAME.exec(name);
        if (match === null) continue;
        const offset = Number(match[1]);
        if (offset >= capacity || size !== ELEMENT_BYTES) await directory.remove(name);
        else elements.set(offset, { index: await indexIn(directory, name) });
      }
      return new CacheStore(directory, lock, id, capacity, elements);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get size(): number {
    return this.elements.size;
  }

  /** Index of the piece at a place, or null. */
  indexAt(offset: number): PieceIndex | null {
    return this.elements.get(offset)?.index ?? null;
  }

  /** The piece at a place and its index; null where there is none, or one that is damaged, which is forgotten. */
  async read(offset: number): Promise<[PieceIndex, Uint8Array] | null> {
    const element = this.elements.get(offset);
    if (element === undefined) return null;
    const { index } = element;
    const bytes = await readSmall(this.directory, fileOf(offset), ELEMENT_BYTES);
    const content = bytes?.subarray(0, INDEX_BYTES + PIECE_BYTES);
    const intact =
      bytes !== null &&
      content !== undefined &&
      bytes.length === ELEMENT_BYTES &&
      equal(content.subarray(0, INDEX_BYTES), littleEndian(index, INDEX_BYTES)) &&
      equal(bytes.subarray(INDEX_BYTES + PIECE_BYTES), blake3Hash(content));
    if (intact) return [index, content.slice(INDEX_BYTES)];
    await this.changes.run(() => this.forget(offset, element));
    return null;
  }

  /** Forgets what lies at a place, unless something else was put there meanwhile. */
  private async forget(offset: number, element: Element): Promise<void> {
    if (this.elements.get(offset) !== element) return;
    this.elements.delete(offset);
    await this.directory.remove(fileOf(offset));
  }

  /** Puts a piece in a place. Throws RangeError for a place beyond the last, StorageError. */
  async write(offset: number, index: PieceIndex, piece: Uint8Array): Promise<void> {
    if (offset >= this.capacity) throw new RangeError(`place ${offset} of ${this.capacity}`);
    const begin = littleEndian(index, INDEX_BYTES);
    const parts = [concat(begin, piece), blake3Hash(begin, piece)];
    await this.changes.run(async () => {
      await this.directory.write(fileOf(offset), parts);
      this.elements.set(offset, { index });
    });
  }

  close(): Promise<void> {
    return this.lock.release();
  }
}

function fileOf(offset: number): string {
  return `element-${offset}.bin`;
}

async function indexIn(directory: FarmDirectory, name: string): Promise<PieceIndex> {
  const handle = await directory.open(name);
  try {
    const bytes = new Uint8Array(INDEX_BYTES);
    await handle.read(0, bytes);
    return fromLittleEndian(bytes);
  } finally {
    await handle.close();
  }
}

async function idIn(directory: FarmDirectory): Promise<string> {
  const bytes = await readSmall(directory, DESCRIPTION, MAX_DESCRIPTION_BYTES);
  if (bytes !== null) {
    try {
      const { pieceCacheId } = JSON.parse(new TextDecoder().decode(bytes)) as { pieceCacheId: string };
      if (isUlid(pieceCacheId)) return pieceCacheId;
    } catch (error) {
      throw new StorageError('damaged', DESCRIPTION, 'it does not parse', { cause: error });
    }
    throw new StorageError('damaged', DESCRIPTION, 'it names no cache');
  }
  const pieceCacheId = createUlid();
  await directory.write(DESCRIPTION, [new TextEncoder().encode(JSON.stringify({ pieceCacheId }))]);
  return pieceCacheId;
}
