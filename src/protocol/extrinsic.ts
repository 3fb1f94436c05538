/** Extrinsics: framing, the three shapes in use, and what a signature covers. */
import { concat } from './bytes.ts';
import { MAX_BLOCK_BYTES, U128_MAX, U64_MAX } from './constants.ts';
import { blake2b256 } from './hash.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';

const BARE_V5 = 0x05;
const BARE_V4 = 0x04;
const SIGNED_V4 = 0x84;
const GENERAL_V5 = 0x45;
const ADDRESS_ID = 0x00;
const SIGNATURE_SR25519 = 0x01;
const MAX_UNHASHED_PAYLOAD = 256;

/** How long a transaction may wait: for ever, or for a period of blocks that a phase places. */
export type Era = { kind: 'immortal' } | { kind: 'mortal'; period: number; phase: number };

/** What a transaction carries beside its call. */
export interface ExtrinsicExtra {
  era: Era;
  nonce: bigint;
  /** Smallest unit of the token. */
  tip: bigint;
}

/** An extrinsic taken apart: one of the block’s author, a signed transaction, or an unsigned one with extensions. */
export type Extrinsic =
  | { kind: 'bare'; version: 4 | 5; call: Uint8Array }
  | {
      kind: 'signed';
      /** 32 bytes. */
      signer: Uint8Array;
      /** 64 bytes, sr25519. */
      signature: Uint8Array;
      extra: ExtrinsicExtra;
      call: Uint8Array;
    }
  | { kind: 'general'; extensionVersion: number; extra: ExtrinsicExtra; call: Uint8Array };

/** What a signature covers without travelling along. */
export interface ExtrinsicImplicit {
  specVersion: number;
  transactionVersion: number;
  /** 32 bytes. */
  genesisHash: Uint8Array;
  /** 32 bytes: hash of the era's first block, or the genesis hash if immortal. */
  eraBirthHash: Uint8Array;
}

/** A transaction that may wait for ever. */
export const IMMORTAL: Era = { kind: 'immortal' };

/**
 * Mortal era for a period of `period` blocks (rounded up to a power of two, 4..65536) that is running at block
 * `current`.
 */
export function mortalEra(period: number, current: number): Era {
  const rounded = Math.min(Math.max(2 ** Math.ceil(Math.log2(Math.max(period, 1))), 4), 65_536);
  const factor = quantizeFactor(rounded);
  return { kind: 'mortal', period: rounded, phase: Math.floor((current % rounded) / factor) * factor };
}

/** First block of an era that runs at block `current`. Immortal: block 0. */
export function eraBirth(era: Era, current: number): number {
  if (era.kind === 'immortal') return 0;
  return Math.floor((Math.max(current, era.phase) - era.phase) / era.period) * era.period + era.phase;
}

function quantizeFactor(period: number): number {
  return Math.max(period >> 12, 1);
}

/** Reads an era. Throws DecodeError. */
export function readEra(reader: ScaleReader): Era {
  const first = reader.u8();
  if (first === 0) return IMMORTAL;
  const encoded = first | (reader.u8() << 8);
  const period = 2 << (encoded & 15);
  const phase = (encoded >> 4) * quantizeFactor(period);
  if (period < 4 || phase >= period) reader.fail(`not an era: period ${period}, phase ${phase}`);
  return { kind: 'mortal', period, phase };
}

/** Writes for how long a transaction may be included: 1 byte, or 2 with period and phase. */
export function writeEra(writer: ScaleWriter, era: Era): void {
  if (era.kind === 'immortal') {
    writer.u8(0);
    return;
  }
  const exponent = Math.min(Math.max(Math.log2(era.period) - 1, 1), 15);
  writer.u16(exponent | ((era.phase / quantizeFactor(era.period)) << 4));
}

/** Reads era, nonce and tip. Throws DecodeError. */
export function readExtra(reader: ScaleReader): ExtrinsicExtra {
  return { era: readEra(reader), nonce: reader.compactBig(U64_MAX), tip: reader.compactBig(U128_MAX) };
}

function writeExtra(writer: ScaleWriter, extra: ExtrinsicExtra): void {
  writeEra(writer, extra.era);
  writer.compact(extra.nonce).compact(extra.tip);
}

/** SCALE of era, nonce and tip. */
export function encodeExtra(extra: ExtrinsicExtra): Uint8Array {
  const writer = new ScaleWriter(32);
  writeExtra(writer, extra);
  return writer.bytes();
}

