/** What a cache answers, without a server. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import { fakePiece } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { CacheMember } from './cache.ts';
import { CacheStore } from './cache-store.ts';
import { FakeConnection } from './testing-connection.ts';

let fake: FakeConnection;
let directory: MemoryDirectory;
let store: CacheStore;
let cache: CacheMember;
let lines: string[];

beforeEach(async () => {
  vi.useFakeTimers();
  fake = new FakeConnection();
  lines = [];
  directory = new MemoryDirectory();
  store = await CacheStore.open(directory, 3);
  cache = new CacheMember({
    connection: fake.connection,
    store,
    group: 'blue',
    log: (line) => lines.push(line),
  });
  cache.start();
});
afterEach(async () => {
  await cache.stop();
  vi.useRealTimers();
});

async function collect(items: unknown): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items as AsyncIterable<unknown>) all.push(item);
  return all;
}

const write = (offset: number, pieceIndex: bigint) =>
  fake.ask(messages.writePiece, { offset, pieceIndex, piece: fakePiece(pieceIndex) });

describe('a cache', () => {
  it('tells its group who it is, to members of both kinds of release, and again every 30 seconds', () => {
    const [program, pieces] = fake.told;
    expect(fake.published).toEqual([messages.cacheIdentify, messages.pieceCacheIdentify]);
    expect(program!.value).toMatch(/^[0-9A-Z]{26}$/);
    expect(program!.value).not.toBe(store.id);
    expect(pieces!.value).toEqual({ pieceCacheId: store.id, maxNumElements: 3 });
    expect(fake.instances).toEqual(['blue', 'blue']);
    vi.advanceTimersByTime(30_000);
    fake.say(messages.identifyCaches, null);
    expect(fake.published).toHaveLength(4);
    vi.advanceTimersByTime(1_000);
    expect(fake.published).toHaveLength(6);
  });

  it('answers in the queue groups of the protocol', () => {
    const own = { instance: store.id, queue: store.id };
    const program = fake.told[0]!.value as string;
    expect([...fake.subscribed]).toEqual([
      { of: messages.cacheDetails, instance: program, queue: program },
      { of: messages.writePiece, ...own },
      { of: messages.readPieceIndex, ...own },
      { of: messages.readPiece, ...own },
      { of: messages.readPieces, ...own },
      { of: messages.contents, ...own },
      { of: messages.pieceCacheIdentify },
      { of: messages.identifyCaches, instance: 'blue' },
    ]);
  });

  it('says how much it holds, and what', async () => {
    expect(await collect(fake.ask(messages.cacheDetails, null))).toEqual([
      { pieceCacheId: store.id, maxNumElements: 3 },
    ]);
    expect(await write(1, 9n)).toEqual({ ok: true, value: null });
    expect(await collect(fake.ask(messages.contents, null))).toEqual([
      { ok: true, value: [0, null] },
      { ok: true, value: [1, 9n] },
      { ok: true, value: [2, null] },
    ]);
    const gone = new AbortController();
    gone.abort();
    expect(await collect(fake.ask(messages.contents, null, gone))).toEqual([]);
  });

  it('gives the pieces that it was given, and says what it does not have', async () => {
    await write(0, 8n);
    await write(2, 9n);
    const index = (offset: number) => fake.ask(messages.readPieceIndex, offset);
    expect([await index(0), await index(1), await index(7)]).toEqual([
      { ok: true, value: 8n },
      { ok: true, value: null },
      { ok: true, value: null },
    ]);
    const one = (await fake.ask(messages.readPiece, 2)) as { ok: true; value: [bigint, Uint8Array] };
    expect([one.ok, one.value[0], equal(one.value[1], fakePiece(9n))]).toEqual([true, 9n, true]);
    expect(await fake.ask(messages.readPiece, 1)).toEqual({ ok: true, value: null });
    const many = (await collect(fake.ask(messages.readPieces, [2, 1, 0]))) as {
      ok: true;
      value: [number, [bigint, Uint8Array] | null];
    }[];
    expect(many.map(({ ok, value: [offset, found] }) => [ok, offset, found?.[0] ?? null])).toEqual([
      [true, 2, 9n],
      [true, 1, null],
      [true, 0, 8n],
    ]);
    const gone = new AbortController();
    gone.abort(new Error('nobody takes them'));
    await expect(collect(fake.ask(messages.readPieces, [2], gone))).rejects.toThrow('nobody takes them');
  });

  it('says what it cannot do', async () => {
    expect(await write(3, 9n)).toEqual({ ok: false, error: 'place 3 of 3' });
    directory.write = () => Promise.reject(new Error('the disk is full'));
    expect(await write(1, 9n)).toEqual({ ok: false, error: 'the disk is full' });
    expect(await fake.ask(messages.readPieceIndex, 1)).toEqual({ ok: true, value: null });
  });

  it('says when another member says that it is this one, so that both hear of it', () => {
    const other = { pieceCacheId: 'another', maxNumElements: 3 };
    fake.say(messages.pieceCacheIdentify, other);
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(2_000);
    fake.say(messages.pieceCacheIdentify, { ...other, pieceCacheId: store.id });
    expect(lines).toEqual([expect.stringContaining(`cache ${store.id} as well`)]);
    expect(fake.published).toHaveLength(4);
    // A line a minute, however often it says so.
    vi.advanceTimersByTime(59_000);
    fake.say(messages.pieceCacheIdentify, { ...other, pieceCacheId: store.id });
    expect(lines).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    fake.say(messages.pieceCacheIdentify, { ...other, pieceCacheId: store.id });
    expect(lines).toHaveLength(2);
  });

  it('answers nothing once it has stopped, and leaves its folder to others', async () => {
    await cache.stop();
    expect([fake.subscribed.size, fake.listening, vi.getTimerCount()]).toEqual([0, 0, 0]);
    const again = await CacheStore.open(directory, 3);
    expect(again.id).toBe(store.id);
    await again.close();
    cache = new CacheMember({ connection: fake.connection, store: await CacheStore.open(directory, 3) });
    cache.start();
    expect(fake.instances.slice(-2)).toEqual(['default', 'default']);
  });
});
