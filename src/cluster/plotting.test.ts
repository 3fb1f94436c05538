/** What a farmer makes of plotters that fail: whom it asks again, whom no more, and when it plots by itself. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import type { PlottedSector, SectorPlottingProgress } from '../protocol/cluster/values.ts';
import { S_BUCKETS } from '../protocol/constants.ts';
import { createBlake3 } from '../crypto/blake3.ts';
import { planSector } from '../farm/plan.ts';
import type { PlotContext } from '../farm/plotter.ts';
import { FakeHistory, FakeSource, named, plottingPool, RULES } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { ClusterError, type ClusterErrorCode } from './errors.ts';
import { ClusterPlotting, type PlotWith } from './plotting.ts';
import { FakeConnection } from './testing-connection.ts';

const PUBLIC_KEY = named('farmer', 32);
const plan = planSector(PUBLIC_KEY, 4, 3n, 2, RULES);
const planned: PlottedSector = {
  sectorId: plan.sectorId,
  sectorIndex: 4,
  metadata: {
    sectorIndex: 4,
    piecesInSector: 2,
    sBucketSizes: new Uint16Array(S_BUCKETS),
    historySize: 3n,
  },
  pieceIndexes: plan.pieces.map(({ index }) => index),
};
const finished: SectorPlottingProgress = { kind: 'finished', plottedSector: planned, time: 1n };
const chunk = (length: number): SectorPlottingProgress => ({
  kind: 'sectorChunk',
  chunk: { ok: true, value: new Uint8Array(length) },
});
const failure = (code: ClusterErrorCode) => () => {
  throw new ClusterError(code, 'of the test', 'Of the test.');
};

let fake: FakeConnection;
let context: PlotContext;
let stop: AbortController;
let lines: string[];
let plottedHere: number;

// What has to be loaded is not waited for by a clock of the test's own.
beforeAll(async () => void (await createBlake3()));
beforeEach(() => {
  vi.useFakeTimers();
  vi.advanceTimersByTime(1);
  fake = new FakeConnection();
  [lines, plottedHere, stop] = [[], 0, new AbortController()];
  context = {
    pool: plottingPool(),
    history: new FakeHistory(),
    pieces: new FakeSource(),
    directory: new MemoryDirectory(),
    concurrency: 1,
    signal: stop.signal,
    progress: () => undefined,
    badPiece: () => undefined,
    beforeReplace: async () => undefined,
  };
});
afterEach(() => void vi.useRealTimers());

function plotting(plotWith: PlotWith = 'both'): ClusterPlotting {
  return new ClusterPlotting({
    connection: fake.connection,
    pool: context.pool,
    publicKey: PUBLIC_KEY,
    rules: () => RULES,
    plotWith,
    plotHere: async () => {
      plottedHere += 1;
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    },
    log: (line) => lines.push(line),
  });
}

/** A plotter offers itself so many times, then nobody does. */
function offers(times: number): void {
  let left = times;
  fake.answer(messages.freePlotter, () => ((left -= 1) >= 0 ? 'p' : failure('nobody')()));
}

const asked = (message: object): number => fake.asked.get(message)?.length ?? 0;

/** Plots until the end of ten minutes; what came of it. */
async function plotted(how = plotting()): Promise<unknown> {
  const outcome = how.plot(plan, context).then(
    () => 'plotted',
    (error: unknown) => error,
  );
  await vi.advanceTimersByTimeAsync(600_000);
  return outcome;
}

