/** Folders as one zip file, written while they are read. */
import { makeZip } from 'client-zip';
import { ObjectError } from './errors.ts';
import { listFolder, readObject, type FolderEntry, type OpenedObject, type StoredReader } from './object.ts';
import type { NodeSource } from './tree.ts';

/** Files and folders of a zip file whose number every program reads right. */
const MAX_ENTRIES = 65_534;

/**
 * The bytes of a zip file of a folder, its files uncompressed. Every file is verified before it is written.
 *
 * @param password Tried for the files that are encrypted.
 * @param storedOf Where the stored bytes of each file are already, asked in order; out of the nodes when left out.
 * @throws ObjectError, which names the file; `out-of-bounds` for too many of them.
 */
export async function* zipFolder(
  source: NodeSource,
  folder: OpenedObject,
  signal: AbortSignal,
  password?: string,
  storedOf?: (file: FolderEntry) => StoredReader,
): AsyncGenerator<Uint8Array> {
  async function* files(): Parameters<typeof makeZip>[0] {
    let count = 0;
    for await (const entry of listFolder(source, folder, signal, { deep: true })) {
      count += 1;
      if (count > MAX_ENTRIES) throw tooMany(folder);
      const { kind, path, contentBytes } = entry;
      if (kind === 'folder') yield { name: `${path}/` };
      else {
        const input = readObject(source, entry, signal, { password, stored: storedOf?.(entry) });
        // A file of four gigabytes or more is announced as such.
        yield contentBytes === null ? { name: path, input } : { name: path, input, size: contentBytes };
      }
    }
  }
  const reader = makeZip(files()).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function tooMany({ hash }: OpenedObject): ObjectError {
  return new ObjectError({
    code: 'out-of-bounds',
    message: `more than ${MAX_ENTRIES} entries in a zip file`,
    sentence: `This folder holds more than the ${MAX_ENTRIES} files that fit into a zip file. Save its folders one by one.`,
    node: hash,
  });
}
