/**
 * The runtime of the Auto ID domain: what a block of it does to the state. Pallets, indices, calls, events and
 * storage are those of `subspace-auto-id-domain`; the rules of the AutoId pallet are the registry's, which the
 * recorded steps of the real pallet hold to.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { autoIdOf } from '../../src/identity/identifier.ts';
import {
  AUTO_ID_ERRORS,
  AUTO_ID_PALLET,
  autoIdKey,
  revocationsKey,
  type AutoIdCall,
} from '../../src/identity/calls.ts';
import { decodeTbs } from '../../src/identity/certificate.ts';
import { Registry } from '../../src/identity/registry.ts';
import { concat, equal, fromHex, littleEndian, toHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { eraBirth, signingPayload } from '../../src/protocol/extrinsic.ts';
import { writeDigestItem } from '../../src/protocol/header.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { DigestItem } from '../../src/protocol/types.ts';
import { accountOf, readAccount, writeAccount, type Account } from '../runtime/balances.ts';
import {
  belowMinimum,
  DispatchError,
  fundsUnavailable,
  InvalidTransaction,
  moduleError,
  notExpendable,
  readValue,
} from '../runtime/context.ts';
import { keys } from '../runtime/keys.ts';
import { Storage } from '../runtime/storage.ts';
import {
  MAX_EXTRINSIC_BYTES,
  parseSigned,
  weightOf,
  type DomainCall,
  type SignedExtrinsic,
} from './calls.ts';

export const DOMAIN_SPEC_VERSION = 0;
export const DOMAIN_TRANSACTION_VERSION = 0;
const DOMAIN_EXISTENTIAL_DEPOSIT = 1_000_000_000_000n;
const SYSTEM = 0;
const TIMESTAMP = 1;
const UTILITY = 8;
const BALANCES = 20;
const TRANSACTION_PAYMENT = 21;
const TRANSPORTER = 61;
const BLOCK_FEES = 91;
const BLOCK_HASH_COUNT = 2400;

const system = (item: string): Uint8Array => storagePrefix('System', item);
const items = {
  number: system('Number'),
  parentHash: system('ParentHash'),
  digest: system('Digest'),
  events: system('Events'),
  eventCount: system('EventCount'),
  now: storagePrefix('Timestamp', 'Now'),
  issuance: storagePrefix('Balances', 'TotalIssuance'),
  byteFee: storagePrefix('BlockFees', 'ConsensusChainByteFee'),
  nextByteFee: storagePrefix('BlockFees', 'NextConsensusChainByteFee'),
  collected: storagePrefix('BlockFees', 'CollectedBlockFees'),
};

/** Smallest units per picosecond of weight. */
const WEIGHT_FEE = 100_000n;
const DOMAIN_BYTE_FEE = 1n;
const BASE_WEIGHT = 108_157_000n;
type State = { get(key: Uint8Array): Uint8Array | null };

const amount = (value: bigint): Uint8Array => littleEndian(value, 16);

/** Fee of an extrinsic on a state (smallest unit), the part for its bytes in the consensus chain apart. */
export function feeOf(state: State, { call, length }: SignedExtrinsic): { fee: bigint; storage: bigint } {
  const byteFee = readValue(state, items.byteFee, (reader) => reader.u128()) ?? 0n;
  const storage = byteFee * BigInt(length);
  const weight = (BASE_WEIGHT + weightOf(call)) * WEIGHT_FEE;
  return { fee: weight + DOMAIN_BYTE_FEE * BigInt(length) + storage, storage };
}

/** What a block is made of. */
export interface BlockInput {
  number: number;
  /** Both 32 bytes. */
  parentHash: Uint8Array;
  genesisHash: Uint8Array;
  /** Names the consensus block that the block is derived from. */
  digest: DigestItem;
}

/** Execution of one block of the domain. */
export class DomainExecution {
  private index = 0;
  private phase: Uint8Array = new Uint8Array([2]);
  private readonly fees = { storage: 0n, execution: 0n };

