import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { ProtocolError } from '../../protocol/errors.ts';
import { JobPriority } from '../jobs.ts';
import { packError } from './errors.ts';
import { WorkerPool } from './pool.ts';
import { Workshop } from './testing.ts';

const plot = { priority: JobPriority.plot };
const commit = { record: new Uint8Array() };

describe('WorkerPool', () => {
  test('gives the most urgent job out first, and equal ones in turn', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    void pool.run('record.commit', commit, plot);
    const scrub = pool.run('kzg.sum', { points: new Uint8Array() }, { priority: JobPriority.scrub });
    void pool.run('record.locate', { bitfield: new Uint8Array() }, { priority: JobPriority.verifyHead });
    expect(shop.started()).toEqual(['record.commit']);
    shop.end(0);
    shop.end(0);
    shop.end(0, { kind: 'done', output: { point: 7 } } as never);
    expect(shop.workers[0]!.jobs.map(({ name }) => name)).toEqual([
      'record.commit',
      'record.locate',
      'kzg.sum',
    ]);
    expect(await scrub).toEqual({ point: 7 });
  });

  test('lets neither a proof nor an audit wait for what runs', () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const record = { evaluationSeed: new Uint8Array(), sBucket: 0, bitfield: new Uint8Array() };
    void pool.run('record.commit', commit, plot);
    void pool.run('record.commit', commit, plot);
    void pool.run('record.unmask', { ...record, chunks: new Uint8Array() }, { priority: JobPriority.prove });
    void pool.run('record.locate', { bitfield: new Uint8Array() }, { priority: JobPriority.prove });
    const slot = { globalChallenge: new Uint8Array(), solutionRange: 1n, sBuckets: [] };
    void pool.run('sector.audit', slot, { priority: JobPriority.audit });
    expect(shop.started()).toEqual(['record.commit', 'record.unmask', 'sector.audit']);
    // The second proof follows the first on their lane; plotting waits while more runs than is allowed.
    shop.end(1);
    expect(shop.started()).toContain('record.locate');
    shop.end(0);
    expect(shop.started().filter((name) => name === 'record.commit')).toHaveLength(1);
  });

  test('stops long plotting jobs for a proof and begins them again after it, twice at most', () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const record = { evaluationSeed: new Uint8Array(), piece: new Uint8Array() };
    const encodings = () => shop.started().filter((name) => name === 'record.encode').length;
    void pool.run('record.encode', record, plot);
    void pool.run('record.commit', commit, plot);
    for (const stopped of [true, true, false]) {
      const before = encodings();
      void pool.run('record.locate', { bitfield: new Uint8Array() }, { priority: JobPriority.prove });
      const at = shop.workers.findLastIndex(({ jobs }) => jobs.at(-1)?.name === 'record.locate');
      expect(
        shop.workers.some(({ jobs, terminated }) => jobs.at(-1)?.name === 'record.encode' && !terminated),
      ).toBe(!stopped);
      shop.end(at, { kind: 'done', output: { locator: new Uint8Array() } } as never);
      // It comes before what waited behind it.
      expect(encodings()).toBe(before + (stopped ? 1 : 0));
      expect(shop.started()).not.toContain('record.commit');
    }
  });

  test('gives up a waiting job when nobody wants it, and the worker of a long one', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const running = new AbortController();
    const waiting = new AbortController();
    const input = { evaluationSeed: new Uint8Array(), piece: new Uint8Array() };
    const first = pool.run('record.encode', input, { ...plot, signal: running.signal });
    const second = pool.run('record.encode', input, { ...plot, signal: waiting.signal });
    waiting.abort(new Error('not wanted'));
    await expect(second).rejects.toThrow('not wanted');
    expect(shop.workers[0]!.terminated).toBe(false);
    running.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    expect(shop.workers[0]!.terminated).toBe(true);
    expect(pool.status()).toEqual({ workers: 1, busy: 0, queued: 0 });
  });

  test('leaves nothing on a signal that many jobs wait for, and no warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const { signal } = new AbortController();
    const jobs = Array.from({ length: 64 }, () => pool.run('record.commit', commit, { ...plot, signal }));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const _ of jobs) shop.end(0);
    await Promise.all(jobs);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await new Promise(setImmediate);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  test('repeats the job of a worker that died once, and then says so', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const job = pool.run('record.commit', commit, plot);
    shop.workers[0]!.events.crash('out of memory');
    expect(shop.workers[1]!.jobs.map(({ name }) => name)).toEqual(['record.commit']);
    shop.workers[1]!.events.crash('out of memory');
    await expect(job).rejects.toMatchObject({ code: 'worker-crashed' });
  });

  test('replaces the worker of a job that runs for longer than it may, which is not repeated', async () => {
    vi.useFakeTimers();
    try {
      const shop = new Workshop();
      const pool = new WorkerPool(shop.spawn, 1, null);
      const limited = { ...plot, limitMs: 1_000 };
      const before = pool.run('record.commit', commit, plot);
      const quick = pool.run('record.commit', commit, limited);
      const slow = pool.run('record.commit', commit, limited);
      const late = slow.catch((error: unknown) => error);
      const after = pool.run('record.commit', commit, plot);
      // The wait for a worker does not count.
      for (let job = 0; job < 2; job += 1) {
        vi.advanceTimersByTime(999);
        shop.end(0);
      }
      await Promise.all([before, quick]);
      vi.advanceTimersByTime(999);
      expect(shop.workers.map(({ terminated }) => terminated)).toEqual([false]);
      vi.advanceTimersByTime(1);
      expect(shop.workers.map(({ terminated }) => terminated)).toEqual([true, false]);
      expect(await late).toMatchObject({ code: 'job-overran' });
      vi.advanceTimersByTime(10_000);
      shop.end(1);
      await after;
      expect(shop.workers.map(({ terminated }) => terminated)).toEqual([true, false]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('does not repeat a job whose buffers are gone', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const buffer = new Uint8Array(8).buffer;
    const job = pool.run('record.commit', commit, { ...plot, transfer: [buffer] });
    shop.workers[0]!.events.crash('gone');
    await expect(job).rejects.toMatchObject({ code: 'worker-crashed' });
    expect(shop.workers).toHaveLength(1);
  });

  test('gives the pieces that a job is on one by one, to the second worker too', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const pieces = [Uint8Array.of(1), Uint8Array.of(2)];
    const rest = { positions: [0, 2], segmentCommitments: [] };
    const job = pool.run('piece.verify', { pieces, ...rest }, plot);
    expect(shop.workers[0]!.jobs[0]!.input).toEqual({ pieces: [], ...rest });
    shop.ask(0, 0);
    shop.ask(0, 1);
    shop.workers[0]!.events.crash('out of memory');
    shop.ask(1, 1);
    expect(shop.workers.map((worker) => worker.pieces)).toEqual([pieces, [pieces[1]]]);
    shop.end(1, { kind: 'done', output: { bad: [] } } as never);
    expect(await job).toEqual({ bad: [] });
    shop.ask(1, 0);
    expect(shop.workers[1]!.pieces).toHaveLength(1);
  });

  test.each([
    ['there is none', 'piece.verify', 2],
    ['the job is on none', 'record.commit', 0],
  ] as const)('replaces a worker that asks for a piece where %s', async (_, name, index) => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const input = { ...commit, pieces: [Uint8Array.of(1)], positions: [0], segmentCommitments: [] };
    const job = pool.run(name, input, plot);
    shop.ask(0, index);
    shop.ask(1, index);
    await expect(job).rejects.toMatchObject({ code: 'worker-crashed' });
    expect(shop.workers.map(({ terminated }) => terminated)).toEqual([true, true]);
  });

  test('goes on without a worker that works on what was given up and handed to somebody else', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const piece = Uint8Array.of(1);
    const unwanted = new AbortController();
    const input = { pieces: [piece], positions: [0], segmentCommitments: [] };
    const job = pool.run('piece.verify', input, { ...plot, signal: unwanted.signal });
    unwanted.abort(new Error('not wanted'));
    await expect(job).rejects.toThrow('not wanted');
    structuredClone(piece, { transfer: [piece.buffer] });
    void pool.run('record.commit', commit, plot);
    shop.ask(0, 0);
    expect(shop.workers[0]!.terminated).toBe(true);
    expect(shop.started()).toEqual(['piece.verify', 'record.commit']);
  });

  test('hands a refusal on with its rule', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const job = pool.run('record.commit', commit, plot);
    const error = new ProtocolError({ code: 'bad', rule: 'record-commitment', message: 'wrong' });
    shop.end(0, { kind: 'failed', error: packError(error), broken: false } as never);
    await expect(job).rejects.toMatchObject({ code: 'bad', rule: 'record-commitment' });
  });

  test('ends what runs and what waits when it is closed', async () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    const jobs = [pool.run('record.commit', commit, plot), pool.run('record.commit', commit, plot)];
    await pool.close();
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'pool-closed' });
    await expect(pool.run('record.commit', commit, plot)).rejects.toMatchObject({ code: 'pool-closed' });
  });

  test('grows and shrinks', () => {
    const shop = new Workshop();
    const pool = new WorkerPool(shop.spawn, 1, null);
    for (let job = 0; job < 3; job += 1) void pool.run('record.commit', commit, plot);
    pool.resize(3);
    expect(pool.status()).toMatchObject({ workers: 3, busy: 3 });
    pool.resize(1);
    shop.end(0);
    shop.end(1);
    expect(shop.workers.filter(({ terminated }) => terminated)).toHaveLength(2);
  });
});
