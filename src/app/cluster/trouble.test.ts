import { describe, expect, it } from 'vitest';
import type { FarmSeen, Presence, RosterView } from '../../cluster/roster-view.ts';
import { byTrouble, troubleIn } from './trouble.ts';

function farm(id: string, presence: Presence, slow: string[] = []): FarmSeen {
  return {
    id,
    presence,
    slow,
    lastSeen: 0,
    farmer: null,
    total: 1,
    plotted: 1,
    auditMs: 1,
    proofs: { good: 0, late: 0, failed: 0 },
    solutions: 0,
    error: null,
    sectors: [],
  };
}

function roster(change: Partial<RosterView>): RosterView {
  return {
    controllers: [{ id: 'c', presence: 'here', lastSeen: 0, slot: '1' }],
    caches: [],
    farms: [],
    plotters: [],
    slotMs: null,
    sectorSeconds: null,
    ...change,
  };
}

const late = ['Its audits take more than half a slot.'];

describe('a cluster’s trouble', () => {
  it('is told in a sentence, or not at all', () => {
    expect(troubleIn(roster({ farms: [farm('a', 'here'), farm('b', 'quiet')] }))).toBeNull();
    const cache = { id: 'k', presence: 'gone' as const, lastSeen: 0, capacity: 1 };
    const farms = [farm('a', 'gone', late), farm('b', 'gone'), farm('c', 'here', late)];
    expect(troubleIn(roster({ caches: [cache], farms }))).toBe(
      '1 cache is gone, 2 farms are gone, 1 farm is slow.',
    );
  });

  it('comes first', () => {
    const farms = [
      farm('well', 'here'),
      farm('late', 'quiet'),
      farm('slow', 'here', late),
      farm('gone', 'gone'),
    ];
    expect(farms.toSorted(byTrouble).map(({ id }) => id)).toEqual(['gone', 'slow', 'late', 'well']);
  });
});
