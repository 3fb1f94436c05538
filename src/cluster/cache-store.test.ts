import { describe, expect, it } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { CacheStore } from './cache-store.ts';

const PIECE = new Uint8Array(PIECE_BYTES).fill(7);
const FILE = 'element-1.bin';

async function stored(): Promise<{ directory: MemoryDirectory; store: CacheStore }> {
  const directory = new MemoryDirectory();
  const store = await CacheStore.open(directory, 2);
  await store.write(1, 5n, PIECE);
  return { directory, store };
}

describe('the places of a cache', () => {
  it('keep pieces across runs, under the same name, for one program at a time', async () => {
    const { directory, store } = await stored();
    await expect(CacheStore.open(directory, 2)).rejects.toMatchObject({ code: 'in-use' });
    await store.close();
    const again = await CacheStore.open(directory, 2);
    expect([again.id, again.size, again.indexAt(1), again.indexAt(0)]).toEqual([store.id, 1, 5n, null]);
    const [index, piece] = (await again.read(1))!;
    expect([index, equal(piece, PIECE)]).toEqual([5n, true]);
    expect(await again.read(0)).toBeNull();
    await again.write(1, 6n, PIECE);
    expect((await again.read(1))?.[0]).toBe(6n);
  });

  it('are as many as were asked for', async () => {
    const { directory, store } = await stored();
    await expect(store.write(2, 5n, PIECE)).rejects.toThrow(RangeError);
    await store.close();
    const smaller = await CacheStore.open(directory, 1);
    expect([smaller.size, directory.files.has(FILE)]).toEqual([0, false]);
  });

  it.each([
    ['of its index', 0],
    ['of its piece', 8],
    ['at its end', 8 + PIECE_BYTES - 1],
    ['of its checksum', 8 + PIECE_BYTES + 31],
  ])('are empty when a byte %s is another', async (_, at) => {
    const { directory, store } = await stored();
    directory.files.get(FILE)![at]! ^= 1;
    expect(await store.read(1)).toBeNull();
    expect([store.indexAt(1), directory.files.has(FILE)]).toEqual([null, false]);
  });

  it('are empty when the file is short, or gone', async () => {
    const { directory, store } = await stored();
    directory.files.set(FILE, directory.files.get(FILE)!.subarray(1));
    expect(await store.read(1)).toBeNull();
    await store.write(1, 5n, PIECE);
    directory.files.delete(FILE);
    expect(await store.read(1)).toBeNull();
    await store.write(1, 5n, PIECE);
    await store.close();
    directory.files.set(FILE, directory.files.get(FILE)!.subarray(1));
    expect((await CacheStore.open(directory, 2)).size).toBe(0);
    expect(directory.files.has(FILE)).toBe(false);
  });

  it('hold what they held where another piece cannot be written', async () => {
    const { directory, store } = await stored();
    const write = directory.write.bind(directory);
    directory.write = () => Promise.reject(new Error('the disk is full'));
    await expect(store.write(1, 6n, PIECE)).rejects.toThrow('full');
    expect([store.indexAt(1), (await store.read(1))?.[0]]).toEqual([5n, 5n]);
    directory.write = write;
    await store.write(1, 6n, PIECE);
    expect((await store.read(1))?.[0]).toBe(6n);
  });

  it('keep no file open', async () => {
    const { directory, store } = await stored();
    await store.close();
    let [opened, closed] = [0, 0];
    const open = directory.open.bind(directory);
    directory.open = async (name) => {
      const handle = await open(name);
      opened += 1;
      return { ...handle, close: async () => void (closed += 1) };
    };
    const again = await CacheStore.open(directory, 2);
    await again.read(1);
    // The description, the index of the piece, the piece.
    expect([opened, closed]).toEqual([3, 3]);
  });

  it('hold what was written last, though what lay there before turned out damaged meanwhile', async () => {
    let open: () => void = () => undefined;
    /** Takes its time to open a file. */
    class SlowDirectory extends MemoryDirectory {
      opening = Promise.resolve();
      override async open(name: string) {
        await this.opening;
        return super.open(name);
      }
    }
    const directory = new SlowDirectory();
    const store = await CacheStore.open(directory, 2);
    await store.write(1, 5n, PIECE);
    directory.opening = new Promise((done) => (open = done));
    const reading = store.read(1);
    await store.write(1, 6n, PIECE);
    open();
    // It finds another piece than the one that it looks for.
    expect(await reading).toBeNull();
    expect((await store.read(1))?.[0]).toBe(6n);
  });

  it('are left alone, and free for others, when it is not known whose they are', async () => {
    for (const text of ['{', '{}', '{"pieceCacheId":1}', '{"pieceCacheId":"no ulid"}']) {
      const { directory, store } = await stored();
      await store.close();
      directory.files.set('cache.json', new TextEncoder().encode(text));
      for (let attempt = 0; attempt < 2; attempt += 1)
        await expect(CacheStore.open(directory, 2)).rejects.toMatchObject({ code: 'damaged' });
      expect(directory.files.has(FILE)).toBe(true);
    }
  });
});
