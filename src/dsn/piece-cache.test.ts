import { afterEach, describe, expect, it, vi } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { StorageError } from '../storage/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { PieceCache } from './piece-cache.ts';
import { CACHED_PIECE_BYTES } from './piece-files.ts';

const pieceOf = (index: bigint) => new Uint8Array(PIECE_BYTES).fill(Number(index));

async function gives(cache: PieceCache, index: bigint): Promise<boolean> {
  const piece = await cache.get(index);
  return piece !== null && equal(piece, pieceOf(index));
}

async function filled(room: number, ...indices: bigint[]) {
  const directory = new MemoryDirectory();
  const cache = await PieceCache.open(directory, room * CACHED_PIECE_BYTES);
  for (const index of indices) await cache.put(index, pieceOf(index));
  return { directory, cache };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the cache of pieces', () => {
  it('never takes more than it may, and lets go of what was used longest ago', async () => {
    const { directory, cache } = await filled(2, 1n, 2n);
    expect(await gives(cache, 1n)).toBe(true);
    await cache.put(3n, pieceOf(3n));
    expect(cache.indices()).toEqual([1n, 3n]);
    expect(cache.usedBytes).toBe(2 * CACHED_PIECE_BYTES);
    expect([...directory.files.keys()].sort()).toEqual(['piece-1.bin', 'piece-3.bin']);
    await cache.resize(CACHED_PIECE_BYTES);
    expect(cache.indices()).toEqual([3n]);
    const again = await PieceCache.open(directory, CACHED_PIECE_BYTES - 1);
    expect([again.size, directory.files.size]).toEqual([0, 0]);
    await again.put(4n, pieceOf(4n));
    expect(again.has(4n)).toBe(false);
  });

  it('goes on in the order of use after a restart, and knows its guests', async () => {
    vi.useFakeTimers();
    const { directory, cache } = await filled(4, 3n, 1n);
    await cache.put(9n, pieceOf(9n), true);
    await cache.put(2n, pieceOf(2n));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await gives(cache, 3n)).toBe(true);
    await vi.advanceTimersByTimeAsync(3_000);
    const reopen = () => PieceCache.open(directory, 4 * CACHED_PIECE_BYTES);
    const second = await reopen();
    expect(second.indices()).toEqual([1n, 9n, 2n, 3n]);
    await second.put(4n, pieceOf(4n));
    expect(second.indices()).toEqual([1n, 2n, 3n, 4n]);
    // Ended before the order was written again: what it does not know is the newest.
    const third = await reopen();
    await third.put(5n, pieceOf(5n));
    expect(third.indices()).toEqual([2n, 3n, 4n, 5n]);
    const pinned = await PieceCache.open(directory, 2 * CACHED_PIECE_BYTES, [2n]);
    expect(pinned.indices()).toEqual([2n, 5n]);
    directory.files.set('order.bin', new Uint8Array(5));
    expect(new Set((await reopen()).indices())).toEqual(new Set([2n, 5n]));
  });

  it('never takes more than it may when pieces come at once', async () => {
    const { directory, cache } = await filled(2);
    await Promise.all([1n, 2n, 3n, 2n].map((index) => cache.put(index, pieceOf(index))));
    expect(cache.indices()).toEqual([2n, 3n]);
    expect([...directory.files.keys()].sort()).toEqual(['piece-2.bin', 'piece-3.bin']);
  });

  it('keeps what is pinned until it was released as often', async () => {
    const { cache } = await filled(1, 1n);
    cache.pin([1n]);
    cache.pin([1n]);
    cache.release([1n]);
    await cache.resize(0);
    expect(cache.has(1n)).toBe(true);
    cache.release([1n]);
    await cache.resize(0);
    expect(cache.has(1n)).toBe(false);
  });

  it('keeps what is pinned though it has become too small for it, from the first moment on, and takes no more', async () => {
    const { directory } = await filled(4, 1n, 2n, 3n, 4n);
    const cache = await PieceCache.open(directory, 2 * CACHED_PIECE_BYTES, [2n, 3n, 4n, 5n]);
    expect(cache.indices()).toEqual([2n, 3n, 4n]);
    expect(cache.pinnedBytes).toBe(4 * CACHED_PIECE_BYTES);
    await cache.put(6n, pieceOf(6n));
    await cache.put(7n, pieceOf(7n), true);
    expect(cache.indices()).toEqual([2n, 3n, 4n]);
    await cache.put(5n, pieceOf(5n));
    expect(await gives(cache, 5n)).toBe(true);
    cache.release([2n, 3n, 4n]);
    await cache.put(6n, pieceOf(6n));
    expect(cache.indices()).toEqual([5n, 6n]);
  });

  it('is no larger than it was made while a piece was being written', async () => {
    const { cache } = await filled(3, 1n, 2n);
    await Promise.all([cache.put(3n, pieceOf(3n)), cache.resize(CACHED_PIECE_BYTES)]);
    expect(cache.indices()).toEqual([3n]);
  });

  it('takes nothing but pieces', async () => {
    const { cache } = await filled(1);
    await expect(cache.put(1n, new Uint8Array(PIECE_BYTES - 1))).rejects.toThrow(RangeError);
    expect(cache.has(1n)).toBe(false);
    await cache.put(1n, pieceOf(1n));
    expect(cache.has(1n)).toBe(true);
  });

  it.each([0, 8, 8 + PIECE_BYTES - 1, CACHED_PIECE_BYTES - 1])(
    'has no piece any more whose file has another byte at %i',
    async (at) => {
      const { directory, cache } = await filled(2, 1n, 2n);
      directory.files.get('piece-1.bin')![at]! ^= 1;
      expect(await cache.check(true)).toEqual({ whole: 1, damaged: [1n] });
      expect(cache.has(1n)).toBe(true);
      expect(await cache.get(1n)).toBeNull();
      expect([cache.has(1n), directory.files.has('piece-1.bin')]).toEqual([false, false]);
    },
  );

  it.each(['grown', 'unreadable'])(
    'keeps the others, and takes it anew, where one file is %s',
    async (how) => {
      const { directory, cache } = await filled(3, 1n, 2n, 3n);
      const open = directory.open.bind(directory);
      if (how === 'grown') directory.files.set('piece-2.bin', new Uint8Array(CACHED_PIECE_BYTES + 1));
      else
        directory.open = async (name) => {
          if (name !== 'piece-2.bin') return open(name);
          throw new StorageError('input-output', name, 'a bad sector');
        };
      expect(await cache.check(true)).toEqual({ whole: 2, damaged: [2n] });
      expect(await cache.get(2n)).toBeNull();
      expect([cache.indices(), directory.files.size]).toEqual([[1n, 3n], 2]);
      directory.open = open;
      await cache.put(2n, pieceOf(2n));
      expect(await gives(cache, 2n)).toBe(true);
      expect(await cache.check(false)).toEqual({ whole: 3, damaged: [] });
    },
  );

  it('loses nothing while its place is away', async () => {
    const { directory, cache } = await filled(2, 1n, 2n);
    const open = directory.open.bind(directory);
    directory.open = async (name) => {
      throw new StorageError('place-lost', name, 'unplugged');
    };
    await expect(cache.check(false)).rejects.toMatchObject({ code: 'place-lost' });
    expect([await cache.get(1n), cache.size]).toEqual([null, 2]);
    directory.open = open;
    expect(await gives(cache, 1n)).toBe(true);
  });

  it('lets go of damaged pieces when it is checked, and of cut ones when it is opened', async () => {
    const { directory, cache } = await filled(3, 1n, 2n, 3n);
    directory.files.set('piece-1.bin', directory.files.get('piece-2.bin')!);
    expect(await cache.check(false)).toEqual({ whole: 2, damaged: [1n] });
    expect(cache.indices()).toEqual([2n, 3n]);
    directory.files.set('piece-2.bin', directory.files.get('piece-2.bin')!.subarray(1));
    directory.files.set('piece-02.bin', new Uint8Array(1));
    const again = await PieceCache.open(directory, 3 * CACHED_PIECE_BYTES);
    expect(again.indices()).toEqual([3n]);
    expect([...directory.files.keys()].sort()).toEqual(['piece-02.bin', 'piece-3.bin']);
  });
});
