import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { StorageError } from '../storage/errors.ts';
import { BLOCK_BYTES, PartFile } from './part-file.ts';

const { signal } = new AbortController();

function noise(length: number): Uint8Array {
  let state = 7;
  return Uint8Array.from(
    { length },
    () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24,
  );
}

/** Parts of `bytes` from a place on; fails once so many were given. */
async function* arriving(bytes: Uint8Array, from: number, count = Infinity, size = 300_000) {
  for (let at = from; at < bytes.length; at += size) {
    if (at - from >= count) throw new Error('the network was lost');
    yield bytes.subarray(at, at + size);
  }
}

async function all(part: PartFile, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const bytes of part.read(0, length)) parts.push(bytes);
  return concat(...parts);
}

describe('a part file', () => {
  it.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])(
    'of %i bytes is whole once all of them came, and not before',
    async (length) => {
      const bytes = noise(length);
      const directory = new MemoryDirectory();
      const part = await PartFile.open(directory, 'a');
      expect(await part.check(signal)).toEqual({ bytes: 0, whole: false });
      await part.append(0, arriving(bytes, 0));
      await part.close();
      const again = await PartFile.open(directory, 'a');
      expect(await again.claimed()).toBe(length);
      expect(await again.check(signal)).toEqual({ bytes: length, whole: true });
      expect(equal(await all(again, length), bytes)).toBe(true);
      await again.discard();
      expect(directory.scratches.size).toBe(0);
    },
  );

  it('goes on behind the last whole block, wherever it was interrupted', async () => {
    const bytes = noise(3 * BLOCK_BYTES + 5);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 4 }), async (interruptions) => {
        const part = await PartFile.open(new MemoryDirectory(), 'a');
        for (const count of interruptions) {
          const { bytes: from, whole } = await part.check(signal);
          if (whole) break;
          await part.append(from, arriving(bytes, from, count)).catch(() => undefined);
        }
        const { bytes: from, whole } = await part.check(signal);
        if (!whole) await part.append(from, arriving(bytes, from));
        expect(equal(await all(part, bytes.length), bytes)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('counts nothing from the first block on that is not what was written, and gives none of it', async () => {
    const bytes = noise(2 * BLOCK_BYTES + 70_000);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.boolean(), async (place, inRows) => {
        const directory = new MemoryDirectory();
        const part = await PartFile.open(directory, 'a');
        await part.append(0, arriving(bytes, 0));
        const [content, rows] = [directory.scratches.get('a')!, directory.scratches.get('a.rows')!];
        const block = Math.floor(place / BLOCK_BYTES);
        if (inRows) rows[block * 36 + (place % 36)]! ^= 1;
        else content[place]! ^= 1;
        expect(await part.check(signal)).toEqual({ bytes: block * BLOCK_BYTES, whole: false });
        const given: number[] = [];
        const reading = async (): Promise<void> => {
          for await (const one of part.read(0, bytes.length)) given.push(one.length);
        };
        await expect(reading()).rejects.toThrow(StorageError);
        expect(given.reduce((sum, length) => sum + length, 0)).toBe(block * BLOCK_BYTES);
      }),
      { numRuns: 20 },
    );
  });

  it('is cut off by a crash at any byte without harm', async () => {
    const bytes = noise(BLOCK_BYTES + 9);
    const directory = new MemoryDirectory();
    await (await PartFile.open(directory, 'a')).append(0, arriving(bytes, 0));
    const [content, rows] = [directory.scratches.get('a')!, directory.scratches.get('a.rows')!];
    for (const [cut, rowCut] of [
      [content.length, rows.length - 1],
      [content.length - 1, rows.length],
      [BLOCK_BYTES, 36],
      [5, rows.length],
      [content.length, 1],
    ] as const) {
      const left = new MemoryDirectory();
      left.scratches.set('a', content.slice(0, cut));
      left.scratches.set('a.rows', rows.slice(0, rowCut));
      const part = await PartFile.open(left, 'a');
      const { bytes: from, whole } = await part.check(signal);
      expect(whole).toBe(false);
      expect(from).toBe(cut >= BLOCK_BYTES && rowCut >= 36 ? BLOCK_BYTES : 0);
      await part.append(from, arriving(bytes, from));
      expect(equal(await all(part, bytes.length), bytes)).toBe(true);
    }
  });

  it('lets its content go again where its rows are open elsewhere', async () => {
    const directory = new MemoryDirectory();
    const scratch = directory.scratch.bind(directory);
    const closed: string[] = [];
    directory.scratch = async (name) => {
      if (name === 'a.rows') throw new StorageError('in-use', name, 'open elsewhere');
      return { ...(await scratch(name)), close: async () => void closed.push(name) };
    };
    await expect(PartFile.open(directory, 'a')).rejects.toMatchObject({ code: 'in-use' });
    expect(closed).toEqual(['a']);
  });

  it('says so where it cannot be read, instead of that nothing is there', async () => {
    const directory = new MemoryDirectory();
    const part = await PartFile.open(directory, 'a');
    await part.append(0, arriving(noise(5), 0));
    const broken = new StorageError('place-lost', 'a.rows', 'the drive was unplugged');
    const scratch = directory.scratch.bind(directory);
    directory.scratch = async (name) => ({ ...(await scratch(name)), read: () => Promise.reject(broken) });
    const again = await PartFile.open(directory, 'a');
    await expect(again.claimed()).rejects.toBe(broken);
    await expect(again.check(signal)).rejects.toBe(broken);
  });
});
