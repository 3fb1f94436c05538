/**
 * Stakes with operators of domains: nominate, withdraw, unlock, and what the end of a domain's epoch does to them, by
 * the rules of the Domains pallet of specification version 6. Rewards, slashes and further operators are left out: the
 * local network has one operator, which nobody pays and nobody accuses.
 */
import { concat, equal, littleEndian, utf8 } from '../../src/protocol/bytes.ts';
import type { ScaleReader } from '../../src/protocol/scale.ts';
import { STAKING } from '../config.ts';
import { accountOf, EXISTENTIAL_DEPOSIT, transfer } from './balances.ts';
import { type BlockContext, DispatchError, readValue } from './context.ts';
import { changeHold, HOLD_REASONS } from './holds.ts';
import {
  stakingKeys,
  type Operator,
  type Summary,
  type Deposit,
  type Withdrawal,
  readOperator,
  writeOperator,
  readSummary,
  writeSummary,
  readDeposit,
  writeDeposit,
  readWithdrawal,
  writeWithdrawal,
} from './staking-state.ts';

const DOMAINS = 12;
const STAKING_ERROR = 2;
const ERRORS = {
  DomainNotInitialized: 1,
  InsufficientBalance: 3,
  InsufficientShares: 4,
  ZeroWithdraw: 5,
  MinimumOperatorStake: 7,
  UnknownOperator: 8,
  MinimumNominatorStake: 9,
  OperatorNotRegistered: 13,
  UnknownNominator: 14,
  TooManyPendingStakingOperation: 22,
  MissingOperatorEpochSharePrice: 25,
  MissingWithdrawal: 26,
  UnlockPeriodNotComplete: 28,
  BundleStorageFund: 30,
  TooManyWithdrawals: 32,
  ZeroDeposit: 33,
  ZeroSharePrice: 34,
} as const;
const FAIL_TO_DEPOSIT = 3;
const EVENTS = {
  OperatorRegistered: 4,
  NominatedStakedUnlocked: 5,
  StorageFeeUnlocked: 6,
  OperatorNominated: 7,
  WithdrewStake: 12,
  DomainEpochCompleted: 16,
  StorageFeeDeposited: 21,
} as const;

const AI3 = 10n ** 18n;
const MIN_OPERATOR_STAKE = 100n * AI3;
const FIRST_OPERATOR = 0n;
const MAX_PENDING_OPERATIONS = 512;
const WITHDRAWAL_LIMIT = 32;
/** One in the fixed point of share prices. */
const ONE = 10n ** 18n;

const u32 = (value: number): Uint8Array => littleEndian(value, 4);
const u64 = (value: bigint): Uint8Array => littleEndian(value, 8);
const amountOf = (value: bigint): Uint8Array => littleEndian(value, 16);

function fail(error: keyof typeof ERRORS, nested = 0): never {
  const scale = new Uint8Array([3, DOMAINS, STAKING_ERROR, ERRORS[error], nested, 0]);
  throw new DispatchError(scale, `Domains.Staking.${error}`);
}

/** Share of `part` in `whole` in fixed point, rounded down. */
const ratio = (part: bigint, whole: bigint): bigint => (part >= whole ? ONE : (part * ONE) / whole);
const portion = (parts: bigint, of: bigint): bigint => (of * parts) / ONE;
const sharesOf = (stake: bigint, price: bigint): bigint => portion(price, stake);
/** Rounded down twice: the price itself was rounded down, so a bit is added to it. */
const stakeOf = (shares: bigint, price: bigint): bigint => (shares * ONE) / (price < ONE ? price + 1n : ONE);

function priceOf({ shares, stake }: Operator): bigint {
  if (shares === 0n || stake === 0n) fail('ZeroSharePrice');
  return ratio(shares, stake);
}

/** Account that an operator's block space is paid from. */
function storageFundAccount(id: bigint): Uint8Array {
  const account = new Uint8Array(32);
  account.set(concat(utf8('modldomains_'), new Uint8Array([0]), u64(id)));
  return account;
}

function spendable(context: BlockContext, id: Uint8Array, keepAlive: boolean): bigint {
  const { free, frozen, reserved } = accountOf(context.storage, id, context.number);
  const locked = frozen > reserved ? frozen - reserved : 0n;
  const kept = keepAlive && locked < EXISTENTIAL_DEPOSIT ? EXISTENTIAL_DEPOSIT : locked;
  return free > kept ? free - kept : 0n;
}

/** The stakes of one block under execution. */
export class Staking {
  constructor(private readonly context: BlockContext) {}

  private read<T>(key: Uint8Array, decode: (reader: ScaleReader) => T): T | null {
    return readValue(this.context.storage, key, decode);
  }