  constructor(
    readonly storage: Storage,
    readonly input: BlockInput,
  ) {}

  get collected(): { storage: bigint; execution: bigint } {
    return this.fees;
  }

  private write(key: Uint8Array, encode: (writer: ScaleWriter) => void): void {
    const writer = new ScaleWriter(64);
    encode(writer);
    this.storage.set(key, writer.bytes());
  }

  private event(pallet: number, index: number, ...fields: Uint8Array[]): void {
    const record = concat(this.phase, new Uint8Array([pallet, index]), ...fields, new Uint8Array([0]));
    const count = readValue(this.storage, items.eventCount, (reader) => reader.u32()) ?? 0;
    const stored = this.storage.get(items.events);
    const earlier = stored === null ? new Uint8Array() : stored.subarray(prefixLength(count));
    this.storage.set(items.events, concat(new ScaleWriter().compact(count + 1).bytes(), earlier, record));
    this.write(items.eventCount, (writer) => writer.u32(count + 1));
  }

  /** `initialize_block`. */
  initialise(): void {
    const { number, parentHash } = this.input;
    for (const item of [items.events, items.eventCount]) this.storage.remove(item);
    this.write(items.number, (writer) => writer.u32(number));
    this.storage.set(items.parentHash, parentHash);
    this.storage.set(keys.blockHash(number - 1), parentHash);
    this.write(items.collected, (writer) => writer.u128(0n).u128(0n).u128(0n).compact(0));
    this.write(keys.extrinsicIndex, (writer) => writer.u32(0));
  }

  private begin(): void {
    this.phase = concat(new Uint8Array([0]), littleEndian(this.index, 4));
  }

  private end(): void {
    this.index += 1;
    this.write(keys.extrinsicIndex, (writer) => writer.u32(this.index));
  }

  /** The inherent extrinsics: the consensus block's time and its price of a byte. */
  inherents(now: bigint, byteFee: bigint): Uint8Array[] {
    const bare = (call: ScaleWriter): Uint8Array =>
      new ScaleWriter().byteVector(concat(new Uint8Array([5]), call.bytes())).bytes();
    return [
      bare(new ScaleWriter().u8(TIMESTAMP).u8(0).compact(now)),
      bare(new ScaleWriter().u8(BLOCK_FEES).u8(0).compact(byteFee)),
    ];
  }

  applyInherent(kind: 'now' | 'byteFee', value: bigint): void {
    this.begin();
    if (kind === 'now') this.write(items.now, (writer) => writer.u64(value));
    else this.write(items.nextByteFee, (writer) => writer.u128(value));
    this.event(SYSTEM, 0, dispatchInfo(0n, 2, true));
    this.end();
  }

  /** Checks a signed extrinsic against the present state. Throws InvalidTransaction. */
  validate(extrinsic: SignedExtrinsic, allowFuture: boolean): void {
    const { signer, extra, call, callBytes } = extrinsic;
    const { number, genesisHash } = this.input;
    const birth = eraBirth(extra.era, number);
    const eraBirthHash =
      extra.era.kind === 'immortal' ? genesisHash : this.storage.get(keys.blockHash(birth));
    if (eraBirthHash === null) throw new InvalidTransaction('AncientBirthBlock');
    const payload = signingPayload(callBytes, extra, {
      specVersion: DOMAIN_SPEC_VERSION,
      transactionVersion: DOMAIN_TRANSACTION_VERSION,
      genesisHash,
      eraBirthHash,
    });
    if (!isSignedBy(extrinsic, payload)) throw new InvalidTransaction('BadProof');
    if (signer.every((byte) => byte === 0)) throw new InvalidTransaction('BadSigner');
    if (callBytes.length > MAX_EXTRINSIC_BYTES || weightOf(call) > 500_000_000_000n)
      throw new InvalidTransaction('ExhaustsResources');
    const account = accountOf(this.storage, signer, number);
    if (extra.nonce < BigInt(account.nonce)) throw new InvalidTransaction('Stale');
    if (!allowFuture && extra.nonce > BigInt(account.nonce)) throw new InvalidTransaction('Future');
    const { fee } = feeOf(this.storage, extrinsic);
    if (account.free < fee + extra.tip + DOMAIN_EXISTENTIAL_DEPOSIT) throw new InvalidTransaction('Payment');
  }

