import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecentMedian, SleepDetector, sleptAgain, type Gap } from './statistics.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('sleep', () => {
  function detector(): { slept: Gap[]; jump(ms: number): void; stop(): void } {
    const slept: Gap[] = [];
    const watching = new SleepDetector((gap) => slept.push(gap));
    watching.start();
    const jump = (ms: number): void => {
      vi.setSystemTime(Date.now() + ms);
      vi.advanceTimersByTime(1_000);
    };
    return { slept, jump, stop: () => watching.stop() };
  }

  it('is measured by the clock, to the second', () => {
    const { slept, jump, stop } = detector();
    vi.advanceTimersByTime(60_000);
    expect(slept).toEqual([]);
    jump(751_000);
    expect(slept).toEqual([{ ms: 751_000, jumped: true }]);
    stop();
  });

  it('is not a slow second, nor a clock that is set back', () => {
    const { slept, jump, stop } = detector();
    jump(4_000);
    jump(-3_600_000);
    vi.advanceTimersByTime(10_000);
    expect(slept).toEqual([]);
    // After a clock set back, gaps are still noticed.
    jump(20_000);
    expect(slept).toEqual([{ ms: 20_000, jumped: true }]);
    stop();
  });

  it('is told from a tab that stood still while both clocks went on', () => {
    const { slept, jump, stop } = detector();
    const { now } = performance;
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 30_000);
    jump(30_000);
    expect(slept).toEqual([{ ms: 30_000, jumped: false }]);
    stop();
  });

  it('adds up', () => {
    const once = sleptAgain(null, 10_000, 7, 50_000);
    expect(once).toEqual({ times: 1, totalMs: 10_000, longestMs: 10_000, longestAt: 40_000, missed: 7 });
    expect(sleptAgain(once, 4_000, 2, 90_000)).toEqual({ ...once, times: 2, totalMs: 14_000, missed: 9 });
    expect(sleptAgain(once, 30_000, 0, 90_000)).toMatchObject({ longestMs: 30_000, longestAt: 60_000 });
  });
});

describe('a median of the last measurements', () => {
  it('forgets the older ones', () => {
    const median = new RecentMedian(3);
    expect(median.median()).toBeNull();
    for (const value of [100, 1, 2, 9]) median.add(value);
    expect(median.median()).toBe(2);
    expect(median.last()).toBe(9);
  });
});
