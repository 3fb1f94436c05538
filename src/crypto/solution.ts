/** Verification of solutions, whole or with the openings left to a batch. */
import {
  challengeFrom,
  challengeOf,
  checkChunk,
  checkDistance,
  chunkOpening,
  invalidChunkWitness,
  invalidPiece,
  invalidProofOfSpace,
  recordOpening,
  type SolutionChallenge,
  type SolutionParams,
} from '../protocol/solution-check.ts';
import type { SlotNumber, Solution, SolutionRange } from '../protocol/types.ts';
import type { KzgOpening } from './jobs.ts';
import { isPoint, verifyOpening } from './kzg.ts';
import { verifyProofOfSpace } from './space.ts';

/** A solution that holds if its openings do. */
export interface OpenSolution {
  /** Distance from the slot's challenge; smaller is better. */
  distance: SolutionRange;
  /** The chunk in its record (rule `solution-chunk-witness`). */
  chunk: KzgOpening;
  /** The record in its segment (rule `solution-record-witness`), if the piece is checked. */
  record: KzgOpening | null;
}

function checkSpace(solution: Solution, challenge: SolutionChallenge): void {
  if (verifyProofOfSpace(challenge.evaluationSeed, challenge.sBucket, solution.proofOfSpace)) return;
  throw invalidProofOfSpace(challenge);
}

/**
 * Verifies a solution as far as its farmer can, who does not know its piece's segment: proof of space, distance,
 * chunk. Needs `loadWasm()` to have finished.
 *
 * @param globalChallenge 32 bytes.
 * @returns The solution's distance.
 * @throws ProtocolError naming the first rule that is broken.
 */
export function verifyOwnSolution(
  solution: Solution,
  globalChallenge: Uint8Array,
  range: SolutionRange,
): SolutionRange {
  const challenge = challengeFrom(solution, globalChallenge);
  checkSpace(solution, challenge);
  const distance = checkDistance(solution, challenge, range);
  if (!isPoint(solution.recordCommitment)) throw invalidChunkWitness();
  checkChunk(solution);
  if (!verifyOpening(chunkOpening(solution, challenge.sBucket))) throw invalidChunkWitness();
  return distance;
}

/**
 * Verifies a solution in the network's order: proof of space, distance, chunk; with piece parameters also
 * history size, offset, expiry and record. Needs `loadWasm()` to have finished.
 *
 * @returns The solution's distance.
 * @throws ProtocolError naming the first rule that is broken.
 */
export function verifySolution(solution: Solution, slot: SlotNumber, params: SolutionParams): SolutionRange {
  const { globalChallenge } = challengeOf(solution, slot, params.proofOfTime);
  const distance = verifyOwnSolution(solution, globalChallenge, params.solutionRange);
  if (params.pieceCheck && !verifyOpening(recordOpening(solution, params.pieceCheck))) throw invalidPiece();
  return distance;
}

/**
 * Everything of `verifySolution` but the openings, which the caller verifies together with those of other
 * solutions. Needs `loadWasm()` to have finished. Throws ProtocolError naming a rule that is broken.
 */
export function openSolution(solution: Solution, slot: SlotNumber, params: SolutionParams): OpenSolution {
  const challenge = challengeOf(solution, slot, params.proofOfTime);
  checkSpace(solution, challenge);
  const distance = checkDistance(solution, challenge, params.solutionRange);
  checkChunk(solution);
  return {
    distance,
    chunk: chunkOpening(solution, challenge.sBucket),
    record: params.pieceCheck && recordOpening(solution, params.pieceCheck),
  };
}
