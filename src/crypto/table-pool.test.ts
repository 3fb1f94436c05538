import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { GpuError, TableTooLargeError } from './gpu/device.ts';
import { JobPriority, type ComputePool, type EncodedRecord, type JobInput } from './jobs.ts';
import type { TableMaker } from './table-maker.ts';
import { TablePool, type TablesView } from './table-pool.ts';

type Input = JobInput<'record.encode'>;

const later = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));
const plot = { priority: JobPriority.plot };
const record = (by: number): EncodedRecord => ({
  bitfield: Uint8Array.of(1),
  chunks: Uint8Array.of(by),
  metadata: Uint8Array.of(by),
});
const input = (fill: number): Input => ({
  evaluationSeed: new Uint8Array(32).fill(fill),
  piece: new Uint8Array(PIECE_BYTES),
});

interface Speeds {
  gpuMs: number;
  workerMs: number;
}

/** Encodings by masks are those of a worker, but for what `spoil` makes of them. */
function scene(
  { gpuMs, workerMs }: Speeds,
  spoil: (encoded: EncodedRecord) => EncodedRecord = (same) => same,
) {
  const jobs: { plain: boolean; seed: number }[] = [];
  const views: TablesView[] = [];
  let compared = false;
  const pool = {
    run: vi.fn<(job: string, input: Input) => Promise<EncodedRecord>>(
      async (_, { evaluationSeed, masks }) => {
        jobs.push({ plain: masks === undefined, seed: evaluationSeed[0]! });
        await later(masks === undefined ? workerMs : 1);
        return masks === undefined ? record(0) : spoil(record(0));
      },
    ),
    resize: () => undefined,
    status: () => ({ workers: 3, busy: 0, queued: 0 }),
    close: async () => undefined,
  };
  let failure: Error | null = null;
  const maker = {
    adapter: 'a card',
    masks: vi.fn<TableMaker['masks']>(async (_, signal) => {
      await later(gpuMs);
      signal?.throwIfAborted();
      if (failure !== null) throw failure;
      return { masks: new Uint8Array(), samples: [] };
    }),
    distrust: vi.fn<(why: string) => void>(),
    close: vi.fn<() => void>(),
  } satisfies TableMaker;
  const open = vi.fn<() => Promise<TableMaker | null>>(async () => maker);
  const tables = new TablePool(pool as unknown as ComputePool, {
    open,
    changed: (view) => views.push(view),
    compared: () => compared,
  });
  const encode = (fill: number, signal?: AbortSignal) =>
    passed(tables.run('record.encode', input(fill), { ...plot, signal }));
  return {
    jobs,
    views,
    pool,
    maker,
    open,
    tables,
    encode,
    fail: (error: Error | null) => (failure = error),
    compare: () => (compared = true),
    /** Who encoded the record of a seed, in order. */
    by: (seed: number) =>
      jobs.filter((job) => job.seed === seed).map(({ plain }) => (plain ? 'worker' : 'gpu')),
  };
}

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

/** What comes of work once all time that it takes has passed. */
async function passed<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(10_000);
  return work;
}

const fast: Speeds = { gpuMs: 5, workerMs: 200 };

