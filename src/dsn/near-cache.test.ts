import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PIECE_BYTES, PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { fromHex } from '../protocol/bytes.ts';
import { kademliaDistance, kademliaKey, pieceMultihash } from '../protocol/dsn.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { NearCache } from './near-cache.ts';
import { NearFill } from './near-fill.ts';
import { CACHED_PIECE_BYTES } from './piece-files.ts';

/** Of the peer with the Ed25519 seed of ones. */
const PEER = fromHex('0024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c');

function pieceOf(index: PieceIndex): Uint8Array {
  return new Uint8Array(PIECE_BYTES).fill(Number(index % 251n));
}

const KEYS = Array.from({ length: 4 * PIECES_IN_SEGMENT }, (_, index) =>
  kademliaKey(pieceMultihash(BigInt(index))),
);

/** All pieces of so many segments, nearest to a peer first. */
function ordered(peer: Uint8Array, segments: number): PieceIndex[] {
  const key = kademliaKey(peer);
  return KEYS.slice(0, segments * PIECES_IN_SEGMENT)
    .map((place, index) => ({ index: BigInt(index), distance: kademliaDistance(key, place) }))
    .sort((a, b) => (a.distance < b.distance ? -1 : 1))
    .map(({ index }) => index);
}

describe('the cache of near pieces', () => {
  it('wants the pieces nearest to its peer, however history and its size change', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ segments: fc.integer({ min: 1, max: 4 }) }),
        fc.record({ room: fc.integer({ min: 0, max: 40 }) }),
      ),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 38, maxLength: 38 }), steps, async (peer, changes) => {
        const cache = await NearCache.open(new MemoryDirectory(), peer, 10 * CACHED_PIECE_BYTES);
        let [segments, room] = [0, 10];
        for (const change of changes) {
          if ('segments' in change) await cache.grow(BigInt(change.segments));
          else await cache.resize(change.room * CACHED_PIECE_BYTES);
          if ('segments' in change) segments = Math.max(segments, change.segments);
          else room = change.room;
          expect(cache.missing()).toEqual(ordered(peer, segments).slice(0, room));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('wants no piece beyond history, whoever tells of it at once', async () => {
    const cache = await NearCache.open(new MemoryDirectory(), PEER, 2_000 * CACHED_PIECE_BYTES);
    await Promise.all([cache.grow(4n), cache.grow(4n)]);
    expect(cache.wantedSize).toBe(4 * PIECES_IN_SEGMENT);
  });

  it('lets others have their turns while it takes in a long history, and takes none for each piece', async () => {
    const cache = await NearCache.open(new MemoryDirectory(), PEER, CACHED_PIECE_BYTES);
    let [turns, isOver] = [0, false];
    const turn = (): void => {
      turns += 1;
      if (!isOver) setTimeout(turn);
    };
    setTimeout(turn);
    await cache.grow(16n);
    isOver = true;
    expect(turns).toBeGreaterThan(2);
    expect(turns).toBeLessThan(50);
  });

  it('touches nothing on the disk for a piece that is not here', async () => {
    const directory = new MemoryDirectory();
    const cache = await NearCache.open(directory, PEER, 4 * CACHED_PIECE_BYTES);
    await cache.grow(1n);
    const [index] = cache.missing();
    // What is written under that name is not to be removed as something damaged.
    directory.files.set(`piece-${index}.bin`, new Uint8Array(1));
    expect(await cache.get(index!)).toBeNull();
    expect(directory.files.size).toBe(1);
  });

  it('finds damaged pieces, and misses them once they are repaired', async () => {
    const directory = new MemoryDirectory();
    const cache = await NearCache.open(directory, PEER, 4 * CACHED_PIECE_BYTES);
    await cache.grow(1n);
    const kept = ordered(PEER, 1).slice(0, 4);
    for (const index of kept) await cache.put(index, pieceOf(index));
    expect(await cache.check(true)).toEqual({ whole: 4, damaged: [] });
    directory.files.get(`piece-${kept[2]}.bin`)![100]! ^= 1;
    expect(await cache.check(true)).toEqual({ whole: 3, damaged: [kept[2]] });
    expect(cache.missing()).toEqual([]);
    expect(await cache.check(false)).toEqual({ whole: 3, damaged: [kept[2]] });
    expect(cache.missing()).toEqual([kept[2]]);
    expect(directory.files.size).toBe(3);
    await cache.put(kept[2]!, pieceOf(kept[2]!));
    expect(await cache.check(true)).toEqual({ whole: 4, damaged: [] });
  });

  it('keeps what belongs here, and lets go what others are nearer to', async () => {
    const directory = new MemoryDirectory();
    const cache = await NearCache.open(directory, PEER, 4 * CACHED_PIECE_BYTES);
    await cache.grow(1n);
    const first = ordered(PEER, 1);
    for (const index of first.slice(0, 6)) await cache.put(index, pieceOf(index));
    expect([cache.size, cache.wantedSize, cache.usedBytes]).toEqual([4, 4, 4 * CACHED_PIECE_BYTES]);
    expect((await cache.get(first[0]!))?.[5]).toBe(Number(first[0]! % 251n));
    expect(await cache.get(first[5]!)).toBeNull();

    await cache.grow(3n);
    const stays = ordered(PEER, 3).slice(0, 4);
    const kept = stays.filter((index) => first.slice(0, 4).includes(index));
    expect(stays.length - kept.length).toBeGreaterThan(0);
    expect([...directory.files.keys()].sort()).toEqual(kept.map((index) => `piece-${index}.bin`).sort());
    expect(cache.missing()).toEqual(stays.filter((index) => !kept.includes(index)));

    const again = await NearCache.open(directory, PEER, 4 * CACHED_PIECE_BYTES);
    expect(again.has(kept[0]!)).toBe(true);
    directory.files.get(`piece-${kept[0]!}.bin`)![9]! ^= 1;
    await again.grow(3n);
    expect(await again.get(kept[0]!)).toBeNull();
    expect(again.missing()).toContain(kept[0]!);
    await again.resize(0);
    expect([again.usedBytes, directory.files.size]).toEqual([0, 0]);
  });
});