  /**
   * Applies a signed extrinsic; a call that fails leaves a failed extrinsic, which is no error here.
   *
   * @throws InvalidTransaction, nothing changed.
   */
  apply(bytes: Uint8Array): void {
    const extrinsic = parseSigned(bytes);
    this.validate(extrinsic, false);
    this.begin();
    const { signer, extra } = extrinsic;
    const { fee, storage } = feeOf(this.storage, extrinsic);
    const paid = fee + extra.tip;
    const account = accountOf(this.storage, signer, this.input.number);
    this.putAccount(signer, { ...account, nonce: account.nonce + 1, free: account.free - paid });
    this.changeIssuance(-paid);
    this.event(BALANCES, 8, signer, amount(paid));
    this.fees.storage += storage;
    this.fees.execution += paid - storage;
    const info = dispatchInfo(weightOf(extrinsic.call) + BASE_WEIGHT, 0, true);
    const failed = this.dispatch(extrinsic.call, signer);
    this.event(TRANSACTION_PAYMENT, 0, signer, amount(paid), amount(extra.tip));
    if (failed === null) this.event(SYSTEM, 0, info);
    else this.event(SYSTEM, 1, failed.scale, info);
    this.end();
  }

  private dispatch(call: DomainCall, signer: Uint8Array): DispatchError | null {
    try {
      this.storage.transaction(() => this.call(call, signer));
      return null;
    } catch (error) {
      if (error instanceof DispatchError) return error;
      throw error;
    }
  }

  private call(call: DomainCall, signer: Uint8Array): void {
    switch (call.kind) {
      case 'remark':
        return;
      case 'transfer':
        return this.transfer(signer, call.to, call.value, call.keepAlive);
      case 'batch_all':
        for (const inner of call.calls) {
          this.call(inner, signer);
          this.event(UTILITY, 3);
        }
        return this.event(UTILITY, 1);
      case 'auto-id':
        return this.autoId(call.call);
    }
  }

  private autoId(call: AutoIdCall): void {
    const now = readValue(this.storage, items.now, (reader) => reader.u64()) ?? 0n;
    const touched = this.keysOf(call);
    const before: Record<string, string> = {};
    for (const key of touched) {
      const value = this.storage.get(key);
      if (value !== null) before[toHex(key)] = toHex(value);
    }
    const registry = Registry.fromStorage(before);
    const outcome = registry.dispatch(call, Number(now));
    if (!outcome.ok) throw moduleError(AUTO_ID_PALLET, AUTO_ID_ERRORS.indexOf(outcome.error), outcome.error);
    const after = registry.storage();
    for (const key of touched) {
      const value = after[toHex(key)];
      if (value === undefined) this.storage.remove(key);
      else if (value !== before[toHex(key)]) this.storage.set(key, fromHex(value));
    }
    const [pallet, index] = outcome.eventBytes;
    this.event(pallet!, index!, outcome.eventBytes.subarray(2));
  }

