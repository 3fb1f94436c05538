/** A file that the person picked to save something in. */
import './browser-files.ts';
import type { Parts } from './directory.ts';
import { StorageError, storing } from './errors.ts';

/** Whether this page may write to the file now, without a question to the person. */
export async function mayWrite(file: FileSystemFileHandle): Promise<boolean> {
  return (await file.queryPermission({ mode: 'readwrite' })) === 'granted';
}

/**
 * Writes the parts one after the other as the file's content. Until the last byte is stored the file stays as it was:
 * the browser writes a copy beside it, which a failure or a closed tab leaves nothing of. The browser empties a file
 * when it is picked: what stands in it later is somebody else's, and is not written over. Throws StorageError, `not-empty`
 * for such a file, and what the parts throw.
 */
export async function writePicked(file: FileSystemFileHandle, parts: Parts): Promise<void> {
  await requireEmpty(file);
  const stream = await storing(file.name, () => file.createWritable({ keepExistingData: false }));
  try {
    for await (const part of parts)
      await storing(file.name, () => stream.write(part as Uint8Array<ArrayBuffer>));
    await requireEmpty(file);
    await storing(file.name, () => stream.close());
  } catch (error) {
    await stream.abort().catch(() => undefined);
    throw error;
  }
}

async function requireEmpty(file: FileSystemFileHandle): Promise<void> {
  const { size } = await storing(file.name, () => file.getFile());
  if (size > 0) throw new StorageError('not-empty', file.name, `${size} bytes that were not written here`);
}
