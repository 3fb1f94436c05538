/** Folders as one zip file, written while they are read. */
import { utf8 } from '../protocol/bytes.ts';
import { ObjectError } from './errors.ts';
import { listFolder, readObject, type FolderEntry, type OpenedObject, type StoredReader } from './object.ts';
import type { NodeSource } from './tree.ts';
import { MAX_ENTRIES, MAX_NAME_BYTES, zipFile, type ZipEntry } from './zip-file.ts';

/**
 * The bytes of a zip file of a folder, its files uncompressed. Every file is verified before it is written.
 *
 * @param password Tried for the files that are encrypted.
 * @param storedOf Where the stored bytes of each file are already, asked in order; out of the nodes when left out.
 * @throws ObjectError, which names the file; `out-of-bounds` for too many of them, or a
 * name that is too long.
 */
export async function* zipFolder(
  source: NodeSource,
  folder: OpenedObject,
  signal: AbortSignal,
  password?: string,
  storedOf?: (file: FolderEntry) => StoredReader,
): AsyncGenerator<Uint8Array> {
  async function* entries(): AsyncGenerator<ZipEntry> {
    let count = 0;
    for await (const entry of listFolder(source, folder, signal, { deep: true })) {
      count += 1;
      if (count > MAX_ENTRIES) throw tooMany(folder);
      const { kind, path, contentBytes: size } = entry;
      if (utf8(path).length >= MAX_NAME_BYTES) throw nameTooLong(entry);
      const file = (): AsyncGenerator<Uint8Array> =>
        readObject(source, entry, signal, { password, stored: storedOf?.(entry) });
      yield { path, content: kind === 'folder' ? null : file(), size };
    }
  }
  yield* zipFile(entries(), new Date());
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