describe('filling it', () => {
  it('fetches what belongs here, passes over what nobody has, and follows history and size', async () => {
    const cache = await NearCache.open(new MemoryDirectory(), PEER, 12 * CACHED_PIECE_BYTES);
    let [size, limit] = [1n, 12 * CACHED_PIECE_BYTES];
    let changed = (): void => undefined;
    const absent = ordered(PEER, 1)[3]!;
    const asked: PieceIndex[][] = [];
    const fill = new NearFill(
      {
        cache,
        pieces: (indices) => {
          asked.push([...indices]);
          return Promise.resolve(indices.map((index) => (index === absent ? null : pieceOf(index))));
        },
        historySize: () => size,
        onChange: (listener) => {
          changed = listener;
          return () => (changed = () => undefined);
        },
        limitBytes: () => limit,
      },
      limit,
    );
    await expect.poll(() => cache.size).toBe(11);
    expect(cache.missing()).toEqual([absent]);
    expect(Math.max(...asked.map(({ length }) => length))).toBeLessThanOrEqual(8);

    size = 2n;
    changed();
    const nearest = ordered(PEER, 2).slice(0, 12);
    const there = (): boolean => nearest.every((index) => index === absent || cache.has(index));
    await expect.poll(there).toBe(true);

    limit = 3 * CACHED_PIECE_BYTES;
    changed();
    await expect.poll(() => cache.usedBytes).toBeLessThanOrEqual(limit);
    fill.stop();
    const before = asked.length;
    size = 3n;
    changed();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked.length).toBe(before);
  });

  it('fetches a piece again that a reader or a check found damaged, though nothing else has changed', async () => {
    const directory = new MemoryDirectory();
    const cache = await NearCache.open(directory, PEER, 4 * CACHED_PIECE_BYTES);
    const fill = new NearFill(
      {
        cache,
        pieces: async (indices) => indices.map(pieceOf),
        historySize: () => 1n,
        onChange: () => () => undefined,
        limitBytes: () => 4 * CACHED_PIECE_BYTES,
      },
      4 * CACHED_PIECE_BYTES,
    );
    await expect.poll(() => cache.size).toBe(4);
    const [index] = ordered(PEER, 1);
    const found = [async () => expect(await cache.get(index!)).toBeNull(), () => cache.check(false)];
    for (const find of found) {
      directory.files.get(`piece-${index}.bin`)![100]! ^= 1;
      await find();
      await expect.poll(() => cache.size).toBe(4);
      expect(await cache.check(true)).toEqual({ whole: 4, damaged: [] });
    }
    fill.stop();
  });
});
