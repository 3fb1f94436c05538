import { describe, expect, it } from 'vitest';
import type { SlotInfo } from '../protocol/types.ts';
import { requireSlotInfo, SlotOrder, wentBy } from './slot-order.ts';
import { slotAt } from './test-support.ts';

const REFUSED = /slot-info/;

describe('the order of slots', () => {
  it('is taken from the node again when several slots contradict what was seen', () => {
    const order = new SlotOrder();
    expect(order.follow(1n << 60n)).toBe(0);
    for (const slot of [12n, 13n]) expect(() => order.follow(slot)).toThrow(REFUSED);
    expect(order.follow(14n)).toBe(0);
    expect(order.follow(14n)).toBeNull();
    expect(order.follow(16n)).toBe(1);
  });

  it('is not given up for a slot that comes again and again, nor for some between others', () => {
    const order = new SlotOrder();
    expect(order.follow(10n)).toBe(0);
    for (const slot of [8n, 8n, 8n, 9n, 7n, 8n]) expect(() => order.follow(slot)).toThrow(REFUSED);
    expect(order.follow(11n)).toBe(0);
    for (const slot of [9n, 10n]) expect(() => order.follow(slot)).toThrow(REFUSED);
    expect(order.follow(12n)).toBe(0);
  });
});

describe('slots that nobody heard of', () => {
  it('are counted as missed for months, and no more than that on one node’s word', () => {
    const order = new SlotOrder();
    expect(order.follow(10n)).toBe(0);
    expect(() => order.follow(10_000_011n)).toThrow(REFUSED);
    expect(order.follow(10_000_010n)).toBe(9_999_999);
    expect(() => order.follow(1n << 60n)).toThrow(REFUSED);
    expect(order.follow(10_000_012n)).toBe(1);
  });

  it('are taken from the node when it goes on from there', () => {
    const order = new SlotOrder();
    expect(order.follow(10n)).toBe(0);
    for (const slot of [1n << 40n, 1n << 60n, (1n << 60n) + 1n])
      expect(() => order.follow(slot)).toThrow(REFUSED);
    expect(order.follow((1n << 60n) + 2n)).toBe(0);
    expect(order.follow((1n << 60n) + 4n)).toBe(1);
  });
});

describe('time', () => {
  it('went by where slots did, even slow ones, and not where hours brought one', () => {
    expect(wentBy(10_000, 5)).toBe(true);
    expect(wentBy(60_000, 1)).toBe(true);
    expect(wentBy(60_001, 1)).toBe(false);
    expect(wentBy(3 * 3_600_000, 3)).toBe(false);
    expect(wentBy(6_000, 0)).toBe(false);
  });
});

describe('a slot', () => {
  it.each<[string, Partial<SlotInfo>]>([
    ['a range in which nothing lies', { solutionRange: 0n }],
    ['votes that are harder than blocks', { solutionRange: 8n, votingSolutionRange: 7n }],
    ['half a challenge', { globalChallenge: new Uint8Array(16) }],
  ])('is refused with %s', (_, change) => {
    expect(() => requireSlotInfo(slotAt(9, change))).toThrow(REFUSED);
  });

  it('is taken with the narrowest ranges that there are', () => {
    const narrow = slotAt(9, { solutionRange: 1n, votingSolutionRange: 1n });
    expect(() => requireSlotInfo(narrow)).not.toThrow();
  });
});
