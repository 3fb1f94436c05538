/** The rules that need the chain before a block, in the order in which a full node applies them. */
import type { PieceCheckParams } from '../../protocol/solution-check.ts';
import { blockWeight } from '../../protocol/solution-range.ts';
import type { ChainConstants } from '../../protocol/types.ts';
import type { Block, BlockContext } from '../block.ts';
import { checkNumber, checkParent, checkSlot } from './ancestry.ts';
import { checkParametersChange, entropiesAfter } from './entropy.ts';
import {
  checkCount,
  checkOutput,
  checkSeed,
  checkSlotIterations,
  isSlotProven,
  outputsAfter,
} from './proof-of-time.ts';
import { checkAuthor, checkRootPlotUpdate } from './root-plot.ts';
import { checkSegmentCommitments, pieceCheckOf } from './segments.ts';
import { adjustmentAfter, checkNextSolutionRange, checkSolutionRange, endsEra } from './solution-range.ts';

/**
 * Rules `parent-known` to `segment-commitment-known`: what comes before the solution. Throws ProtocolError.
 * Returns what the check of the solution's piece needs.
 */
export function checkBeforeSolution(
  block: Block,
  parent: BlockContext,
  constants: ChainConstants,
): PieceCheckParams {
  checkParent(block, parent);
  checkNumber(block, parent);
  checkAuthor(block, parent);
  checkSlot(block, parent);
  checkSolutionRange(block, parent);
  // Outputs that only this block's justification has mean something once its seed follows the parent's.
  const proven = isSlotProven(block, parent);
  if (proven) checkOutput(block, parent);
  checkSeed(block, parent);
  if (!proven) checkOutput(block, parent);
  checkCount(block, parent, constants.blockAuthoringDelay);
  return pieceCheckOf(block, parent, constants);
}

/** Rules `segment-commitment-digest` to `next-solution-range-digest`: what comes after the solution. */
export function checkAfterSolution(block: Block, parent: BlockContext, constants: ChainConstants): void {
  checkSegmentCommitments(block, parent, constants);
  checkSlotIterations(block, parent);
  checkParametersChange(block, parent, constants);
  checkRootPlotUpdate(block, parent);
  checkNextSolutionRange(block, parent, constants);
}

/** What a block hands to its children. The block must have passed the rules. */
export function contextAfter(block: Block, parent: BlockContext, constants: ChainConstants): BlockContext {
  return derive(block, parent, constants, outputsAfter(block, parent));
}

/** The same where the outputs after the block's slot are known, so that its justification is not needed. */
export function derive(
  block: Omit<Block, 'justification'>,
  parent: BlockContext,
  constants: ChainConstants,
  outputs: readonly Uint8Array[],
): BlockContext {
  const { header, hash, digests } = block;
  const { preDigest, potParametersChange: change, rootPlotPublicKeyUpdate, segmentCommitments } = digests;
  const { slot, futureProofOfTime } = preDigest;
  return {
    hash,
    number: header.number,
    slot,
    stateRoot: header.stateRoot,
    weight: parent.weight + blockWeight(digests.solutionRange),
    childSolutionRange: digests.nextSolutionRange ?? digests.solutionRange,
    childSlotIterations:
      change !== null && change.slot <= slot ? change.slotIterations : digests.potSlotIterations,
    change,
    provenSlot: slot + BigInt(constants.blockAuthoringDelay),
    provenOutput: futureProofOfTime,
    outputs,
    entropies: entropiesAfter(block, parent, constants),
    rootPlotKey: rootPlotPublicKeyUpdate === null ? parent.rootPlotKey : rootPlotPublicKeyUpdate.key,
    expectsRootPlotKey: false,
    ...adjustmentAfter(block, parent, constants),
    eraStartSlot: endsEra(header.number, constants) ? slot : parent.eraStartSlot,
    commitments:
      segmentCommitments.length === 0
        ? parent.commitments
        : [...parent.commitments, ...segmentCommitments.map(({ commitment }) => commitment)],
    firstCommitment: null,
  };
}
