/** Solution ranges: what a block must name, and what an era's end or an override sets. */
import { nextSolutionRange } from '../../protocol/solution-range.ts';
import type { ChainConstants, SolutionRange } from '../../protocol/types.ts';
import type { Block, BlockContext } from '../block.ts';
import { refuse } from './refuse.ts';

/** Rule `solution-range-digest`: the parent's next range, or else its own. */
export function checkSolutionRange({ digests }: Block, parent: BlockContext): void {
  const seen = digests.solutionRange;
  const expected = parent.childSolutionRange;
  if (seen !== expected)
    refuse('solution-range-digest', `${seen} where ${expected} is due`, { seen, expected });
}

/** Whether a block ends an era. */
export function endsEra(number: number, constants: ChainConstants): boolean {
  return number % constants.eraDurationInBlocks === 0;
}

/**
 * Adjustment and override as a block leaves them. An era ends before the extrinsics of its last block, so that an
 * override in that block replaces the next range at once and nothing later.
 */
export function adjustmentAfter(
  { header, digests }: Pick<Block, 'header' | 'digests'>,
  parent: BlockContext,
  constants: ChainConstants,
): Pick<BlockContext, 'adjusting' | 'rangeOverride'> {
  const enabled = digests.enableSolutionRangeAdjustment;
  return {
    adjusting: parent.adjusting || enabled !== null,
    rangeOverride: endsEra(header.number, constants) ? null : (enabled?.override ?? parent.rangeOverride),
  };
}

function expectedNext(block: Block, parent: BlockContext, constants: ChainConstants): SolutionRange | null {
  const { header, digests } = block;
  const override = digests.enableSolutionRangeAdjustment?.override ?? null;
  if (override !== null) return override;
  if (!endsEra(header.number, constants)) return null;
  if (!parent.adjusting) return digests.solutionRange;
  if (parent.rangeOverride !== null) return parent.rangeOverride;
  return nextSolutionRange(
    parent.eraStartSlot,
    digests.preDigest.slot,
    digests.solutionRange,
    constants.slotProbability,
    constants.eraDurationInBlocks,
  );
}

/**
 * Rule `next-solution-range-digest`: at the end of an era and where an override is enacted, with the value that
 * follows; nowhere else. Adjustment is enabled once: a second time breaks the rule too.
 */
export function checkNextSolutionRange(block: Block, parent: BlockContext, constants: ChainConstants): void {
  const rule = 'next-solution-range-digest';
  const { nextSolutionRange: seen, enableSolutionRangeAdjustment } = block.digests;
  if (enableSolutionRangeAdjustment !== null && parent.adjusting) {
    refuse(rule, 'the adjustment was enabled before');
  }
  const expected = expectedNext(block, parent, constants);
  if (seen !== expected) {
    refuse(rule, `${seen ?? 'none'} where ${expected ?? 'none'} is due`, { seen, expected });
  }
}