  private operator(id: bigint): Operator {
    return this.read(stakingKeys.operator(id), readOperator) ?? fail('UnknownOperator');
  }

  private summary(domain: number): Summary {
    return this.read(stakingKeys.summary(domain), readSummary) ?? fail('DomainNotInitialized');
  }

  private head(domain: number): number {
    return this.read(stakingKeys.headDomain(domain), (reader) => reader.u32()) ?? 0;
  }

  private price(id: bigint, { domain, epoch }: { domain: number; epoch: number }): bigint | null {
    return this.read(stakingKeys.sharePrice(id, domain, epoch), (reader) => reader.u64());
  }

  private event(event: keyof typeof EVENTS, ...fields: Uint8Array[]): void {
    this.context.depositEvent(DOMAINS, EVENTS[event], ...fields);
  }

  /** `note_pending_staking_operation`, once for an operator in an epoch. */
  private notePending({ domain, deposits, withdrawals }: Operator): void {
    if (deposits !== 0n || withdrawals !== 0n) return;
    const key = stakingKeys.pendingOperations(domain);
    const count = this.read(key, (reader) => reader.u32()) ?? 0;
    if (count >= MAX_PENDING_OPERATIONS) fail('TooManyPendingStakingOperation');
    this.context.write(key, (writer) => writer.u32(count + 1));
  }

  /** What an earlier epoch's deposit has become. Throws DispatchError. */
  private convertDeposit(id: bigint, deposit: Deposit, epoch: number): void {
    const { pending } = deposit;
    if (pending === null) return;
    const price = this.price(id, pending);
    if (price === null) {
      if (pending.epoch < epoch) fail('MissingOperatorEpochSharePrice');
      return;
    }
    deposit.shares += sharesOf(pending.amount, price);
    deposit.storageFee += pending.storageFee;
    deposit.pending = null;
  }

  /** What an earlier epoch's withdrawal has become. Throws DispatchError. */
  private convertWithdrawal(id: bigint, withdrawal: Withdrawal, epoch: number): void {
    const { inShares } = withdrawal;
    if (inShares === null || inShares.epoch >= epoch) return;
    const price = this.price(id, inShares) ?? fail('MissingOperatorEpochSharePrice');
    const amount = stakeOf(inShares.shares, price);
    withdrawal.total += amount;
    withdrawal.unlocking.push({ at: inShares.at, amount, storageFee: inShares.storageFee });
    withdrawal.inShares = null;
  }

  /** `nominate_operator`: a fifth goes to the operator's storage fund, the rest is held. Throws DispatchError. */
  nominate(id: bigint, who: Uint8Array, amount: bigint): void {
    const { context } = this;
    if (amount === 0n) fail('ZeroDeposit');
    const operator = this.operator(id);
    this.notePending(operator);
    const { epoch } = this.summary(operator.domain);
    const storageFee = amount / 5n;
    try {
      transfer(context, who, storageFundAccount(id), storageFee, true);
    } catch (error) {
      if (error instanceof DispatchError) fail('BundleStorageFund', FAIL_TO_DEPOSIT);
      throw error;
    }
    this.event('StorageFeeDeposited', u64(id), who, amountOf(storageFee));
    const stake = amount - storageFee;
    if (spendable(context, who, true) < stake) fail('InsufficientBalance');
    const onHold = this.read(stakingKeys.onHold(id, who), (reader) => reader.u128()) ?? 0n;
    context.write(stakingKeys.onHold(id, who), (writer) => writer.u128(onHold + stake));
    changeHold(context, who, HOLD_REASONS.domainStaking, stake);
    this.event('OperatorNominated', u64(id), who, amountOf(stake));
    operator.deposits += stake;
    operator.storageFees += storageFee;
    context.write(stakingKeys.operator(id), (writer) => writeOperator(writer, operator));
    const key = stakingKeys.deposit(id, who);
    const deposit = this.read(key, readDeposit) ?? { shares: 0n, storageFee: 0n, pending: null };
    this.convertDeposit(id, deposit, epoch);
    const before = deposit.pending ?? { amount: 0n, storageFee: 0n };
    const pending = {
      domain: operator.domain,
      epoch,
      amount: before.amount + stake,
      storageFee: before.storageFee + storageFee,
    };
    if (deposit.shares === 0n && pending.amount + pending.storageFee < operator.minimum)
      fail('MinimumNominatorStake');
    context.write(key, (writer) => writeDeposit(writer, { ...deposit, pending }));
  }

