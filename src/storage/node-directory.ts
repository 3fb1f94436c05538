import {
  constants,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  DirectoryLock,
  FarmDirectory,
  FileEntry,
  Parts,
  ReadHandle,
  ScratchFile,
  SpaceEstimate,
} from './directory.ts';
import { isHidden, requireFileName, SCRATCH_SUFFIX, TEMPORARY_SUFFIX } from './directory.ts';
import { StorageError } from './errors.ts';
import { asStorageError, storing } from './node-errors.ts';

const LOCK_FILE = 'farm.lock';

/** A folder of the file system, under Node.js. */
export class NodeDirectory implements FarmDirectory {
  readonly maxOpenFiles = 512;

  private constructor(readonly place: string) {}

  /** Opens the folder at `path`, which is made when it does not exist. */
  static async at(path: string): Promise<NodeDirectory> {
    await storing(path, () => mkdir(path, { recursive: true }));
    return new NodeDirectory(path);
  }

  /** Opens the folder at `path`; throws StorageError `place-lost` when there is none. */
  static async existing(path: string): Promise<NodeDirectory> {
    if (await stat(path).catch(() => null)) return new NodeDirectory(path);
    throw new StorageError('place-lost', path, 'the folder is missing');
  }

  private path(name: string): string {
    return join(this.place, requireFileName(name));
  }

  async list(): Promise<FileEntry[]> {
    return storing(this.place, async () => {
      const entries: FileEntry[] = [];
      for (const entry of await readdir(this.place, { withFileTypes: true })) {
        if (!entry.isFile() || isHidden(entry.name) || entry.name === LOCK_FILE) continue;
        entries.push({ name: entry.name, size: (await stat(join(this.place, entry.name))).size });
      }
      return entries;
    });
  }

  async open(name: string): Promise<ReadHandle> {
    const path = this.path(name);
    return storing(path, async () => {
      const file = await open(path, 'r').catch((error: unknown) => this.missing(error));
      const { size } = await file.stat();
      return {
        size,
        read: (offset: number, into: Uint8Array) => readFully(file, path, offset, into),
        close: () => file.close(),
      };
    });
  }

  /** A file whose folder is missing too is not missing by itself. */
  private async missing(error: unknown): Promise<never> {
    const { code } = error as NodeJS.ErrnoException;
    const gone = code === 'ENOENT' && (await stat(this.place).catch(() => null)) === null;
    throw gone ? new StorageError('place-lost', this.place, 'the folder is missing', error) : error;
  }

  async write(name: string, parts: Parts, beforeReplace?: () => Promise<void>): Promise<void> {
    const target = this.path(name);
    const temporary = target + TEMPORARY_SUFFIX;
    await storing(target, async () => {
      try {
        // A farm's key lies among its files: they are for their owner alone.
        const file = await open(temporary, 'w', 0o600);
        try {
          for await (const part of parts) await file.writeFile(part);
          await file.sync();
        } finally {
          await file.close();
        }
        await beforeReplace?.();
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  async remove(name: string): Promise<void> {
    const path = this.path(name);
    await storing(path, () => rm(path, { force: true }));
  }

  async scratch(name: string): Promise<ScratchFile> {
    const path = this.path(name) + SCRATCH_SUFFIX;
    const file = await storing(path, () => open(path, constants.O_RDWR | constants.O_CREAT));
    return {
      write: (offset, bytes) => storing(path, () => writeFully(file, offset, bytes)),
      read: (offset, into) => readFully(file, path, offset, into),
      close: () => storing(path, () => file.close()),
      discard: () =>
        storing(path, async () => {
          await file.close();
          await rm(path, { force: true });
        }),
    };
  }

  async clean(): Promise<string[]> {
    return storing(this.place, async () => {
      const names = (await readdir(this.place)).filter((name) => name.endsWith(TEMPORARY_SUFFIX));
      for (const name of names) await rm(join(this.place, name), { force: true });
      return names;
    });
  }

  async space(): Promise<SpaceEstimate> {
    return storing(this.place, async () => {
      const { bavail, bsize, blocks, bfree } = await statfs(this.place);
      return { available: bavail * bsize, used: (blocks - bfree) * bsize };
    });
  }

  async lock(): Promise<DirectoryLock> {
    const path = join(this.place, LOCK_FILE);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await writeFile(path, String(process.pid), { flag: 'wx' });
        return { release: () => storing(path, () => rm(path, { force: true })) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw asStorageError(error, path);
        const owner = Number(await storing(path, () => readFile(path, 'utf8')));
        if (attempt > 0 || processRuns(owner)) {
          throw new StorageError('in-use', this.place, `process ${owner} has the folder`, error);
        }
        // The program that made the lock file died without removing it.
        await storing(path, () => rm(path, { force: true }));
      }
    }
  }
}

function processRuns(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function readFully(file: FileHandle, path: string, offset: number, into: Uint8Array): Promise<void> {
  await storing(path, async () => {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) {
        throw new StorageError('too-short', path, `${into.length} bytes wanted at ${offset}, ${done} there`);
      }
      done += bytesRead;
    }
  });
}

async function writeFully(file: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
