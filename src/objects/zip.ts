/** Folders as one zip file, written while they are read. */
import { utf8 } from '../protocol/bytes.ts';
import { ObjectError } from './errors.ts';
import { listFolder, readObject, type FolderEntry, type OpenedObject, type StoredReader } from './object.ts';
import type { NodeSource } from './tree.ts';
import { MAX_ENTRIES, MAX_NAME_BYTES, zipFile, type ZipEntry } from './zip-file.ts';

export interface ZipOptions {
  /** Tried for the files that are encrypted. */
  password?: string | undefined;
  /** Where the stored bytes of each file are already, asked in order; out of the nodes when left out. */
  storedOf?: ((file: FolderEntry) => StoredReader) | undefined;
  /** The first bytes of a file's content that an earlier zip file of this folder holds from `at` on, up to `size`. */
  writtenAt?: ((at: number, size: number) => AsyncIterable<Uint8Array>) | undefined;
  /** Of all entries; now when left out. */
  time?: Date | undefined;
}

/**
 * The bytes of a zip file of a folder, its files uncompressed; the same ones each time but for the time. Every file is
 * verified before it is written.
 *
 * @throws ObjectError, which names the file; `out-of-bounds` for too many of them, or a
 * name that is too long.
 */
export async function* zipFolder(
  source: NodeSource,
  folder: OpenedObject,
  signal: AbortSignal,
  { password, storedOf, writtenAt, time = new Date() }: ZipOptions = {},
): AsyncGenerator<Uint8Array> {
  async function* content(entry: FolderEntry, at: number): AsyncGenerator<Uint8Array> {
    const { contentBytes: size } = entry;
    let from = 0;
    if (size !== null && writtenAt !== undefined)
      for await (const bytes of writtenAt(at, size)) {
        from += bytes.length;
        yield bytes;
      }
    if (from > 0 && from === size) return;
    const range = { from, to: Number.POSITIVE_INFINITY };
    yield* readObject(source, entry, signal, { range, password, stored: storedOf?.(entry) });
  }
  async function* entries(): AsyncGenerator<ZipEntry> {
    let count = 0;
    for await (const entry of listFolder(source, folder, signal, { deep: true })) {
      count += 1;
      if (count > MAX_ENTRIES) throw tooMany(folder);
      const { kind, path, contentBytes: size } = entry;
      if (utf8(path).length >= MAX_NAME_BYTES) throw nameTooLong(entry);
      yield { path, content: kind === 'folder' ? null : (at) => content(entry, at), size };
    }
  }
  yield* zipFile(entries(), time);
}

function tooMany({ hash }: OpenedObject): ObjectError {
  return new ObjectError({
    code: 'out-of-bounds',
    message: `more than ${MAX_ENTRIES} entries in a zip file`,
    sentence: `This folder holds more than the ${MAX_ENTRIES} files that fit into a zip file. Save its folders one by one.`,
    node: hash,
  });
}

function nameTooLong({ hash }: FolderEntry): ObjectError {
  return new ObjectError({
    code: 'out-of-bounds',
    message: `a name of more than ${MAX_NAME_BYTES} bytes in a zip file`,
    sentence:
      'The names of this folder’s files are too long for a zip file. Save the folders in it one by one.',
    node: hash,
  });
}
