import type {
  DirectoryLock,
  FarmDirectory,
  FileEntry,
  Parts,
  ReadHandle,
  ScratchFile,
  SpaceEstimate,
} from './directory.ts';
import { fileHandle, listFiles, openSync, removeEntry, webLock } from './browser-files.ts';
import { requireFileName, SCRATCH_SUFFIX, TEMPORARY_SUFFIX } from './directory.ts';
import { StorageError, storing } from './errors.ts';

/**
 * A folder of the browser's origin-private file system. Works in dedicated workers only: synchronous access
 * handles are some fifty times faster than `File.slice` for the small reads of an audit.
 */
export class OpfsDirectory implements FarmDirectory {
  readonly place = 'browser storage';
  readonly maxOpenFiles = 4096;

  private constructor(
    private readonly directory: FileSystemDirectoryHandle,
    private readonly name: string,
  ) {}

  /** Opens, or makes, the folder `name` below the origin's root. */
  static async at(name: string): Promise<OpfsDirectory> {
    return storing(name, async () => {
      const root = await navigator.storage.getDirectory();
      return new OpfsDirectory(await root.getDirectoryHandle(requireFileName(name), { create: true }), name);
    });
  }

  list(): Promise<FileEntry[]> {
    return storing(this.name, () => listFiles(this.directory));
  }

  async open(name: string): Promise<ReadHandle> {
    return storing(name, async () => {
      const file = await fileHandle(this.directory, requireFileName(name));
      const handle = await openSync(file, 'read-only');
      return {
        size: handle.getSize(),
        read: (offset: number, into: Uint8Array) => storing(name, () => readAll(handle, name, offset, into)),
        close: async () => handle.close(),
      };
    });
  }

  async write(name: string, parts: Parts, beforeReplace?: () => Promise<void>): Promise<void> {
    const temporary = requireFileName(name) + TEMPORARY_SUFFIX;
    await storing(name, async () => {
      try {
        const file = await fileHandle(this.directory, temporary, true);
        const handle = await openSync(file, 'readwrite');
        try {
          handle.truncate(0);
          let offset = 0;
          for await (const part of parts) {
            writeAll(handle, name, offset, part);
            offset += part.length;
          }
          handle.flush();
        } finally {
          handle.close();
        }
        if (file.move === undefined) {
          throw new StorageError(
            'input-output',
            name,
            'this browser cannot rename files of its private storage',
          );
        }
        await beforeReplace?.();
        await file.move(name);
      } catch (error) {
        await removeEntry(this.directory, temporary);
        throw error;
      }
    });
  }

  async remove(name: string): Promise<void> {
    await storing(name, () => removeEntry(this.directory, requireFileName(name)));
  }

  async scratch(name: string): Promise<ScratchFile> {
    const path = requireFileName(name) + SCRATCH_SUFFIX;
    return storing(name, async () => {
      const file = await fileHandle(this.directory, path, true);
      const handle = await openSync(file, 'readwrite');
      return {
        write: (offset: number, bytes: Uint8Array) =>
          storing(name, () => writeAll(handle, name, offset, bytes)),
        read: (offset: number, into: Uint8Array) => storing(name, () => readAll(handle, name, offset, into)),
        close: () => storing(name, () => handle.close()),
        discard: () =>
          storing(name, async () => {
            handle.close();
            await removeEntry(this.directory, path);
          }),
      };
    });
  }

  clean(): Promise<string[]> {
    return storing(this.name, () => removeTemporary(this.directory));
  }

  space(): Promise<SpaceEstimate> {
    return storing(this.name, originSpace);
  }

  lock(): Promise<DirectoryLock> {
    return webLock(`allotment-farm-${this.name}`, this.place);
  }
}

async function removeTemporary(directory: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of directory.keys()) if (name.endsWith(TEMPORARY_SUFFIX)) names.push(name);
  for (const name of names) await removeEntry(directory, name);
  return names;
}

async function originSpace(): Promise<SpaceEstimate> {
  const { quota, usage } = await navigator.storage.estimate();
  return {
    available: quota === undefined ? null : Math.max(0, quota - (usage ?? 0)),
    used: usage ?? null,
  };
}

function readAll(handle: FileSystemSyncAccessHandle, name: string, offset: number, into: Uint8Array): void {
  const count = handle.read(into, { at: offset });
  if (count !== into.length) {
    throw new StorageError('too-short', name, `${into.length} bytes wanted at ${offset}, ${count} there`);
  }
}

function writeAll(handle: FileSystemSyncAccessHandle, name: string, offset: number, bytes: Uint8Array): void {
  const count = handle.write(bytes, { at: offset });
  // A full quota shows as a short write in some browsers and as an exception in others.
  if (count !== bytes.length)
    throw new StorageError('disk-full', name, `${count} of ${bytes.length} bytes written`);
}
