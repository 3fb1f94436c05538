/** What the state says about stakes: shares in an operator's pool, and what is on its way back. */
import * as v from 'valibot';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import { combine, itemQuery, type Query } from './reader.ts';
import { big, optional, shaped, small } from './shape.ts';

/** Amounts that leave a pool, of which the network knows when. Smallest unit. */
export interface Withdrawal {
  /** Stake; null while it is still counted in shares, until the epoch ends. */
  amount: bigint | null;
  /** Shares that are not turned into an amount yet, else 0. */
  shares: bigint;
  /** Part of the reserve for block space that comes back with it. */
  storageFee: bigint;
  /** It can be had once the domain has this block. */
  unlockAt: number;
  /** The domain's epoch in which it was asked for and which has to end first; −1: it has ended. */
  epoch: number;
}

/** What an account has with an operator. Amounts in the smallest unit. */
export interface Stake {
  shares: bigint;
  /** Reserved to pay for the operator's block space: a fifth of what was staked. */
  storageFee: bigint;
  /** Staked in an epoch of the domain: shares once that is over. */
  pending: { amount: bigint; storageFee: bigint; epoch: number } | null;
  withdrawals: Withdrawal[];
}

const deposit = v.looseObject({
  known: v.looseObject({ shares: big, storage_fee_deposit: big }),
  pending: optional(
    v.looseObject({
      effective_domain_epoch: v.tuple([v.unknown(), small]),
      amount: big,
      storage_fee_deposit: big,
    }),
  ),
});
const withdrawal = v.looseObject({
  withdrawals: v.array(
    v.looseObject({
      unlock_at_confirmed_domain_block_number: small,
      amount_to_unlock: big,
      storage_fee_refund: big,
    }),
  ),
  withdrawal_in_shares: optional(
    v.looseObject({
      domain_epoch: v.tuple([v.unknown(), small]),
      unlock_at_confirmed_domain_block_number: small,
      shares: big,
      storage_fee_refund: big,
    }),
  ),
});

/** What an account (32 bytes) has with an operator; null for nothing. */
export function stakeQuery(
  metadata: RuntimeMetadata,
  operatorId: bigint,
  account: Uint8Array,
): Query<Stake | null> {
  const item = <Schema extends v.GenericSchema>(name: string, schema: Schema) =>
    itemQuery(metadata.storage('Domains', name), [operatorId, account], (value) =>
      shaped(v.nullable(schema), value, `Domains.${name}`),
    );
  const parts = combine({ deposit: item('Deposits', deposit), leaving: item('Withdrawals', withdrawal) });
  return {
    keys: parts.keys,
    decode: (values) => {
      const { deposit: staked, leaving } = parts.decode(values);
      if (staked === null && leaving === null) return null;
      const inShares = leaving?.withdrawal_in_shares ?? null;
      return {
        shares: staked?.known.shares ?? 0n,
        storageFee: staked?.known.storage_fee_deposit ?? 0n,
        pending: staked?.pending
          ? {
              amount: staked.pending.amount,
              storageFee: staked.pending.storage_fee_deposit,
              epoch: staked.pending.effective_domain_epoch[1],
            }
          : null,
        withdrawals: [
          ...(leaving?.withdrawals ?? []).map((one) => ({
            amount: one.amount_to_unlock,
            shares: 0n,
            storageFee: one.storage_fee_refund,
            unlockAt: one.unlock_at_confirmed_domain_block_number,
            epoch: -1,
          })),
          ...(inShares === null
            ? []
            : [
                {
                  amount: null,
                  shares: inShares.shares,
                  storageFee: inShares.storage_fee_refund,
                  unlockAt: inShares.unlock_at_confirmed_domain_block_number,
                  epoch: inShares.domain_epoch[1],
                },
              ]),
        ],
      };
    },
  };
}

/** One in the fixed point of share prices. */
const ONE = 10n ** 18n;

/** Shares for each unit of stake at the end of an epoch, in 10^18ths; null while the epoch lasts. */
export function sharePriceQuery(
  metadata: RuntimeMetadata,
  operatorId: bigint,
  domain: number,
  epoch: number,
): Query<bigint | null> {
  const entry = metadata.storage('Domains', 'OperatorEpochSharePrice');
  return itemQuery(entry, [operatorId, [domain, epoch]], (value) =>
    shaped(v.nullable(big), value, 'Domains.OperatorEpochSharePrice'),
  );
}

/** Epochs whose share prices say what a stake has become since it was last touched. */
export function epochsOf({ pending, withdrawals }: Stake): number[] {
  return [
    ...(pending === null ? [] : [pending.epoch]),
    ...withdrawals.flatMap(({ amount, epoch }) => (amount === null ? [epoch] : [])),
  ];
}

/** A stake as the network will count it when it is next touched. `priceOf`: the share price of an epoch. */
export function counted(stake: Stake, priceOf: (epoch: number) => bigint | null): Stake {
  const price = stake.pending && priceOf(stake.pending.epoch);
  const withdrawals = stake.withdrawals.map((one): Withdrawal => {
    const at = one.amount === null ? priceOf(one.epoch) : null;
    // Prices are rounded down, so a bit is added before dividing by one.
    return at === null
      ? one
      : { ...one, amount: (one.shares * ONE) / (at < ONE ? at + 1n : ONE), shares: 0n, epoch: -1 };
  });
  if (stake.pending === null || price === null) return { ...stake, withdrawals };
  const shares = stake.shares + (stake.pending.amount * price) / ONE;
  return { shares, storageFee: stake.storageFee + stake.pending.storageFee, pending: null, withdrawals };
}

/** The present epoch of a domain's stakes, and all that is staked in it (smallest unit). */
export interface StakingSummary {
  epoch: number;
  totalStake: bigint;
}

const summary = v.looseObject({ current_epoch_index: small, current_total_stake: big });

/** Null for a domain that does not exist. */
export function stakingSummaryQuery(metadata: RuntimeMetadata, domain: number): Query<StakingSummary | null> {
  return itemQuery(metadata.storage('Domains', 'DomainStakingSummary'), [domain], (value) => {
    const seen = shaped(v.nullable(summary), value, 'Domains.DomainStakingSummary');
    return seen && { epoch: seen.current_epoch_index, totalStake: seen.current_total_stake };
  });
}

/** What shares are worth (smallest unit) in a pool of `totalStake` for `totalShares`. */
export function worthOf(shares: bigint, pool: { totalStake: bigint; totalShares: bigint }): bigint {
  return pool.totalShares === 0n ? shares : (shares * pool.totalStake) / pool.totalShares;
}
