/** Bytes that are kept while they arrive, and gone on with after an interruption of any kind. */
import { pause } from '../async/pause.ts';
import { concat, equal } from '../protocol/bytes.ts';
import type { FarmDirectory, ScratchFile } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import { inFrames } from './encryption.ts';

/** What is checked in one go, and lost at most when the program is killed. */
export const BLOCK_BYTES = 2 ** 18;
/** Milliseconds of work after which others have their turn. */
const TURN_MS = 50;
/** Bytes of a block's row: its length, and the SHA-256 of its content. */
const LENGTH_BYTES = 4;
const ROW_BYTES = LENGTH_BYTES + 32;

/**
 * A file of blocks, and beside it a row of each: length and hash, written after the block. Only blocks that are what
 * their row says count, whatever a crash left of either file. A row of less than a whole block, perhaps of none, ends
 * the content. All methods throw StorageError.
 */
export class PartFile {
  /** When others had their turn last. */
  private turn = performance.now();

  private constructor(
    private readonly name: string,
    private readonly content: ScratchFile,
    private readonly rows: ScratchFile,
  ) {}

  /** Opens the one of that name with what it holds, or an empty one; `in-use` while it is open elsewhere. */
  static async open(directory: FarmDirectory, name: string): Promise<PartFile> {
    const content = await directory.scratch(name);
    try {
      return new PartFile(name, content, await directory.scratch(`${name}.rows`));
    } catch (error) {
      await content.close();
      throw error;
    }
  }

  /** Bytes that rows speak of, unchecked; quickly told. */
  async claimed(): Promise<number> {
    let bytes = 0;
    for (let block = 0; ; block += 1) {
      const length = (await this.row(block))?.length ?? null;
      if (length === null) return bytes;
      bytes += length;
      if (length < BLOCK_BYTES) return bytes;
    }
  }

  /**
   * Reads everything: how many bytes from the beginning are what was written, and whether they are all of it. `through`
   * is told how many it is past.
   */
  async check(
    signal: AbortSignal,
    through: (bytes: number) => void = () => undefined,
  ): Promise<{ bytes: number; whole: boolean }> {
    for (let block = 0; ; block += 1) {
      signal.throwIfAborted();
      const content = await this.block(block);
      const bytes = block * BLOCK_BYTES + (content?.length ?? 0);
      through(bytes);
      if (content === null || content.length < BLOCK_BYTES) return { bytes, whole: content !== null };
    }
  }

  /**
   * Writes what comes behind the whole blocks that are there, to its end.
   *
   * @param from Where it begins: a multiple of `BLOCK_BYTES`.
   */
  async append(from: number, parts: AsyncIterable<Uint8Array>): Promise<void> {
    let block = from / BLOCK_BYTES;
    let length = BLOCK_BYTES;
    for await (const content of inFrames(parts, BLOCK_BYTES)) {
      await this.put(block, content);
      ({ length } = content);
      block += 1;
    }
    if (length === BLOCK_BYTES) await this.put(block, new Uint8Array(0));
  }

  /** The bytes from `from` to before `to`, each block checked before any of it is given; `damaged` where one is not right. */
  async *read(from: number, to: number): AsyncGenerator<Uint8Array> {
    for (let at = from; at < to;) {
      const block = Math.floor(at / BLOCK_BYTES);
      const content = await this.block(block);
      const begin = at - block * BLOCK_BYTES;
      if (content === null || content.length <= begin)
        throw new StorageError('damaged', this.name, `block ${block} is not what was written`);
      const part = content.subarray(begin, begin + to - at);
      at += part.length;
      yield part;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.content.close(), this.rows.close()]);
  }

  async discard(): Promise<void> {
    await Promise.all([this.content.discard(), this.rows.discard()]);
  }

  private async put(block: number, content: Uint8Array): Promise<void> {
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, content.length, true);
    const row = concat(length, await hashOf(content));
    await this.giveWay();
    if (content.length > 0) await this.content.write(block * BLOCK_BYTES, content);
    await this.rows.write(block * ROW_BYTES, row);
  }

  /** Browsers prefer hashes that are ready to messages: without a pause a worker hears nothing until the last block. */
  private async giveWay(): Promise<void> {
    if (performance.now() - this.turn < TURN_MS) return;
    await pause(0);
    this.turn = performance.now();
  }

  /** A block that is what its row says; null where there is none. */
  private async block(block: number): Promise<Uint8Array | null> {
    await this.giveWay();
    const row = await this.row(block);
    if (row === null) return null;
    const content = new Uint8Array(row.length);
    if (!(await filled(this.content, block * BLOCK_BYTES, content))) return null;
    return equal(await hashOf(content), row.hash) ? content : null;
  }

  private async row(block: number): Promise<{ length: number; hash: Uint8Array } | null> {
    const row = new Uint8Array(ROW_BYTES);
    if (!(await filled(this.rows, block * ROW_BYTES, row))) return null;
    const length = new DataView(row.buffer).getUint32(0, true);
    return length > BLOCK_BYTES ? null : { length, hash: row.subarray(LENGTH_BYTES) };
  }
}

async function hashOf(content: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', content as BufferSource));
}

/** Reads as much as `into` takes; false where the file ends before. */
async function filled(file: ScratchFile, offset: number, into: Uint8Array): Promise<boolean> {
  try {
    await file.read(offset, into);
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'too-short') return false;
    throw error;
  }
}
