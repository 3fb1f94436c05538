/** The Rewards pallet: what authors and voters are paid. */
import { littleEndian } from '../../src/protocol/bytes.ts';
import { readRewardPoints, subsidyAt } from '../../src/protocol/rewards.ts';
import { depositCreating, issued, who } from './balances.ts';
import type { BlockContext } from './context.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { SubspacePallet } from './subspace.ts';
import { MAX_NORMAL_LENGTH } from './weights.ts';

const REWARDS = 4;
const USAGE_BLOCKS = 100;
/** Cost of a byte of block space in this formula, in the smallest unit. */
const BYTE_FEE_WITHOUT_DYNAMIC_COST = 1n;
const PROPOSER_TAX: [bigint, bigint] = [1n, 10n];

const key = (item: string): Uint8Array => storagePrefix('Rewards', item);
const items = {
  usage: key('AvgBlockspaceUsage'),
  enabled: key('RewardsEnabled'),
  issuance: key('RemainingIssuance'),
  proposer: key('ProposerSubsidyPoints'),
  voter: key('VoterSubsidyPoints'),
};

/**
 * `on_finalize`.
 *
 * @param usedBytes Bytes of all extrinsics of the block.
 * @param byteFee Price of a byte of block space in this block.
 */
export function finaliseRewards(
  context: BlockContext,
  subspace: SubspacePallet,
  usedBytes: number,
  byteFee: bigint = BYTE_FEE_WITHOUT_DYNAMIC_COST,
): void {
  if (!subspace.rewardsEnabled()) return;
  if (context.read(items.enabled, (reader) => reader.bool()) !== true) startSchedule(context);
  const usage = averageUsage(context, usedBytes);
  context.write(items.usage, (writer) => writer.u32(usage));
  const before = context.read(items.issuance, (reader) => reader.u128()) ?? 0n;
  let remaining = before;
  const take = (wanted: bigint): bigint => {
    const taken = wanted < remaining ? wanted : remaining;
    remaining -= taken;
    return taken;
  };
  const author = subspace.blockRewardAddress();
  const points = (item: Uint8Array) => context.read(item, readRewardPoints) ?? [];
  let blockReward = 0n;
  if (author !== null) {
    const reference = subsidyAt(points(items.proposer), context.number);
    const fullBlock = BigInt(MAX_NORMAL_LENGTH);
    const maxFee = fullBlock * byteFee;
    const decrease = (BigInt(usage) * (reference < maxFee ? reference : maxFee)) / fullBlock;
    blockReward = take(reference > decrease ? reference - decrease : 0n);
  }
  const voters = subspace.votingRewardAddresses();
  if (voters.length > 0) {
    const full = subsidyAt(points(items.voter), context.number);
    const tax = (full / PROPOSER_TAX[1]) * PROPOSER_TAX[0];
    for (const voter of voters) {
      let reward = take(full - tax);
      const share = take(tax);
      if (author === null) reward += share;
      else blockReward += share;
      pay(context, voter, reward, 1);
    }
  }
  if (author !== null) pay(context, author, blockReward, 0);
  if (remaining !== before) context.write(items.issuance, (writer) => writer.u128(remaining));
}

function pay(context: BlockContext, account: Uint8Array, reward: bigint, event: number): void {
  if (reward === 0n) return;
  const added = depositCreating(context, account, reward);
  context.depositEvent(REWARDS, event, who(account, reward));
  issued(context, added);
}

/** When rewards begin, the schedule counts from this block on. */
function startSchedule(context: BlockContext): void {
  context.write(items.enabled, (writer) => writer.bool(true));
  for (const item of [items.proposer, items.voter]) {
    const points = context.read(item, readRewardPoints) ?? [];
    context.write(item, (writer) =>
      writer.vec(points, (inner, { block, subsidy }) =>
        inner.raw(littleEndian(block + context.number, 4)).u128(subsidy),
      ),
    );
  }
}

function averageUsage(context: BlockContext, used: number): number {
  const old = context.read(items.usage, (reader) => reader.u32()) ?? 0;
  if (context.number <= USAGE_BLOCKS) return Math.floor((old + used) / 2);
  return Math.floor((2 * used + (USAGE_BLOCKS - 1) * old) / (USAGE_BLOCKS + 1));
}
