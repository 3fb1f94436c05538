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

/** A time without heartbeats. */
export interface Gap {
  /** By how much the device's clock went forward, milliseconds. */
  ms: number;
  /**
   * Whether a clock that nobody sets did not go along: the device slept, or its clock was set. Otherwise the tab was
   * frozen, or too busy for its heartbeat.
   */
  jumped: boolean;
}

/** Notices gaps between heartbeats: the computer slept, the tab stood still, or the clock was set forward. */
export class SleepDetector {
  private last = this.read();
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly slept: (gap: Gap) => void,
    private readonly intervalMs = 1_000,
    private readonly toleranceMs = 5_000,
  ) {}

  start(): void {
    this.last = this.read();
    this.timer = setInterval(() => this.beat(), this.intervalMs);
  }

  /** Compares the clocks with the last beat; called by the timer and by whatever else happens. */
  beat(): void {
    const { last } = this;
    this.last = this.read();
    const passed = this.last.now - last.now;
    const ms = passed - this.intervalMs;
    if (ms <= this.toleranceMs) return;
    this.slept({ ms, jumped: passed - (this.last.elapsed - last.elapsed) > this.toleranceMs });
  }

  private read(): { now: number; elapsed: number } {
    return { now: Date.now(), elapsed: performance.now() };
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
