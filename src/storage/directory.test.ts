import { chmod, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { FarmDirectory, ReadHandle } from './directory.ts';
import { readScattered, readSmall, requireFileName } from './directory.ts';
import { asStorageError, StorageError, storing, type StorageErrorCode } from './errors.ts';
import { MemoryDirectory } from './memory-directory.ts';
import { NodeDirectory } from './node-directory.ts';
import { asStorageError as asNodeStorageError } from './node-errors.ts';

const folders: string[] = [];

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'allotment-directory-'));
  folders.push(path);
  return path;
}

afterAll(async () => {
  for (const path of folders) await rm(path, { recursive: true, force: true });
});

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

async function contents(directory: FarmDirectory, name: string): Promise<number[] | null> {
  const found = await readSmall(directory, name, 1_000);
  return found === null ? null : [...found];
}

async function codeOf(work: Promise<unknown>): Promise<StorageErrorCode | 'none'> {
  return work.then(
    () => 'none' as const,
    (error: unknown) => (error as StorageError).code,
  );
}

describe.each<[string, () => Promise<FarmDirectory>]>([
  ['memory', async () => new MemoryDirectory()],
  ['a folder of Node.js', async () => NodeDirectory.at(join(await folder(), 'farm'))],
])('a farm directory in %s', (_, make) => {
  it('lists what was written, and forgets what was removed', async () => {
    const directory = await make();
    await directory.write('a.bin', [bytes(1, 2), bytes(), bytes(3)]);
    await directory.write('b.bin', []);
    const entries = (await directory.list()).sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(entries).toEqual([
      { name: 'a.bin', size: 3 },
      { name: 'b.bin', size: 0 },
    ]);
    expect(await contents(directory, 'a.bin')).toEqual([1, 2, 3]);
    await directory.remove('a.bin');
    await directory.remove('a.bin');
    expect(await contents(directory, 'a.bin')).toBeNull();
  });

  it('keeps the older file until the new one is whole, and after a failure', async () => {
    const directory = await make();
    await directory.write('a.bin', [bytes(1)]);
    const failing = (async function* () {
      yield bytes(2, 2, 2);
      expect(await contents(directory, 'a.bin')).toEqual([1]);
      throw new Error('stopped');
    })();
    await expect(directory.write('a.bin', failing)).rejects.toThrow('stopped');
    expect(await contents(directory, 'a.bin')).toEqual([1]);
    expect(await directory.list()).toHaveLength(1);
    await directory.write('a.bin', [bytes(3)]);
    expect(await contents(directory, 'a.bin')).toEqual([3]);
  });

  it('reads in the middle and refuses to read past the end', async () => {
    const directory = await make();
    await directory.write('a.bin', [bytes(0, 1, 2, 3, 4)]);
    const file = await directory.open('a.bin');
    const into = new Uint8Array(2);
    await file.read(2, into);
    expect(file.size).toBe(5);
    expect([...into]).toEqual([2, 3]);
    expect(await codeOf(file.read(4, into))).toBe('too-short');
    await file.close();
    expect(await codeOf(directory.open('b.bin'))).toBe('not-found');
  });

  it('keeps scratch files out of sight and beyond the end of the program', async () => {
    const directory = await make();
    const scratch = await directory.scratch('work');
    await scratch.write(2, bytes(7, 8));
    await scratch.write(0, bytes(5));
    await scratch.close();
    await directory.clean();
    expect(await directory.list()).toEqual([]);
    const again = await directory.scratch('work');
    const into = new Uint8Array(4);
    await again.read(0, into);
    expect([...into]).toEqual([5, 0, 7, 8]);
    expect(await codeOf(again.read(1, into))).toBe('too-short');
    await again.discard();
    const empty = await directory.scratch('work');
    expect(await codeOf(empty.read(0, new Uint8Array(1)))).toBe('too-short');
    await empty.discard();
  });

  it('belongs to one program at a time', async () => {
    const directory = await make();
    const lock = await directory.lock();
    expect(await codeOf(directory.lock())).toBe('in-use');
    await lock.release();
    await (await directory.lock()).release();
  });

  it('tells how much room there is', async () => {
    const { available, used } = await (await make()).space();
    expect(available).toBeGreaterThan(0);
    expect(used).toBeGreaterThanOrEqual(0);
  });

  it.each(['', '.', '..', '../a', 'a/b', 'a\\b', '.hidden', 'a.tmp', 'a.scratch', 'ä'])(
    'takes no file named “%s”',
    async (name) => {
      const directory = await make();
      expect(() => requireFileName(name)).toThrow(RangeError);
      await expect(directory.write(name, [bytes(1)])).rejects.toThrow(/is not a file name/);
      expect(await directory.list()).toEqual([]);
    },
  );
});

