/** Files that are written while they arrive, and gone on with after an interruption. */
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { StorageError } from '../storage/errors.ts';
import { storing } from '../storage/node-errors.ts';

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
  try {
    await writeTo(part, from === 0 ? 'w' : 'a', content(from));
  } catch (error) {
    throw full(error);
  }
  await rename(part, file);
  return from;
}

/** Throws StorageError for what the file is to blame for, and what the content throws. */
async function writeTo(file: string, flags: 'w' | 'a', content: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, flags);
  try {
    for await (const bytes of content) await storing(file, () => handle.appendFile(bytes));
  } finally {
    await handle.close();
  }
}

/** The error, with what a full disk means for the person. */
function full(error: unknown): unknown {
  if (!(error instanceof StorageError) || error.code !== 'disk-full') return error;
  const meaning = 'What came stays there, and the same command goes on once there is room.';
  return new StorageError(error.code, error.file, error.message, error, `${error.sentence} ${meaning}`);
}

/** Throws Error, with what to do, where something has that name already. */
export async function refuseExisting(file: string, advice = '-o names another'): Promise<void> {
  if ((await sizeOf(file)) !== null) throw new Error(`${file} exists already; ${advice}.`);
}
