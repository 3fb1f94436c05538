/** The one interface to the places a farm can live in: OPFS, a picked folder, a folder of Node, memory. */
import { StorageError } from './errors.ts';

export interface FileEntry {
  name: string;
  /** Bytes. */
  size: number;
}

/** A file that stays open for reading; the farm keeps one per sector for its audits. */
export interface ReadHandle {
  /** Bytes. */
  readonly size: number;
  /** Fills `into` from `offset`; a file that ends before throws StorageError `too-short`. */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A file of intermediate results: written and read at any offset. It outlives the program until it is discarded. */
export interface ScratchFile {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Fills `into` from `offset`; a file that ends before throws StorageError `too-short`. */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Closes and keeps it. */
  close(): Promise<void>;
  /** Closes and deletes it. */
  discard(): Promise<void>;
}

export interface SpaceEstimate {
  /** Bytes that can still be written, or null where the platform does not say. */
  available: number | null;
  /** Bytes used by everything in the same place, or null where the platform does not say. */
  used: number | null;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

export type Parts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * A flat folder. Every method throws StorageError. Names are plain file names: no separators, not empty, not
 * starting with a dot.
 */
export interface FarmDirectory {
  /** What to call the place when talking to the person. */
  readonly place: string;
  /** Files that may be kept open at once. */
  readonly maxOpenFiles: number;
  /** Finished files; temporary ones are left out. */
  list(): Promise<FileEntry[]>;
  open(name: string): Promise<ReadHandle>;
  /**
   * Writes the parts one after the other as the file `name`. Until the last byte is stored an older file of
   * that name stays as it was; after a failure nothing of the new one is left. `beforeReplace` is called when all
   * is stored, just before the new file takes the place of an older one: close that one then.
   */
  write(name: string, parts: Parts, beforeReplace?: () => Promise<void>): Promise<void>;
  /** Removes a file; one that does not exist is no error. */
  remove(name: string): Promise<void>;
  /** Opens the scratch file of that name with what it holds, or an empty one. */
  scratch(name: string): Promise<ScratchFile>;
  /** Removes what interrupted writes left behind; returns the names removed. Only under the lock. */
  clean(): Promise<string[]>;
  space(): Promise<SpaceEstimate>;
  /**
   * Takes the folder for this program alone; throws `in-use` when another one has it. While it is held, `watch` hears
   * how it stands with the folder, where that can change.
   */
  lock(watch?: PlaceWatch): Promise<DirectoryLock>;
}

/** Hears of a folder that is held. */
export interface PlaceWatch {
  /** Another program took it meanwhile, say while this computer slept: stop writing then. */
  lost(reason: StorageError): void;
  /** It cannot be used at the moment; null: it was reached. Said again and again. */
  reached(hindrance: StorageError | null): void;
}

/** Suffix of files that are not finished; `list` hides and `clean` removes them. */
export const TEMPORARY_SUFFIX = '.tmp';
/** Suffix of scratch files, which `list` hides. */
export const SCRATCH_SUFFIX = '.scratch';

/** Whether a file of that name is not for `list`. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || name.endsWith(TEMPORARY_SUFFIX) || name.endsWith(SCRATCH_SUFFIX);
}

/** Throws RangeError for a name that could leave the folder or collide with temporary files. */
export function requireFileName(name: string): string {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(name) || isHidden(name)) {
    throw new RangeError(`“${name}” is not a file name of a farm`);
  }
  return name;
}

/** Reads a whole small file; null when it does not exist, StorageError `damaged` above `limit` bytes. */
export async function readSmall(
  directory: FarmDirectory,
  name: string,
  limit: number,
): Promise<Uint8Array | null> {
  let handle: ReadHandle;
  try {
    handle = await directory.open(name);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return null;
    throw error;
  }
  try {
    if (handle.size > limit)
      throw new StorageError('damaged', name, `${handle.size} bytes, at most ${limit} expected`);
    const bytes = new Uint8Array(handle.size);
    await handle.read(0, bytes);
    return bytes;
  } finally {
    await handle.close();
  }
}

const SCATTER_BLOCK = 4 * 1024 * 1024;
const SCATTER_CONCURRENCY = 64;
/** Items per wanted one up to which reading everything in between is cheaper than reading one by one. */
const DENSE = 64;

/**
 * Reads `locations.length` items of `itemSize` bytes into `into`, one after the other. `locations`, ascending,
 * count in items from byte `base` on. Chooses between few large and many small reads.
 */
export async function readScattered(
  handle: ReadHandle,
  base: number,
  locations: Uint32Array,
  itemSize: number,
  into: Uint8Array,
): Promise<void> {
  const first = locations[0];
  const last = locations.at(-1);
  if (first === undefined || last === undefined) return;
  if (last - first < DENSE * locations.length) return readDense(handle, base, locations, itemSize, into);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < locations.length) {
      const item = next++;
      const target = into.subarray(item * itemSize, (item + 1) * itemSize);
      await handle.read(base + locations[item]! * itemSize, target);
    }
  };
  await Promise.all(Array.from({ length: SCATTER_CONCURRENCY }, work));
}

async function readDense(
  handle: ReadHandle,
  base: number,
  locations: Uint32Array,
  itemSize: number,
  into: Uint8Array,
): Promise<void> {
  const itemsPerBlock = Math.floor(SCATTER_BLOCK / itemSize);
  for (let item = 0; item < locations.length;) {
    const start = locations[item]!;
    let end = item;
    while (end < locations.length && locations[end]! - start < itemsPerBlock) end += 1;
    const block = new Uint8Array((locations[end - 1]! - start + 1) * itemSize);
    await handle.read(base + start * itemSize, block);
    for (; item < end; item += 1) {
      const from = (locations[item]! - start) * itemSize;
      into.set(block.subarray(from, from + itemSize), item * itemSize);
    }
  }
}