describe('a folder of Node.js', () => {
  it('removes what interrupted writes left, and nothing else', async () => {
    const path = await folder();
    const directory = await NodeDirectory.at(path);
    await directory.write('sector-0.bin', [bytes(1)]);
    await writeFile(join(path, 'sector-1.bin.tmp'), 'half');
    expect(await directory.list()).toEqual([{ name: 'sector-0.bin', size: 1 }]);
    expect(await directory.clean()).toEqual(['sector-1.bin.tmp']);
    expect(await readdir(path)).toEqual(['sector-0.bin']);
  });

  it('that is missing is lost, unlike a file that is missing in it', async () => {
    const path = join(await folder(), 'farm');
    const directory = await NodeDirectory.at(path);
    expect(await codeOf(directory.open('a.bin'))).toBe('not-found');
    await rename(path, `${path} away`);
    expect(await codeOf(directory.open('a.bin'))).toBe('place-lost');
    await rename(`${path} away`, path);
    expect(await codeOf(directory.open('a.bin'))).toBe('not-found');
  });

  it('takes over the lock of a program that died, and never that of one that runs', async () => {
    const path = await folder();
    const directory = await NodeDirectory.at(path);
    // No process has a number that high.
    await writeFile(join(path, 'farm.lock'), '4194304999');
    const lock = await directory.lock();
    expect(await codeOf((await NodeDirectory.at(path)).lock())).toBe('in-use');
    expect(await directory.list()).toEqual([]);
    await lock.release();
    await writeFile(join(path, 'farm.lock'), String(process.ppid));
    expect(await codeOf(directory.lock())).toBe('in-use');
  });
});

describe('a folder in memory', () => {
  it('is full at its quota, with the older file still there', async () => {
    const directory = new MemoryDirectory(10);
    await directory.write('a.bin', [bytes(1, 2, 3)]);
    expect(await codeOf(directory.write('a.bin', [new Uint8Array(4), new Uint8Array(4)]))).toBe('disk-full');
    expect(await contents(directory, 'a.bin')).toEqual([1, 2, 3]);
    const scratch = await directory.scratch('work');
    expect(await codeOf(scratch.write(0, new Uint8Array(8)))).toBe('disk-full');
  });
});

describe('readScattered', () => {
  const data = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31) ^ (i >> 8));
  const handle: ReadHandle = {
    size: data.length,
    read: async (offset, into) => void into.set(data.subarray(offset, offset + into.length)),
    close: async () => undefined,
  };

  it('reads the same items one by one and in blocks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 0, max: 9_000 }), { maxLength: 60 }),
        fc.constantFrom(1, 100, 9_001),
        async (picked, spread) => {
          const locations = Uint32Array.from(new Set(picked.map((item) => item % spread))).sort();
          const into = new Uint8Array(4 * locations.length);
          await readScattered(handle, 100, locations, 4, into);
          const expected = [...locations].flatMap((item) => [
            ...data.subarray(100 + 4 * item, 104 + 4 * item),
          ]);
          expect([...into]).toEqual(expected);
        },
      ),
    );
  });
});

