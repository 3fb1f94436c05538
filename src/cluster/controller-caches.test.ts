import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { ControllerCaches } from './controller-caches.ts';
import { FakeConnection } from './testing-connection.ts';

const MINUTE = 60_000;
const GROUP = 'caches';

/** What a cache holds, by its places. */
type Places = Map<number, PieceIndex>;

const pieceOf = (index: PieceIndex) => Uint8Array.of(Number(index % 251n));
const turn = () => vi.advanceTimersByTimeAsync(0);

let fake: FakeConnection;
let caches: ControllerCaches;
let held: Map<string, Places>;
let fetched: PieceIndex[];
let absent: (index: PieceIndex) => boolean;
let history: bigint;
let wait: () => Promise<void>;
let lines: string[];

beforeEach(() => {
  vi.useFakeTimers();
  fake = new FakeConnection();
  [held, fetched, lines, history] = [new Map(), [], [], 1n];
  absent = () => false;
  wait = async () => undefined;
  const placesOf = (id: string | undefined) => {
    const places = held.get(id ?? '');
    if (places === undefined) throw new Error('nobody answers');
    return places;
  };
  fake.answer(messages.contents, (_, id) =>
    [...placesOf(id)].map(([offset, index]) => ({ ok: true, value: [offset, index] })),
  );
  fake.answer(messages.writePiece, (value, id) => {
    const { offset, pieceIndex } = value as { offset: number; pieceIndex: PieceIndex };
    placesOf(id).set(offset, pieceIndex);
    return { ok: true, value: null };
  });
  fake.answer(messages.readPiece, (offset, id) => {
    const index = placesOf(id).get(offset as number);
    return { ok: true, value: index === undefined ? null : [index, pieceOf(index)] };
  });
  caches = new ControllerCaches({
    connection: fake.connection,
    group: GROUP,
    fetch: async (index) => {
      fetched.push(index);
      await wait();
      return absent(index) ? null : pieceOf(index);
    },
    historySize: () => history,
    log: (line) => lines.push(line),
  });
  caches.start();
});
afterEach(() => {
  caches.stop();
  vi.useRealTimers();
});

/** A cache is heard of that has so many places, with what it holds. */
async function joins(id: string, capacity: number, holds: [number, PieceIndex][] = []): Promise<Places> {
  const places = held.get(id) ?? new Map(holds);
  held.set(id, places);
  fake.say(messages.pieceCacheIdentify, { pieceCacheId: id, maxNumElements: capacity });
  await turn();
  return places;
}

