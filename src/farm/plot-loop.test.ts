/** When a farm plots, when it does not, and what it says of its pace. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ScratchFile } from '../storage/directory.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { farmingPool, openFarm, PIECES, SECTORS, stopFarms } from './test-farm.ts';
import { fakeEncoding, FakeSource, until } from './test-support.ts';

afterEach(async () => {
  vi.useRealTimers();
  await stopFarms();
});

describe('plotting', () => {
  it('that fails is tried again, after five seconds, then after twice as long each time, five minutes at most', async () => {
    vi.useFakeTimers();
    const tries: number[] = [];
    const { farm } = await openFarm({
      plotter: () => {
        tries.push(performance.now());
        return Promise.reject(new Error('no piece'));
      },
    });
    farm.start();
    await vi.advanceTimersByTimeAsync(1_300_000);
    const waits = tries.slice(1).map((at, number) => Math.round((at - tries[number]!) / 1000));
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('does not begin when the farm is paused while it looks for something to plot', async () => {
    class SlowFolder extends MemoryDirectory {
      asked = () => undefined;

      override async scratch(name: string): Promise<ScratchFile> {
        this.asked();
        return super.scratch(name);
      }
    }
    const directory = new SlowFolder();
    const { farm, pool, snapshot, plotted } = await openFarm({ directory });
    let asked = false;
    directory.asked = () => {
      if (!asked) farm.pause();
      asked = true;
    };
    farm.start();
    await until(() => asked, 'a look into the folder');
    await new Promise((done) => setTimeout(done, 100));
    expect(pool.calls['record.encode']).toBeUndefined();
    expect(snapshot()).toMatchObject({ phase: 'paused', plotting: null });
    farm.resume();
    await until(plotted, 'plotting');
  });

  it('stands still while something else is done to the farm, and goes on with what was encoded', async () => {
    const world = await openFarm({ plotConcurrency: 1 });
    const { farm, pool, snapshot, plotted } = world;
    const begun = new Promise<void>((done) => {
      farm.onChange(() => {
        if (snapshot().plotting?.piecesDone === 1) done();
      });
    });
    farm.start();
    await begun;
    await farm.quietly(async () => {
      expect(snapshot().plotting).toBeNull();
      const before = pool.calls['record.encode'];
      await new Promise((done) => setTimeout(done, 100));
      expect(pool.calls['record.encode']).toBe(before);
    });
    await until(plotted, 'plotting');
    // The piece under way is encoded twice, and no other.
    expect(pool.calls['record.encode']).toBeLessThanOrEqual(SECTORS * PIECES + 1);
  });

  it('tells its pace and the time to go, and does not take a sector that was half done for a fast one', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const pool = farmingPool();
    pool.handlers['record.encode'] = (input) => {
      vi.advanceTimersByTime(10_000);
      return fakeEncoding(input);
    };
    const world = await openFarm({ pool, plotConcurrency: 1, pieces: new FakeSource() });
    const { farm, snapshot, plotted } = world;
    const seen = new Map<string, object>();
    let pause = true;
    farm.onChange(() => {
      const { plotting } = snapshot();
      if (plotting === null) return;
      const { sector, piecesDone, piecesPerMinute, secondsPerSector, etaSeconds } = plotting;
      seen.set(`${sector}: ${piecesDone}`, { piecesPerMinute, secondsPerSector, etaSeconds });
      if (pause && piecesDone === 1) {
        pause = false;
        farm.pause();
      }
    });
    farm.start();
    await until(() => !pause && snapshot().plotting === null, 'the pause');
    expect(seen.get('0: 0')).toEqual({ piecesPerMinute: null, secondsPerSector: null, etaSeconds: null });
    expect(seen.get('0: 1')).toEqual({ piecesPerMinute: 6, secondsPerSector: null, etaSeconds: 30 });
    farm.resume();
    await until(plotted, 'plotting');
    expect(seen.get('0: 2')).toEqual({ piecesPerMinute: 6, secondsPerSector: null, etaSeconds: 20 });
    expect(seen.get('1: 1')).toEqual({ piecesPerMinute: 6, secondsPerSector: null, etaSeconds: 10 });
    expect(seen.get('1: 2')).toEqual({ piecesPerMinute: 6, secondsPerSector: null, etaSeconds: 0 });
  });
});
