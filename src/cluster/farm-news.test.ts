/** What a farm tells the cluster of its slots: each thing once, and not many times a second. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FarmingNotification } from '../protocol/cluster/values.ts';
import type { Farm } from '../farm/farm.ts';
import type { Outcome } from '../farm/snapshot.ts';
import { FarmNews } from './farm-news.ts';

const MILLISECOND = 1_000_000n;

let slots: { audited: number; lastAuditMs: number | null };
let history: { slot: string; sector: number | null; outcome: Outcome; proveMs: number | null }[];
let deadlineMs: number | null;
let told: FarmingNotification[];
let changed: () => void;
let news: FarmNews;

beforeEach(() => {
  vi.useFakeTimers();
  slots = { audited: 7, lastAuditMs: 3 };
  history = [];
  deadlineMs = 4_000;
  told = [];
  const farm = {
    snapshot: () => ({
      slots,
      history,
      proofs: { deadlineMs },
      sectors: [{ historySize: 1 }, { historySize: null }, { historySize: 2 }],
    }),
    onChange: (listener: () => void) => (changed = listener),
  };
  news = new FarmNews(farm as unknown as Farm, (notification) => told.push(notification));
});
afterEach(() => {
  vi.useRealTimers();
});

/** What is told of a change, a while later. */
function after(change: () => void): FarmingNotification[] {
  change();
  changed();
  vi.advanceTimersByTime(200);
  return told.splice(0);
}

const slot = (number: string, outcome: Outcome, proveMs: number | null = 9, sector: number | null = 0) => {
  history = [{ slot: number, sector, outcome, proveMs }, ...history.filter((one) => one.slot !== number)];
};

describe('news of a farm', () => {
  it('are the audits since it was there, with the sectors on disk', () => {
    expect(after(() => undefined)).toEqual([]);
    expect(after(() => (slots = { audited: 9, lastAuditMs: 5 }))).toEqual([
      { kind: 'auditing', sectors: 2, time: 5n * MILLISECOND },
    ]);
    expect(after(() => undefined)).toEqual([]);
    expect(after(() => (slots = { audited: 10, lastAuditMs: null }))).toEqual([]);
    expect(after(() => (slots = { audited: 11, lastAuditMs: 0 }))).toHaveLength(1);
  });

  it.each<[Outcome, string]>([
    ['submitted', 'success'],
    ['won-block', 'success'],
    ['won-vote', 'success'],
    ['missed', 'timeout'],
    ['rejected', 'failed'],
  ])('are what became of a proof, once: %s', (outcome, result) => {
    expect(after(() => slot('1', 'proving'))).toEqual([]);
    expect(after(() => slot('1', outcome))).toEqual([{ kind: 'proving', result, time: 9n * MILLISECOND }]);
    expect(after(() => slot('1', 'won-block'))).toEqual([]);
    expect(after(() => slot('2', outcome))).toHaveLength(1);
  });

  it('say how long a proof took that was never made: as long as it might', () => {
    expect(after(() => slot('1', 'missed', null))).toMatchObject([{ time: 4_000n * MILLISECOND }]);
    deadlineMs = null;
    expect(after(() => slot('2', 'missed', null))).toMatchObject([{ time: 0n }]);
  });

  it('are not of slots without a proof', () => {
    expect(after(() => slot('1', 'missed', null, null))).toEqual([]);
    expect(after(() => slot('2', 'nothing'))).toEqual([]);
  });

  it('come a while after many changes together, and not after it is stopped', () => {
    slot('1', 'submitted');
    for (let times = 0; times < 10; times += 1) changed();
    vi.advanceTimersByTime(199);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(told.splice(0)).toHaveLength(1);
    slot('2', 'submitted');
    changed();
    news.stop();
    vi.advanceTimersByTime(10_000);
    expect(after(() => slot('3', 'submitted'))).toEqual([]);
  });

  it('are not told again however many there were, as long as the farm remembers them', () => {
    for (let number = 0; number < 300; number += 1) {
      expect(after(() => slot(String(number), 'submitted'))).toHaveLength(1);
      history = history.slice(0, 200);
    }
  });
});