  /** `withdraw_stake`: shares leave the pool at the end of the epoch. Throws DispatchError. */
  withdraw(id: bigint, who: Uint8Array, wanted: bigint): void {
    const { context } = this;
    if (wanted === 0n) fail('ZeroWithdraw');
    const operator = this.operator(id);
    this.notePending(operator);
    const { epoch } = this.summary(operator.domain);
    const deposit = this.read(stakingKeys.deposit(id, who), readDeposit) ?? fail('UnknownNominator');
    this.convertDeposit(id, deposit, epoch);
    const empty: Withdrawal = { total: 0n, totalStorageFee: 0n, unlocking: [], inShares: null };
    const withdrawal = this.read(stakingKeys.withdrawal(id, who), readWithdrawal) ?? empty;
    this.convertWithdrawal(id, withdrawal, epoch);
    if (withdrawal.unlocking.length >= WITHDRAWAL_LIMIT) fail('TooManyWithdrawals');
    const shares = this.leaving(id, operator, deposit, who, wanted);
    const storageFee = portion(ratio(shares, deposit.shares), deposit.storageFee);
    const refund = this.takeFromFund(id, who, operator, storageFee);
    deposit.storageFee -= storageFee;
    operator.storageFees -= storageFee;
    operator.withdrawals += shares;
    deposit.shares -= shares;
    const { pending } = deposit;
    if (deposit.shares === 0n && pending !== null && pending.amount + pending.storageFee < operator.minimum)
      fail('MinimumNominatorStake');
    const already = withdrawal.inShares ?? { shares: 0n, storageFee: 0n };
    withdrawal.inShares = {
      domain: operator.domain,
      epoch,
      at: this.head(operator.domain) + STAKING.lockingPeriod,
      shares: already.shares + shares,
      storageFee: already.storageFee + refund,
    };
    withdrawal.totalStorageFee += refund;
    context.write(stakingKeys.operator(id), (writer) => writeOperator(writer, operator));
    context.write(stakingKeys.deposit(id, who), (writer) => writeDeposit(writer, deposit));
    context.write(stakingKeys.withdrawal(id, who), (writer) => writeWithdrawal(writer, withdrawal));
    this.event('WithdrewStake', u64(id), who);
  }

  /** Shares that leave: those asked for, or all where too little would remain. Throws DispatchError. */
  private leaving(id: bigint, operator: Operator, deposit: Deposit, who: Uint8Array, wanted: bigint): bigint {
    const remaining = deposit.shares - wanted;
    if (remaining < 0n) fail('InsufficientShares');
    const owner = this.context.storage.get(stakingKeys.owner(id));
    const isOwner = owner !== null && equal(owner, who);
    if (remaining === 0n) return isOwner ? fail('MinimumOperatorStake') : wanted;
    const fee = portion(ratio(remaining, deposit.shares), deposit.storageFee);
    const worth = stakeOf(remaining, priceOf(operator)) + fee;
    if (isOwner && worth < MIN_OPERATOR_STAKE) fail('MinimumOperatorStake');
    return !isOwner && worth < operator.minimum ? deposit.shares : wanted;
  }

  /** Moves what a part of the storage deposits is worth by now to the nominator, on hold. Returns it. */
  private takeFromFund(id: bigint, who: Uint8Array, { storageFees }: Operator, deposit: bigint): bigint {
    const { context } = this;
    const fund = storageFundAccount(id);
    const balance = spendable(context, fund, false);
    const worth = balance === storageFees ? deposit : portion(ratio(deposit, storageFees), balance);
    if (worth === 0n) return 0n;
    transfer(context, fund, who, worth, false);
    changeHold(context, who, HOLD_REASONS.domainStorageFund, worth);
    return worth;
  }

