import { describe, expect, it } from 'vitest';
import { SlotClock } from './clock.ts';
import type { Peer } from './peer.ts';
import { Standing } from './standing.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';

const HOUR = 3_600_000;

describe('this device’s clock', () => {
  it('is said to be behind by how much, once a proven time tells, and no more when it is set', () => {
    let now = 50 * HOUR;
    const clock = new SlotClock({ now: () => now, elapsed: () => 0 });
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
    const clock = new SlotClock({ now: () => now, elapsed: () => 0 });
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

describe('a clock that is ahead', () => {
  const START = 50 * HOUR;

  /** A chain whose time is read at moments of a device whose clock is ahead by so much, in milliseconds. */
  function device(aheadMs: number) {
    const at = { real: START, aheadMs };
    const clock = new SlotClock({ now: () => at.real + at.aheadMs, elapsed: () => at.real });
    let slot = 0n;
    const read = (chainMs: number) => clock.setAnchor({ slot: (slot += 1n), timestampMs: chainMs });
    /** After so many seconds a block of so many seconds later is read. */
    const after = (seconds: number, chainSeconds = seconds) => {
      at.real += seconds * 1_000;
      chain += chainSeconds * 1_000;
      read(chain);
    };
    let chain = START;
    read(chain);
    return { at, clock, after, said: () => clock.causeAhead()?.sentence };
  }

  it('is said by how much, once blocks have borne it out for minutes, and that it may be the nodes', () => {
    const { clock, after, said } = device(3 * HOUR);
    for (const seconds of [60, 61, 58]) {
      expect(said()).toBeUndefined();
      expect(clock.wantsAnchors).toBe(true);
      after(seconds);
    }
    expect(said()).toBeUndefined();
    after(1);
    expect(said()).toMatch(/3 hours old as they come.* clock is ahead, then set it.* every node/);
    expect(clock.wantsAnchors).toBe(false);
    after(600);
    expect(said()).toBeDefined();
  });

  it('is not said for what a chain may well be late', () => {
    const { clock, after, said } = device(600_000);
    expect(clock.wantsAnchors).toBe(false);
    for (let minute = 0; minute < 10; minute += 1) after(60);
    expect(said()).toBeUndefined();
  });

  it('is not said while the nodes themselves catch up, nor while the chain stands', () => {
    for (const pace of [5, 1.5, 0]) {
      const { after, said } = device(3 * HOUR);
      for (let minute = 0; minute < 20; minute += 1) {
        after(60, 60 * pace);
        expect(said()).toBeUndefined();
      }
    }
  });

  it('is not said any more when the clock is set, nor when the device slept, until blocks bear it out again', () => {
    const { at, clock, after, said } = device(3 * HOUR);
    for (let minute = 0; minute < 3; minute += 1) after(60);
    expect(said()).toBeDefined();
    at.aheadMs = 0;
    expect(said()).toBeUndefined();
    after(60);
    expect(clock.wantsAnchors).toBe(false);
    expect(said()).toBeUndefined();
    at.aheadMs = 2 * HOUR;
    after(60);
    expect(clock.wantsAnchors).toBe(true);
    // A clock that is set meanwhile begins another row.
    for (let minute = 0; minute < 2; minute += 1) after(60);
    at.aheadMs = HOUR;
    after(60);
    expect(said()).toBeUndefined();
    for (let minute = 0; minute < 3; minute += 1) after(60);
    expect(said()).toContain('60 min old');
  });
});

describe('how the chain stands', () => {
  const state = { started: true, examining: false, constants: PUBLIC_CONSTANTS, reading: false };

  const following = { dropped: false, usable: true, awaited: false };
  const dropped = { dropped: true, usable: false, awaited: false };
  const resting = { dropped: false, usable: false, awaited: false };
  const awaited = { dropped: false, usable: false, awaited: true };

  function standing(peers = [following] as Peer[]) {
    const clocks = { at: 50 * HOUR, elapsedMs: 0, now: () => clocks.at, elapsed: () => clocks.elapsedMs };
    const stands = new Standing(peers, clocks);
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

  it('is a word for what the sources are good for', () => {
    const phaseOf = (...peers: object[]) => standing(peers as Peer[]).phase();
    expect([phaseOf(), phaseOf(resting), phaseOf(dropped, resting)]).toEqual(Array(3).fill('offline'));
    expect([phaseOf(dropped), phaseOf(dropped, dropped)]).toEqual(['refused', 'refused']);
    expect([phaseOf(dropped, following), phaseOf(dropped, awaited)]).toEqual(['following', 'connecting']);
  });

  it('is a word for what goes on', () => {
    const { stands } = standing();
    const phaseOf = (now: Partial<typeof state>) => stands.phase({ ...state, ...now });
    expect(phaseOf({ started: false })).toBe('connecting');
    expect([phaseOf({ examining: true }), phaseOf({ reading: true })]).toEqual(['syncing', 'syncing']);
    expect(stands.phase({ ...state, constants: null })).toBe('connecting');
    expect(stands.phase({ ...state, constants: null, examining: true })).toBe('syncing');
    stands.synced = false;
    expect(phaseOf({})).toBe('syncing');
  });

  it('is not still before half a minute, however fast a network is', () => {
    const { clocks, stands } = standing();
    const constants = { ...PUBLIC_CONSTANTS, slotDurationMs: 10 };
    for (const [elapsedMs, phase] of [
      [29_000, 'following'],
      [31_000, 'stalled'],
    ] as const) {
      clocks.elapsedMs = elapsedMs;
      expect(stands.phase({ ...state, constants })).toBe(phase);
    }
  });

  it('is said with a cause that keeps its time while it lasts, the clock’s first', () => {
    const lies = { ...dropped, source: { state: 'connected' }, status: () => ({ reason: 'It lied.' }) };
    const waits = { ...resting, source: { state: 'connected' }, status: () => ({ reason: 'It is slow.' }) };
    const { clocks, stands } = standing([lies, waits] as unknown as Peer[]);
    const began = clocks.at;
    expect(stands.causeOf('offline', null)).toMatchObject({ code: 'offline', since: began });
    clocks.at += HOUR;
    const cause = stands.causeOf('offline', null);
    expect(cause).toMatchObject({ code: 'offline', since: began });
    expect(cause?.sentence).toContain('It is slow.');
    expect(stands.causeOf('following', null)).toBeNull();
    expect(stands.causeOf('offline', null)).toMatchObject({ since: began + HOUR });
    stands.clockCause = { code: 'clock-behind', sentence: '', action: null, since: 7 };
    expect(stands.causeOf('offline', null)?.code).toBe('clock-behind');
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
