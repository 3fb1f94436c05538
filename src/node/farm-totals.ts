import type { FarmPhase } from '../farm/snapshot.ts';
import type { FarmView } from './api.ts';
import type { Cause } from './causes.ts';

/** All farms of a node taken together. */
export interface FarmTotals {
  /** What the busiest of them does; `failed` only when none works, `off` without farms. */
  phase: FarmPhase | 'off';
  /** Farms that cannot work at the moment. */
  failed: number;
  /** The first trouble that there is. */
  cause: Cause | null;
  /** Sectors that can win, and sectors in all. */
  plotted: number;
  sectors: number;
  usedBytes: number;
  allocatedBytes: number;
  audited: number;
  missed: number;
  blocks: number;
  votes: number;
}

const BUSIEST_FIRST: FarmPhase[] = ['plotting', 'starting', 'waiting', 'farming', 'paused', 'failed'];

/** Sums farms up for one line. */
export function farmTotals(farms: readonly FarmView[]): FarmTotals {
  const sum = (of: (farm: FarmView) => number): number => farms.reduce((total, farm) => total + of(farm), 0);
  return {
    phase: BUSIEST_FIRST.find((phase) => farms.some((farm) => farm.phase === phase)) ?? 'off',
    failed: sum(({ phase }) => (phase === 'failed' ? 1 : 0)),
    cause: farms.find(({ cause }) => cause !== null)?.cause ?? null,
    plotted: sum(({ sectors }) => sectors.filter(({ state }) => canWin.has(state)).length),
    sectors: sum(({ sectors }) => sectors.length),
    usedBytes: sum(({ usedBytes }) => usedBytes),
    allocatedBytes: sum(({ allocatedBytes }) => allocatedBytes),
    // Farms audit the same slots: the one that saw most of them speaks for all.
    audited: Math.max(0, ...farms.map(({ slots }) => slots.audited)),
    missed: Math.max(0, ...farms.map(({ slots }) => slots.missed)),
    blocks: sum(({ rewards }) => rewards.blocks),
    votes: sum(({ rewards }) => rewards.votes),
  };
}

const canWin: ReadonlySet<string> = new Set(['plotted', 'expiring']);
