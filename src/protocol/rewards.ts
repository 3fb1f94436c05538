/** What blocks and votes are paid: pallet `Rewards`. */
import type { ScaleReader } from './scale.ts';

/** From block `block` on, a block pays `subsidy` (smallest unit); amounts in between lie on a line. */
export interface RewardPoint {
  block: number;
  subsidy: bigint;
}

/** The runtime keeps at most so many. */
const MAX_POINTS = 20;

/** `ProposerSubsidyPoints` or `VoterSubsidyPoints` as the state holds them. Throws DecodeError. */
export function readRewardPoints(reader: ScaleReader): RewardPoint[] {
  return reader.vec((item) => ({ block: item.u32(), subsidy: item.u128() }), 20, MAX_POINTS);
}

/**
 * Subsidy at a height, in the smallest unit (`reference_subsidy_for_block`): between two neighbouring points along the
 * line that joins them, in steps of whole units, nothing where that line would rise; from the last point on that one's;
 * elsewhere nothing.
 */
export function subsidyAt(points: readonly RewardPoint[], block: number): bigint {
  for (const [index, from] of points.entries()) {
    const to = points[index + 1];
    if (block < from.block || (to !== undefined && block >= to.block)) continue;
    if (to === undefined) return from.subsidy;
    if (to.subsidy > from.subsidy) return 0n;
    const step = (from.subsidy - to.subsidy) / BigInt(to.block - from.block);
    return from.subsidy - step * BigInt(block - from.block);
  }
  return 0n;
}