describe('the caches of a group', () => {
  it('are filled in turn with the newest pieces, as many as fit', async () => {
    history = 2n;
    const [a, b] = [await joins('a', 2), await joins('b', 3)];
    const all = [...a.values(), ...b.values()].sort((x, y) => Number(x - y));
    expect(all).toEqual([256n, 257n, 258n, 259n, 260n]);
    expect(caches.summary).toEqual({ caches: 2, pieces: 5 });
    for (const index of all) {
      expect(await caches.piece(index)).toEqual(pieceOf(index));
      const place = caches.find(index)!;
      expect(held.get(place.cache)!.get(place.offset)).toBe(index);
    }
    expect([caches.find(0n), await caches.piece(0n)]).toEqual([null, null]);
  });

  it('hold the newest segment whole before any of the one before it, and no segment that is to come', async () => {
    history = 3n;
    const { size } = await joins('a', 300);
    const lowest = (from: bigint, count: number) =>
      Array.from({ length: count }, (_, at) => from + BigInt(at));
    expect(size).toBe(300);
    expect(new Set(fetched)).toEqual(new Set([...lowest(512n, 256), ...lowest(256n, 44)]));
  });

  it('may say that they are larger than history, or than any list', async () => {
    const [a, b] = [await joins('a', 2 ** 32 - 1), await joins('b', 8)];
    expect([a.size + b.size, new Set([...a.values(), ...b.values()]).size]).toEqual([256, 256]);
  });

  it('are read as far as they can be read', async () => {
    fake.answer(messages.contents, () => [
      { ok: false, error: 'this place is damaged' },
      { ok: true, value: [1, null] },
      { ok: true, value: [2, 1n] },
    ]);
    const places = await joins('a', 3);
    expect([...places.keys()].toSorted()).toEqual([0, 1]);
    expect(caches.find(1n)).toEqual({ cache: 'a', offset: 2 });
    expect(caches.summary.pieces).toBe(3);
  });

  it('that have another size while they are read hold what they said last', async () => {
    const answers: ((entries: unknown[]) => void)[] = [];
    fake.answer(messages.contents, () => new Promise<unknown[]>((resolve) => answers.push(resolve)));
    absent = () => true;
    await joins('a', 2);
    await joins('a', 3);
    const entry = (offset: number, index: PieceIndex) => ({ ok: true, value: [offset, index] });
    answers[1]!([entry(2, 5n)]);
    await turn();
    answers[0]!([entry(0, 4n)]);
    await turn();
    expect([caches.find(4n), caches.find(5n)]).toEqual([null, { cache: 'a', offset: 2 }]);
  });

  it('keep what they hold and is still wanted, and get the rest over what is not', async () => {
    history = 2n;
    const places = await joins('a', 3, [
      [0, 5n],
      [1, 257n],
      [9, 256n],
    ]);
    expect(fetched.toSorted()).toEqual([256n, 258n]);
    expect([places.get(0), places.get(1), places.get(2)].toSorted()).toEqual([256n, 257n, 258n]);
    expect(places.get(1)).toBe(257n);
    expect(caches.find(5n)).toBeNull();
    history = 3n;
    caches.fill();
    await turn();
    expect([places.get(0), places.get(1), places.get(2)].toSorted()).toEqual([512n, 513n, 514n]);
    expect(caches.find(257n)).toBeNull();
    expect(caches.summary.pieces).toBe(3);
  });

  it('are asked no more for a piece that one lost, or gives another for', async () => {
    const places = await joins('a', 3);
    places.delete(caches.find(0n)!.offset);
    places.set(caches.find(1n)!.offset, 77n);
    expect(await Promise.all([0n, 0n, 1n].map((index) => caches.piece(index)))).toEqual([null, null, null]);
    expect([caches.find(0n), caches.find(1n)]).toEqual([null, null]);
    expect(caches.find(2n)).not.toBeNull();
    held.delete('a');
    expect(await caches.piece(2n)).toBeNull();
    expect(caches.find(2n)).toBeNull();
    held.set('a', places);
    caches.fill();
    await turn();
    expect([...places.values()].toSorted()).toEqual([0n, 1n, 2n]);
  });

  it('are forgotten a minute after they were last heard of, with all that they hold', async () => {
    const places = await joins('a', 2);
    await vi.advanceTimersByTimeAsync(MINUTE);
    await joins('a', 2);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect([caches.summary, lines.length]).toEqual([{ caches: 1, pieces: 2 }, 1]);
    await vi.advanceTimersByTimeAsync(MINUTE / 2);
    expect(caches.summary).toEqual({ caches: 0, pieces: 0 });
    expect(lines[1]).toContain('has not been heard of');
    await joins('a', 2);
    expect([caches.summary.pieces, places.size]).toEqual([2, 2]);
  });

  it('that come back to what others hold by now make room for the rest', async () => {
    await joins('a', 3);
    const [a, b] = [held.get('a')!, await joins('b', 3)];
    const all = () => [...a.values(), ...b.values()].toSorted((x, y) => Number(x - y));
    expect(all()).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
    for (let half = 0; half < 4; half += 1) {
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      await joins('b', 3);
    }
    // The newest pieces have gone to the one that is left.
    expect([caches.summary.caches, [...b.values()].toSorted()]).toEqual([1, [0n, 1n, 2n]]);
    absent = () => true;
    await joins('a', 3);
    expect(all()).toEqual([0n, 0n, 1n, 1n, 2n, 2n]);
    absent = () => false;
    fetched = [];
    for (let minutes = 0; minutes < 6; minutes += 1) {
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      await joins('a', 3);
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      await joins('b', 3);
      await joins('a', 3);
    }
    expect(all()).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
    // Nothing was fetched that there was no place for.
    expect(fetched.toSorted()).toEqual([3n, 4n, 5n]);
    for (const index of all()) expect(await caches.piece(index)).toEqual(pieceOf(index));
  });

  it('are fallen back upon for what another held that went', async () => {
    absent = () => true;
    await joins('a', 1, [[0, 0n]]);
    await joins('b', 1, [[0, 0n]]);
    expect(caches.find(0n)?.cache).toBe('a');
    for (let half = 0; half < 4; half += 1) {
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
      await joins('b', 1);
    }
    expect([caches.summary, caches.find(0n)]).toEqual([
      { caches: 1, pieces: 1 },
      { cache: 'b', offset: 0 },
    ]);
  });

  it('hold a piece once', async () => {
    const places = await joins('a', 2, [
      [0, 1n],
      [1, 1n],
    ]);
    expect([...places]).toEqual([
      [0, 1n],
      [1, 0n],
    ]);
  });

  it('are given nothing before they have said what they hold', async () => {
    let say: (entries: unknown[]) => void = () => undefined;
    fake.answer(messages.contents, (_, id) =>
      id === 'b' ? new Promise<unknown[]>((resolve) => (say = resolve)) : [],
    );
    await joins('b', 2);
    const [a, b] = [await joins('a', 2), held.get('b')!];
    expect([a.size, b.size]).toEqual([2, 0]);
    say([]);
    await turn();
    expect([a.size, b.size]).toEqual([2, 2]);
  });

  it('are read again when they have another size, or could not say what they hold', async () => {
    await joins('a', 2);
    await joins('a', 1);
    expect(caches.summary).toEqual({ caches: 1, pieces: 1 });
    expect(fake.asked.get(messages.contents)).toHaveLength(2);
    fake.say(messages.pieceCacheIdentify, { pieceCacheId: 'b', maxNumElements: 2 });
    await turn();
    expect(caches.summary.caches).toBe(1);
    await joins('b', 2);
    expect(caches.summary).toEqual({ caches: 2, pieces: 3 });
  });

  it('are those of the programs that say that they are there, which are asked once', async () => {
    held.set('a', new Map());
    fake.say(messages.cacheIdentify, 'p');
    fake.say(messages.cacheIdentify, 'p');
    await turn();
    expect(fake.asked.get(messages.cacheDetails)).toEqual(['p']);
    fake.answer(messages.cacheDetails, () => [{ pieceCacheId: 'a', maxNumElements: 2 }]);
    for (let times = 0; times < 3; times += 1) {
      fake.say(messages.cacheIdentify, 'p');
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
    }
    expect(fake.asked.get(messages.cacheDetails)).toEqual(['p', 'p']);
    expect(caches.summary).toEqual({ caches: 1, pieces: 2 });
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(caches.summary.caches).toBe(0);
    fake.say(messages.cacheIdentify, 'p');
    await turn();
    expect(caches.summary.caches).toBe(1);
  });

  it('wait five minutes for a piece that nobody had', async () => {
    absent = (index) => index === 1n;
    const places = await joins('a', 3);
    expect([...places.values()].toSorted()).toEqual([0n, 2n]);
    expect(fetched).toEqual([0n, 1n, 2n]);
    absent = () => false;
    caches.fill();
    await turn();
    expect(fetched.filter((index) => index === 1n)).toHaveLength(1);
    for (let half = 0; half < 11; half += 1) {
      await joins('a', 3);
      await vi.advanceTimersByTimeAsync(MINUTE / 2);
    }
    expect([...places.values()].toSorted()).toEqual([0n, 1n, 2n]);
  });

  it('are given up on for now where many pieces in a row are not to be had', async () => {
    absent = () => true;
    await joins('a', 200);
    expect(fetched.length).toBeGreaterThanOrEqual(32);
    expect(fetched.length).toBeLessThan(40);
  });

  it('are given pieces four at a time, each once, however often they are to be filled', async () => {
    const give: (() => void)[] = [];
    wait = () => new Promise((resolve) => give.push(resolve));
    const places = await joins('a', 6);
    for (let times = 0; times < 3; times += 1) {
      caches.fill();
      await joins('a', 6);
    }
    expect(fetched).toHaveLength(4);
    for (let given = 1; given <= 6; given += 1) {
      give.shift()!();
      await turn();
      expect([fetched.length, places.size]).toEqual([Math.min(6, 4 + given), given]);
    }
    expect(caches.summary.pieces).toBe(6);
  });

  it('hold nothing that they did not take, and nothing after they left', async () => {
    fake.answer(messages.writePiece, () => ({ ok: false, error: 'the disk is full' }));
    await joins('a', 2);
    expect(caches.summary).toEqual({ caches: 1, pieces: 0 });
    const written = fake.asked.get(messages.writePiece)!.length;
    const give: (() => void)[] = [];
    wait = () => new Promise((resolve) => give.push(resolve));
    await joins('b', 2);
    // Of another size it is another cache, whose contents are not known yet.
    fake.answer(messages.contents, () => {
      throw new Error('nobody answers');
    });
    await joins('b', 3);
    while (give.length > 0) {
      for (const resolve of give.splice(0)) resolve();
      await turn();
    }
    expect(fake.asked.get(messages.writePiece)!.slice(written)).not.toContain('b');
    expect(caches.summary).toEqual({ caches: 1, pieces: 0 });
  });

  it('are left alone once the controller has stopped', async () => {
    caches.stop();
    await joins('a', 2);
    caches.fill();
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect([fetched, fake.listening]).toEqual([[], 0]);
  });
});
