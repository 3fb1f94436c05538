/** Folders as one zip file, written while they are read. */
import { Zip, ZipPassThrough } from 'fflate';
import { listFolder, readObject, type FolderEntry, type OpenedObject, type StoredReader } from './object.ts';
import type { NodeSource } from './tree.ts';

/**
 * The bytes of a zip file of a folder, its files uncompressed. Every file is verified before it is written.
 *
 * @param password Tried for the files that are encrypted.
 * @param storedOf Where the stored bytes of each file are already, asked in order; out of the nodes when left out.
 * @throws ObjectError, which names the file.
 */
export async function* zipFolder(
  source: NodeSource,
  folder: OpenedObject,
  signal: AbortSignal,
  password?: string,
  storedOf?: (file: FolderEntry) => StoredReader,
): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  let failure: Error | null = null;
  const zip = new Zip((error, chunk) => {
    if (error) failure = error;
    else out.push(chunk);
  });
  for await (const entry of listFolder(source, folder, signal, { deep: true })) {
    const isFolder = entry.kind === 'folder';
    const file = new ZipPassThrough(isFolder ? `${entry.path}/` : entry.path);
    zip.add(file);
    if (!isFolder) {
      for await (const part of readObject(source, entry, signal, { password, stored: storedOf?.(entry) })) {
        file.push(part, false);
        yield* out.splice(0);
      }
    }
    file.push(new Uint8Array(0), true);
    yield* out.splice(0);
    if (failure !== null) throw failure;
  }
  zip.end();
  yield* out;
}
