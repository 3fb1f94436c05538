/** How much of the proof of time is verified: what the person allows, and what this machine manages. */
import { CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';

/** How much of each slot is verified: every checkpoint, or so many of its eight, drawn at random. */
export type PotShare = { mode: 'full' } | { mode: 'sampled'; checkpointsPerSlot: number };

/** The person's choice. `cores`: of those allowed to the node, how many may walk at once; left out: all. */
export type PotBudget = PotShare & { cores?: number };

/** Share of the machine's speed that the head's proof of time may take: farming and other rules need the rest. */
const HEAD_SHARE = 0.6;

/**
 * What a person begins with. A slot of the public networks takes several cores to verify as it comes, so that a tab
 * which verified all of it would never catch up; their history begins as a sample, and the head is in full wherever
 * the machine keeps up.
 */
export function firstBudget(network: 'local' | 'public'): PotBudget {
  return network === 'local' ? { mode: 'full' } : { mode: 'sampled', checkpointsPerSlot: 1 };
}

/** Whether history is verified faster than it grows. `rate` and `due` as in `headShare`. */
export function keepsPace(share: PotShare, rate: number, due: number): boolean {
  return rate === 0 || (checkpointsOf(share) / CHECKPOINTS_IN_SLOT) * due < rate;
}

/** Iterations a second of a machine that was not measured yet. */
const ASSUMED_RATE = 1e7;
/** Seconds that the proof of time of an examination may take in full. */
const EXAMINATION_SECONDS = 120;

/** Slots of a block and checkpoints of a slot, drawn at random, that are verified of each block that is examined. */
export interface ExaminationShare {
  potShare: PotShare;
  /** Left out: all. */
  potSlots?: number;
}

/**
 * How much of the proof of time of single blocks of a history is verified: all of it where the budget says so and it
 * takes no longer than a person waits; otherwise one checkpoint of a block. A chain whose time is false in a share of
 * its checkpoints is found by each block with that chance.
 *
 * @param iterations Of all slots together.
 * @param rate Iterations a second that this machine verifies; 0: not measured yet.
 */
export function examinationShare(budget: PotShare, rate: number, iterations: number): ExaminationShare {
  const affordable = iterations <= EXAMINATION_SECONDS * (rate || ASSUMED_RATE);
  if (budget.mode === 'full' && affordable) return { potShare: { mode: 'full' } };
  return { potShare: { mode: 'sampled', checkpointsPerSlot: 1 }, potSlots: 1 };
}

/** Throws RangeError unless 1 to 8 checkpoints of a slot and at least one core are asked for. */
export function requireBudget(budget: PotBudget): void {
  const checkpoints = checkpointsOf(budget);
  if (!Number.isInteger(checkpoints) || checkpoints < 1 || checkpoints > CHECKPOINTS_IN_SLOT)
    throw new RangeError(`${checkpoints} checkpoints of a slot's ${CHECKPOINTS_IN_SLOT}`);
  const { cores = 1 } = budget;
  if (!Number.isInteger(cores) || cores < 1) throw new RangeError(`${cores} cores`);
}

/** Checkpoints of a slot that are verified, 1 to 8. */
export function checkpointsOf(share: PotShare): number {
  return share.mode === 'full' ? CHECKPOINTS_IN_SLOT : share.checkpointsPerSlot;
}

/**
 * Chance that a chain passes of whose slots a share is forged at random: a forged slot has at least one wrong
 * checkpoint, and is found when that one is among those drawn.
 */
export function passChance(checkpointsPerSlot: number, slots: number, forged: number): number {
  return (1 - (forged * checkpointsPerSlot) / CHECKPOINTS_IN_SLOT) ** slots;
}

/**
 * How much of the head is verified: all of it where the machine keeps up, whatever the budget; otherwise the
 * sample of the budget or, for a budget of every checkpoint, as many as the machine manages.
 *
 * @param rate Iterations a second that this machine verifies; 0: not measured yet.
 * @param due Iterations a second that the network's slots bring.
 */
export function headShare(budget: PotShare, rate: number, due: number): PotShare {
  if (rate === 0 || due <= HEAD_SHARE * rate) return { mode: 'full' };
  if (budget.mode === 'sampled') return { mode: 'sampled', checkpointsPerSlot: budget.checkpointsPerSlot };
  const managed = Math.floor((CHECKPOINTS_IN_SLOT * HEAD_SHARE * rate) / due);
  return { mode: 'sampled', checkpointsPerSlot: Math.min(CHECKPOINTS_IN_SLOT - 1, Math.max(1, managed)) };
}
