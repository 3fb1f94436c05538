/** What stakes are kept in: keys and values of the Domains pallet. */
import { concat, littleEndian } from '../../src/protocol/bytes.ts';
import type { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import { storageKey, type HashedPart } from '../../src/protocol/storage-key.ts';

const u32 = (value: number): Uint8Array => littleEndian(value, 4);
const u64 = (value: bigint): Uint8Array => littleEndian(value, 8);
const at = (item: string, ...parts: Uint8Array[]): Uint8Array =>
  storageKey('Domains', item, ...parts.map((encoded): HashedPart => ({ hasher: 'Identity', encoded })));

/** Keys of what stakes are kept in. */
export const stakingKeys = {
  operator: (id: bigint) => at('Operators', u64(id)),
  owner: (id: bigint) => at('OperatorIdOwner', u64(id)),
  summary: (domain: number) => at('DomainStakingSummary', u32(domain)),
  lastEpoch: (domain: number) => at('LastEpochStakingDistribution', u32(domain)),
  pendingOperations: (domain: number) => at('PendingStakingOperationCount', u32(domain)),
  sharePrice: (id: bigint, domain: number, epoch: number) =>
    at('OperatorEpochSharePrice', u64(id), concat(u32(domain), u32(epoch))),
  deposit: (id: bigint, who: Uint8Array) => at('Deposits', u64(id), who),
  withdrawal: (id: bigint, who: Uint8Array) => at('Withdrawals', u64(id), who),
  onHold: (id: bigint, who: Uint8Array) => at('DepositOnHold', concat(u64(id), who)),
  headDomain: (domain: number) => at('HeadDomainNumber', u32(domain)),
};

export interface Operator {
  signingKey: Uint8Array;
  domain: number;
  nextDomain: number;
  minimum: bigint;
  tax: number;
  stake: bigint;
  shares: bigint;
  deposits: bigint;
  withdrawals: bigint;
  storageFees: bigint;
}

/** Only registered operators: the local network deregisters and slashes none. */
export function readOperator(reader: ScaleReader): Operator {
  const signingKey = reader.raw(32);
  const [domain, nextDomain] = [reader.u32(), reader.u32()];
  const [minimum, tax, stake, shares] = [reader.u128(), reader.u8(), reader.u128(), reader.u128()];
  if (reader.u8() !== 0) reader.fail('an operator that is not registered');
  const [deposits, withdrawals, storageFees] = [reader.u128(), reader.u128(), reader.u128()];
  return { signingKey, domain, nextDomain, minimum, tax, stake, shares, deposits, withdrawals, storageFees };
}

/** SCALE of an operator. */
export function writeOperator(writer: ScaleWriter, operator: Operator): void {
  writer.raw(operator.signingKey).u32(operator.domain).u32(operator.nextDomain);
  writer.u128(operator.minimum).u8(operator.tax).u128(operator.stake).u128(operator.shares).u8(0);
  writer.u128(operator.deposits).u128(operator.withdrawals).u128(operator.storageFees);
}

export interface Summary {
  epoch: number;
  stake: bigint;
  current: { id: bigint; stake: bigint }[];
  next: bigint[];
}

export function readSummary(reader: ScaleReader): Summary {
  const summary = {
    epoch: reader.u32(),
    stake: reader.u128(),
    current: reader.vec((item) => ({ id: item.u64(), stake: item.u128() }), 24),
    next: reader.vec((item) => item.u64(), 8),
  };
  if (reader.compact() !== 0) reader.fail('rewards, which nobody pays here');
  return summary;
}

/** SCALE of a domain's staking summary, without rewards. */
export function writeSummary(writer: ScaleWriter, { epoch, stake, current, next }: Summary): void {
  writer.u32(epoch).u128(stake);
  writer.vec(current, (item, one) => item.u64(one.id).u128(one.stake));
  writer.vec(next, (item, id) => item.u64(id)).compact(0);
}

interface Pending {
  domain: number;
  epoch: number;
  amount: bigint;
  storageFee: bigint;
}

export interface Deposit {
  shares: bigint;
  storageFee: bigint;
  pending: Pending | null;
}

export function readDeposit(reader: ScaleReader): Deposit {
  return {
    shares: reader.u128(),
    storageFee: reader.u128(),
    pending: reader.option((some) => ({
      domain: some.u32(),
      epoch: some.u32(),
      amount: some.u128(),
      storageFee: some.u128(),
    })),
  };
}

export function writeDeposit(writer: ScaleWriter, { shares, storageFee, pending }: Deposit): void {
  writer.u128(shares).u128(storageFee);
  writer.option(pending, (some, one) =>
    some.u32(one.domain).u32(one.epoch).u128(one.amount).u128(one.storageFee),
  );
}

export interface Withdrawal {
  total: bigint;
  totalStorageFee: bigint;
  unlocking: { at: number; amount: bigint; storageFee: bigint }[];
  inShares: { domain: number; epoch: number; at: number; shares: bigint; storageFee: bigint } | null;
}

export function readWithdrawal(reader: ScaleReader): Withdrawal {
  return {
    total: reader.u128(),
    totalStorageFee: reader.u128(),
    unlocking: reader.vec((item) => ({ at: item.u32(), amount: item.u128(), storageFee: item.u128() }), 36),
    inShares: reader.option((some) => ({
      domain: some.u32(),
      epoch: some.u32(),
      at: some.u32(),
      shares: some.u128(),
      storageFee: some.u128(),
    })),
  };
}

export function writeWithdrawal(writer: ScaleWriter, one: Withdrawal): void {
  writer.u128(one.total).u128(one.totalStorageFee);
  writer.vec(one.unlocking, (item, { at: block, amount, storageFee }) =>
    item.u32(block).u128(amount).u128(storageFee),
  );
  writer.option(one.inShares, (some, { domain, epoch, at: block, shares, storageFee }) =>
    some.u32(domain).u32(epoch).u32(block).u128(shares).u128(storageFee),
  );
}