/** SCALE of what a signature covers without travelling along. */
export function encodeImplicit(implicit: ExtrinsicImplicit): Uint8Array {
  return new ScaleWriter(72)
    .u32(implicit.specVersion)
    .u32(implicit.transactionVersion)
    .raw(implicit.genesisHash, 32)
    .raw(implicit.eraBirthHash, 32)
    .bytes();
}

/** The bytes to sign: call, extra, implicit; their BLAKE2b-256 if they are more than 256 bytes. */
export function signingPayload(
  call: Uint8Array,
  extra: ExtrinsicExtra,
  implicit: ExtrinsicImplicit,
): Uint8Array {
  const payload = concat(call, encodeExtra(extra), encodeImplicit(implicit));
  return payload.length > MAX_UNHASHED_PAYLOAD ? blake2b256(payload) : payload;
}

function writeBody(writer: ScaleWriter, extrinsic: Extrinsic): void {
  switch (extrinsic.kind) {
    case 'bare':
      writer.u8(extrinsic.version === 5 ? BARE_V5 : BARE_V4);
      break;
    case 'signed':
      writer.u8(SIGNED_V4).u8(ADDRESS_ID).raw(extrinsic.signer, 32);
      writer.u8(SIGNATURE_SR25519).raw(extrinsic.signature, 64);
      writeExtra(writer, extrinsic.extra);
      break;
    case 'general':
      writer.u8(GENERAL_V5).u8(extrinsic.extensionVersion);
      writeExtra(writer, extrinsic.extra);
      break;
  }
  writer.raw(extrinsic.call);
}

/** An extrinsic as blocks and JSON-RPC carry it: compact length, then the body. */
export function encodeExtrinsic(extrinsic: Extrinsic): Uint8Array {
  const body = new ScaleWriter();
  writeBody(body, extrinsic);
  return new ScaleWriter().byteVector(body.bytes()).bytes();
}

/** Reads one extrinsic with its length prefix, kept as it is. Throws DecodeError. */
export function readOpaqueExtrinsic(reader: ScaleReader): Uint8Array {
  const body = reader.byteVector(MAX_BLOCK_BYTES);
  return new ScaleWriter(body.length + 4).byteVector(body).bytes();
}

/** Body of an extrinsic without its length prefix. Throws DecodeError. */
export function extrinsicBody(bytes: Uint8Array): Uint8Array {
  return decodeAll(bytes, 'extrinsic', (reader) => reader.byteVector(MAX_BLOCK_BYTES));
}

/**
 * Takes an extrinsic (with its length prefix) apart; the call stays undecoded and is what remains at the end.
 *
 * @throws DecodeError if it has none of the shapes in use on the network.
 */
export function decodeExtrinsic(bytes: Uint8Array): Extrinsic {
  return decodeAll(extrinsicBody(bytes), 'extrinsic', (reader) => {
    const preamble = reader.u8();
    switch (preamble) {
      case BARE_V4:
        return { kind: 'bare', version: 4, call: reader.raw(reader.remaining) };
      case BARE_V5:
        return { kind: 'bare', version: 5, call: reader.raw(reader.remaining) };
      case SIGNED_V4:
        return readSigned(reader);
      case GENERAL_V5:
        return {
          kind: 'general',
          extensionVersion: reader.u8(),
          extra: readExtra(reader),
          call: reader.raw(reader.remaining),
        };
      default:
        return reader.fail(`unknown extrinsic preamble ${preamble}`);
    }
  });
}

function readSigned(reader: ScaleReader): Extrinsic {
  const address = reader.u8();
  if (address !== ADDRESS_ID) reader.fail(`the signer must be an account id, not address kind ${address}`);
  const signer = reader.raw(32);
  const scheme = reader.u8();
  if (scheme !== SIGNATURE_SR25519) reader.fail(`the signature must be sr25519, not scheme ${scheme}`);
  return {
    kind: 'signed',
    signer,
    signature: reader.raw(64),
    extra: readExtra(reader),
    call: reader.raw(reader.remaining),
  };
}

/** Hash that names an extrinsic: BLAKE2b-256 of its bytes, length prefix included. */
export function extrinsicHash(bytes: Uint8Array): Uint8Array {
  return blake2b256(bytes);
}
