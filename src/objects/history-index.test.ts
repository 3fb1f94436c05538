/** What is remembered of history that was looked through. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../protocol/bytes.ts';
import { blake3Hash } from '../protocol/hash.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { HistoryIndex, indexLocator } from './history-index.ts';

const chain = { segmentCommitment: () => new Uint8Array(48).fill(1) };
const other = { segmentCommitment: () => new Uint8Array(48).fill(2) };
const FILE = 'segment-3.nodes';

function hashOf(number: number): Uint8Array {
  return blake3Hash(Uint8Array.of(number, number >> 8, number >> 16));
}

async function looked(directory: MemoryDirectory): Promise<HistoryIndex> {
  const index = await HistoryIndex.open(directory, chain);
  index.look(768n, [{ hash: hashOf(1), offset: 1_015_807 }]);
  index.lookAcross(768n, [{ hash: hashOf(2), offset: 7 }]);
  await index.save();
  return index;
}

describe('the index of history', () => {
  it('finds again what it was told, after a restart, too', async () => {
    const places = fc.array(
      fc.record({
        segment: fc.bigInt(0n, 3n),
        piece: fc.integer({ min: 0, max: 127 }),
        offset: fc.nat({ max: 1_015_807 }),
        across: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(places, fc.nat({ max: 60 }), async (all, savedAfter) => {
        const directory = new MemoryDirectory();
        const index = await HistoryIndex.open(directory, chain);
        const expected = all.map(({ segment, piece, offset }, number) => ({
          hash: hashOf(number),
          pieceIndex: 256n * segment + 2n * BigInt(piece),
          offset,
        }));
        for (const [number, place] of expected.entries()) {
          if (all[number]!.across) index.lookAcross(place.pieceIndex, [place]);
          else index.look(place.pieceIndex, [place]);
          if (number === savedAfter) await index.save();
        }
        await index.save();
        for (const one of [index, await HistoryIndex.open(directory, chain)]) {
          for (const [number, place] of expected.entries()) {
            expect([...one.find(place.hash)]).toEqual([place]);
            const has = all[number]!.across
              ? one.hasLookedAcross(place.pieceIndex)
              : one.hasLooked(place.pieceIndex);
            expect(has).toBe(true);
          }
          expect([...one.find(hashOf(1_000))]).toEqual([]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('keeps a few places of what lies everywhere', async () => {
    const directory = new MemoryDirectory();
    const index = await HistoryIndex.open(directory, chain);
    const hash = hashOf(5);
    for (let piece = 0n; piece < 128n; piece += 1n)
      index.look(
        2n * piece,
        Array.from({ length: 2_000 }, (_, at) => ({ hash, offset: 40 * at })),
      );
    expect(index.hasLooked(254n)).toBe(true);
    await index.save();
    const again = await HistoryIndex.open(directory, chain);
    expect([...again.find(hash)]).toHaveLength(4);
    expect(directory.files.get('segment-0.nodes')!.length).toBeLessThan(1_000);
  });

  it('tells a few places of what was stored again and again, and has the others for who needs them', async () => {
    const index = await HistoryIndex.open(new MemoryDirectory(), chain);
    const hash = hashOf(5);
    for (let segment = 0n; segment < 20n; segment += 1n)
      index.look(
        256n * segment,
        Array.from({ length: 9 }, (_, at) => ({ hash, offset: 40 * at })),
      );
    const every = [...index.find(hash)].map(({ pieceIndex, offset }) => [pieceIndex / 256n, offset]);
    const first = Array.from({ length: 80 }, (_, at) => [BigInt(at >> 2), 40 * (at % 4)]);
    expect(every).toEqual(first);
    const told = await indexLocator(async () => index).locate([hash, hash], new AbortController().signal);
    const eight = every.slice(0, 8);
    expect(told.map(({ pieceIndex, offset }) => [pieceIndex / 256n, offset])).toEqual([...eight, ...eight]);
  });

  it('is asked like anybody else who may know places', async () => {
    const index = await looked(new MemoryDirectory());
    const locator = indexLocator(() => Promise.resolve(index));
    const places = await locator.locate([hashOf(2), hashOf(9), hashOf(1)], new AbortController().signal);
    expect(places).toEqual([
      { hash: hashOf(2), pieceIndex: 768n, offset: 7 },
      { hash: hashOf(1), pieceIndex: 768n, offset: 1_015_807 },
    ]);
  });

  it('does not remember pieces with more nodes than it has room for', async () => {
    const directory = new MemoryDirectory();
    const index = await HistoryIndex.open(directory, chain);
    /** So many nodes of which each begins otherwise. */
    const nodes = (from: number, count: number): { hash: Uint8Array; offset: number }[] =>
      Array.from({ length: count }, (_, at) => {
        const hash = new Uint8Array(32);
        new DataView(hash.buffer).setUint32(0, from + at);
        return { hash, offset: at };
      });
    index.look(0n, nodes(0, 40_000));
    index.look(2n, nodes(50_000, 2 ** 16 - 40_000));
    index.look(4n, nodes(200_000, 1));
    index.lookAcross(4n, nodes(200_000, 1));
    index.look(6n, []);
    const looked = [0n, 2n, 4n, 6n].map((piece) => index.hasLooked(piece));
    expect([...looked, index.hasLookedAcross(4n)]).toEqual([true, true, false, true, false]);
    await index.save();
    const again = await HistoryIndex.open(directory, chain);
    expect([...again.find(nodes(39_999, 1)[0]!.hash)]).toHaveLength(1);
    expect([...again.find(nodes(200_000, 1)[0]!.hash)]).toEqual([]);
  });

  it('has a place once that was looked through twice', async () => {
    const directory = new MemoryDirectory();
    const index = await HistoryIndex.open(directory, chain);
    const nodes = [9, 5, 7].map((offset) => ({ hash: hashOf(1), offset }));
    for (let time = 0; time < 2; time += 1) {
      index.look(2n, nodes);
      index.look(0n, [{ hash: hashOf(1), offset: 8 }]);
      await index.save();
    }
    const again = await HistoryIndex.open(directory, chain);
    const found = [...again.find(hashOf(1))].map(({ pieceIndex, offset }) => [pieceIndex, offset]);
    expect(found).toEqual([
      [0n, 8],
      [2n, 5],
      [2n, 7],
      [2n, 9],
    ]);
  });

  it('leaves be what another version wrote, and what has no whole number of nodes', async () => {
    const directory = new MemoryDirectory();
    await looked(directory);
    const content = directory.files.get(FILE)!.slice(0, -32);
    const isKnown = async (written: Uint8Array): Promise<boolean> => {
      directory.files.set(FILE, concat(written, blake3Hash(written)));
      return (await HistoryIndex.open(directory, chain)).hasLooked(768n);
    };
    expect(await isKnown(content)).toBe(true);
    expect(await isKnown(concat(Uint8Array.of(2), content.subarray(1)))).toBe(false);
    expect(await isKnown(content.subarray(0, -1))).toBe(false);
    expect(await isKnown(content.subarray(0, -36))).toBe(false);
  });

  it('writes what is new, once', async () => {
    const directory = new MemoryDirectory();
    const index = await looked(directory);
    const written: string[] = [];
    const write = directory.write.bind(directory);
    directory.write = (name, parts) => {
      written.push(name);
      return write(name, parts);
    };
    await index.save();
    expect(written).toEqual([]);
    index.look(0n, []);
    await Promise.all([index.save(), index.save()]);
    expect(written).toEqual(['segment-0.nodes']);
  });

  it('is opened without a file that went meanwhile, not with a fault of the program', async () => {
    const directory = new MemoryDirectory();
    await looked(directory);
    const list = directory.list.bind(directory);
    directory.list = async () => [...(await list()), { name: 'segment-4.nodes', size: 9 }];
    expect((await HistoryIndex.open(directory, chain)).hasLooked(768n)).toBe(true);
    directory.open = () => Promise.reject(new TypeError('a fault'));
    await expect(HistoryIndex.open(directory, chain)).rejects.toThrow('a fault');
  });

  it('forgets what is damaged, and what another chain had there', async () => {
    const directory = new MemoryDirectory();
    await looked(directory);
    const right = directory.files.get(FILE)!;
    const isKnown = async (): Promise<boolean> => {
      const index = await HistoryIndex.open(directory, chain);
      return index.hasLooked(768n) && index.hasLookedAcross(768n) && [...index.find(hashOf(1))].length === 1;
    };
    expect(await isKnown()).toBe(true);
    for (const file of [right.slice(1), right.slice(0, -1), new Uint8Array(0), new Uint8Array(2_000_000)]) {
      directory.files.set(FILE, file);
      expect(await isKnown()).toBe(false);
    }
    for (let at = 0; at < right.length; at += 7) {
      directory.files.set(
        FILE,
        right.map((byte, here) => (here === at ? byte ^ 1 : byte)),
      );
      expect(await isKnown()).toBe(false);
    }
    directory.files.set(FILE, right);
    directory.files.set('notes.txt', new Uint8Array(9));
    expect(await isKnown()).toBe(true);
    const elsewhere = await HistoryIndex.open(directory, other);
    expect([elsewhere.hasLooked(768n), [...elsewhere.find(hashOf(1))].length]).toEqual([false, 0]);
    elsewhere.look(770n, []);
    expect([elsewhere.hasLooked(768n), elsewhere.hasLooked(770n)]).toEqual([false, true]);
  });

  it('goes on when there is no room for it on the disk', async () => {
    const directory = new MemoryDirectory(100);
    const index = await HistoryIndex.open(directory, chain);
    const piece: PieceIndex = 768n;
    index.look(piece, [{ hash: hashOf(1), offset: 3 }]);
    await expect(index.save()).rejects.toMatchObject({ code: 'disk-full' });
    // Once more, although nothing is new.
    await expect(index.save()).rejects.toMatchObject({ code: 'disk-full' });
    expect([...index.find(hashOf(1))]).toHaveLength(1);
  });
});
