import type {
  DirectoryLock,
  FarmDirectory,
  FileEntry,
  Parts,
  ReadHandle,
  ScratchFile,
  SpaceEstimate,
} from './directory.ts';
import { requireFileName } from './directory.ts';
import { StorageError } from './errors.ts';

/** A folder in memory with a quota: for tests, a trial farm without a disk, and work in a browser that has no files. */
export class MemoryDirectory implements FarmDirectory {
  readonly place = 'memory';
  readonly maxOpenFiles = Number.MAX_SAFE_INTEGER;
  /** Contents of the finished files. */
  readonly files = new Map<string, Uint8Array>();
  /** Contents of the scratch files. */
  readonly scratches = new Map<string, Uint8Array>();
  private locked = false;

  /** `quota`: bytes that files and scratch may take together. */
  constructor(readonly quota: number = Number.MAX_SAFE_INTEGER) {}

  private used(): number {
    let bytes = 0;
    for (const file of this.files.values()) bytes += file.length;
    for (const file of this.scratches.values()) bytes += file.length;
    return bytes;
  }

  private reserve(name: string, bytes: number): void {
    const used = this.used();
    if (used + bytes > this.quota) {
      throw new StorageError('disk-full', name, `${used} of ${this.quota} bytes used, ${bytes} more wanted`);
    }
  }

  async list(): Promise<FileEntry[]> {
    return [...this.files].map(([name, bytes]) => ({ name, size: bytes.length }));
  }

  async open(name: string): Promise<ReadHandle> {
    const bytes = this.files.get(requireFileName(name));
    if (bytes === undefined) throw new StorageError('not-found', name, 'no such file');
    return {
      size: bytes.length,
      read: async (offset, into) => copyOut(name, bytes, offset, into),
      close: async () => undefined,
    };
  }

  async write(name: string, parts: Parts, beforeReplace?: () => Promise<void>): Promise<void> {
    requireFileName(name);
    const collected: Uint8Array[] = [];
    let size = 0;
    for await (const part of parts) {
      this.reserve(name, size + part.length);
      collected.push(part.slice());
      size += part.length;
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const part of collected) {
      whole.set(part, at);
      at += part.length;
    }
    await beforeReplace?.();
    this.files.set(name, whole);
  }

  async remove(name: string): Promise<void> {
    this.files.delete(requireFileName(name));
  }

  async scratch(name: string): Promise<ScratchFile> {
    requireFileName(name);
    const bytes = (): Uint8Array => this.scratches.get(name) ?? new Uint8Array(0);
    return {
      write: async (offset, part) => {
        const before = bytes();
        const end = offset + part.length;
        if (end > before.length) {
          this.reserve(name, end - before.length);
          const grown = new Uint8Array(end);
          grown.set(before);
          this.scratches.set(name, grown);
        }
        bytes().set(part, offset);
      },
      read: async (offset, into) => copyOut(name, bytes(), offset, into),
      close: async () => undefined,
      discard: async () => {
        this.scratches.delete(name);
      },
    };
  }

  async clean(): Promise<string[]> {
    return [];
  }

  async space(): Promise<SpaceEstimate> {
    const used = this.used();
    return { available: this.quota - used, used };
  }

  async lock(): Promise<DirectoryLock> {
    if (this.locked) throw new StorageError('in-use', this.place, 'locked');
    this.locked = true;
    return {
      release: async () => {
        this.locked = false;
      },
    };
  }
}

function copyOut(name: string, bytes: Uint8Array, offset: number, into: Uint8Array): void {
  if (offset + into.length > bytes.length) {
    throw new StorageError('too-short', name, `${into.length} bytes wanted at ${offset} of ${bytes.length}`);
  }
  into.set(bytes.subarray(offset, offset + into.length));
}
