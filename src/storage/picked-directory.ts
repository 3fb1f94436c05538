import type {
  DirectoryLock,
  FarmDirectory,
  FileEntry,
  Parts,
  PlaceWatch,
  ReadHandle,
  ScratchFile,
  SpaceEstimate,
} from './directory.ts';
import { fileHandle, listFiles, removeEntry, webLock } from './browser-files.ts';
import { requireFileName } from './directory.ts';
import { asStorageError, StorageError, storing } from './errors.ts';

/** How long a lease of a picked folder holds without renewal, in milliseconds. */
const LEASE_MS = 120_000;
const LEASE_RENEWAL_MS = 30_000;
const LEASE_FILE = 'farm.lease';

/** Somebody else's leases as they were first seen, by `performance.now()`; the oldest make room. */
const seenLeases = new Map<string, number>();
const SEEN_LEASES = 256;

/**
 * Whether a lease was left behind. Clocks of two machines may differ by hours: what counts is that it was seen here,
 * unchanged, for as long as a lease holds.
 */
function hasRunOut({ owner, renewed }: { owner: string; renewed: number }): boolean {
  const lease = `${owner} ${renewed}`;
  const since = seenLeases.get(lease);
  if (since !== undefined) return performance.now() - since >= LEASE_MS;
  seenLeases.set(lease, performance.now());
  const [oldest = ''] = seenLeases.keys();
  if (seenLeases.size > SEEN_LEASES) seenLeases.delete(oldest);
  return false;
}

/**
 * A folder that the person picked (File System Access). Its files have no fast handles: a write goes to the
 * browser's own copy, which replaces the file when it is closed, so that renaming is not needed. Scratch data,
 * which must be read back while it is written, lives in the origin-private file system.
 */
export class PickedDirectory implements FarmDirectory {
  readonly maxOpenFiles = 4096;

  private constructor(
    private readonly directory: FileSystemDirectoryHandle,
    private readonly scratchDirectory: FarmDirectory,
    private readonly owner: string,
  ) {}

  /**
   * Opens a folder that the person picked. Throws `no-permission` while the browser wants to ask the person again.
   *
   * @param owner Who holds the lease: a name of this farm in this browser, the same at every run.
   * @param scratchDirectory Where scratch files go.
   */
  static async at(
    directory: FileSystemDirectoryHandle,
    scratchDirectory: FarmDirectory,
    owner: string,
    mode: 'read' | 'readwrite' = 'readwrite',
  ): Promise<PickedDirectory> {
    const permission = await directory.queryPermission({ mode });
    if (permission !== 'granted')
      throw new StorageError('no-permission', directory.name, `the permission is ${permission}`);
    return new PickedDirectory(directory, scratchDirectory, owner);
  }

  get place(): string {
    return `the folder “${this.directory.name}”`;
  }

