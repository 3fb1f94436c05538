/** Verifiers of proofs of time that are faster than the pool, and spot-checked by it. */
import { CHECKPOINTS_IN_SLOT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { PotSlot } from './pot-slot.ts';
import type { PotWalks, WalkOptions } from './pot-walks.ts';
import { randomBelow } from './random.ts';
import type { Rate } from './rate.ts';

/** A program of the person's own that verifies faster than the pool. */
export interface PotHelper {
  /** What it is called in the app. */
  readonly name: string;
  /** Iterations of a slot that it takes at most; slots of more are left to the pool. */
  readonly maxIterations: number;
  /** For each claim the first wrong checkpoint, or null. Rejects when the helper is gone. */
  verify(slots: readonly PotSlot[], signal?: AbortSignal): Promise<(number | null)[]>;
  /** Told when one of its verdicts was found to be wrong: it is not asked again. */
  distrust(what: string): void;
}

/** A part of this machine that verifies many slots faster than the pool, but one not. */
export interface PotAccelerator {
  verifier: PotHelper;
  /** How many times as fast as the pool it is. */
  gain: number;
}

/**
 * Lets a helper verify slots, and walks a checkpoint here too.
 *
 * @param rate What the helper verifies is added to it.
 * @param drop Called when the helper failed or lied.
 * @returns Iterations that it verified; null: it takes no such slots, failed, or lied.
 * @throws ProtocolError, rule `pot-checkpoints`, for a slot that is wrong; the signal's reason.
 */
export async function verifyByHelper(
  helper: PotHelper,
  slots: readonly PotSlot[],
  walks: PotWalks,
  options: WalkOptions,
  rate: Rate,
  drop: () => void,
): Promise<number | null> {
  if (slots.length === 0) return null;
  if (slots.some(({ iterations }) => iterations > helper.maxIterations)) return null;
  let verdicts: (number | null)[];
  const end = rate.begin();
  try {
    verdicts = await helper.verify(slots, options.signal);
  } catch {
    options.signal?.throwIfAborted();
    drop();
    return null;
  } finally {
    end();
  }
  const lied = await spotCheck(slots, verdicts, walks, options);
  if (lied !== null) {
    drop();
    helper.distrust(lied.message);
    if (lied.wrong !== null) throw lied.wrong;
    return null;
  }
  const iterations = slots.reduce((sum, slot) => sum + slot.iterations, 0);
  rate.add(iterations);
  return iterations;
}

/**
 * Walks one checkpoint: one drawn at random, or the one that the helper refuses. Returns how the helper lied, with the
 * slot's own fault if it hid one; null: what was walked agrees. Throws what is wrong with a slot that was rightly refused.
 */
async function spotCheck(
  slots: readonly PotSlot[],
  verdicts: readonly (number | null)[],
  walks: PotWalks,
  options: WalkOptions,
): Promise<{ message: string; wrong: ProtocolError | null } | null> {
  if (verdicts.length !== slots.length || !verdicts.every(isVerdict))
    return { message: 'its answer is no verdict on these slots', wrong: null };
  const refused = verdicts.findIndex((index) => index !== null);
  const slot = slots[refused < 0 ? randomBelow(slots.length) : refused] as PotSlot;
  const checkpoint = verdicts[refused] ?? randomBelow(CHECKPOINTS_IN_SLOT);
  const what = `checkpoint ${checkpoint} of slot ${slot.slot}`;
  try {
    await walks.walk([{ slot, only: [checkpoint] }], options);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (refused >= 0) throw error;
    return { message: `it let ${what} pass, which is wrong`, wrong: error };
  }
  return refused < 0 ? null : { message: `it refused ${what}, which is right`, wrong: null };
}

function isVerdict(index: number | null): boolean {
  return index === null || (Number.isInteger(index) && index >= 0 && index < CHECKPOINTS_IN_SLOT);
}
