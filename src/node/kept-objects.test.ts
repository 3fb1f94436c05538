/** What is kept of objects when its space is made smaller than they are. */
import { expect, test } from 'vitest';
import { CACHED_PIECE_BYTES } from '../dsn/piece-files.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { KeptObjects } from './kept-objects.ts';

const LIMIT = 16 * 2 ** 20;
const ROOM = Math.floor(LIMIT / CACHED_PIECE_BYTES);

function memoryStore(): NodeStore {
  const settings = new Map<string, unknown>();
  return {
    setting: async (name: string) => settings.get(name) ?? null,
    putSetting: async (name: string, value: unknown) => void settings.set(name, structuredClone(value)),
  } as unknown as NodeStore;
}

const cidOf = (name: string): string => `bafkr6i${name.repeat(52)}`;

/** An object of so many pieces, kept; returns its identifier. */
async function keep(kept: KeptObjects, name: string, first: number, pieces: number): Promise<string> {
  const indices = Array.from({ length: pieces }, (_, at) => BigInt(first + at));
  for (const index of indices) await kept.cache!.put(index, new Uint8Array(PIECE_BYTES));
  const cid = cidOf(name);
  kept.add({ cid, name, kind: 'file', bytes: 1 }, { cid, hints: [] }, indices.map(String));
  return cid;
}

const here = (kept: KeptObjects): Record<string, number> =>
  Object.fromEntries(kept.views().map((one) => [one.name, one.here]));

test('what is pinned is whole after its space was made too small, and after the next start', async () => {
  const [store, directory] = [memoryStore(), new MemoryDirectory()];
  const kept = await KeptObjects.open(store, directory);
  const pinned = await keep(kept, 'a', 0, ROOM + 2);
  const other = await keep(kept, 'b', 100, 3);
  await kept.pin(pinned, true);
  expect([kept.roomFor(pinned), kept.roomFor(other)]).toEqual([512 - 1, 512 - 1 - (ROOM + 2)]);
  await kept.resize(LIMIT);
  expect(here(kept)).toEqual({ a: ROOM + 2, b: 0 });
  expect([kept.roomFor(pinned), kept.roomFor(other)]).toEqual([ROOM, 0]);
  const again = await KeptObjects.open(store, directory);
  expect(here(again)).toEqual({ a: ROOM + 2, b: 0 });
  expect(again.cacheView().pinnedBytes).toBeGreaterThan(again.cacheView().limitBytes);
});

test('of more than two hundred the oldest that is not pinned leaves the list', async () => {
  const kept = await KeptObjects.open(memoryStore(), null);
  const add = (at: number): void => {
    const cid = `object-${at}`;
    kept.add({ cid, name: cid, kind: 'file', bytes: 1 }, { cid, hints: [] }, []);
  };
  add(0);
  await kept.pin('object-0', true);
  for (let at = 1; at <= 200; at += 1) add(at);
  const names = kept.views().map(({ name }) => name);
  expect(names).toHaveLength(200);
  expect([names.at(-1), names.at(-2)]).toEqual(['object-0', 'object-2']);
});
