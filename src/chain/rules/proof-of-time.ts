/** Proof of time: what the justification says by itself, and how it continues the parent's. */
import type { PotSlot } from '../../crypto/pot-slot.ts';
import { equal } from '../../protocol/bytes.ts';
import { nextPotInput, slotOutput } from '../../protocol/pot.ts';
import type { Block, BlockContext } from '../block.ts';
import { refuse } from './refuse.ts';

/** Rule `justification-last-output`: the last output is the header's future proof of time. */
export function checkLastOutput({ digests, justification }: Block): void {
  const last = justification.checkpoints.at(-1);
  if (last === undefined || !equal(slotOutput(last), digests.preDigest.futureProofOfTime)) {
    refuse('justification-last-output', 'the last output is not the future proof of time', {
      slots: justification.checkpoints.length,
    });
  }
}

/**
 * The slots that a justification claims, each with the seed and iterations that it must be verified with (rule
 * `pot-checkpoints`): counted back from the last one, which is the block's slot plus the authoring delay.
 */
export function claimedSlots({ digests, justification }: Block, authoringDelay: number): PotSlot[] {
  const { preDigest, potSlotIterations, potParametersChange: change } = digests;
  const { seed, checkpoints } = justification;
  const first = preDigest.slot + BigInt(authoringDelay) - BigInt(checkpoints.length - 1);
  if (first < 1n) {
    refuse('pot-checkpoints', `${checkpoints.length} slots end at slot ${preDigest.slot}`, {
      slot: preDigest.slot,
    });
  }
  const announced = change !== null && change.slot <= first;
  let input = { slot: first, seed, iterations: announced ? change.slotIterations : potSlotIterations };
  return checkpoints.map((slotCheckpoints) => {
    const claimed = { ...input, checkpoints: slotCheckpoints };
    input = nextPotInput(input.slot, input.iterations, slotOutput(slotCheckpoints), change);
    return claimed;
  });
}

/** Rule `justification-seed`: the seed follows the parent's last output. */
export function checkSeed({ digests, justification }: Block, parent: BlockContext): void {
  const { potSlotIterations, potParametersChange } = digests;
  const { provenSlot, provenOutput } = parent;
  const { seed } = nextPotInput(provenSlot, potSlotIterations, provenOutput, potParametersChange);
  if (!equal(seed, justification.seed)) {
    refuse('justification-seed', `not the seed of slot ${provenSlot + 1n}`, { slot: provenSlot + 1n });
  }
}

/** Rule `justification-count`: every slot since the parent's last one is covered, and none more. */
export function checkCount({ digests, justification }: Block, parent: BlockContext, delay: number): void {
  const seen = BigInt(justification.checkpoints.length);
  const expected = digests.preDigest.slot + BigInt(delay) - parent.provenSlot;
  if (seen !== expected) {
    refuse('justification-count', `${seen} slots where ${expected} are needed`, { seen, expected });
  }
}

/** Outputs of the slots after the parent's, as its ancestors and the block's own justification have them. */
function outputsSince({ justification }: Block, parent: BlockContext): Uint8Array[] {
  return [...parent.outputs, ...justification.checkpoints.map(slotOutput)];
}

/** Whether a block's slot was covered by the justification of an ancestor. */
export function isSlotProven({ digests }: Block, parent: BlockContext): boolean {
  return digests.preDigest.slot <= parent.provenSlot;
}

/**
 * Rule `pot-output`: the header's proof of time is the output of its slot. A justification that does not reach
 * the slot is left to rule `justification-count`.
 */
export function checkOutput(block: Block, parent: BlockContext): void {
  const { slot, proofOfTime } = block.digests.preDigest;
  const output = outputsSince(block, parent)[Number(slot - parent.slot) - 1];
  if (output !== undefined && !equal(output, proofOfTime)) {
    refuse('pot-output', `not the output of slot ${slot}`, { slot });
  }
}

/** Outputs of the slots after the block's own up to the last one proven, for the block's children. */
export function outputsAfter(block: Block, parent: BlockContext): Uint8Array[] {
  return outputsSince(block, parent).slice(Number(block.digests.preDigest.slot - parent.slot));
}

/** Rule `pot-slot-iterations-digest`. */
export function checkSlotIterations({ digests }: Block, parent: BlockContext): void {
  const seen = digests.potSlotIterations;
  const expected = parent.childSlotIterations;
  if (seen !== expected) {
    refuse('pot-slot-iterations-digest', `${seen} where ${expected} are due`, { seen, expected });
  }
}
