import { describe, expect, it } from 'vitest';
import { farmDays } from './days.ts';

const at = (day: number, hour: number) => new Date(2030, 2, day, hour).getTime();
const entry = (day: number, hour: number, outcome: 'won-block' | 'won-vote' | 'missed' | 'rejected') => ({
  at: at(day, hour),
  outcome,
});

describe('days of farming', () => {
  const entries = [
    entry(12, 9, 'won-block'),
    entry(12, 0, 'missed'),
    entry(10, 23, 'won-vote'),
    entry(10, 22, 'rejected'),
    entry(10, 1, 'won-vote'),
  ];

  it('are counted from midnight to midnight, those without any among them', () => {
    expect(farmDays(entries, at(13, 8), true, 30)).toEqual([
      { start: at(13, 0), blocks: 0, votes: 0, lost: 0 },
      { start: at(12, 0), blocks: 1, votes: 0, lost: 1 },
      { start: at(11, 0), blocks: 0, votes: 0, lost: 0 },
      { start: at(10, 0), blocks: 0, votes: 2, lost: 1 },
    ]);
  });

  it('leave out the first where part of it is not known, and what is too long ago', () => {
    expect(farmDays(entries, at(12, 10), false, 30).map(({ start }) => start)).toEqual([
      at(12, 0),
      at(11, 0),
    ]);
    expect(farmDays(entries, at(12, 10), true, 2).map(({ start }) => start)).toEqual([at(12, 0), at(11, 0)]);
    expect(farmDays([], at(12, 10), true, 30)).toEqual([]);
  });

  it('follow each other though a clock was changed between them', () => {
    const year = farmDays(
      [{ at: new Date(2030, 0, 1, 5).getTime(), outcome: 'missed' }],
      new Date(2030, 11, 31).getTime(),
      true,
      1_000,
    );
    expect(year).toHaveLength(365);
    expect(new Set(year.map(({ start }) => new Date(start).toDateString())).size).toBe(365);
  });
});
