/** Where the pieces of a cluster are looked for, without a server. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ANY_CACHE_GROUP, clusterMessages as messages } from '../protocol/cluster/messages.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { ClusterPieces } from './pieces.ts';
import { FakeConnection } from './testing-connection.ts';

const HOUR = 3_600_000;

let fake: FakeConnection;
let pieces: ClusterPieces;
/** What is where: cache and place of each piece that a controller finds, and what lies there. */
let found: [PieceIndex, string, number][];
let held: Record<string, Record<number, [PieceIndex, string]>>;
/** Indices of every question, by whom it was put to. */
let asked: { caches: PieceIndex[][]; controller: PieceIndex[][] };

const pieceOf = (index: PieceIndex, from: string) => Uint8Array.of(Number(index), from.charCodeAt(0));

beforeEach(() => {
  vi.useFakeTimers();
  fake = new FakeConnection();
  pieces = new ClusterPieces(fake.connection);
  [found, held] = [[], {}];
  asked = { caches: [], controller: [] };
  fake.answer(messages.findPiecesInCache, (value, group) => {
    asked.caches.push(value as PieceIndex[]);
    // Other groups know nothing.
    if (group !== ANY_CACHE_GROUP) return [];
    return found.filter(([index]) => (value as PieceIndex[]).includes(index));
  });
  fake.answer(messages.readPieces, (offsets, cache) => {
    const there = held[cache!];
    if (there === undefined) throw new Error('nobody answers');
    return (offsets as number[]).map((offset) => {
      const [index, from] = there[offset] ?? [];
      if (from === 'damaged') return { ok: false, error: 'damaged' };
      return { ok: true, value: [offset, index === undefined ? null : [index, pieceOf(index, from!)]] };
    });
  });
  fake.answer(messages.pieces, (value) => {
    asked.controller.push(value as PieceIndex[]);
    return (value as PieceIndex[])
      .filter((index) => index < 100n)
      .map((index) => [index, pieceOf(index, 'C')]);
  });
});
afterEach(() => {
  vi.useRealTimers();
});

async function ask(indices: PieceIndex[], signal = new AbortController().signal) {
  const answers = Promise.all(
    indices.map(async (index) => {
      const piece = await pieces.piece(index, signal);
      return piece && `${piece[0]}${String.fromCharCode(piece[1]!)}`;
    }),
  );
  answers.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(5);
  return answers;
}

describe('the pieces of a cluster', () => {
  it('come from the caches that have them, the rest from the controller', async () => {
    found = [
      [1n, 'a', 7],
      [2n, 'b', 0],
      [3n, 'b', 9],
    ];
    held = { a: { 7: [1n, 'a'] }, b: { 0: [2n, 'b'], 9: [3n, 'b'] } };
    expect(await ask([1n, 2n, 3n, 4n, 101n, 2n])).toEqual(['1a', '2b', '3b', '4C', null, '2b']);
    expect(asked).toEqual({ caches: [[1n, 2n, 3n, 4n, 101n]], controller: [[4n, 101n]] });
    expect(await ask([1n])).toEqual(['1a']);
    // Where caches have everything the controller is not asked.
    expect(asked.controller).toHaveLength(1);
  });

  it('come from the controller where a cache has another piece by now, none, a damaged one, or is gone', async () => {
    found = [
      [1n, 'a', 1],
      [2n, 'a', 2],
      [3n, 'a', 3],
      [4n, 'gone', 0],
      [5n, 'a', 5],
    ];
    held = { a: { 1: [6n, 'a'], 3: [3n, 'damaged'], 5: [5n, 'a'] } };
    expect(await ask([1n, 2n, 3n, 4n, 5n])).toEqual(['1C', '2C', '3C', '4C', '5a']);
    expect(asked.controller).toEqual([[1n, 2n, 3n, 4n]]);
  });

  it('come from the controller where it does not know of caches', async () => {
    fake.answer(messages.findPiecesInCache, () => {
      throw new Error('nobody answers');
    });
    expect(await ask([1n])).toEqual(['1C']);
  });

  it('are not taken from caches for an hour once one was wrong', async () => {
    found = [
      [1n, 'a', 1],
      [2n, 'a', 2],
    ];
    held = { a: { 1: [1n, 'a'], 2: [2n, 'a'] } };
    pieces.refused(1n);
    expect(await ask([1n])).toEqual(['1C']);
    expect(asked.caches).toEqual([]);
    expect(await ask([1n, 2n])).toEqual(['1C', '2a']);
    await vi.advanceTimersByTimeAsync(HOUR - 10_000);
    expect(await ask([1n])).toEqual(['1C']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ask([1n])).toEqual(['1a']);
    // The newest thousand are remembered.
    pieces.refused(1n);
    for (let index = 1_000n; index < 2_023n; index += 1n) pieces.refused(index);
    expect(await ask([1n])).toEqual(['1C']);
    pieces.refused(2_023n);
    expect(await ask([1n])).toEqual(['1a']);
  });

  it('are waited for while a controller looks for them; a cache that says nothing is given up sooner', async () => {
    const later = (ms: number, value: unknown) =>
      new Promise((resolve) => setTimeout(() => resolve(value), ms));
    found = [[1n, 'a', 1]];
    fake.answer(messages.readPieces, () => later(61_000, [{ ok: true, value: [1, [1n, pieceOf(1n, 'a')]] }]));
    fake.answer(messages.pieces, () => later(4 * 60_000, [[1n, pieceOf(1n, 'C')]]));
    const rare = ask([1n]);
    await vi.advanceTimersByTimeAsync(60_000 + 4 * 60_000);
    expect(await rare).toEqual(['1C']);
    fake.answer(messages.pieces, () => later(5 * 60_000 + 1, []));
    const silent = ask([2n]).catch((error: unknown) => String(error));
    await vi.advanceTimersByTimeAsync(5 * 60_000 + 1);
    expect(await silent).toContain('not done');
  });

  it('are asked for together, 64 at most', async () => {
    const indices = Array.from({ length: 70 }, (_, at) => BigInt(at));
    expect((await ask(indices)).filter((piece) => piece === null)).toEqual([]);
    expect(asked.controller.map(({ length }) => length)).toEqual([64, 6]);
  });

  it('that nobody can be asked for are missed with the reason', async () => {
    fake.answer(messages.pieces, () => {
      throw new Error('no controller');
    });
    await expect(ask([1n])).rejects.toThrow('no controller');
    const enough = new AbortController();
    const { signal } = enough;
    const waiting = pieces.piece(1n, signal);
    enough.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(pieces.piece(1n, signal)).rejects.toThrow('enough');
  });
});
