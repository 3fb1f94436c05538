import { describe, expect, it } from 'vitest';
import type { FarmView } from '../node/api.ts';
import { whyNotNow } from './updates.ts';

function farm(underWay: number, outcome: string | null | undefined): FarmView {
  const task = outcome === undefined ? null : { kind: 'check', done: 1, total: 2, outcome, failed: false };
  return { proofs: { underWay }, task } as FarmView;
}

describe('a restart for a new version', () => {
  it('waits for proofs, and for sectors that are being checked or copied', () => {
    expect(whyNotNow([farm(0, undefined), farm(1, undefined)], 0)).toBe('A winning slot is being proven.');
    expect(whyNotNow([farm(0, null)], 0)).toBe('Sectors are being checked or copied.');
  });

  it('waits for nothing else', () => {
    expect(whyNotNow([], 0)).toBeNull();
    expect(whyNotNow([farm(0, 'All 2 sectors are whole.'), farm(0, undefined)], 0)).toBeNull();
  });

  it('does not wait for ever where one proof follows another, but for what is checked or copied', () => {
    expect(whyNotNow([farm(2, undefined)], 30_000)).not.toBeNull();
    expect(whyNotNow([farm(2, undefined)], 60_000)).toBeNull();
    expect(whyNotNow([farm(2, null)], 60_000)).toBe('Sectors are being checked or copied.');
  });
});
