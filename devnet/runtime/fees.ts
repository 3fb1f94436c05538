/** What transactions cost: the TransactionPayment and TransactionFees pallets. */
import { concat, littleEndian } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES, PIECES_IN_SEGMENT, U128_MAX } from '../../src/protocol/constants.ts';
import type { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import { solutionRangeToPieces } from '../../src/protocol/solution-range.ts';
import type { NetworkParams } from '../config.ts';
import {
  depositCreating,
  depositExisting,
  issued,
  rescinded,
  totalIssuance,
  who,
  withdrawKeepAlive,
} from './balances.ts';
import { type BlockContext, InvalidTransaction, readValue } from './context.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import { solutionRanges, type State } from './subspace-state.ts';
import type { SubspacePallet } from './subspace.ts';
import { BASE_EXTRINSIC, MAX_BLOCK_REF_TIME, MAX_NORMAL_REF_TIME, type Weight } from './weights.ts';

const TRANSACTION_FEES = 6;
const TRANSACTION_PAYMENT = 7;
/** Smallest units per picosecond. */
const WEIGHT_FEE = 100_000n;
const MIN_REPLICATION_FACTOR = 25n;
/** One in fixed point. */
const ONE = 10n ** 18n;
const ADJUSTMENT = (75n * ONE) / 1_000_000n;
const MIN_MULTIPLIER = ONE / 10n;

const key = (item: string): Uint8Array => storagePrefix('TransactionFees', item);
const items = {
  byteFee: key('TransactionByteFee'),
  duringExecution: key('IsDuringBlockExecution'),
  author: key('BlockAuthor'),
  collected: key('CollectedBlockFees'),
  multiplier: storagePrefix('TransactionPayment', 'NextFeeMultiplier'),
  dynamicCost: storagePrefix('RuntimeConfigs', 'EnableDynamicCostOfStorage'),
};

interface ByteFee {
  current: bigint;
  next: bigint;
}

function readByteFee(reader: ScaleReader): ByteFee {
  return { current: reader.u128(), next: reader.u128() };
}

function byteFees(state: State): ByteFee {
  return readValue(state, items.byteFee, readByteFee) ?? { current: U128_MAX, next: U128_MAX };
}

/** Price of a byte of an extrinsic in the present block, or in the next one for a state between blocks. */
export function transactionByteFee(state: State): bigint {
  if (readValue(state, items.dynamicCost, (reader) => reader.bool()) !== true) return 1n;
  const { current, next } = byteFees(state);
  return state.get(items.duringExecution) === null ? next : current;
}

interface Collected {
  storage: bigint;
  compute: bigint;
  tips: bigint;
}

function readCollected(reader: ScaleReader): Collected {
  return { storage: reader.u128(), compute: reader.u128(), tips: reader.u128() };
}

function writeCollected(writer: ScaleWriter, { storage, compute, tips }: Collected): void {
  writer.u128(storage).u128(compute).u128(tips);
}

/** `on_initialize` of TransactionFees. */
export function initialiseFees(context: BlockContext, subspace: SubspacePallet): void {
  const author = subspace.blockRewardAddress();
  if (author !== null) context.storage.set(items.author, author);
  context.write(items.collected, (writer) => writeCollected(writer, { storage: 0n, compute: 0n, tips: 0n }));
  const { next } = byteFees(context.storage);
  context.write(items.byteFee, (writer) => writer.u128(next).u128(next));
  context.write(items.duringExecution, (writer) => writer.bool(true));
}

/** Price of a byte by the space pledged to the network against the size of its history. */
function calculateByteFee(state: State, params: NetworkParams): bigint {
  const supply = totalIssuance(state);
  const pieces = solutionRangeToPieces(solutionRanges(state, params).current, params.slotProbability);
  const pledged = pieces * BigInt(PIECE_BYTES);
  const segments =
    readValue(state, storagePrefix('Subspace', 'CounterForSegmentCommitment'), (reader) => reader.u32()) ?? 0;
  const history = BigInt(segments) * BigInt(PIECES_IN_SEGMENT * PIECE_BYTES);
  const free = pledged / MIN_REPLICATION_FACTOR - history;
  return free > 0n ? supply / free : supply;
}

/** `on_finalize` of TransactionFees: pays what was collected to the author. */
export function finaliseFees(context: BlockContext): void {
  const { current } = byteFees(context.storage);
  const next = calculateByteFee(context.storage, context.params);
  context.write(items.byteFee, (writer) => writer.u128(current).u128(next));
  context.remove(items.duringExecution);
  const collected = context.read(items.collected, readCollected)!;
  context.remove(items.collected);
  const { storage, compute, tips } = collected;
  const total = storage + compute + tips;
  if (total === 0n) return;
  const amounts = concat(...[storage, compute, tips].map((value) => littleEndian(value, 16)));
  const author = context.storage.get(items.author);
  if (author === null) {
    context.depositEvent(TRANSACTION_FEES, 1, amounts);
    return;
  }
  context.remove(items.author);
  const added = depositCreating(context, author, total);
  context.depositEvent(TRANSACTION_FEES, 0, author, amounts);
  issued(context, added);
}

function multiplier(state: State): bigint {
  return readValue(state, items.multiplier, (reader) => reader.u128()) ?? ONE;
}

function weightFee(weight: Weight): bigint {
  const capped = weight.refTime < MAX_BLOCK_REF_TIME ? weight.refTime : MAX_BLOCK_REF_TIME;
  return capped * WEIGHT_FEE;
}

export interface FeeDetails {
  baseFee: bigint;
  lengthFee: bigint;
  adjustedWeightFee: bigint;
}

/** Parts of the fee of a transaction of `length` bytes. `weight`: call and extensions, without the base. */
export function feeDetails(state: State, length: number, weight: Weight): FeeDetails {
  return {
    baseFee: weightFee(BASE_EXTRINSIC),
    lengthFee: BigInt(length) * transactionByteFee(state),
    adjustedWeightFee: (multiplier(state) * weightFee(weight)) / ONE,
  };
}

/** Fee of a transaction without its tip. */
export function feeOf(state: State, length: number, weight: Weight): bigint {
  const { baseFee, lengthFee, adjustedWeightFee } = feeDetails(state, length, weight);
  return baseFee + lengthFee + adjustedWeightFee;
}

/** A fee that was taken before its transaction ran. */
export interface Charged {
  account: Uint8Array;
  fee: bigint;
  storageFee: bigint;
  tip: bigint;
}

/** Takes fee and tip. `callLength`: bytes of the call, whose storage is paid for. Throws InvalidTransaction. */
export function charge(
  context: BlockContext,
  account: Uint8Array,
  fee: bigint,
  tip: bigint,
  callLength: number,
): Charged {
  if (!withdrawKeepAlive(context, account, fee + tip)) throw new InvalidTransaction('Payment');
  return {
    account,
    fee: fee + tip,
    storageFee: transactionByteFee(context.storage) * BigInt(callLength),
    tip,
  };
}

/** Gives back what was taken too much and notes the rest for the author. */
export function settle(context: BlockContext, charged: Charged, actualFee: bigint): void {
  const { account, fee, storageFee, tip } = charged;
  const owed = actualFee + tip;
  const refund = fee > owed ? fee - owed : 0n;
  const paid = fee - depositExisting(context, account, refund);
  const paidTip = tip < paid ? tip : paid;
  const rest = paid - paidTip;
  const storage = storageFee < rest ? storageFee : rest;
  const compute = rest - storage;
  const collected = context.read(items.collected, readCollected)!;
  context.write(items.collected, (writer) =>
    writeCollected(writer, {
      storage: collected.storage + storage,
      compute: collected.compute + compute,
      tips: collected.tips + paidTip,
    }),
  );
  for (const part of [compute, storage, paidTip]) rescinded(context, part);
  context.depositEvent(TRANSACTION_PAYMENT, 0, who(account, owed), littleEndian(tip, 16));
}

/** `on_finalize` of TransactionPayment: the price of weight follows how full blocks are. */
export function finalisePayment(context: BlockContext, normalWeight: Weight): void {
  const previous = max(multiplier(context.storage), MIN_MULTIPLIER);
  const used = normalWeight.refTime < MAX_NORMAL_REF_TIME ? normalWeight.refTime : MAX_NORMAL_REF_TIME;
  const target = MAX_NORMAL_REF_TIME / 2n;
  const difference = ((used > target ? used - target : target - used) * ONE) / MAX_NORMAL_REF_TIME;
  const multiply = (a: bigint, b: bigint) => (a * b) / ONE;
  const first = multiply(ADJUSTMENT, difference);
  const second = multiply(multiply(ADJUSTMENT, ADJUSTMENT) / 2n, multiply(difference, difference));
  const next =
    used >= target
      ? previous + multiply(first + second, previous)
      : max(previous - multiply(first - second, previous), MIN_MULTIPLIER);
  context.write(items.multiplier, (writer) => writer.u128(next));
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
