/** Rule 10: no block from the future. What the network's own time says is compared with this device's clock. */
import type { SlotNumber } from '../protocol/types.ts';
import type { ChainCause } from './snapshot.ts';

/** Milliseconds by which blocks may seem early: clocks differ and slots are not equally long. */
const CLOCK_TOLERANCE_MS = 60_000;
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

export class SlotClock {
  private anchor: TimeAnchor | null = null;

  constructor(private readonly now: () => number) {}

  /** Ties a slot to wall time. */
  setAnchor(anchor: TimeAnchor): void {
    this.anchor = anchor;
  }

  /** The last slot that can have come by this device's clock, or null while no time was proven. */
  latestSlot(slotDurationMs: number): SlotNumber | null {
    if (this.anchor === null) return null;
    const elapsed = this.now() - this.anchor.timestampMs;
    const slots = (Math.max(0, elapsed) * (1 + FASTER_SLOTS) + CLOCK_TOLERANCE_MS) / slotDurationMs;
    return this.anchor.slot + BigInt(Math.ceil(slots));
  }

  /** What to say when the time of the anchor lies ahead of this device's clock; null when it does not. */
  cause(): ChainCause | null {
    const behindMs = (this.anchor?.timestampMs ?? 0) - this.now();
    if (behindMs <= CLOCK_TOLERANCE_MS) return null;
    return {
      code: 'clock-behind',
      sentence: `This device’s clock is ${inWords(behindMs)} behind the network’s time. Set it: blocks that are not due by it are waited for.`,
      action: null,
      since: this.now(),
    };
  }

  /** What to say of a block that seems to come from the future. */
  causeOf(slot: SlotNumber): ChainCause {
    return {
      code: 'clock-behind',
      sentence: `A block of slot ${slot} came, which is not due yet by this device’s clock. Either the clock is behind, then set it, or the source is lying. The chain waits, and goes on by itself.`,
      action: null,
      since: this.now(),
    };
  }
}

/** A time that is longer than a minute. */
function inWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} hours`;
}
