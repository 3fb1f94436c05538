/** Rewards of farming, day by day. */
import type { FarmHistoryEntry } from '../../node/api.ts';

const HOUR_MS = 3_600_000;

/** What came of one day by this computer's clock. */
export interface FarmDay {
  /** Midnight at which it began, milliseconds since the epoch. */
  start: number;
  blocks: number;
  votes: number;
  /** Solutions that were too late or refused. */
  lost: number;
}

const MEMBERS: Partial<Record<FarmHistoryEntry['outcome'], 'blocks' | 'votes' | 'lost'>> = {
  'won-block': 'blocks',
  'won-vote': 'votes',
  missed: 'lost',
  rejected: 'lost',
};

function midnight(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/**
 * Every day from the first entry's to that of `now`, the newest first, so that days without any are seen; `most` days.
 * `entries`: newest first; `whole`: whether there were none before them, without which the first day is left out, as
 * part of it is not known.
 */
export function farmDays(
  entries: readonly Pick<FarmHistoryEntry, 'at' | 'outcome'>[],
  now: number,
  whole: boolean,
  most: number,
): FarmDay[] {
  const oldest = entries.at(-1)?.at;
  if (oldest === undefined) return [];
  const first = midnight(oldest);
  const days: FarmDay[] = [];
  // Noon is on the day before whichever way the clock was changed.
  for (
    let start = midnight(now);
    start >= first && days.length < most;
    start = midnight(start - 12 * HOUR_MS)
  )
    if (whole || start > first) days.push({ start, blocks: 0, votes: 0, lost: 0 });
  const byStart = new Map(days.map((day) => [day.start, day]));
  for (const { at, outcome } of entries) {
    const member = MEMBERS[outcome];
    const day = byStart.get(midnight(at));
    if (member !== undefined && day !== undefined) day[member] += 1;
  }
  return days;
}
