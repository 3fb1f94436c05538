/** Extrinsics taken apart: their class, what they announce to weigh, and what their signatures cover. */
import { sign as signMessage } from '../../src/crypto/sr25519.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import {
  decodeExtrinsic,
  encodeExtrinsic,
  eraBirth,
  signingPayload,
  type Extrinsic,
  type ExtrinsicExtra,
  type ExtrinsicImplicit,
} from '../../src/protocol/extrinsic.ts';
import type { ScaleReader } from '../../src/protocol/scale.ts';
import { type Call, callWeight, decodeCall } from './calls.ts';
import { BlockContext, InvalidTransaction } from './context.ts';
import { keys } from './keys.ts';
import { addWeights, extensionWeights, MAX_CHECKED_CALLS, weight, type Weight } from './weights.ts';

/** Version of the runtime's rules, and of its transactions. */
export const SPEC_VERSION = 6;
export const TRANSACTION_VERSION = 1;

export const CLASSES = ['normal', 'operational', 'mandatory'] as const;
type DispatchClass = (typeof CLASSES)[number];

function classOf(call: Call): DispatchClass {
  if (call.kind === 'timestamp.set' || call.kind === 'subspace.store_segment_headers') return 'mandatory';
  if (call.kind === 'sudo.sudo') return classOf(call.call);
  return call.kind === 'subspace.vote' || call.kind === 'domains.submit_bundle' ? 'operational' : 'normal';
}

/** An extrinsic taken apart. */
export interface Parsed {
  extrinsic: Extrinsic;
  call: Call;
  /** Bytes with the length prefix. */
  length: number;
  class: DispatchClass;
  callWeight: Weight;
  extensionWeight: Weight;
}

/** Takes an extrinsic apart; throws InvalidTransaction `Call` or BadProof for what no node accepts. */
export function parseExtrinsic(bytes: Uint8Array): Parsed {
  let extrinsic: Extrinsic;
  let call: Call;
  try {
    extrinsic = decodeExtrinsic(bytes);
    call = decodeCall(extrinsic.call);
  } catch (error) {
    if (error instanceof DecodeError) throw new InvalidTransaction('Call');
    throw error;
  }
  const ofCall = { call, length: bytes.length, class: classOf(call), callWeight: callWeight(call) };
  return { extrinsic, ...ofCall, extensionWeight: announcedExtensions(extrinsic, call) };
}

function announcedExtensions(extrinsic: Extrinsic, call: Call): Weight {
  if (extrinsic.kind === 'bare') return weight(0);
  const { vote, voteWithEquivocation } = extensionWeights;
  const greater = (a: bigint, b: bigint) => (a > b ? a : b);
  const votes =
    call.kind === 'subspace.vote'
      ? weight(
          greater(vote.refTime, voteWithEquivocation.refTime),
          greater(vote.proofSize, voteWithEquivocation.proofSize),
        )
      : weight(0);
  return addWeights(
    extensionWeights.system(extrinsic.extra.era.kind === 'mortal'),
    extensionWeights.checkNonce,
    extensionWeights.chargeTransactionPayment,
    extensionWeights.balanceTransferCheck(MAX_CHECKED_CALLS),
    votes,
  );
}

/** Call and extensions together, as fees and the pool see them. */
export function announcedWeight(parsed: Parsed): Weight {
  return addWeights(parsed.callWeight, parsed.extensionWeight);
}

/** What a signature over a transaction covers at block `number` of a chain with this state. */
export function implicitOf(context: BlockContext, extra: ExtrinsicExtra, number: number): ExtrinsicImplicit {
  const birth = eraBirth(extra.era, number);
  const eraBirthHash =
    extra.era.kind === 'immortal' ? context.genesisHash : context.storage.get(keys.blockHash(birth));
  if (eraBirthHash === null) throw new InvalidTransaction('AncientBirthBlock');
  return {
    specVersion: SPEC_VERSION,
    transactionVersion: TRANSACTION_VERSION,
    genesisHash: context.genesisHash,
    eraBirthHash,
  };
}

/** Signs a call as an extrinsic. `secret`: 64 bytes. */
export function signExtrinsic(
  call: Uint8Array,
  extra: ExtrinsicExtra,
  implicit: ExtrinsicImplicit,
  signer: Uint8Array,
  secret: Uint8Array,
): Uint8Array {
  const payload = signingPayload(call, extra, implicit);
  const signature = signMessage(secret, EXTRINSIC_SIGNING_CONTEXT, payload);
  return encodeExtrinsic({ kind: 'signed', signer, signature, extra, call });
}

export type BlockWeights = Record<DispatchClass, Weight>;

function readWeight(reader: ScaleReader): Weight {
  return weight(reader.compactBig(), reader.compactBig());
}

/** Reads `System.BlockWeight`. */
export function readBlockWeights(reader: ScaleReader): BlockWeights {
  return { normal: readWeight(reader), operational: readWeight(reader), mandatory: readWeight(reader) };
}
