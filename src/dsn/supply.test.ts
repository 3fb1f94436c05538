import { describe, expect, it, vi } from 'vitest';
import type { ComputePool, JobInput, JobName, JobOutput } from '../crypto/jobs.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { positionOfPiece } from '../protocol/segment.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { PieceCache } from './piece-cache.ts';
import { CACHED_PIECE_BYTES } from './piece-files.ts';
import { providerOf, type PieceProvider } from './provider.ts';
import { PieceSupply, type PieceEvent, type PieceSupplyOptions } from './supply.ts';

const { signal } = new AbortController();

/** A piece that says which it is, so that checking needs no cryptography. */
function pieceOf(index: PieceIndex): Uint8Array {
  const piece = new Uint8Array(PIECE_BYTES);
  new DataView(piece.buffer).setBigUint64(0, index);
  return piece;
}

/** Checks and rebuilds pieces of segment 0 that are made by `pieceOf`. */
class FakePool implements ComputePool {
  readonly batches: number[] = [];

  run<J extends JobName>(job: J, input: JobInput<J>): Promise<JobOutput<J>> {
    if (job === 'piece.verify') {
      const { pieces, positions } = input as JobInput<'piece.verify'>;
      this.batches.push(pieces.length);
      const bad = positions.flatMap((position, at) => {
        const says = new DataView(pieces[at]!.buffer).getBigUint64(0);
        return positionOfPiece(says) === position ? [] : [at];
      });
      return Promise.resolve({ bad } as unknown as JobOutput<J>);
    }
    const { pieces, wanted } = input as JobInput<'piece.reconstruct'>;
    if (pieces.length < 128) return Promise.reject(new Error(`${pieces.length} pieces`));
    return Promise.resolve({ piece: pieceOf(BigInt(wanted)) } as unknown as JobOutput<J>);
  }

  resize(): void {}
  status = () => ({ workers: 1, busy: 0, queued: 0 });
  close = () => Promise.resolve();
}

function holder(name: string, has: (index: PieceIndex) => boolean, lies = false) {
  const asked: PieceIndex[] = [];
  const source = {
    name,
    piece: (index: PieceIndex) => {
      asked.push(index);
      return Promise.resolve(has(index) ? pieceOf(lies ? index + 1n : index) : null);
    },
  };
  return { asked, provider: providerOf(source) };
}

function supply(providers: PieceProvider[], options: Partial<PieceSupplyOptions> = {}) {
  const pool = new FakePool();
  const events: PieceEvent[] = [];
  const commitments = {
    segmentCommitment: (segment: bigint) => (segment === 0n ? new Uint8Array(48) : null),
  };
  const made = new PieceSupply({
    pool,
    commitments,
    cache: null,
    providers,
    watch: (event) => events.push(event),
    ...options,
  });
  return { supply: made, pool, events };
}

const says = (piece: Uint8Array | null) =>
  piece === null ? null : new DataView(piece.buffer).getBigUint64(0);