  /** Keys that a call of the AutoId pallet reads or writes. */
  private keysOf(call: AutoIdCall): Uint8Array[] {
    const ids: Uint8Array[] = [];
    if (call.kind === 'register' || call.kind === 'renew') {
      if (call.issuer !== null) ids.push(call.issuer);
      if (call.kind === 'renew') ids.push(call.id);
      try {
        ids.push(autoIdOf(decodeTbs(call.request.certificate).commonName, call.issuer));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    } else {
      ids.push(call.id);
      const stored = this.storage.get(autoIdKey(call.id));
      const entry =
        stored === null
          ? null
          : Registry.fromStorage({ [toHex(autoIdKey(call.id))]: toHex(stored) }).entry(call.id);
      if (entry?.issuer != null) ids.push(entry.issuer);
    }
    const found = new Map<string, Uint8Array>();
    for (const id of ids) for (const key of [autoIdKey(id), revocationsKey(id)]) found.set(toHex(key), key);
    return [...found.values()];
  }

  private transfer(from: Uint8Array, to: Uint8Array, value: bigint, keepAlive: boolean): void {
    const source = accountOf(this.storage, from, this.input.number);
    const target = accountOf(this.storage, to, this.input.number);
    const left = source.free - value;
    if (left < 0n) throw fundsUnavailable();
    // An account that signs is in use, so that it stays alive with `transfer_allow_death` too.
    if (left < DOMAIN_EXISTENTIAL_DEPOSIT && keepAlive) throw notExpendable();
    if (!target.exists && value < DOMAIN_EXISTENTIAL_DEPOSIT) throw belowMinimum();
    if (!equal(from, to)) {
      this.putAccount(from, { ...source, free: left });
      this.deposit(to, value);
    }
    this.event(BALANCES, 2, from, to, amount(value));
  }

  /** Adds to an account, making it where there is none. */
  private deposit(to: Uint8Array, value: bigint): void {
    const target = accountOf(this.storage, to, this.input.number);
    this.putAccount(to, { ...target, free: target.free + value, providers: 1 });
    if (target.exists) return;
    this.event(SYSTEM, 3, to);
    this.event(BALANCES, 0, to, amount(value));
  }

  /** What an account of the consensus chain sent to one of the domain. */
  receive(to: Uint8Array, value: bigint): void {
    this.changeIssuance(value);
    this.deposit(to, value);
    this.event(BALANCES, 7, to, amount(value));
    // From the consensus chain, by a message of its own number.
    const message = concat(littleEndian(0, 32), littleEndian(0, 32));
    this.event(TRANSPORTER, 3, new Uint8Array([0]), message, amount(value));
  }

  private changeIssuance(by: bigint): void {
    const value = (readValue(this.storage, items.issuance, (reader) => reader.u128()) ?? 0n) + by;
    this.write(items.issuance, (writer) => writer.u128(value));
  }

  private putAccount(id: Uint8Array, account: Account): void {
    this.write(keys.account(id), (writer) => writeAccount(writer, account));
  }

  /** `finalize_block`. */
  finalise(): void {
    this.phase = new Uint8Array([1]);
    const { storage, execution } = this.fees;
    this.write(items.collected, (writer) => writer.u128(storage).u128(execution).u128(0n).compact(0));
    const next = readValue(this.storage, items.nextByteFee, (reader) => reader.u128()) ?? 0n;
    this.storage.remove(items.nextByteFee);
    this.write(items.byteFee, (writer) => writer.u128(next));
    this.storage.remove(keys.extrinsicIndex);
    const outdated = this.input.number - BLOCK_HASH_COUNT - 1;
    if (outdated > 0) this.storage.remove(keys.blockHash(outdated));
    this.write(items.digest, (writer) => writer.vec([this.input.digest], writeDigestItem));
  }
}

function isSignedBy({ scheme, signer, signature }: SignedExtrinsic, payload: Uint8Array): boolean {
  if (scheme === 1) return verifySignature(signer, EXTRINSIC_SIGNING_CONTEXT, payload, signature);
  try {
    return ed25519.verify(signature, payload, signer);
  } catch {
    return false;
  }
}

function prefixLength(count: number): number {
  return new ScaleWriter().compact(count).bytes().length;
}

function dispatchInfo(refTime: bigint, dispatchClass: number, pays: boolean): Uint8Array {
  return new ScaleWriter()
    .compact(refTime)
    .compact(0)
    .u8(dispatchClass)
    .u8(pays ? 0 : 1)
    .bytes();
}

/** Balance and nonce of an account (32 bytes) on a state of the domain. */
export function domainAccount(state: State, id: Uint8Array): Account | null {
  return readValue(state, keys.account(id), readAccount);
}