  /** Work on the folder itself: when that is not found, its drive is gone. */
  private async reaching<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const known = asStorageError(error, this.place);
      throw known.code === 'not-found'
        ? new StorageError('place-lost', this.place, known.message, error)
        : known;
    }
  }

  async list(): Promise<FileEntry[]> {
    const entries = await this.reaching(() => listFiles(this.directory));
    return entries.filter((entry) => entry.name !== LEASE_FILE && !entry.name.endsWith('.crswap'));
  }

  async open(name: string): Promise<ReadHandle> {
    let file = await this.file(name);
    return {
      size: file.size,
      read: async (offset: number, into: Uint8Array) => {
        try {
          into.set(await slice(file, offset, into.length));
        } catch (error) {
          if (error instanceof StorageError) throw error;
          // The browser's view of a file ends when the file was touched or its drive was away.
          file = await this.file(name);
          into.set(await storing(name, () => slice(file, offset, into.length)));
        }
      },
      close: async () => undefined,
    };
  }

  /** Throws `not-found` for a file that is missing, `place-lost` where its folder is missing too. */
  private async file(name: string): Promise<File> {
    try {
      return await (await fileHandle(this.directory, requireFileName(name))).getFile();
    } catch (error) {
      const known = asStorageError(error, name);
      if (known.code === 'not-found') await this.reaching(() => this.directory.keys().next());
      throw known;
    }
  }

  async write(name: string, parts: Parts, beforeReplace?: () => Promise<void>): Promise<void> {
    await storing(name, async () => {
      const existed = await this.exists(requireFileName(name));
      const file = await fileHandle(this.directory, name, true);
      const stream = await file.createWritable({ keepExistingData: false });
      try {
        for await (const part of parts) await stream.write(part as Uint8Array<ArrayBuffer>);
        await beforeReplace?.();
        await stream.close();
      } catch (error) {
        await stream.abort().catch(() => undefined);
        if (!existed) await removeEntry(this.directory, name);
        throw error;
      }
    }).catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error;
      // Nobody else writes a folder under this lock: what refuses to be modified is read-only. A file that is being
      // made can only miss its folder.
      const code = ({ 'in-use': 'read-only', 'not-found': 'place-lost' } as const)[String(error.code)];
      throw code === undefined ? error : new StorageError(code, name, error.message, error);
    });
  }

  private async exists(name: string): Promise<boolean> {
    try {
      await this.directory.getFileHandle(name);
      return true;
    } catch (error) {
      if ((error as DOMException).name === 'NotFoundError') return false;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    await storing(name, () => removeEntry(this.directory, requireFileName(name)));
  }

  scratch(name: string): Promise<ScratchFile> {
    return this.scratchDirectory.scratch(name);
  }

  async clean(): Promise<string[]> {
    const removed = await this.reaching(async () => {
      const names: string[] = [];
      for await (const name of this.directory.keys()) if (name.endsWith('.crswap')) names.push(name);
      for (const name of names) await removeEntry(this.directory, name);
      return names;
    });
    return [...removed, ...(await this.scratchDirectory.clean())];
  }

  /** Browsers do not tell how much room a drive has: writes find out. */
  async space(): Promise<SpaceEstimate> {
    let used = 0;
    for (const entry of await this.list()) used += entry.size;
    return { available: null, used };
  }

  /**
   * A Web Lock against other tabs and a lease file, renewed while held, against other programs and machines. A lease
   * of this very farm is one that a killed tab left: whoever has the Web Lock may go on with it.
   */
  async lock(watch?: PlaceWatch): Promise<DirectoryLock> {
    const lock = await webLock(`allotment-farm-${this.owner}`, this.place);
    try {
      await this.requireLease();
      await this.reaching(() => this.writeLease());
    } catch (error) {
      await lock.release();
      throw error;
    }
    const renew = async (): Promise<void> => {
      try {
        if ((await this.reaching(() => this.readLease())) === null) {
          watch?.lost(new StorageError('place-lost', this.place, `${LEASE_FILE} is missing`));
          return;
        }
        await this.requireLease();
        await this.writeLease();
        watch?.reached(null);
      } catch (error) {
        const known = asStorageError(error, this.place);
        if (known.code === 'in-use') watch?.lost(known);
        else watch?.reached(known);
      }
    };
    const timer = setInterval(() => void renew(), LEASE_RENEWAL_MS);
    return {
      release: async () => {
        clearInterval(timer);
        try {
          if ((await this.readLease())?.owner === this.owner) await this.remove(LEASE_FILE);
        } catch {
          // Out of reach: the lease ends by itself.
        }
        await lock.release();
      },
    };
  }

  /** Throws `in-use` while somebody else's lease holds. */
  private async requireLease(): Promise<void> {
    const lease = await this.reaching(() => this.readLease());
    if (lease === null || lease.owner === this.owner || hasRunOut(lease)) return;
    const renewed = new Date(lease.renewed).toISOString();
    throw new StorageError('in-use', this.place, `leased, and renewed at ${renewed} by the owner's clock`);
  }

  private async readLease(): Promise<{ owner: string; renewed: number } | null> {
    if (!(await this.exists(LEASE_FILE))) return null;
    const text = await (await (await fileHandle(this.directory, LEASE_FILE)).getFile()).slice(0, 1024).text();
    try {
      const lease = JSON.parse(text) as { owner?: unknown; renewed?: unknown };
      if (typeof lease.owner === 'string' && typeof lease.renewed === 'number') {
        return { owner: lease.owner, renewed: lease.renewed };
      }
    } catch {
      // A lease that does not parse was cut off while it was written: nobody holds it.
    }
    return null;
  }

  private writeLease(): Promise<void> {
    const lease = new TextEncoder().encode(JSON.stringify({ owner: this.owner, renewed: Date.now() }));
    return this.write(LEASE_FILE, [lease]);
  }
}

/** Throws StorageError `too-short` where the file ends before, and the browser's own errors. */
async function slice(file: File, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
  if (bytes.length === length) return bytes;
  throw new StorageError(
    'too-short',
    file.name,
    `${length} bytes wanted at ${offset}, ${bytes.length} there`,
  );
}