describe('the supply of pieces', () => {
  it('asks one provider after the other for what is missing, and checks together', async () => {
    const first = holder('first', (index) => index < 3n);
    const second = holder('second', () => true);
    const { supply: pieces, pool } = supply([first.provider, second.provider]);
    const found = await pieces.pieces([0n, 1n, 2n, 3n, 4n, 3n], signal);
    expect(found.map(says)).toEqual([0n, 1n, 2n, 3n, 4n, 3n]);
    expect(second.asked).toEqual([3n, 4n]);
    expect(pool.batches.length).toBeLessThanOrEqual(3);
  });

  it('gives nothing out that is wrong, and asks no liar for ever', async () => {
    const liar = holder('liar', () => true, true);
    const honest = holder('honest', (index) => index < 8n);
    const { supply: pieces, events } = supply([liar.provider, honest.provider], { reconstruct: false });
    const found = await pieces.pieces([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n], signal);
    expect(found.map(says)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, null]);
    await pieces.piece(1n, signal);
    expect(liar.asked.length).toBeLessThan(9);
    expect(events.filter(({ kind }) => kind === 'missing')).toEqual([{ kind: 'missing', index: 8n }]);
  });

  it('does not look for pieces that the chain does not know', async () => {
    const all = holder('all', () => true);
    const { supply: pieces } = supply([all.provider]);
    expect(await pieces.piece(256n, signal)).toBeNull();
    expect(all.asked).toEqual([]);
  });

  it('rebuilds what nobody has out of half a segment, once for all that is missing', async () => {
    const half = holder('half', (index) => index % 2n === 1n);
    const { supply: pieces, events } = supply([half.provider]);
    expect((await pieces.pieces([4n, 6n, 7n], signal)).map(says)).toEqual([4n, 6n, 7n]);
    const rebuilt = events.filter((event) => event.kind === 'arrived' && event.from === 'reconstruction');
    expect(rebuilt.length).toBe(2);
    expect(events.filter(({ kind }) => kind === 'reconstructing').length).toBe(128);
  });

  it('gives up when there is less than half', async () => {
    const few = holder('few', (index) => index % 2n === 1n && index > 1n);
    const { supply: pieces } = supply([few.provider]);
    expect(await pieces.piece(4n, signal)).toBeNull();
  });

  it('keeps what it found', async () => {
    const all = holder('all', () => true);
    const cache = await PieceCache.open(new MemoryDirectory(), 10 * CACHED_PIECE_BYTES);
    const { supply: pieces } = supply([all.provider], { cache });
    await pieces.piece(1n, signal);
    await cache.put(2n, pieceOf(2n));
    expect((await pieces.pieces([1n, 2n], signal)).map(says)).toEqual([1n, 2n]);
    expect(all.asked).toEqual([1n]);
  });

  it('is read whole when it is checked, and lets go what is damaged', async () => {
    const directory = new MemoryDirectory();
    const cache = await PieceCache.open(directory, 10 * CACHED_PIECE_BYTES);
    for (const index of [1n, 2n]) await cache.put(index, pieceOf(index));
    directory.files.get('piece-2.bin')![9]! ^= 1;
    expect(await cache.check(true)).toEqual({ whole: 1, damaged: [2n] });
    expect(cache.has(2n)).toBe(true);
    await cache.check(false);
    expect([cache.has(1n), cache.has(2n)]).toEqual([true, false]);
    expect(await cache.check(true)).toEqual({ whole: 1, damaged: [] });
  });

  it('stops for one caller without stopping for another', async () => {
    let give: (piece: Uint8Array) => void = () => undefined;
    const waiting = new Promise<Uint8Array>((resolve) => (give = resolve));
    const slow = providerOf({ name: 'slow', piece: () => waiting });
    const { supply: pieces } = supply([slow]);
    const abort = new AbortController();
    const gone = pieces.piece(1n, abort.signal).catch((error: unknown) => error);
    const stays = pieces.piece(1n, signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    abort.abort();
    expect(await gone).toBe(abort.signal.reason);
    give(pieceOf(1n));
    expect(says(await stays)).toBe(1n);
  });
});