  /** `unlock_funds`: what has waited long enough comes back. Throws DispatchError. */
  unlock(id: bigint, who: Uint8Array): void {
    const { context } = this;
    const operator = this.operator(id);
    const { epoch } = this.summary(operator.domain);
    const key = stakingKeys.withdrawal(id, who);
    const withdrawal = this.read(key, readWithdrawal) ?? fail('MissingWithdrawal');
    this.convertWithdrawal(id, withdrawal, epoch);
    if (withdrawal.unlocking.length === 0) fail('MissingWithdrawal');
    const head = this.head(operator.domain);
    let amount = 0n;
    let storageFee = 0n;
    while (withdrawal.unlocking[0] !== undefined && withdrawal.unlocking[0].at <= head) {
      const one = withdrawal.unlocking.shift()!;
      amount += one.amount;
      storageFee += one.storageFee;
    }
    if (amount === 0n && storageFee === 0n) fail('UnlockPeriodNotComplete');
    withdrawal.total -= amount;
    withdrawal.totalStorageFee -= storageFee;
    // Nobody pays operators here: what comes back is never more than what was put in.
    const onHold = this.read(stakingKeys.onHold(id, who), (reader) => reader.u128()) ?? 0n;
    const released = amount < onHold ? amount : onHold;
    context.write(stakingKeys.onHold(id, who), (writer) => writer.u128(onHold - released));
    changeHold(context, who, HOLD_REASONS.domainStaking, -released);
    this.event('NominatedStakedUnlocked', u64(id), who, amountOf(amount));
    changeHold(context, who, HOLD_REASONS.domainStorageFund, -storageFee);
    this.event('StorageFeeUnlocked', u64(id), who, amountOf(storageFee));
    const over = withdrawal.unlocking.length === 0 && withdrawal.inShares === null;
    if (!over) return context.write(key, (writer) => writeWithdrawal(writer, withdrawal));
    context.remove(key);
    const deposit = this.read(stakingKeys.deposit(id, who), readDeposit);
    if (deposit === null || deposit.shares !== 0n || deposit.pending !== null) return;
    context.remove(stakingKeys.deposit(id, who));
    if (onHold === released) context.remove(stakingKeys.onHold(id, who));
  }

  /** What a new block of a domain does to stakes: at the end of an epoch all that came and went is counted in. */
  onDomainBlock(domain: number, number: number): void {
    const { context } = this;
    const known = this.read(stakingKeys.summary(domain), readSummary);
    const summary = known ?? this.begin(domain);
    if (summary === null || number % STAKING.epoch !== 0) return;
    context.write(stakingKeys.pendingOperations(domain), (writer) => writer.u32(0));
    const current = summary.next.map((id) => ({ id, stake: this.finishEpoch(id, domain, summary.epoch) }));
    context.write(stakingKeys.lastEpoch(domain), (writer) =>
      writer.vec(summary.current, (item, one) => item.u64(one.id).u128(one.stake)).u128(summary.stake),
    );
    const stake = current.reduce((sum, one) => sum + one.stake, 0n);
    const next = { ...summary, epoch: summary.epoch + 1, stake, current };
    context.write(stakingKeys.summary(domain), (writer) => writeSummary(writer, next));
    this.event('DomainEpochCompleted', u32(domain), u32(summary.epoch));
  }

  /** The local network's operator registers without stake; the domain's first block takes what it must stake. */
  private begin(domain: number): Summary | null {
    const { context } = this;
    const id = FIRST_OPERATOR;
    const operator = this.read(stakingKeys.operator(id), readOperator);
    const owner = context.storage.get(stakingKeys.owner(id));
    if (operator?.domain !== domain || owner === null) return null;
    const storageFee = MIN_OPERATOR_STAKE / 5n;
    const stake = MIN_OPERATOR_STAKE - storageFee;
    transfer(context, owner, storageFundAccount(id), storageFee, true);
    this.event('StorageFeeDeposited', u64(id), owner, amountOf(storageFee));
    changeHold(context, owner, HOLD_REASONS.domainStaking, stake);
    context.write(stakingKeys.onHold(id, owner), (writer) => writer.u128(stake));
    const registered = { ...operator, stake, shares: stake, storageFees: storageFee };
    context.write(stakingKeys.operator(id), (writer) => writeOperator(writer, registered));
    context.write(stakingKeys.sharePrice(id, domain, 0), (writer) => writer.u64(ONE));
    const pending = { domain, epoch: 0, amount: stake, storageFee };
    context.write(stakingKeys.deposit(id, owner), (writer) =>
      writeDeposit(writer, { shares: 0n, storageFee: 0n, pending }),
    );
    this.event('OperatorRegistered', u64(id), u32(domain));
    // As for every domain's first operator, the epoch ends with it.
    const summary = { epoch: 1, stake, current: [{ id, stake }], next: [id] };
    context.write(stakingKeys.summary(domain), (writer) => writeSummary(writer, summary));
    return summary;
  }

  /** `do_finalize_operator_epoch_staking`; returns the operator's stake from now on. */
  private finishEpoch(id: bigint, domain: number, epoch: number): bigint {
    const { context } = this;
    const operator = this.operator(id);
    const { deposits, withdrawals } = operator;
    if (deposits === 0n && withdrawals === 0n) return operator.stake;
    const price = priceOf(operator);
    operator.stake += deposits - stakeOf(withdrawals, price);
    operator.shares += sharesOf(deposits, price) - withdrawals;
    operator.deposits = 0n;
    operator.withdrawals = 0n;
    context.write(stakingKeys.sharePrice(id, domain, epoch), (writer) => writer.u64(price));
    context.write(stakingKeys.operator(id), (writer) => writeOperator(writer, operator));
    return operator.stake;
  }
}