describe('readSmall', () => {
  it('refuses files beyond its limit', async () => {
    const directory = new MemoryDirectory();
    await directory.write('a.json', [new Uint8Array(11)]);
    expect(await codeOf(readSmall(directory, 'a.json', 10))).toBe('damaged');
    expect(await readSmall(directory, 'a.json', 11)).toHaveLength(11);
  });
});

describe('storage errors', () => {
  it.each<[StorageErrorCode, object]>([
    ['disk-full', new DOMException('full', 'QuotaExceededError')],
    ['no-permission', new DOMException('no', 'NotAllowedError')],
    ['not-found', new DOMException('gone', 'NotFoundError')],
    ['in-use', new DOMException('open elsewhere', 'NoModificationAllowedError')],
    ['place-lost', new DOMException('unreadable', 'NotReadableError')],
    ['input-output', new TypeError('something else')],
  ])('of a browser have the code %s', (code, thrown) => {
    const error = asStorageError(thrown, 'sector-0.bin');
    expect(error).toMatchObject({ code, file: 'sector-0.bin', cause: thrown });
    expect(error.sentence).toMatch(/\.$/);
  });

  it.each<[string, StorageErrorCode, string]>([
    ['ENOSPC', 'disk-full', 'The disk of /farm/a is full.'],
    ['EDQUOT', 'disk-full', 'This user’s share of the disk of /farm/a is used up.'],
    ['EACCES', 'no-permission', 'This user may not use /farm/a.'],
    ['EPERM', 'no-permission', 'This user may not use /farm/a.'],
    ['EROFS', 'read-only', '/farm/a lies on a drive that cannot be written to.'],
    ['ENOENT', 'not-found', 'There is no file or folder /farm/a.'],
    ['EBUSY', 'in-use', 'Another program uses /farm/a.'],
    ['ENXIO', 'place-lost', 'The drive of /farm/a cannot be reached. Connect it again.'],
    ['EMFILE', 'input-output', 'The program has too many files open for /farm/a.'],
    ['EIO', 'input-output', 'The drive of /farm/a failed to read or write.'],
    ['EILSEQ', 'input-output', 'Reading or writing the farm’s files failed.'],
  ])('of Node.js speak to a command line: %s', (name, code, sentence) => {
    const thrown = Object.assign(new Error('the system’s words'), { code: name });
    const error = asNodeStorageError(thrown, '/farm/a');
    expect(error).toMatchObject({ code, file: '/farm/a', cause: thrown });
    expect(error.sentence).toContain(sentence);
    expect(error.sentence).toMatch(/\.$/);
    const named = Object.assign(thrown, { path: '/farm/a.tmp' });
    expect(asNodeStorageError(named, '/farm/a').sentence).toBe(
      error.sentence.replace('/farm/a', '/farm/a.tmp'),
    );
  });

  it('pass through unchanged', async () => {
    const error = new StorageError('in-use', 'farm', 'locked');
    await expect(storing('other', () => Promise.reject(error))).rejects.toBe(error);
    expect(asNodeStorageError(error, 'other')).toBe(error);
  });

  it.skipIf(process.getuid?.() === 0)('of a folder that this user may not write to say so', async () => {
    const path = await folder();
    await chmod(path, 0o500);
    const directory = await NodeDirectory.at(path);
    await expect(directory.write('a.bin', [bytes(1)])).rejects.toMatchObject({
      code: 'no-permission',
      sentence: `This user may not use ${join(path, 'a.bin')}.tmp.`,
    });
  });

  it('of a folder that is a file name its path', async () => {
    const path = join(await folder(), 'file');
    await writeFile(path, 'no folder');
    await expect(NodeDirectory.at(path)).rejects.toMatchObject({ sentence: `${path} exists already.` });
    await expect(NodeDirectory.at(join(path, 'farm'))).rejects.toMatchObject({
      sentence: `A part of the path ${join(path, 'farm')} is no folder.`,
    });
  });
});