describe('a search for pieces', () => {
  /** Says who is being asked, and never answers. */
  function silent() {
    const asked: { wanted: readonly PieceIndex[]; signal: AbortSignal }[] = [];
    const provider: PieceProvider = {
      name: 'silent',
      find: (wanted, _, limit) => {
        asked.push({ wanted, signal: limit });
        return new Promise((_resolve, reject) =>
          limit.addEventListener('abort', () => reject(limit.reason as Error)),
        );
      },
    };
    return { asked, provider };
  }

  it('ends once the last of those who wait has left', async () => {
    const { asked, provider } = silent();
    const { supply: pieces } = supply([provider]);
    const leaving = [new AbortController(), new AbortController()];
    const waiting = leaving.map((one) => pieces.piece(1n, one.signal).catch((error: unknown) => error));
    await expect.poll(() => asked.length).toBe(1);
    leaving[0]!.abort();
    expect(asked[0]!.signal.aborted).toBe(false);
    leaving[1]!.abort();
    expect(asked[0]!.signal.aborted).toBe(true);
    expect(await Promise.all(waiting)).toEqual(leaving.map((one) => one.signal.reason as unknown));
    await expect(pieces.piece(1n, leaving[0]!.signal)).rejects.toBe(leaving[0]!.signal.reason);
  });

  it('begins in the turn in which it is asked for while few pieces are looked for, and waits for others later', async () => {
    const { asked, provider } = silent();
    const { supply: pieces } = supply([provider], { reconstruct: false });
    const turn = () => new Promise(setImmediate);
    // Clocks stand still: only turns go by.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    try {
      for (const [number, indices] of [[0n, 1n, 2n], [3n], [4n]].entries()) {
        for (const index of indices) void pieces.piece(index, signal);
        for (let over = 0; over < 20; over += 1) await turn();
        expect(asked.map(({ wanted }) => wanted)).toEqual([[0n, 1n, 2n], [3n]].slice(0, number + 1));
      }
      vi.advanceTimersByTime(10);
      for (let over = 0; over < 20; over += 1) await turn();
      expect(asked.map(({ wanted }) => wanted)).toEqual([[0n, 1n, 2n], [3n], [4n]]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is for 64 pieces at most; others wait, and what nobody waits for any more is not looked for', async () => {
    const { asked, provider } = silent();
    const { supply: pieces } = supply([provider]);
    const [first, second] = [new AbortController(), new AbortController()];
    const look = (from: number, count: number, { signal: limit }: AbortController) =>
      Array.from({ length: count }, (_, at) => pieces.piece(BigInt(from + at), limit).catch(() => undefined));
    const begun = [...look(0, 64, first), ...look(100, 4, second)];
    await expect.poll(() => asked.length).toBe(1);
    const waits = pieces.piece(110n, signal, { quick: true }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked.map(({ wanted }) => wanted.length)).toEqual([64]);
    second.abort();
    first.abort();
    await Promise.all(begun);
    await expect.poll(() => asked.slice(1).map(({ wanted }) => wanted)).toEqual([[110n]]);
    void waits;
  });

  it('tells whom it asked in vain until the piece came', async () => {
    const liar = holder('liar', () => true, true);
    const away = providerOf({ name: 'away', piece: () => Promise.reject(new Error('gone')) });
    let there = false;
    const late = holder('late', () => there);
    const { supply: pieces } = supply([liar.provider, away, late.provider], { reconstruct: false });
    expect(await pieces.piece(1n, signal)).toBeNull();
    expect(pieces.troublesOf([1n])).toBe('liar (sent a wrong piece), away (unreachable)');
    there = true;
    expect(says(await pieces.piece(1n, signal))).toBe(1n);
    expect(pieces.troublesOf([1n])).toBe('');
  });

  it('gives nothing out that was rebuilt wrongly', async () => {
    const half = holder('half', (index) => index % 2n === 1n);
    const { supply: pieces, pool, events } = supply([half.provider]);
    const make = pool.run.bind(pool);
    pool.run = async (job, input) =>
      (job === 'piece.reconstruct' ? { piece: pieceOf(9n) } : await make(job, input)) as never;
    expect(await pieces.piece(4n, signal)).toBeNull();
    expect(events.at(-1)).toEqual({ kind: 'missing', index: 4n });
  });

  it('rebuilds one segment at a time, asks nobody again for what was missing, and keeps what it made', async () => {
    const half = holder('half', (index) => index % 2n === 1n);
    const kept: PieceIndex[] = [];
    const cache = { get: async () => null, put: async (index: PieceIndex) => void kept.push(index) };
    const { supply: pieces, events } = supply([half.provider], { cache });
    const have = () => events.flatMap((event) => (event.kind === 'reconstructing' ? [event.have] : []));
    const first = pieces.piece(4n, signal);
    await expect.poll(() => have().length).toBeGreaterThan(0);
    const found = await Promise.all([first, pieces.piece(6n, signal)]);
    expect(found.map(says)).toEqual([4n, 6n]);
    const once = Array.from({ length: 128 }, (_, at) => at + 1);
    expect(have()).toEqual([...once, ...once]);
    expect(kept.filter((index) => index % 2n === 0n)).toEqual([4n, 6n]);
    // Once for itself, and once for the making of the other.
    expect(half.asked.filter((index) => index === 4n)).toHaveLength(2);
  });

  it('is asked once more for what somebody was too slow to give, before half a segment is asked for', async () => {
    vi.useFakeTimers();
    try {
      const asked: PieceIndex[][] = [];
      const late = new Set([4n, 6n]);
      const slow: PieceProvider = {
        name: 'slow',
        find: async (wanted, arrived, _, failed) => {
          asked.push([...wanted]);
          for (const index of wanted)
            if (late.has(index)) failed?.(index, 'slow', index === 4n ? 'timeout' : 'resting');
            else if (index < 8n) await arrived(index, pieceOf(index), 'slow', () => undefined);
        },
      };
      const { supply: pieces, events } = supply([slow]);
      const found = pieces.pieces([4n, 6n, 8n], signal);
      await vi.advanceTimersByTimeAsync(1_000);
      late.delete(4n);
      await vi.advanceTimersByTimeAsync(3_000);
      late.delete(6n);
      await vi.advanceTimersByTimeAsync(8_000);
      expect(asked).toEqual([
        [4n, 6n, 8n],
        [4n, 6n],
      ]);
      expect(events.some(({ kind }) => kind === 'reconstructing')).toBe(false);
      await vi.advanceTimersByTimeAsync(2_000);
      expect((await found).map(says)).toEqual([4n, 6n, null]);
      expect(asked[2]).toEqual([6n]);
      // What was rebuilt, or tried to be, was only what nobody was too slow for.
      expect(asked.slice(3).flat()).not.toContain(8n);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is over at once for who gives up, in a pause or a rebuilding, and says that it is', async () => {
    const late: PieceProvider = {
      name: 'late',
      find: async (wanted, _, __, failed) => wanted.forEach((index) => failed?.(index, 'late', 'timeout')),
    };
    const pausing = new AbortController();
    const waits = supply([late]).supply.piece(4n, pausing.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    pausing.abort();
    await expect(waits).rejects.toBe(pausing.signal.reason);

    const stuck: PieceProvider = {
      name: 'stuck',
      find: (wanted, _, limit) =>
        wanted.length === 1
          ? Promise.resolve()
          : new Promise((_resolve, reject) => limit.addEventListener('abort', () => reject(limit.reason))),
    };
    const rebuilding = new AbortController();
    const { supply: pieces, events } = supply([holder('few', (index) => index === 0n).provider, stuck]);
    const never = pieces.piece(4n, rebuilding.signal);
    await expect.poll(() => events.at(-1)?.kind).toBe('reconstructing');
    rebuilding.abort();
    await expect(never).rejects.toBe(rebuilding.signal.reason);
    await expect.poll(() => events.at(-1)).toEqual({ kind: 'reconstructed', segment: 0n });
  });

  it('keeps what was made, and as guests what it was made out of and what was only looked at', async () => {
    const half = holder('half', (index) => index % 2n === 1n);
    const kept = new Map<PieceIndex, boolean>();
    const own = {
      get: async (index: PieceIndex) => (index === 7n ? pieceOf(7n) : null),
      put: async (index: PieceIndex, _: Uint8Array, guest: boolean) => void kept.set(index, guest),
    };
    const { supply: pieces } = supply([half.provider], { cache: own });
    await pieces.piece(4n, signal);
    expect([kept.get(4n), kept.get(5n), kept.size]).toEqual([false, true, 128]);
    await pieces.pieces([1n, 3n, 7n], signal, { quick: true, passing: true });
    await Promise.all([pieces.piece(3n, signal), pieces.piece(7n, signal)]);
    await pieces.settled();
    expect([1n, 3n, 7n].map((index) => kept.get(index))).toEqual([true, false, false]);
  });

  it('fails for who waits where pieces cannot be checked', async () => {
    const { supply: pieces, pool } = supply([holder('all', () => true).provider]);
    pool.run = () => Promise.reject(new Error('no worker'));
    await expect(pieces.piece(1n, signal)).rejects.toThrow('no worker');
  });
});

describe('pieces taken as they arrive', () => {
  const quick = { quick: true };

  it('wait for nobody who wants verified ones, and those only tried for nobody’s rebuilding', async () => {
    const half = holder('half', (index) => index % 2n === 1n);
    const { supply: pieces, pool, events } = supply([half.provider]);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const check = pool.run.bind(pool);
    pool.run = async (job, input) => held.then(() => check(job, input));
    const odd = (from: bigint) => Array.from({ length: 8 }, (_, at) => from + 2n * BigInt(at));
    const verified = pieces.pieces(odd(1n), signal);
    const early = pieces.pieces(odd(101n), signal, quick);
    const tried = pieces.piece(4n, signal, { speculative: true });
    const rebuilt = pieces.piece(6n, signal);
    expect((await early).map(says)).toEqual(odd(101n));
    expect(await tried).toBeNull();
    release();
    expect((await verified).map(says)).toEqual(odd(1n));
    expect(says(await rebuilt)).toBe(6n);
    const made = events.filter((event) => event.kind === 'arrived' && event.from === 'reconstruction');
    expect(made).toHaveLength(1);
  });

  it('are there for one while another waits for the same piece to be checked', async () => {
    const { supply: pieces, pool } = supply([holder('all', () => true).provider]);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const check = pool.run.bind(pool);
    pool.run = async (job, input) => held.then(() => check(job, input));
    const [verified, early] = [pieces.piece(1n, signal), pieces.piece(1n, signal, quick)];
    expect(says(await early)).toBe(1n);
    release();
    expect(says(await verified)).toBe(1n);
  });

  it('are checked at once, not seconds later, for who begins to wait for them', async () => {
    vi.useFakeTimers();
    try {
      const { supply: pieces, pool } = supply([holder('all', () => true).provider]);
      const [first, second] = [pieces.piece(1n, signal, quick), pieces.piece(2n, signal, quick)];
      await vi.advanceTimersByTimeAsync(100);
      await Promise.all([first, second]);
      const verified = pieces.piece(1n, signal);
      await vi.advanceTimersByTimeAsync(100);
      expect(pool.batches).toEqual([2]);
      expect(says(await verified)).toBe(1n);
      const third = pieces.piece(3n, signal, quick);
      await vi.advanceTimersByTimeAsync(100);
      await third;
      const kept = pieces.settled();
      await vi.advanceTimersByTimeAsync(100);
      expect(pool.batches).toEqual([2, 1]);
      await kept;
    } finally {
      vi.useRealTimers();
    }
  });

  it('are told about once they are checked, or cannot be', async () => {
    const liar = holder('liar', (index) => index === 1n, true);
    const honest = holder('honest', () => true);
    const { supply: pieces, pool } = supply([liar.provider, honest.provider]);
    const told: [PieceIndex, boolean][] = [];
    const verdict = (index: PieceIndex, valid: boolean): void => void told.push([index, valid]);
    await pieces.pieces([1n, 2n], signal, { quick: true, verdict });
    expect(told).toEqual([]);
    await pieces.settled();
    expect(told.toSorted()).toEqual([
      [1n, false],
      [2n, true],
    ]);
    pool.run = () => Promise.reject(new Error('no worker'));
    await pieces.piece(3n, signal, { quick: true, verdict });
    await pieces.settled();
    expect(told.at(-1)).toEqual([3n, false]);
  });

  it('are there before they are checked, and kept only afterwards', async () => {
    const all = holder('all', () => true);
    const cache = await PieceCache.open(new MemoryDirectory(), 10 * CACHED_PIECE_BYTES);
    const { supply: pieces, pool, events } = supply([all.provider], { cache });
    expect((await pieces.pieces([1n, 2n], signal, quick)).map(says)).toEqual([1n, 2n]);
    expect([pool.batches, cache.size, events.filter(({ kind }) => kind === 'arrived')]).toEqual([[], 0, []]);
    // Whoever wants a verified one has it checked now, with the other.
    expect(says(await pieces.piece(1n, signal))).toBe(1n);
    await expect.poll(() => cache.indices()).toEqual([1n, 2n]);
    expect([pool.batches, all.asked]).toEqual([[2], [1n, 2n]]);
  });

  it('are checked even if nobody asks: who lies is named and not asked for ever, nothing wrong is kept', async () => {
    const liar = holder('liar', () => true, true);
    const honest = holder('honest', () => true);
    const cache = await PieceCache.open(new MemoryDirectory(), 100 * CACHED_PIECE_BYTES);
    const { supply: pieces, events } = supply([liar.provider, honest.provider], { cache });
    const first = await pieces.pieces([1n, 2n, 3n], signal, quick);
    expect(first.map(says)).toEqual([2n, 3n, 4n]);
    const named = () => events.filter((event) => event.kind === 'invalid').map(({ from }) => from);
    await expect.poll(named).toEqual(['liar', 'liar', 'liar']);
    expect((await pieces.pieces([1n, 2n, 3n, 4n], signal, quick)).map(says)).toEqual([1n, 2n, 3n, 4n]);
    expect(liar.asked).toEqual([1n, 2n, 3n]);
    await pieces.pieces([1n, 2n, 3n, 4n], signal);
    await expect.poll(() => cache.indices().toSorted()).toEqual([1n, 2n, 3n, 4n]);
    for (const index of cache.indices()) expect(says(await cache.get(index))).toBe(index);
  });

  it('are replaced for whoever waits for a verified one', async () => {
    const liar = holder('liar', () => true, true);
    const honest = holder('honest', () => true);
    const { supply: pieces } = supply([liar.provider, honest.provider]);
    expect(says(await pieces.piece(1n, signal, quick))).toBe(2n);
    expect(says(await pieces.piece(1n, signal))).toBe(1n);
  });

  it('of a wrong length are not even taken', async () => {
    const short = providerOf({ name: 'short', piece: () => Promise.resolve(new Uint8Array(5)) });
    const { supply: pieces, events } = supply([short], { reconstruct: false });
    expect(await pieces.piece(1n, signal, quick)).toBeNull();
    expect(events.map(({ kind }) => kind)).toContain('invalid');
  });

  it('wait for the checks of others when too many are unchecked', async () => {
    const all = holder('all', () => true);
    const { supply: pieces, pool } = supply([all.provider]);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const check = pool.run.bind(pool);
    pool.run = async (job, input) => held.then(() => check(job, input));
    let come = 0;
    const wanted = Array.from({ length: 200 }, (_, index) => pieces.piece(BigInt(index), signal, quick));
    for (const one of wanted) void one.then(() => (come += 1));
    await expect.poll(() => come).toBe(160);
    expect(all.asked.length).toBe(160);
    release();
    expect((await Promise.all(wanted)).map(says)).toEqual(wanted.map((_, index) => BigInt(index)));
  });

  it('are checked and kept once somebody waits for that', async () => {
    const all = holder('all', () => true);
    const cache = await PieceCache.open(new MemoryDirectory(), 10 * CACHED_PIECE_BYTES);
    const { supply: pieces, pool } = supply([all.provider], { cache });
    await pieces.pieces([1n, 2n, 3n], signal, quick);
    await pieces.settled();
    expect([cache.indices(), pool.batches]).toEqual([[1n, 2n, 3n], [3]]);
  });

  it('that are only tried are not rebuilt', async () => {
    const half = holder('half', (index) => index % 2n === 1n);
    const { supply: pieces, events } = supply([half.provider]);
    expect(await pieces.piece(4n, signal, { quick: true, speculative: true })).toBeNull();
    expect(events.some(({ kind }) => kind === 'reconstructing')).toBe(false);
    expect(says(await pieces.piece(4n, signal, quick))).toBe(4n);
  });
});

describe('the cache of pieces', () => {
  it('holds no more than it may, drops the least used, and keeps what is pinned', async () => {
    const directory = new MemoryDirectory();
    const cache = await PieceCache.open(directory, 3 * CACHED_PIECE_BYTES);
    for (const index of [1n, 2n, 3n]) await cache.put(index, pieceOf(index));
    cache.pin([2n]);
    await cache.get(1n);
    await cache.put(4n, pieceOf(4n));
    expect(cache.indices()).toEqual([2n, 1n, 4n]);
    await cache.resize(CACHED_PIECE_BYTES);
    expect([cache.indices(), cache.usedBytes]).toEqual([[2n], CACHED_PIECE_BYTES]);
    cache.release([2n]);
    await cache.resize(0);
    expect([cache.size, directory.files.size]).toEqual([0, 0]);
    await cache.put(5n, pieceOf(5n));
    expect(cache.has(5n)).toBe(false);
  });

  it('gives guests a quarter of its space, and lets them go first', async () => {
    const directory = new MemoryDirectory();
    const cache = await PieceCache.open(directory, 8 * CACHED_PIECE_BYTES);
    for (const index of [1n, 2n, 3n, 4n, 5n]) await cache.put(index, pieceOf(index));
    for (const index of [11n, 12n, 13n]) await cache.put(index, pieceOf(index), true);
    expect(cache.indices()).toEqual([1n, 2n, 3n, 4n, 5n, 12n, 13n]);
    // One that is used stays longer than one that is not, one that is opened or pinned is a guest no more.
    await cache.get(12n);
    await cache.put(14n, pieceOf(14n), true);
    expect(cache.indices()).toEqual([1n, 2n, 3n, 4n, 5n, 12n, 14n]);
    await cache.put(12n, pieceOf(12n));
    cache.pin([14n]);
    cache.release([14n]);
    for (const index of [15n, 16n, 17n]) await cache.put(index, pieceOf(index), true);
    expect(cache.indices()).toEqual([2n, 3n, 4n, 5n, 12n, 14n, 16n, 17n]);
    for (const index of [6n, 7n, 8n]) await cache.put(index, pieceOf(index));
    expect(cache.indices()).toEqual([3n, 4n, 5n, 12n, 14n, 6n, 7n, 8n]);
    await cache.resize(3 * CACHED_PIECE_BYTES);
    await cache.put(18n, pieceOf(18n), true);
    expect(cache.indices()).toEqual([6n, 7n, 8n]);
    expect(directory.files.size).toBe(3);
  });

  it('survives restarts and removes what is damaged or foreign', async () => {
    const directory = new MemoryDirectory();
    const before = await PieceCache.open(directory, 5 * CACHED_PIECE_BYTES);
    for (const index of [1n, 2n]) await before.put(index, pieceOf(index));
    directory.files.get('piece-2.bin')![100]! ^= 1;
    directory.files.set('piece-3.bin', new Uint8Array(5));
    directory.files.set('sector-0.bin', new Uint8Array(5));
    const cache = await PieceCache.open(directory, 5 * CACHED_PIECE_BYTES);
    expect(says(await cache.get(1n))).toBe(1n);
    expect([await cache.get(2n), await cache.get(3n)]).toEqual([null, null]);
    expect([...directory.files.keys()]).toEqual(['piece-1.bin', 'sector-0.bin']);
  });
});
