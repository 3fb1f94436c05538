/** Which slots a farm believes a node. */
import { ProtocolError } from '../protocol/errors.ts';
import type { SlotInfo, SlotNumber } from '../protocol/types.ts';

/** Slots out of order after which the farm believes the node rather than what it saw before. */
const RESYNC_AFTER = 3;
/** Most slots that can have gone by unheard: four months of the fastest. */
const MOST_SKIPPED = 10_000_000n;

function canFollow(slot: SlotNumber, last: SlotNumber): boolean {
  return slot > last && slot - last <= MOST_SKIPPED;
}

/**
 * The order of slots. A slot that came before is ignored; one before the last, or too far after it, is refused, until
 * several of them come in order: then it was the last one that was wrong, or another node's.
 */
export class SlotOrder {
  private last: SlotNumber | null = null;
  private strange: SlotNumber[] = [];

  /**
   * Returns how many slots were skipped before this one; null for the last one again.
   *
   * @throws ProtocolError (rule `slot-info`) for a slot that cannot follow the last.
   */
  follow(slot: SlotNumber): number | null {
    const { last } = this;
    if (slot === last) return null;
    if (last === null || canFollow(slot, last)) {
      this.strange = [];
      this.last = slot;
      return last === null ? 0 : Number(slot - last - 1n);
    }
    const before = this.strange.at(-1);
    this.strange = before !== undefined && canFollow(slot, before) ? [...this.strange, slot] : [slot];
    if (this.strange.length < RESYNC_AFTER) throw impossibleSlot(slot, `slot ${slot} after slot ${last}`);
    this.strange = [];
    this.last = slot;
    return 0;
  }
}

/** Far longer than a slot of any network lasts, milliseconds. */
const LONGEST_SLOT_MS = 60_000;

/**
 * Whether time really passed while this device’s clock went forward by `gapMs`: slots go by for whoever sleeps, and do
 * not where the clock was set. `skipped`: slots that were not heard of meanwhile.
 */
export function wentBy(gapMs: number, skipped: number): boolean {
  return skipped * LONGEST_SLOT_MS >= gapMs;
}

/** Throws ProtocolError (rule `slot-info`) for what no honest node sends. */
export function requireSlotInfo(slot: SlotInfo): void {
  const { slotNumber, globalChallenge, solutionRange, votingSolutionRange } = slot;
  const refuse = (message: string): never => {
    throw impossibleSlot(slotNumber, message);
  };
  if (globalChallenge.length !== 32) refuse(`a global challenge of ${globalChallenge.length} bytes`);
  if (solutionRange === 0n) refuse('a solution range of 0');
  if (votingSolutionRange < solutionRange) refuse('a voting range below the solution range');
}

function impossibleSlot(slot: SlotNumber, message: string): ProtocolError {
  return new ProtocolError({
    code: 'impossible-slot',
    rule: 'slot-info',
    message,
    values: { slot },
    sentence: `The node sent an impossible slot ${slot}; it was ignored.`,
  });
}
