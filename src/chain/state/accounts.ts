/** What the state says about money: accounts, issuance, rewards, fees. */
import * as v from 'valibot';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import type { RewardPoint } from '../../protocol/rewards.ts';
import { combine, itemQuery, type Query } from './reader.ts';
import { big, flag, octets, optional, shaped, small } from './shape.ts';

/** `System.Account`; amounts in the smallest unit. */
export interface AccountState {
  /** Whether the account exists: one that never held anything does not. */
  exists: boolean;
  /** For an account that does not exist this says nothing: a new one starts at the number of its block. */
  nonce: number;
  free: bigint;
  reserved: bigint;
  frozen: bigint;
}

const data = v.looseObject({ free: big, reserved: big, frozen: big });
const account = v.looseObject({ nonce: small, providers: small, consumers: small, sufficients: small, data });

/** `id`: 32 bytes. */
export function accountQuery(metadata: RuntimeMetadata, id: Uint8Array): Query<AccountState> {
  const entry = metadata.storage('System', 'Account');
  return {
    keys: [entry.key(id)],
    decode: ([bytes]) => {
      const seen = shaped(account, entry.decode(bytes ?? null), 'System.Account');
      const { free, reserved, frozen } = seen.data;
      return { exists: bytes != null, nonce: seen.nonce, free, reserved, frozen };
    },
  };
}

/** All money there is, in the smallest unit. */
export function totalIssuanceQuery(metadata: RuntimeMetadata): Query<bigint> {
  const entry = metadata.storage('Balances', 'TotalIssuance');
  return itemQuery(entry, [], (value) => shaped(big, value, 'Balances.TotalIssuance'));
}

export interface RewardsState {
  /** Whether anything is paid yet. */
  enabled: boolean;
  /** Smallest unit that is left to be given out. */
  remaining: bigint;
  proposer: RewardPoint[];
  voter: RewardPoint[];
}

const points = v.array(v.object({ block: small, subsidy: big }));

/** `Rewards`: what block authors and voters are paid. */
export function rewardsQuery(metadata: RuntimeMetadata): Query<RewardsState> {
  const read = <Schema extends v.GenericSchema>(item: string, schema: Schema) =>
    itemQuery(metadata.storage('Rewards', item), [], (value) => shaped(schema, value, `Rewards.${item}`));
  return combine({
    enabled: read('RewardsEnabled', flag),
    remaining: read('RemainingIssuance', big),
    proposer: read('ProposerSubsidyPoints', points),
    voter: read('VoterSubsidyPoints', points),
  });
}

/** What block space costs. */
export interface FeeState {
  /** Smallest unit a byte, in this block and in the next. */
  byteFee: bigint;
  nextByteFee: bigint;
  /** Factor of the fee for computation, in 10^18ths. */
  multiplier: bigint;
  /** Whether the price of storage follows the space that is pledged; otherwise a byte costs one unit. */
  dynamic: boolean;
}

const byteFee = v.object({ current: big, next: big });

/** What a transaction pays by: shannons a byte, the multiplier of weights, and whether storage is priced by demand. */
export function feesQuery(metadata: RuntimeMetadata): Query<FeeState> {
  const fee = metadata.storage('TransactionFees', 'TransactionByteFee');
  const multiplier = metadata.storage('TransactionPayment', 'NextFeeMultiplier');
  const dynamic = metadata.storage('RuntimeConfigs', 'EnableDynamicCostOfStorage');
  const parts = combine({
    fee: itemQuery(fee, [], (value) => shaped(byteFee, value, 'TransactionFees.TransactionByteFee')),
    multiplier: itemQuery(multiplier, [], (value) =>
      shaped(big, value, 'TransactionPayment.NextFeeMultiplier'),
    ),
    dynamic: itemQuery(dynamic, [], (value) =>
      shaped(flag, value, 'RuntimeConfigs.EnableDynamicCostOfStorage'),
    ),
  });
  return {
    keys: parts.keys,
    decode: (values) => {
      const { fee: seen, ...rest } = parts.decode(values);
      return { byteFee: seen.current, nextByteFee: seen.next, ...rest };
    },
  };
}

/** Whether signed transfers are allowed; networks begin without them. */
export function transfersEnabledQuery(metadata: RuntimeMetadata): Query<boolean> {
  const entry = metadata.storage('RuntimeConfigs', 'EnableBalanceTransfers');
  return itemQuery(entry, [], (value) => shaped(flag, value, 'RuntimeConfigs.EnableBalanceTransfers'));
}

/** Account (32 bytes) that may run privileged calls, if there is one. */
export function sudoKeyQuery(metadata: RuntimeMetadata): Query<Uint8Array | null> {
  const entry = metadata.storage('Sudo', 'Key');
  return itemQuery(entry, [], (value) => shaped(optional(octets(32)), value, 'Sudo.Key'));
}
