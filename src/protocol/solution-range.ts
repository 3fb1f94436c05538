/** Solution ranges, distances and weights: how hard it is to win, and how much a block counts. */
import { fromLittleEndian } from './bytes.ts';
import { RECORD_CHUNKS, S_BUCKETS, U64_MAX } from './constants.ts';
import { blake3KeyedHash } from './hash.ts';
import type { SlotNumber, SolutionRange } from './types.ts';

/** Range at which one piece wins with the slot probability. 64-bit integers that wrap, as the runtime's do. */
function base(slotProbability: [bigint, bigint]): bigint {
  const [numerator, denominator] = slotProbability;
  const share = BigInt.asUintN(64, (U64_MAX / denominator) * numerator);
  return BigInt.asUintN(64, (share / BigInt(RECORD_CHUNKS)) * BigInt(S_BUCKETS));
}

/**
 * Solution range at which that many pieces win with the slot probability (`pieces_to_solution_range`). Means
 * nothing for probabilities above one half, where the protocol's integers wrap.
 */
export function piecesToSolutionRange(pieces: bigint, slotProbability: [bigint, bigint]): SolutionRange {
  return base(slotProbability) / pieces;
}

/** Inverse of `piecesToSolutionRange`: the space that a range stands for, in pieces. */
export function solutionRangeToPieces(range: SolutionRange, slotProbability: [bigint, bigint]): bigint {
  return base(slotProbability) / range;
}

/**
 * Range of the next era (`derive_next_solution_range`): scaled by the slots the era took against those it
 * should have taken, at most four times up or down. 128-bit integers, in this order of operations.
 */
export function nextSolutionRange(
  eraStartSlot: SlotNumber,
  currentSlot: SlotNumber,
  current: SolutionRange,
  slotProbability: [bigint, bigint],
  eraDurationInBlocks: number,
): SolutionRange {
  const [numerator, denominator] = slotProbability;
  const saturate = (value: bigint) => (value >> 128n === 0n ? value : (1n << 128n) - 1n);
  const slots = currentSlot - eraStartSlot;
  const scaled = saturate(saturate(current * slots) * numerator) / BigInt(eraDurationInBlocks) / denominator;
  const low = current / 4n;
  const high = current * 4n;
  const bounded = scaled < low ? low : scaled > high ? high : scaled;
  return bounded > U64_MAX ? U64_MAX : bounded;
}

/** Range within which a solution is a vote: wider than a block's by the expected votes. */
export function votingSolutionRange(range: SolutionRange, expectedVotesPerBlock: number): SolutionRange {
  const voting = range * BigInt(expectedVotesPerBlock + 1);
  return voting > U64_MAX ? U64_MAX : voting;
}

/** Weight of a block: 2^64 − 1 − solution range. */
export function blockWeight(range: SolutionRange): bigint {
  return U64_MAX - range;
}

/** Distance on the ring of 64-bit integers, the shorter way round. */
export function bidirectionalDistance(a: bigint, b: bigint): bigint {
  const forward = (a - b) & U64_MAX;
  const backward = (b - a) & U64_MAX;
  return forward < backward ? forward : backward;
}

/**
 * Distance of a stored chunk (32 bytes, as on disk) from the global challenge, audited under the sector slot
 * challenge (32 bytes each).
 */
export function solutionDistance(
  challenge: Uint8Array,
  chunk: Uint8Array,
  slotChallenge: Uint8Array,
): bigint {
  const audit = blake3KeyedHash(slotChallenge, chunk);
  return bidirectionalDistance(fromLittleEndian(challenge.slice(0, 8)), fromLittleEndian(audit.slice(0, 8)));
}

/** Whether a distance wins: at most half the range. */
export function isWithinSolutionRange(distance: bigint, range: SolutionRange): boolean {
  return distance <= range / 2n;
}
