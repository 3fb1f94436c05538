import { verifySolution } from '../../src/crypto/solution.ts';
import { U64_MAX } from '../../src/protocol/constants.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { expiryCheckHistorySize } from '../../src/protocol/sector.ts';
import { segmentOfPiece } from '../../src/protocol/segment.ts';
import { pieceIndexOfSolution } from '../../src/protocol/solution-check.ts';
import type { SlotNumber, Solution, SolutionRange } from '../../src/protocol/types.ts';
import type { NetworkParams } from '../config.ts';
import { historySize, segmentCommitment, type State } from './subspace-state.ts';

/** As the network's nodes verify a solution on top of a block with this state. Throws ProtocolError. */
export function verifySolutionIn(
  state: State,
  params: NetworkParams,
  solution: Solution,
  slot: SlotNumber,
  proofOfTime: Uint8Array,
  solutionRange: SolutionRange,
  commitmentOf: (segment: bigint) => Uint8Array | null = (segment) => segmentCommitment(state, segment),
): SolutionRange {
  const commitment = commitmentOf(segmentOfPiece(pieceIndexOfSolution(solution, params)));
  const check = expiryCheckHistorySize(solution.historySize, params.minSectorLifetime);
  if (commitment === null || check === null || check > U64_MAX) {
    throw new ProtocolError({
      code: 'unknown-segment',
      rule: 'segment-commitment-known',
      message: 'the solution’s piece belongs to a segment that is not archived',
    });
  }
  return verifySolution(solution, slot, {
    proofOfTime,
    solutionRange,
    pieceCheck: {
      ...params,
      segmentCommitment: commitment,
      currentHistorySize: historySize(state),
      expirySegmentCommitment: commitmentOf(check - 1n),
    },
  });
}
