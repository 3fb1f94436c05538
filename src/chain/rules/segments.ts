/** Archived history: the commitments that headers announce, and the solution's piece in it. */
import { equal } from '../../protocol/bytes.ts';
import { MAX_BLOCK_BYTES, RECORDED_SEGMENT_BYTES } from '../../protocol/constants.ts';
import { MAX_HEADER_BYTES } from '../../protocol/header.ts';
import { expiryCheckHistorySize } from '../../protocol/sector.ts';
import { segmentOfPiece } from '../../protocol/segment.ts';
import {
  pieceIndexOfSolution,
  recordOpening,
  type PieceCheckParams,
  type SolutionOpening,
} from '../../protocol/solution-check.ts';
import type { ChainConstants, SegmentIndex } from '../../protocol/types.ts';
import { historySizeOf, type Block, type BlockContext } from '../block.ts';
import { refuse } from './refuse.ts';

/**
 * Commitments that a block's solution may rest on: those of its ancestors and its own, since a sector may be plotted
 * from a segment before a block announces it. Segment 0 may be known before any block says so.
 */
function commitmentsFor({ digests }: Block, parent: BlockContext): readonly Uint8Array[] {
  const { commitments, firstCommitment } = parent;
  const known = commitments.length === 0 && firstCommitment !== null ? [firstCommitment] : [...commitments];
  for (const { segmentIndex, commitment } of digests.segmentCommitments) {
    if (segmentIndex === BigInt(known.length)) known.push(commitment);
  }
  return known;
}

function at(commitments: readonly Uint8Array[], segment: SegmentIndex): Uint8Array | null {
  return segment < BigInt(commitments.length) ? (commitments[Number(segment)] as Uint8Array) : null;
}

/** Rule `segment-commitment-known`. Returns what the check of the solution's piece needs. */
export function pieceCheckOf(
  block: Block,
  parent: BlockContext,
  constants: ChainConstants,
): PieceCheckParams {
  const { solution } = block.digests.preDigest;
  const commitments = commitmentsFor(block, parent);
  const segment = segmentOfPiece(pieceIndexOfSolution(solution, constants));
  const segmentCommitment = at(commitments, segment);
  if (segmentCommitment === null) {
    refuse('segment-commitment-known', `segment ${segment} of ${commitments.length}`, {
      segment,
      known: commitments.length,
    });
  }
  const check = expiryCheckHistorySize(solution.historySize, constants.minSectorLifetime);
  return {
    ...constants,
    segmentCommitment,
    currentHistorySize: historySizeOf(parent),
    expirySegmentCommitment: check === null ? null : at(commitments, check - 1n),
  };
}

/**
 * Rules `solution-history-size`, `solution-piece-offset` and `solution-sector-expired`. Returns the opening that
 * remains of rule `solution-record-witness`.
 */
export function checkPiece(block: Block, pieceCheck: PieceCheckParams): SolutionOpening {
  return recordOpening(block.digests.preDigest.solution, pieceCheck);
}

/**
 * Segments that may be announced by block `number`: the genesis block fills the first, and blocks deep enough to
 * be archived hold no more than their largest size.
 */
function archivableSegments(number: number, constants: ChainConstants): number {
  const archived = Math.max(0, number - constants.confirmationDepthK);
  return 1 + Math.floor((archived * (MAX_BLOCK_BYTES + MAX_HEADER_BYTES)) / RECORDED_SEGMENT_BYTES);
}

/**
 * Rule `segment-commitment-digest`: the announced segments continue the sequence without gap or repeat, there can
 * be enough history for them, and segment 0 comes with the first block and is the one known, if it is.
 */
export function checkSegmentCommitments(
  { header, digests }: Block,
  parent: BlockContext,
  constants: ChainConstants,
): void {
  const rule = 'segment-commitment-digest';
  const possible = archivableSegments(header.number, constants);
  if (parent.number === 0 && digests.segmentCommitments.length === 0)
    refuse(rule, 'the first block does not announce segment 0');
  digests.segmentCommitments.forEach(({ segmentIndex, commitment }, position) => {
    const expected = BigInt(parent.commitments.length + position);
    if (segmentIndex !== expected) {
      refuse(rule, `segment ${segmentIndex} where ${expected} is next`, { segmentIndex, expected });
    }
    if (segmentIndex >= BigInt(possible)) {
      refuse(rule, `segment ${segmentIndex} where history fills ${possible}`, { segmentIndex, possible });
    }
    if (
      segmentIndex === 0n &&
      parent.firstCommitment !== null &&
      !equal(commitment, parent.firstCommitment)
    ) {
      refuse(rule, 'segment 0 is not the one that the genesis block gives');
    }
  });
}
