/** Transactions of the consensus chain: built from the runtime's metadata, signed, taken apart, priced. */
import { runtimeIdentity } from '../chain/state/constants.ts';
import type { AccountState } from '../chain/state/accounts.ts';
import { concat, littleEndian, toPrefixedHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import {
  decodeExtrinsic,
  encodeExtrinsic,
  eraBirth,
  extrinsicHash,
  IMMORTAL,
  mortalEra,
  signingPayload,
  writeEra,
  type ExtrinsicExtra,
  type ExtrinsicImplicit,
} from '../protocol/extrinsic.ts';
import type { DecodedCall, RuntimeMetadata } from '../protocol/metadata.ts';
import { decodeAll, ScaleWriter } from '../protocol/scale.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { Refusal } from './errors.ts';
import type { AccountSigner } from './service.ts';

/** Blocks that a transaction may wait. */
export const LIFETIME_BLOCKS = 64;

/** Extensions that carry something, and those whose implicit part is signed, in the order of the bytes. */
const CARRIED = 'CheckMortality CheckNonce ChargeTransactionPayment';
const SIGNED_ALONG = 'CheckSpecVersion CheckTxVersion CheckGenesis CheckMortality';

/** Refuses a runtime whose transactions have other parts than this code fills in (rule `transaction-extensions`). */
function requireKnownExtensions(metadata: RuntimeMetadata): void {
  const named = (type: 'type' | 'implicit') =>
    metadata.extensions
      .filter((extension) => !metadata.isEmpty(extension[type]))
      .map(({ name }) => name)
      .join(' ');
  const seen = { carried: named('type'), signed: named('implicit') };
  if (seen.carried === CARRIED && seen.signed === SIGNED_ALONG) return;
  throw new ProtocolError({
    code: 'changed-in-runtime',
    rule: 'transaction-extensions',
    message: `transactions carry ${seen.carried} and sign ${seen.signed}`,
    sentence: 'The network’s transactions have parts that this version of the app does not know.',
    values: seen,
  });
}

/**
 * Indices of calls that move tokens, as every runtime of the network has had them. Metadata that is a source's word
 * could have other indices in it, so that a person would sign another call than the one shown.
 */
const KNOWN_CALLS: Record<string, readonly [pallet: number, call: number]> = {
  'System.remark': [0, 0],
  'System.remark_with_event': [0, 7],
  'Balances.transfer_allow_death': [5, 0],
  'Balances.transfer_keep_alive': [5, 3],
  'Balances.transfer_all': [5, 4],
  'Utility.batch': [8, 0],
  'Utility.batch_all': [8, 2],
  'Utility.force_batch': [8, 4],
  'Domains.register_operator': [12, 4],
  'Domains.nominate_operator': [12, 5],
  'Domains.deregister_operator': [12, 8],
  'Domains.withdraw_stake': [12, 9],
  'Domains.unlock_funds': [12, 10],
  'Domains.unlock_nominator': [12, 11],
  'Transporter.transfer': [61, 0],
};

/**
 * Refuses metadata that gives a call (`Pallet.call`) the place of another one, or a known one another place (rule
 * `known-calls`). Of metadata that the runtime's own code gave nothing of this need be asked: there, pallets may move.
 */
export function requireKnownCall(metadata: RuntimeMetadata, name: string): void {
  const [pallet = '', call = ''] = name.split('.');
  const place = String(metadata.callIndex(pallet, call));
  const known = Object.hasOwn(KNOWN_CALLS, name) ? String(KNOWN_CALLS[name]) : place;
  const [owner] = Object.entries(KNOWN_CALLS).find(([, indices]) => String(indices) === place) ?? [name];
  if (known === place && owner === name) return;
  throw new ProtocolError({
    code: 'changed-in-runtime',
    rule: 'known-calls',
    message: `${name} at ${place}`,
    sentence: 'The node describes this transaction in another way than the network has it. It is not signed.',
    values: { name, place },
  });
}

/** Call that pays `amount` (smallest unit) to an account (32 bytes). `keepAlive`: refuse to empty the sender. */
export function transferCall(
  metadata: RuntimeMetadata,
  to: Uint8Array,
  amount: bigint,
  keepAlive = true,
): Uint8Array {
  const call = keepAlive ? 'transfer_keep_alive' : 'transfer_allow_death';
  return metadata.encodeCall('Balances', call, { dest: { type: 'Id', value: to }, value: amount });
}

/** Call that stores bytes in the history. `withEvent`: the block's events name their hash. */
export function remarkCall(metadata: RuntimeMetadata, remark: Uint8Array, withEvent = false): Uint8Array {
  return metadata.encodeCall('System', withEvent ? 'remark_with_event' : 'remark', { remark });
}

/** What a transaction is made for. */
export interface TransactionTarget {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  /** A verified block (hash: 32 bytes) from which on the transaction lives; null: for ever. */
  from: { number: number; hash: Uint8Array } | null;
  nonce: bigint;
  /** Smallest unit. */
  tip: bigint;
}

export interface PreparedTransaction {
  call: Uint8Array;
  extra: ExtrinsicExtra;
  implicit: ExtrinsicImplicit;
  /** What the account signs: at most 256 bytes, or their BLAKE2b-256. */
  payload: Uint8Array;
}

/**
 * Nonce of an account's next transaction, `pending` of its own not counted in the state yet. The state's nonce is
 * taken as it is: a new account does not start at 0 but at the number of the block that made it. Throws Refusal
 * for an account that does not exist: its nonce is not known before it is made, and it could not pay.
 */
export function nextNonce(state: AccountState, pending = 0): bigint {
  if (!state.exists)
    throw new Refusal(
      'no-account',
      'the account does not exist',
      'This account has never held anything, and cannot pay. Choose another one, or pay something into it first.',
    );
  return BigInt(state.nonce) + BigInt(pending);
}

/** Makes a transaction of a call. Throws ProtocolError (rule `transaction-extensions`) for a runtime that needs more. */
export function prepareTransaction(
  metadata: RuntimeMetadata,
  call: Uint8Array,
  { genesisHash, from, nonce, tip }: TransactionTarget,
): PreparedTransaction {
  requireKnownExtensions(metadata);
  const { specVersion, transactionVersion } = runtimeIdentity(metadata);
  const era = from === null ? IMMORTAL : mortalEra(LIFETIME_BLOCKS, from.number);
  const extra = { era, nonce, tip };
  // An era of that length can begin at any block, so that the block itself is its first.
  if (from !== null && eraBirth(era, from.number) !== from.number)
    throw new RangeError('not the era’s first block');
  const eraBirthHash = from?.hash ?? genesisHash;
  const implicit: ExtrinsicImplicit = { specVersion, transactionVersion, genesisHash, eraBirthHash };
  return { call, extra, implicit, payload: signingPayload(call, extra, implicit) };
}

const hexNumber = (value: number | bigint, bytes = 4): string =>
  `0x${value.toString(16).padStart(2 * bytes, '0')}`;

/**
 * A transaction as injected wallets take it to sign (`SignerPayloadJSON`). `publicKey`: 32 bytes; `birth`: number of
 * the first block of its era.
 */
export function signerPayload(
  metadata: RuntimeMetadata,
  { call, extra, implicit }: PreparedTransaction,
  publicKey: Uint8Array,
  birth: number,
): Record<string, unknown> {
  const era = new ScaleWriter(2);
  writeEra(era, extra.era);
  return {
    address: encodeAddress(publicKey),
    blockHash: toPrefixedHex(implicit.eraBirthHash),
    blockNumber: hexNumber(birth),
    era: toPrefixedHex(era.bytes()),
    genesisHash: toPrefixedHex(implicit.genesisHash),
    method: toPrefixedHex(call),
    nonce: hexNumber(extra.nonce),
    signedExtensions: metadata.extensions.map(({ name }) => name),
    specVersion: hexNumber(implicit.specVersion),
    tip: hexNumber(extra.tip, 16),
    transactionVersion: hexNumber(implicit.transactionVersion),
    version: 4,
  };
}

/** Signs a transaction. The bytes are what `author_submitExtrinsic` takes. */
export function signTransaction(
  { call, extra, payload }: PreparedTransaction,
  signer: AccountSigner,
): Uint8Array {
  const { publicKey } = signer;
  return encodeExtrinsic({ kind: 'signed', signer: publicKey, signature: signer.sign(payload), extra, call });
}

/** A transaction as a person reads it. */
export interface TransactionView extends DecodedCall {
  /** 32 bytes. */
  hash: Uint8Array;
  /** 32 bytes; null for what blocks carry without signature. */
  signer: Uint8Array | null;
  nonce: bigint | null;
  /** Smallest unit. */
  tip: bigint;
}

/** Takes an extrinsic of a block apart. Throws DecodeError. */
export function readTransaction(metadata: RuntimeMetadata, bytes: Uint8Array): TransactionView {
  const extrinsic = decodeExtrinsic(bytes);
  const call = metadata.decodeCall(extrinsic.call);
  const hash = extrinsicHash(bytes);
  if (extrinsic.kind === 'bare') return { ...call, hash, signer: null, nonce: null, tip: 0n };
  const { nonce, tip } = extrinsic.extra;
  return { ...call, hash, signer: extrinsic.kind === 'signed' ? extrinsic.signer : null, nonce, tip };
}

/** A source that runs calls of the runtime; its answers are not proven. */
export interface CallSource {
  stateCall(method: string, data: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
}

/**
 * Fee (smallest unit, tip not counted) that a node expects for a signed transaction at a block. Unproven: to be
 * shown as an estimate. The signature need not hold.
 *
 * @param at hash of the block, 32 bytes.
 * @throws DecodeError for a malformed answer, and what the source rejects with.
 */
export async function estimateFee(
  source: CallSource,
  transaction: Uint8Array,
  at: Uint8Array,
  signal?: AbortSignal,
): Promise<bigint> {
  const input = concat(transaction, littleEndian(transaction.length, 4));
  const answer = await source.stateCall('TransactionPaymentApi_query_info', input, at, signal);
  return decodeAll(answer, 'dispatch-info', (reader) => {
    // Weight: computation and size of the proof; then the class of the call.
    reader.compactBig();
    reader.compactBig();
    reader.u8();
    return reader.u128();
  });
}

/** Stand-in signer with which a transaction's fee is asked for before the person signs it. `publicKey`: 32 bytes. */
export function unsignedAs(publicKey: Uint8Array): AccountSigner {
  return { publicKey, sign: () => new Uint8Array(64) };
}
