/** One block under execution: its storage, its digest, its events, and what the runtime asks its node. */
import { concat, littleEndian } from '../../src/protocol/bytes.ts';
import { decodeAll, ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import type { DigestItem } from '../../src/protocol/types.ts';
import type { NetworkParams } from '../config.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { Storage } from './storage.ts';

/** What the runtime asks the node that executes it (its host functions). */
export interface Host {
  /** Whether the proof of time of a slot is the one that this node's chain of proofs has. */
  isProofOfTimeValid(slot: bigint, output: Uint8Array): boolean;
  /** Roots of the parent block, for the leaf of the Merkle mountain range. */
  parentRoots: { stateRoot: Uint8Array; extrinsicsRoot: Uint8Array };
}

/** Why a transaction may not be part of a block (`TransactionValidityError`). */
export class InvalidTransaction extends Error {
  /** `scale`: the SCALE of the error, as `ApplyExtrinsicResult` carries it. */
  constructor(
    readonly kind: InvalidKind,
    readonly custom = 0,
  ) {
    super(INVALID_TEXT[kind]);
    this.name = 'InvalidTransaction';
  }

  /** SCALE of `TransactionValidityError`. */
  encode(): Uint8Array {
    const index = (INVALID_KINDS as readonly string[]).indexOf(this.kind);
    return index < 0
      ? new Uint8Array([1, 0])
      : new Uint8Array([0, index, ...(this.kind === 'Custom' ? [this.custom] : [])]);
  }
}

const INVALID_KINDS = [
  'Call',
  'Payment',
  'Future',
  'Stale',
  'BadProof',
  'AncientBirthBlock',
  'ExhaustsResources',
  'Custom',
  'BadMandatory',
  'MandatoryValidation',
  'BadSigner',
] as const;
export type InvalidKind = (typeof INVALID_KINDS)[number] | 'CannotLookup';

const INVALID_TEXT: Record<InvalidKind, string> = {
  Call: 'Transaction call is not expected',
  Payment: 'Inability to pay some fees (e.g. account balance too low)',
  Future: 'Transaction will be valid in the future',
  Stale: 'Transaction is outdated',
  BadProof: 'Transaction has a bad signature',
  AncientBirthBlock: 'Transaction has an ancient birth block',
  ExhaustsResources: 'Transaction would exhaust the block limits',
  Custom: 'InvalidTransaction custom error',
  BadMandatory: 'A call was labelled as mandatory, but resulted in an Error.',
  MandatoryValidation: 'Transaction dispatch is mandatory; transactions must not be validated.',
  BadSigner: 'Invalid signing address',
  CannotLookup: 'Could not lookup information required to validate the transaction',
};

/** Why a call failed after its transaction was accepted (`DispatchError`). */
export class DispatchError extends Error {
  constructor(
    readonly scale: Uint8Array,
    message: string,
  ) {
    super(message);
    this.name = 'DispatchError';
  }
}

/** Error number `index` of a pallet. */
export function moduleError(pallet: number, index: number, name: string): DispatchError {
  return new DispatchError(new Uint8Array([3, pallet, index, 0, 0, 0]), name);
}

export const badOrigin = (): DispatchError => new DispatchError(new Uint8Array([2]), 'BadOrigin');
/** Errors of tokens, by their index in `TokenError`. */
const tokenError = (index: number, name: string) => (): DispatchError =>
  new DispatchError(new Uint8Array([7, index]), name);
export const fundsUnavailable = tokenError(0, 'FundsUnavailable');
export const belowMinimum = tokenError(2, 'BelowMinimum');
export const frozen = tokenError(5, 'Frozen');
export const notExpendable = tokenError(8, 'NotExpendable');

type Phase = { apply: number } | 'finalization' | 'initialization';

export class BlockContext {
  readonly digest: DigestItem[];
  phase: Phase = 'initialization';

  constructor(
    readonly params: NetworkParams,
    readonly storage: Storage,
    readonly host: Host,
    readonly number: number,
    readonly parentHash: Uint8Array,
    /** 32 bytes. */
    readonly genesisHash: Uint8Array,
    preRuntime: DigestItem,
  ) {
    this.digest = [preRuntime];
  }

  /** Reads a stored value whole; null when the key is absent. */
  read<T>(key: Uint8Array, decode: (reader: ScaleReader) => T): T | null {
    return readValue(this.storage, key, decode);
  }

  write(key: Uint8Array, encode: (writer: ScaleWriter) => void): void {
    const writer = new ScaleWriter(64);
    encode(writer);
    this.storage.set(key, writer.bytes());
  }

  remove(key: Uint8Array): void {
    this.storage.remove(key);
  }

  /** `System.deposit_event`: pallet and event index, then the SCALE of the event's fields. */
  depositEvent(pallet: number, event: number, ...fields: Uint8Array[]): void {
    const phase =
      this.phase === 'finalization'
        ? new Uint8Array([1])
        : this.phase === 'initialization'
          ? new Uint8Array([2])
          : concat(new Uint8Array([0]), littleEndian(this.phase.apply, 4));
    const record = concat(phase, new Uint8Array([pallet, event]), ...fields, new Uint8Array([0]));
    const count = this.read(EVENT_COUNT, (reader) => reader.u32()) ?? 0;
    const stored = this.storage.get(EVENTS);
    const earlier = stored === null ? new Uint8Array(0) : stored.subarray(prefixOf(stored));
    this.storage.set(EVENTS, concat(new ScaleWriter().compact(count + 1).bytes(), earlier, record));
    this.write(EVENT_COUNT, (writer) => writer.u32(count + 1));
  }
}

const EVENT_COUNT = storagePrefix('System', 'EventCount');
const EVENTS = storagePrefix('System', 'Events');

function prefixOf(encoded: Uint8Array): number {
  const reader = new ScaleReader(encoded, 'events');
  reader.compact();
  return reader.position;
}

/** Reads a stored value whole; null when the key is absent. */
export function readValue<T>(
  storage: { get(key: Uint8Array): Uint8Array | null },
  key: Uint8Array,
  decode: (reader: ScaleReader) => T,
): T | null {
  const bytes = storage.get(key);
  return bytes === null ? null : decodeAll(bytes, 'stored-value', decode);
}
