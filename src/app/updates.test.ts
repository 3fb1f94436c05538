import { describe, expect, it } from 'vitest';
import type { FarmView } from '../node/api.ts';
import { whyNotNow } from './updates.ts';

function farm(underWay: number, outcome: string | null | undefined): FarmView {
  const task = outcome === undefined ? null : { kind: 'check', done: 1, total: 2, outcome, failed: false };
  return { proofs: { underWay }, task } as FarmView;
}

describe('a restart for a new version', () => {
  it('waits for proofs, and for sectors that are being checked or copied', () => {
    expect(whyNotNow([farm(0, undefined), farm(1, undefined)])).toBe('A winning slot is being proven.');
    expect(whyNotNow([farm(0, null)])).toBe('Sectors are being checked or copied.');
  });

  it('waits for nothing else', () => {
    expect(whyNotNow([])).toBeNull();
    expect(whyNotNow([farm(0, 'All 2 sectors are whole.'), farm(0, undefined)])).toBeNull();
  });
});
