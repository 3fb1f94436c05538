/** What folders of browsers have in common: handles, listing, reading, writing, and the lock of a place. */
import type { DirectoryLock, FileEntry } from './directory.ts';
import { isHidden } from './directory.ts';
import { StorageError } from './errors.ts';

declare global {
  /** Chromium’s: what the type library does not know yet. */
  interface FileSystemHandle {
    queryPermission(descriptor: { mode: 'read' | 'readwrite' }): Promise<PermissionState>;
    requestPermission(descriptor: { mode: 'read' | 'readwrite' }): Promise<PermissionState>;
  }
}

/** What the type library does not know yet: handles that share a file, and renaming. */
interface SyncCapableHandle extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode: 'readwrite' | 'read-only' }): Promise<FileSystemSyncAccessHandle>;
  move?(name: string): Promise<void>;
}

/** Handle of a file, made if wanted and missing. Throws the browser's own errors, as all here. */
export async function fileHandle(
  directory: FileSystemDirectoryHandle,
  name: string,
  create = false,
): Promise<SyncCapableHandle> {
  return (await directory.getFileHandle(name, { create })) as SyncCapableHandle;
}

/** Handles that are being opened. */
const opening = new Set<FileSystemFileHandle>();

/**
 * Opens a file for reading and writing at any offset, in workers. Chromium never answers when the handle is collected
 * as garbage meanwhile, so that it is held until it does.
 */
export async function openSync(
  file: SyncCapableHandle,
  mode: 'readwrite' | 'read-only',
): Promise<FileSystemSyncAccessHandle> {
  opening.add(file);
  try {
    return await file.createSyncAccessHandle({ mode });
  } finally {
    opening.delete(file);
  }
}

/** Removes a file; one that is not there is none to remove. */
export async function removeEntry(directory: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await directory.removeEntry(name);
  } catch (error) {
    if ((error as DOMException).name !== 'NotFoundError') throw error;
  }
}

/** Files that are nobody's temporary ones. */
export async function listFiles(directory: FileSystemDirectoryHandle): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  for await (const handle of directory.values()) {
    if (handle.kind !== 'file' || isHidden(handle.name)) continue;
    entries.push({ name: handle.name, size: (await (handle as FileSystemFileHandle).getFile()).size });
  }
  return entries;
}

/** Holds the Web Lock `name` until released; throws `in-use` when another tab or worker holds it. */
export async function webLock(name: string, place: string): Promise<DirectoryLock> {
  return new Promise((granted, failed) => {
    const held = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) {
        failed(new StorageError('in-use', place, `the lock ${name} is held elsewhere`));
        return undefined;
      }
      return new Promise<void>((release) => {
        granted({
          release: async () => {
            release();
            await held;
          },
        });
      });
    });
    held.catch(failed);
  });
}
