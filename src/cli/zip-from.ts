/** Zip files that are gone on with after an interruption. */
import { open, type FileHandle } from 'node:fs/promises';
import { TIMED_BYTES, timeOfZip } from '../objects/zip-file.ts';
import type { ZipOptions } from '../objects/zip.ts';
import { equal } from '../protocol/bytes.ts';

/** Bytes read at once. */
const READ_BYTES = 2 ** 20;

/** What lies there is not the beginning of this zip file. */
export class OtherZip extends Error {}

/**
 * The bytes of a zip file behind the first `from`, which lie in a file already. The contents of that part are read there
 * and not fetched again, but for files whose size only unpacking tells.
 *
 * @param file Its path.
 * @param zip The whole zip file.
 * @throws OtherZip where what lies there is something else, before any bytes are given; what `zip` throws.
 */
export async function* zipFrom(
  file: string,
  from: number,
  zip: (begun: ZipOptions) => AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const taken = new WeakSet<Uint8Array>();
    async function* writtenAt(begin: number, size: number): AsyncGenerator<Uint8Array> {
      const end = Math.min(begin + size, from);
      for (let at = begin; at < end; at += READ_BYTES) {
        const bytes = await read(handle, at, Math.min(READ_BYTES, end - at));
        taken.add(bytes);
        yield bytes;
      }
    }
    if (from < TIMED_BYTES) throw new OtherZip();
    const time = timeOfZip(await read(handle, 0, TIMED_BYTES));
    let at = 0;
    for await (const bytes of zip({ time, writtenAt })) {
      const there = bytes.subarray(0, Math.max(0, from - at));
      if (!taken.has(bytes) && !equal(there, await read(handle, at, there.length))) throw new OtherZip();
      if (there.length < bytes.length) yield bytes.subarray(there.length);
      at += bytes.length;
    }
    if (at < from) throw new OtherZip();
  } finally {
    await handle.close();
  }
}

async function read(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await handle.read(bytes, 0, length, at);
  return bytes.subarray(0, bytesRead);
}
