/**
 * Rule 10: no block from the future. What the network's own time says is compared with this device's clock.
 *
 * A clock that is behind is shown by one block: its time is proven, and no node takes a block from the future. A clock that
 * is ahead looks like a chain that is handed out late, and a node that catches up like both. So it is said only of blocks
 * whose time goes on as fast as this device's does, for minutes, and that it may be the nodes is said with it.
 */
import type { SlotNumber } from '../protocol/types.ts';
import type { ChainCause } from './snapshot.ts';

/** Milliseconds by which blocks may seem early: clocks differ and slots are not equally long. */
const CLOCK_TOLERANCE_MS = 60_000;
/** Milliseconds by which new blocks may seem old: a chain may stand still for a while. */
const AHEAD_MS = 600_000;
/** Milliseconds for which blocks have to go on bearing out that the clock is ahead. */
const BORNE_OUT_MS = 180_000;
/** Milliseconds by which two clocks may differ in that time and still go evenly: blocks come at random. */
const EVEN_MS = 60_000;
/** Share by which slots may be shorter than their nominal duration. */
const FASTER_SLOTS = 0.1;

/** What tells the time. */
export interface Clocks {
  /** This device's clock, milliseconds since the epoch: a person may set it, and it may be wrong. */
  now(): number;
  /** Milliseconds of a clock that nobody sets: how long something lasts. */
  elapsed(): number;
}

/** A moment that a proven state names: the timestamp of a block and the block's slot. */
export interface TimeAnchor {
  slot: SlotNumber;
  /** Milliseconds since the epoch. */
  timestampMs: number;
}

/** What three clocks showed when a block's time was proven, in milliseconds. */
interface Reading {
  chain: number;
  now: number;
  elapsed: number;
}

export class SlotClock {
  private anchor: TimeAnchor | null = null;
  /** The first and the last reading of a row in which the clock was ahead; null: the last one was right. */
  private ahead: { first: Reading; last: Reading } | null = null;

  constructor(private readonly clocks: Clocks) {}

  /** Ties the slot of the newest block to wall time. */
  setAnchor(anchor: TimeAnchor): void {
    this.anchor = anchor;
    const last = this.read(anchor.timestampMs);
    const first = this.ahead?.first ?? last;
    const goesOn = areEven(last.chain - first.chain, last.elapsed - first.elapsed) && !wasSet(first, last);
    this.ahead = last.now - last.chain > AHEAD_MS ? { first: goesOn ? first : last, last } : null;
  }

  /** Whether the clock seems to be ahead, and further anchors are wanted to tell. */
  get wantsAnchors(): boolean {
    return this.ahead !== null && !isBorneOut(this.ahead);
  }

  private read(chain: number): Reading {
    return { chain, now: this.clocks.now(), elapsed: this.clocks.elapsed() };
  }

  /** The last slot that can have come by this device's clock, or null while no time was proven. */
  latestSlot(slotDurationMs: number): SlotNumber | null {
    if (this.anchor === null) return null;
    const elapsed = this.clocks.now() - this.anchor.timestampMs;
    const slots = (Math.max(0, elapsed) * (1 + FASTER_SLOTS) + CLOCK_TOLERANCE_MS) / slotDurationMs;
    return this.anchor.slot + BigInt(Math.ceil(slots));
  }

  /** What to say when the time of the anchor lies ahead of this device's clock; null when it does not. */
  cause(): ChainCause | null {
    const behindMs = (this.anchor?.timestampMs ?? 0) - this.clocks.now();
    if (behindMs <= CLOCK_TOLERANCE_MS) return null;
    return {
      code: 'clock-behind',
      sentence: `This device’s clock is ${inWords(behindMs)} behind the network’s time. Set it: blocks that are not due by it are waited for.`,
      action: null,
      since: this.clocks.now(),
    };
  }

  /** What to say when blocks have borne out for minutes that this device's clock is ahead; null while they have not. */
  causeAhead(): ChainCause | null {
    if (this.ahead === null || !isBorneOut(this.ahead)) return null;
    const { last } = this.ahead;
    if (wasSet(last, this.read(last.chain))) return null;
    return {
      code: 'clock-ahead',
      sentence: `By this device’s clock the newest blocks are ${inWords(last.now - last.chain)} old as they come. Either the clock is ahead, then set it: what expires is judged by it. Or every node asked hands out the chain that late.`,
      action: null,
      since: this.clocks.now(),
    };
  }

  /** What to say of a block that seems to come from the future. */
  causeOf(slot: SlotNumber): ChainCause {
    return {
      code: 'clock-behind',
      sentence: `A block of slot ${slot} came, which is not due yet by this device’s clock. Either the clock is behind, then set it, or the source is lying. The chain waits, and goes on by itself.`,
      action: null,
      since: this.clocks.now(),
    };
  }
}

/** Whether the device's clock was set between two readings, or the device slept. */
function wasSet(one: Reading, other: Reading): boolean {
  return !areEven(other.now - one.now, other.elapsed - one.elapsed);
}

function areEven(one: number, other: number): boolean {
  return Math.abs(one - other) <= EVEN_MS;
}

function isBorneOut({ first, last }: { first: Reading; last: Reading }): boolean {
  return last.elapsed - first.elapsed >= BORNE_OUT_MS;
}

/** A time that is longer than a minute. */
function inWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} hours`;
}
