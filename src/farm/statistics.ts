import type { SleepSnapshot } from './snapshot.ts';

/** Median of the last measurements. */
export class RecentMedian {
  private readonly values: number[] = [];

  /** `size`: how many measurements count. */
  constructor(private readonly size: number) {}

  add(value: number): void {
    this.values.push(value);
    if (this.values.length > this.size) this.values.shift();
  }

  last(): number | null {
    return this.values.at(-1) ?? null;
  }

  /** Null before the first measurement. */
  median(): number | null {
    if (this.values.length === 0) return null;
    const sorted = this.values.toSorted((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }
}

/**
 * What is known of sleep, with another one of `ms` in which so many slots went by and which ended at `now` (milliseconds
 * since the epoch).
 */
export function sleptAgain(
  before: SleepSnapshot | null,
  ms: number,
  slots: number,
  now: number,
): SleepSnapshot {
  const { times, totalMs, longestMs, longestAt, missed } = before ?? {
    times: 0,
    totalMs: 0,
    longestMs: 0,
    longestAt: 0,
    missed: 0,
  };
  const longer = ms > longestMs;
  return {
    times: times + 1,
    totalMs: totalMs + ms,
    missed: missed + slots,
    longestMs: longer ? ms : longestMs,
    longestAt: longer ? now - ms : longestAt,
  };
}

/**
 * Notices gaps between heartbeats: the computer slept, the browser froze or throttled the tab, or the clock was set
 * forward, which looks the same.
 */
export class SleepDetector {
  private last: number;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly now: () => number,
    private readonly slept: (ms: number) => void,
    private readonly intervalMs = 1_000,
    private readonly toleranceMs = 5_000,
  ) {
    this.last = now();
  }

  start(): void {
    this.last = this.now();
    this.timer = setInterval(() => this.beat(), this.intervalMs);
  }

  /** Compares the clock with the last beat; called by the timer and by whatever else happens. */
  beat(): void {
    const now = this.now();
    const gap = now - this.last - this.intervalMs;
    this.last = now;
    if (gap > this.toleranceMs) this.slept(gap);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
