/** Accounts and balances: `System.Account`, the Balances pallet. */
import { concat, equal, littleEndian } from '../../src/protocol/bytes.ts';
import type { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import {
  belowMinimum,
  type BlockContext,
  frozen,
  fundsUnavailable,
  notExpendable,
  readValue,
} from './context.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import { keys } from './keys.ts';

export const BALANCES = 5;
export const EXISTENTIAL_DEPOSIT = 10_000_000_000_000n;
const SYSTEM = 0;
/** Marks an account of the newer logic, which every account becomes with its first change. */
const NEW_LOGIC = 1n << 127n;

export interface Account {
  nonce: number;
  consumers: number;
  providers: number;
  sufficients: number;
  free: bigint;
  reserved: bigint;
  frozen: bigint;
  flags: bigint;
}

export function readAccount(reader: ScaleReader): Account {
  return {
    nonce: reader.u32(),
    consumers: reader.u32(),
    providers: reader.u32(),
    sufficients: reader.u32(),
    free: reader.u128(),
    reserved: reader.u128(),
    frozen: reader.u128(),
    flags: reader.u128(),
  };
}

export function writeAccount(writer: ScaleWriter, account: Account): void {
  writer.u32(account.nonce).u32(account.consumers).u32(account.providers).u32(account.sufficients);
  writer.u128(account.free).u128(account.reserved).u128(account.frozen).u128(account.flags);
}

/**
 * An account; one that does not exist has the current block number as its nonce, which keeps old transactions
 * of a removed account from being valid again.
 */
export function accountOf(
  storage: { get(key: Uint8Array): Uint8Array | null },
  id: Uint8Array,
  blockNumber: number,
): Account & { exists: boolean } {
  const found = readValue(storage, keys.account(id), readAccount);
  if (found !== null) return { ...found, exists: true };
  const zero = { consumers: 0, providers: 0, sufficients: 0, free: 0n, reserved: 0n, frozen: 0n };
  return { nonce: blockNumber, ...zero, flags: NEW_LOGIC, exists: false };
}

const ISSUANCE = storagePrefix('Balances', 'TotalIssuance');

export function totalIssuance(storage: { get(key: Uint8Array): Uint8Array | null }): bigint {
  return readValue(storage, ISSUANCE, (reader) => reader.u128()) ?? 0n;
}

const amount = (value: bigint): Uint8Array => littleEndian(value, 16);

function changeIssuance(context: BlockContext, by: bigint): void {
  const value = totalIssuance(context.storage) + by;
  context.write(ISSUANCE, (writer) => writer.u128(value));
}

/** `Issued`: tokens came into being and nobody else took them back. */
export function issued(context: BlockContext, value: bigint): void {
  if (value === 0n) return;
  changeIssuance(context, value);
  context.depositEvent(BALANCES, 15, amount(value));
}

/** `Rescinded`: tokens that were withdrawn ceased to be. */
export function rescinded(context: BlockContext, value: bigint): void {
  if (value === 0n) return;
  changeIssuance(context, -value);
  context.depositEvent(BALANCES, 16, amount(value));
}

/** `Upgraded`: an account becomes one of the newer logic with its first change. */
export function upgraded(context: BlockContext, id: Uint8Array, account: Account): void {
  if ((account.flags & NEW_LOGIC) !== 0n) return;
  account.flags |= NEW_LOGIC;
  context.depositEvent(BALANCES, 14, id);
}

/**
 * Stores an account after a change of its balance: upgrades it to the newer logic, makes it if it is new. `event`
 * is deposited in between, where the pallet does.
 */
function put(
  context: BlockContext,
  id: Uint8Array,
  account: Account & { exists: boolean },
  event: () => void = () => undefined,
): void {
  upgraded(context, id, account);
  event();
  const { exists, ...stored } = account;
  if (!exists) {
    stored.providers = 1;
    context.depositEvent(SYSTEM, 3, id);
    context.depositEvent(BALANCES, 0, id, amount(stored.free));
  }
  context.write(keys.account(id), (writer) => writeAccount(writer, stored));
}

/** Adds to an account, making it when the amount reaches the existential deposit. Returns what was added. */
export function depositCreating(context: BlockContext, id: Uint8Array, value: bigint): bigint {
  if (value === 0n) return 0n;
  const account = accountOf(context.storage, id, context.number);
  if (!account.exists && value < EXISTENTIAL_DEPOSIT) return 0n;
  account.free += value;
  put(context, id, account, () => context.depositEvent(BALANCES, 7, id, amount(value)));
  return value;
}

/** Adds to an account if it exists. Returns what was added. */
export function depositExisting(context: BlockContext, id: Uint8Array, value: bigint): bigint {
  if (value === 0n || !accountOf(context.storage, id, context.number).exists) return 0n;
  return depositCreating(context, id, value);
}

/** Takes from an account that must stay alive; false when it has too little. */
export function withdrawKeepAlive(context: BlockContext, id: Uint8Array, value: bigint): boolean {
  const account = accountOf(context.storage, id, context.number);
  if (!canWithdraw(account, value)) return false;
  account.free -= value;
  put(context, id, account, () => context.depositEvent(BALANCES, 8, id, amount(value)));
  return true;
}

/** Whether a fee can be taken and the account stay alive. */
export function canWithdraw(account: Account, value: bigint): boolean {
  return account.free >= value + EXISTENTIAL_DEPOSIT && account.free - value >= account.frozen;
}

/** Moves tokens; to oneself changes nothing. Throws DispatchError; the caller undoes what was changed until then. */
export function transfer(
  context: BlockContext,
  from: Uint8Array,
  to: Uint8Array,
  value: bigint,
  keepAlive: boolean,
): void {
  const source = accountOf(context.storage, from, context.number);
  const target = accountOf(context.storage, to, context.number);
  const left = source.free - value;
  const dies = value > 0n && left + source.reserved < EXISTENTIAL_DEPOSIT;
  if (value > 0n) {
    if (left < 0n) throw fundsUnavailable();
    if (left < source.frozen) throw frozen();
    if (dies && keepAlive) throw notExpendable();
    if (!target.exists && value < EXISTENTIAL_DEPOSIT) throw belowMinimum();
  }
  if (equal(from, to)) return;
  if (value > 0n) {
    source.free = left;
    if (dies) reap(context, from, source);
    else put(context, from, source);
    target.free += value;
    put(context, to, target);
  }
  context.depositEvent(BALANCES, 2, from, to, amount(value));
}

/** Removes an account below the existential deposit; what is left of it is lost. */
function reap(context: BlockContext, id: Uint8Array, account: Account): void {
  context.remove(keys.account(id));
  context.depositEvent(SYSTEM, 4, id);
  if (account.free === 0n) return;
  context.depositEvent(BALANCES, 1, id, amount(account.free));
  changeIssuance(context, -account.free);
}

/** `transfer_all`: everything, or everything but the existential deposit. */
export function transferAll(
  context: BlockContext,
  from: Uint8Array,
  to: Uint8Array,
  keepAlive: boolean,
): void {
  const account = accountOf(context.storage, from, context.number);
  const kept = keepAlive || account.reserved > 0n ? EXISTENTIAL_DEPOSIT : 0n;
  const untouchable = account.frozen > kept ? account.frozen : kept;
  const value = account.free > untouchable ? account.free - untouchable : 0n;
  transfer(context, from, to, value, keepAlive);
}

/** SCALE of an event's account and amount. */
export const who = (id: Uint8Array, value: bigint): Uint8Array => concat(id, amount(value));
