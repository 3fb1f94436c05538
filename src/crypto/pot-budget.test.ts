import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headShare, keepsPace, passChance, requireBudget, examinationShare } from './pot-budget.ts';

describe('budget', () => {
  test.each([0, 9, 1.5, Number.NaN])('refuses a sample of %d', (checkpointsPerSlot) => {
    expect(() => requireBudget({ mode: 'sampled', checkpointsPerSlot })).toThrow(RangeError);
  });

  test.each([0, 1.5, -1])('refuses %d cores', (cores) => {
    expect(() => requireBudget({ mode: 'full', cores })).toThrow(RangeError);
  });
});

test('the chance to pass is that of missing every forged slot', () => {
  expect(passChance(8, 1, 1)).toBe(0);
  expect(passChance(1, 1, 1)).toBe(7 / 8);
  expect(passChance(3, 2, 0.5)).toBeCloseTo((1 - 3 / 16) ** 2, 12);
  expect(passChance(4, 0, 1)).toBe(1);
});

test('history is caught up with where the share of its slots is less than the speed', () => {
  const sample = { mode: 'sampled', checkpointsPerSlot: 2 } as const;
  expect(keepsPace(sample, 60e6, 206e6)).toBe(true);
  expect(keepsPace(sample, 50e6, 206e6)).toBe(false);
  expect(keepsPace({ mode: 'full' }, 200e6, 206e6)).toBe(false);
  expect(keepsPace({ mode: 'full' }, 0, 206e6)).toBe(true);
});

describe('the head', () => {
  test('is verified in full until the speed is known, and where it suffices', () => {
    expect(headShare({ mode: 'full' }, 0, 1e9)).toEqual({ mode: 'full' });
    expect(headShare({ mode: 'sampled', checkpointsPerSlot: 1 }, 100e6, 60e6)).toEqual({ mode: 'full' });
  });

  test('is sampled by the budget, or by what the machine manages', () => {
    expect(headShare({ mode: 'sampled', checkpointsPerSlot: 2 }, 100e6, 61e6)).toEqual({
      mode: 'sampled',
      checkpointsPerSlot: 2,
    });
    // 8 × 0.6 × 70 / 206 = 1.6
    expect(headShare({ mode: 'full' }, 70e6, 206e6)).toEqual({ mode: 'sampled', checkpointsPerSlot: 1 });
    expect(headShare({ mode: 'full' }, 1, 206e6)).toEqual({ mode: 'sampled', checkpointsPerSlot: 1 });
  });

  test('never takes more of the machine than is left for it, unless one checkpoint is more', () => {
    const speed = fc.double({ min: 1, max: 1e10, noNaN: true });
    const fits = fc.property(speed, speed, (rate, due) => {
      const share = headShare({ mode: 'full' }, rate, due);
      const part = share.mode === 'full' ? 1 : share.checkpointsPerSlot / 8;
      return part === 1 / 8 || part * due <= 0.6 * rate * (1 + 1e-9);
    });
    expect(fc.check(fits).counterexample).toBeNull();
  });
});

describe('the time of an examination', () => {
  test('is verified in full where a person would wait for it, and by one checkpoint of a block where not', () => {
    const one = { potShare: { mode: 'sampled', checkpointsPerSlot: 1 }, potSlots: 1 };
    const full = { potShare: { mode: 'full' } };
    expect(examinationShare({ mode: 'full' }, 1e6, 1e8)).toEqual(full);
    expect(examinationShare({ mode: 'full' }, 1e6, 1e9)).toEqual(one);
    expect(examinationShare({ mode: 'full' }, 0, 1e9)).toEqual(full);
    expect(examinationShare({ mode: 'full' }, 0, 7e11)).toEqual(one);
    expect(examinationShare({ mode: 'sampled', checkpointsPerSlot: 3 }, 1e9, 1)).toEqual(one);
  });
});
