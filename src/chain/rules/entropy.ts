/** Injection of entropy into the proof of time, and the iterations that it may change. */
import { equal } from '../../protocol/bytes.ts';
import { blockEntropy } from '../../protocol/pot.ts';
import type { ChainConstants, PotParametersChange } from '../../protocol/types.ts';
import type { Block, BlockContext, BlockEntropy } from '../block.ts';
import { refuse } from './refuse.ts';

/** Entropy known after a block: the parent's, and the block's own at an interval; older ones are let go. */
export function entropiesAfter(
  { header, digests }: Pick<Block, 'header' | 'digests'>,
  parent: BlockContext,
  constants: ChainConstants,
): readonly BlockEntropy[] {
  const { potEntropyInjectionInterval: interval, potEntropyInjectionLookbackDepth: depth } = constants;
  if (header.number % interval !== 0) return parent.entropies;
  const { solution, proofOfTime } = digests.preDigest;
  const own = { number: header.number, entropy: blockEntropy(solution.chunk, proofOfTime) };
  return [...parent.entropies, own].slice(-(depth + 1));
}

/**
 * The change that a block must announce (null: none); `slotIterations` is null where a block starts one, since an
 * increase that was scheduled in the state appears there first.
 */
function expectedChange(
  block: Block,
  parent: BlockContext,
  constants: ChainConstants,
): (Omit<PotParametersChange, 'slotIterations'> & { slotIterations: number | null }) | null {
  const { potEntropyInjectionInterval: interval, potEntropyInjectionLookbackDepth: depth } = constants;
  const { number } = block.header;
  if (number % interval === 0) {
    const source = number - depth * interval;
    const entropies = entropiesAfter(block, parent, constants);
    const found = entropies.find((entropy) => entropy.number === source);
    const slot = block.digests.preDigest.slot + constants.potEntropyInjectionDelay;
    if (found) return { slot, entropy: found.entropy, slotIterations: null };
  }
  return parent.change !== null && parent.slot <= parent.change.slot ? parent.change : null;
}

/**
 * Rule `pot-parameters-change-digest`: announced by the block at an interval, repeated up to and including the
 * first block whose slot has passed it.
 */
export function checkParametersChange(block: Block, parent: BlockContext, constants: ChainConstants): void {
  const rule = 'pot-parameters-change-digest';
  const seen = block.digests.potParametersChange;
  const expected = expectedChange(block, parent, constants);
  if (seen === null || expected === null) {
    if (seen !== expected) refuse(rule, seen === null ? 'none where one is due' : 'one where none is due');
    return;
  }
  if (
    seen.slot !== expected.slot ||
    !equal(seen.entropy, expected.entropy) ||
    (expected.slotIterations !== null && seen.slotIterations !== expected.slotIterations)
  ) {
    refuse(rule, `not the change due at slot ${expected.slot}`, {
      slot: seen.slot,
      expectedSlot: expected.slot,
      slotIterations: seen.slotIterations,
      expectedIterations: expected.slotIterations,
    });
  }
}