describe('a plotter', () => {
  it.each<[string, SectorPlottingProgress[], number]>([
    ['is busy', [{ kind: 'occupied' }], 1],
    ['says that it failed', [{ kind: 'error', error: 'no piece' }], 2],
    ['ends before its sector is done', [{ kind: 'ping' }, { kind: 'downloading' }], 2],
    ['sends bytes before it has said what they are', [chunk(10)], 2],
    ['fails while it delivers', [finished, { kind: 'error', error: 'no disk' }], 2],
    [
      'cannot read what it delivers',
      [finished, { kind: 'sectorChunk', chunk: { ok: false, error: 'no disk' } }],
      2,
    ],
    ['delivers less than a sector', [finished, { kind: 'ping' }, chunk(10)], 2],
    ['delivers another sector', [{ ...finished, plottedSector: { ...planned, sectorIndex: 5 } }], 1],
    ['delivers more than a sector', [finished, chunk(2 ** 23)], 1],
  ])('that %s is asked no more than twice, then this machine plots', async (_, given, times) => {
    offers(1);
    fake.answer(messages.plotSector, () => given);
    expect(await plotted()).toBe('plotted');
    expect(fake.asked.get(messages.plotSector)).toEqual(Array.from({ length: times }, () => 'p'));
    expect(plottedHere).toBe(1);
    expect((context.directory as MemoryDirectory).files.size).toBe(0);
    expect(lines).toHaveLength(given[0]!.kind === 'occupied' ? 0 : times);
  });

  it('that delivered a wrong sector is not asked for an hour, though it offers itself', async () => {
    offers(Infinity);
    fake.answer(messages.plotSector, () => [{ ...finished, plottedSector: { ...planned, sectorIndex: 5 } }]);
    const how = plotting();
    expect(await plotted(how)).toBe('plotted');
    expect([asked(messages.plotSector), plottedHere]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    fake.answer(messages.plotSector, failure('closed'));
    expect(await plotted(how)).toMatchObject({ code: 'closed' });
    expect(asked(messages.plotSector)).toBe(2);
  });

  it.each<ClusterErrorCode>(['failed', 'closed'])(
    'is not blamed for what is none of its: %s',
    async (code) => {
      offers(1);
      fake.answer(messages.plotSector, failure(code));
      expect(await plotted()).toMatchObject({ code });
      fake.answer(messages.freePlotter, () => {
        throw new RangeError('of this program');
      });
      expect(await plotted()).toBeInstanceOf(RangeError);
      expect([plottedHere, lines]).toEqual([0, []]);
    },
  );
});

describe('a farmer', () => {
  it('waits for plotters where it may not plot by itself, until it is stopped', async () => {
    offers(0);
    let ended = false;
    const outcome = plotting('cluster')
      .plot(plan, context)
      .catch((error: unknown) => error)
      .finally(() => (ended = true));
    await vi.advanceTimersByTimeAsync(600_000);
    expect([ended, plottedHere]).toEqual([false, 0]);
    expect(asked(messages.freePlotter)).toBeGreaterThan(100);
    stop.abort(new Error('stopped'));
    await vi.advanceTimersByTimeAsync(0);
    expect(await outcome).toMatchObject({ message: 'stopped' });
  });

  it('asks nobody where it is to plot by itself, one sector after the other', async () => {
    const how = plotting('self');
    const both = Promise.all([how.plot(plan, context), how.plot(plan, context)]);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(plottedHere).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    await both;
    expect([plottedHere, asked(messages.freePlotter)]).toEqual([2, 0]);
  });

  it('gives plotters ten seconds to offer themselves before it plots', async () => {
    offers(0);
    const outcome = plotting().plot(plan, context);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(plottedHere).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    await outcome;
    expect(plottedHere).toBe(1);
  });

  it('counts those ten seconds from the last offer, and leaves who is busy two', async () => {
    offers(0);
    const outcome = plotting().plot(plan, context);
    await vi.advanceTimersByTimeAsync(5_000);
    offers(4);
    fake.answer(messages.plotSector, () => [{ kind: 'occupied' }]);
    await vi.advanceTimersByTimeAsync(6_900);
    expect(asked(messages.plotSector)).toBe(3);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([asked(messages.plotSector), plottedHere]).toEqual([4, 0]);
    await vi.advanceTimersByTimeAsync(10_000);
    await outcome;
    expect(plottedHere).toBe(1);
  });
});
