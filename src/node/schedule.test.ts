import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Limits } from './limits.ts';
import { ALWAYS, coresUnder, reasonToWait, requireSchedule, UNKNOWN_CONDITIONS } from './schedule.ts';

const at = (hour: number): Date => new Date(2026, 0, 1, hour, 30);

describe('a schedule', () => {
  it.each([
    [[22, 7], 21, false],
    [[22, 7], 22, true],
    [[22, 7], 3, true],
    [[22, 7], 7, false],
    [[9, 17], 8, false],
    [[9, 17], 9, true],
    [[9, 17], 17, false],
    [[5, 5], 12, true],
  ] as [[number, number], number, boolean][])('of hours %j at %i: %s', (hours, hour, allowed) => {
    const reason = reasonToWait({ ...ALWAYS, hours }, UNKNOWN_CONDITIONS, at(hour));
    expect(reason === null).toBe(allowed);
  });

  it('waits for what the machine tells, and not for what it cannot tell', () => {
    const strict = { hours: null, onMains: true, whenIdle: true, whenCool: true };
    const free = { onMains: true, idle: true, pressure: 'nominal' } as const;
    expect(reasonToWait(strict, UNKNOWN_CONDITIONS, at(1))).toBeNull();
    expect(reasonToWait(strict, free, at(1))).toBeNull();
    expect(reasonToWait(strict, { ...free, onMains: false }, at(1))).toContain('plugged in');
    expect(reasonToWait(strict, { ...free, idle: false }, at(1))).toContain('nobody uses');
    expect(reasonToWait(strict, { ...free, pressure: 'critical' }, at(1))).toContain('cooled down');
    const relaxed = { hours: null, onMains: false, whenIdle: false, whenCool: false };
    expect(reasonToWait(relaxed, { onMains: false, idle: false, pressure: 'critical' }, at(1))).toBeNull();
  });

  it('halves the cores of a warm machine', () => {
    expect(coresUnder('serious', 5, ALWAYS)).toBe(3);
    expect(coresUnder('serious', 1, ALWAYS)).toBe(1);
    expect(coresUnder('fair', 5, ALWAYS)).toBe(5);
    expect(coresUnder('serious', 5, { ...ALWAYS, whenCool: false })).toBe(5);
  });

  it('refuses hours that are none', () => {
    for (const hours of [
      [0, 24],
      [-1, 3],
      [1.5, 3],
    ] as [number, number][])
      expect(() => requireSchedule({ ...ALWAYS, hours })).toThrow('Hours of the day');
  });
});

describe('limits', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('follow the clock and the machine', () => {
    let hour = 12;
    const acts: unknown[] = [];
    const limits = new Limits(
      { hold: (reason) => acts.push(reason), resize: (cores) => acts.push(cores) },
      () => at(hour),
    );
    limits.start();
    limits.choose({ ...ALWAYS, hours: [22, 7] }, 4);
    expect(acts).toEqual(['Plotting waits until 22:00, as you chose.', 4]);
    acts.length = 0;
    hour = 23;
    vi.advanceTimersByTime(60_000);
    expect(acts.at(-1)).toBeNull();
    acts.length = 0;
    limits.report({ pressure: 'serious' });
    expect(acts).toEqual([null, 2]);
    limits.report({ onMains: false });
    expect(acts).toEqual([null, 2, null]);
    limits.stop();
    acts.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(acts).toEqual([]);
  });
});
