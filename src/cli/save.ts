/** Files that are written while they arrive, and gone on with after an interruption. */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { blake3Hash } from '../protocol/hash.ts';

/** Name of what has arrived of a file. `what`: the object and range, so that nothing else goes on in it. */
export function partOf(file: string, what: string): string {
  return `${file}.${toHex(blake3Hash(utf8(what))).slice(0, 12)}.part`;
}

/** Bytes of a file, null where there is none. */
export async function sizeOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ size }) => size,
    () => null,
  );
}

/**
 * Writes a file that must not exist yet. What arrived before an interruption stays beside it and is gone on with.
 *
 * @param what What the content is known by.
 * @param content The bytes from a place on.
 * @param total Bytes of the whole; null where that is not known.
 * @returns Bytes that were there already.
 */
export async function saveResumed(
  file: string,
  what: string,
  total: number | null,
  content: (from: number) => AsyncGenerator<Uint8Array>,
): Promise<number> {
  await refuseExisting(file);
  await mkdir(dirname(file), { recursive: true });
  const part = partOf(file, what);
  const there = (await sizeOf(part)) ?? 0;
  const from = total !== null && there > total ? 0 : there;
  const stream = createWriteStream(part, { flags: from === 0 ? 'w' : 'a' });
  await pipeline(Readable.from(content(from), { objectMode: false }), stream);
  await rename(part, file);
  return from;
}

/** Writes a file that must not exist yet; nothing of it stays when it does not come to its end. */
export async function saveWhole(
  file: string,
  what: string,
  content: AsyncGenerator<Uint8Array>,
): Promise<void> {
  await refuseExisting(file);
  const part = partOf(file, what);
  try {
    await pipeline(Readable.from(content, { objectMode: false }), createWriteStream(part));
    await rename(part, file);
  } catch (error) {
    await unlink(part).catch(() => undefined);
    throw error;
  }
}

/** Throws Error, with what to do, where something has that name already. */
export async function refuseExisting(file: string, advice = '-o names another'): Promise<void> {
  if ((await sizeOf(file)) !== null) throw new Error(`${file} exists already; ${advice}.`);
}
