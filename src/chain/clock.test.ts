import { describe, expect, it } from 'vitest';
import { SlotClock } from './clock.ts';
import type { Peer } from './peer.ts';
import { Standing } from './standing.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';

const HOUR = 3_600_000;

describe('this device’s clock', () => {
  it('is said to be behind by how much, once a proven time tells, and no more when it is set', () => {
    let now = 50 * HOUR;
    const clock = new SlotClock(() => now);
    expect(clock.cause()).toBeNull();
    clock.setAnchor({ slot: 1_000n, timestampMs: 50 * HOUR });
    const told = (behindMs: number): string | undefined => {
      now = 50 * HOUR - behindMs;
      return clock.cause()?.sentence;
    };
    expect(told(0)).toBeUndefined();
    expect(told(60_000)).toBeUndefined();
    expect(told(5 * 60_000)).toContain('5 min behind');
    expect(told(3 * HOUR)).toContain('3 hours behind');
    expect(told(-3 * HOUR)).toBeUndefined();
  });

  it('allows slots for as long as it has gone on, and those of a minute more', () => {
    let now = 50 * HOUR;
    const clock = new SlotClock(() => now);
    expect(clock.latestSlot(1_000)).toBeNull();
    clock.setAnchor({ slot: 1_000n, timestampMs: now });
    expect(clock.latestSlot(1_000)).toBe(1_060n);
    now += 100_000;
    // Slots may be a tenth shorter than they are called.
    expect(clock.latestSlot(1_000)).toBe(1_170n);
    now -= 3 * HOUR;
    expect(clock.latestSlot(1_000)).toBe(1_060n);
  });
});

describe('how the chain stands', () => {
  const state = { started: true, examining: false, constants: PUBLIC_CONSTANTS, reading: false };

  function standing() {
    const clocks = { at: 50 * HOUR, elapsedMs: 0, now: () => clocks.at, elapsed: () => clocks.elapsedMs };
    const peer = { dropped: false, usable: true, awaited: false } as Peer;
    const stands = new Standing([peer], clocks);
    stands.synced = true;
    return { clocks, stands, phase: () => stands.phase(state) };
  }

  it('is no matter of what the clock is set to', () => {
    const { clocks, stands, phase } = standing();
    for (const step of [3 * HOUR, -6 * HOUR]) {
      clocks.at += step;
      stands.lookAtClock();
      expect(phase()).toBe('following');
    }
    for (let second = 0; second < 600; second += 1) {
      clocks.elapsedMs += 1_000;
      stands.lookAtClock();
    }
    expect(phase()).toBe('stalled');
    stands.headCame();
    expect(phase()).toBe('following');
  });

  it('is waiting while a block is not due yet', () => {
    const { stands, phase } = standing();
    stands.early = true;
    expect(phase()).toBe('stalled');
    stands.early = false;
    expect(phase()).toBe('following');
  });

  it('does not hold it against the network that this device slept', () => {
    const { clocks, stands, phase } = standing();
    clocks.elapsedMs += HOUR;
    stands.lookAtClock();
    expect(phase()).toBe('following');
  });
});