describe('a pool with a graphics processor', () => {
  test('measures it once, when the first record comes, and uses it where it is faster', async () => {
    const { tables, encode, open, by, views } = scene(fast);
    expect(tables.view().state).toBe('untried');
    expect(tables.status().encodings).toBeUndefined();
    await Promise.all([encode(1), encode(2)]);
    expect(open).toHaveBeenCalledTimes(1);
    expect([by(1), by(2)]).toEqual([['gpu'], ['gpu']]);
    expect(views[0]!.state).toBe('measuring');
    expect(tables.view()).toMatchObject({ state: 'used', adapter: 'a card', reason: null });
    expect(tables.view().gpuSeconds).toBeLessThan(tables.view().workerSeconds!);
    expect(tables.status().encodings).toBe(4);
  });

  test('leaves it alone where workers are faster', async () => {
    const { tables, encode, by, maker } = scene({ gpuMs: 120, workerMs: 20 });
    await encode(1);
    expect(by(1)).toEqual(['worker']);
    expect(tables.view().state).toBe('slower');
    expect(maker.close).toHaveBeenCalled();
  });

  test('lets workers make the tables that would wait there for longer', async () => {
    const { encode, by } = scene({ gpuMs: 60, workerMs: 200 });
    await encode(1);
    const seeds = [2, 3, 4, 5, 6, 7];
    await Promise.all(seeds.map((seed) => encode(seed)));
    expect(by(2)).toEqual(['gpu']);
    expect(by(7)).toEqual(['worker']);
  });

  test('does without where there is none', async () => {
    const { tables, encode, by, open } = scene(fast);
    open.mockResolvedValue(null);
    await encode(1);
    expect(by(1)).toEqual(['worker']);
    expect(tables.view().state).toBe('none');
  });

  test('does without one that cannot be opened, and says why', async () => {
    const { tables, encode, by, open } = scene(fast);
    open.mockRejectedValue(new GpuError('the driver refuses'));
    await encode(1);
    expect(by(1)).toEqual(['worker']);
    expect(tables.view()).toMatchObject({ state: 'failed', reason: 'the driver refuses' });
  });

  test('does not use one that encodes otherwise than a worker', async () => {
    const { tables, encode, by, maker } = scene(fast, () => record(9));
    expect((await encode(1)).chunks).toEqual(record(0).chunks);
    expect(by(1)).toEqual(['worker']);
    expect(tables.view().state).toBe('failed');
    expect(maker.close).toHaveBeenCalled();
  });

  test('goes on with workers when it is lost', async () => {
    const { tables, encode, by, fail } = scene(fast);
    await encode(1);
    fail(new GpuError('the device was lost'));
    expect((await encode(2)).chunks).toEqual(record(0).chunks);
    expect(by(2)).toEqual(['worker']);
    expect(tables.view()).toMatchObject({ state: 'failed', reason: 'the device was lost' });
    await encode(3);
    expect(by(3)).toEqual(['worker']);
  });

  test('leaves a table that is too large for it to a worker, and only that one', async () => {
    const { tables, encode, by, fail } = scene(fast);
    await encode(1);
    fail(new TableTooLargeError('a table does not fit'));
    expect((await encode(2)).chunks).toEqual(record(0).chunks);
    expect(by(2)).toEqual(['worker']);
    expect(tables.view()).toMatchObject({ state: 'used', reason: null });
    fail(null);
    await encode(3);
    expect(by(3)).toEqual(['gpu']);
  });

  test('finds one out whose samples do not hold', async () => {
    let spoiled = false;
    const { tables, encode, by, maker } = scene(fast, (encoded) => {
      if (!spoiled) return encoded;
      throw new ProtocolError({ code: 'wrong-masks', rule: 'record-encoding', message: 'a proof is wrong' });
    });
    await encode(1);
    spoiled = true;
    expect((await encode(2)).chunks).toEqual(record(0).chunks);
    expect(by(2)).toEqual(['gpu', 'worker']);
    expect(maker.distrust).toHaveBeenCalledWith(expect.stringContaining('a proof is wrong'));
    expect(tables.view().state).toBe('failed');
  });

  test('finds one out by a record that is compared', async () => {
    let spoiled = false;
    const { tables, encode, by, compare, maker } = scene(fast, (encoded) => (spoiled ? record(9) : encoded));
    await encode(1);
    compare();
    expect((await encode(2)).chunks).toEqual(record(0).chunks);
    expect(by(2)).toEqual(['gpu', 'worker']);
    expect(tables.view().state).toBe('used');
    spoiled = true;
    expect((await encode(3)).chunks).toEqual(record(0).chunks);
    expect(maker.distrust).toHaveBeenCalled();
    expect(tables.view().state).toBe('failed');
  });

  test('hands on that nobody waits for a record, and what is wrong with it', async () => {
    const { tables, encode, pool } = scene(fast);
    await encode(1);
    const abort = new AbortController();
    const waiting = encode(2, abort.signal);
    abort.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    pool.run.mockRejectedValueOnce(new RangeError('not a piece'));
    await expect(encode(3)).rejects.toThrow('not a piece');
    expect(tables.view().state).toBe('used');
  });

  test('gives its memory back when nothing is plotted, and measures it again', async () => {
    const { tables, encode, open, maker, by } = scene(fast);
    await encode(1);
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(maker.close).toHaveBeenCalledTimes(1);
    expect(tables.view().state).toBe('untried');
    await encode(2);
    expect(open).toHaveBeenCalledTimes(2);
    expect(by(2)).toEqual(['gpu']);
  });

  test('gives it back when it is closed', async () => {
    const { tables, encode, maker } = scene(fast);
    await encode(1);
    await tables.close();
    expect(maker.close).toHaveBeenCalled();
  });
});
