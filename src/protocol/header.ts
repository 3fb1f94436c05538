import { equal, fromHex, toPrefixedHex } from './bytes.ts';
import { SUBSPACE_ENGINE } from './constants.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { blake2b256 } from './hash.ts';
import { decodeAll, ScaleReader, ScaleWriter } from './scale.ts';
import type { DigestItem, Header } from './types.ts';

/** A header is at most this long: digests of a block that carries several segment commitments stay far below. */
export const MAX_HEADER_BYTES = 64 * 1024;
const MAX_DIGEST_ITEMS = 256;

function readDigestItem(reader: ScaleReader): DigestItem {
  const tag = reader.u8();
  switch (tag) {
    case 0:
      return { kind: 'other', data: reader.byteVector(MAX_HEADER_BYTES) };
    case 4:
      return { kind: 'consensus', engine: reader.raw(4), data: reader.byteVector(MAX_HEADER_BYTES) };
    case 5:
      return { kind: 'seal', engine: reader.raw(4), data: reader.byteVector(MAX_HEADER_BYTES) };
    case 6:
      return { kind: 'preRuntime', engine: reader.raw(4), data: reader.byteVector(MAX_HEADER_BYTES) };
    case 8:
      return { kind: 'runtimeEnvironmentUpdated' };
    default:
      return reader.fail(`${tag} is not a kind of digest item`);
  }
}

/** Writes an item of a header’s digest. */
export function writeDigestItem(writer: ScaleWriter, item: DigestItem): void {
  switch (item.kind) {
    case 'other':
      writer.u8(0).byteVector(item.data);
      break;
    case 'consensus':
      writer.u8(4).raw(item.engine, 4).byteVector(item.data);
      break;
    case 'seal':
      writer.u8(5).raw(item.engine, 4).byteVector(item.data);
      break;
    case 'preRuntime':
      writer.u8(6).raw(item.engine, 4).byteVector(item.data);
      break;
    case 'runtimeEnvironmentUpdated':
      writer.u8(8);
      break;
  }
}

/** SCALE of one digest item, as the RPC's `logs` carry it. */
export function encodeDigestItem(item: DigestItem): Uint8Array {
  const writer = new ScaleWriter(512);
  writeDigestItem(writer, item);
  return writer.bytes();
}

/** Decodes one digest item; throws DecodeError. */
export function decodeDigestItem(bytes: Uint8Array): DigestItem {
  return decodeAll(bytes, 'digest-item', readDigestItem);
}

/** Reads a header of at most 64 KiB. Throws DecodeError. */
export function readHeader(reader: ScaleReader): Header {
  const start = reader.position;
  const parentHash = reader.raw(32);
  const number = reader.compact();
  const header = {
    parentHash,
    number,
    stateRoot: reader.raw(32),
    extrinsicsRoot: reader.raw(32),
    digest: reader.vec(readDigestItem, 1, MAX_DIGEST_ITEMS),
  };
  requireHeaderBytes(reader.position - start);
  return header;
}

function requireHeaderBytes(length: number): void {
  if (length > MAX_HEADER_BYTES) {
    throw new DecodeError('header', `${length} bytes where at most ${MAX_HEADER_BYTES} are allowed`);
  }
}

/** Writes a header. */
export function writeHeader(writer: ScaleWriter, header: Header): void {
  writer
    .raw(header.parentHash, 32)
    .compact(header.number)
    .raw(header.stateRoot, 32)
    .raw(header.extrinsicsRoot, 32)
    .vec(header.digest, writeDigestItem);
}

/** Decodes a SCALE header of at most 64 KiB; throws DecodeError. */
export function decodeHeader(bytes: Uint8Array): Header {
  requireHeaderBytes(bytes.length);
  return decodeAll(bytes, 'header', readHeader);
}

/** SCALE of a header: parent hash, compact number, state root, extrinsics root, digest. */
export function encodeHeader(header: Header): Uint8Array {
  const writer = new ScaleWriter(1024);
  writeHeader(writer, header);
  return writer.bytes();
}

/** Block hash: BLAKE2b-256 of the SCALE header, seal included. 32 bytes. */
export function headerHash(header: Header): Uint8Array {
  return blake2b256(encodeHeader(header));
}

/** The header without its last digest item, which is what the seal signs. */
export function unsealed(header: Header): Header {
  return { ...header, digest: header.digest.slice(0, -1) };
}

/**
 * The seal of a header (rule `seal-present`): its last digest item, 64 bytes of the network's engine. Throws
 * ProtocolError when something else stands there.
 */
export function sealOf(header: Header): Uint8Array {
  const last = header.digest.at(-1);
  if (last?.kind === 'seal' && equal(last.engine, SUBSPACE_ENGINE) && last.data.length === 64)
    return last.data;
  throw new ProtocolError({
    code: 'bad-seal',
    rule: 'seal-present',
    message: `the last digest item is ${last?.kind ?? 'missing'}, not a seal of 64 bytes of the engine SUB_`,
    sentence: 'A block header is not sealed as the network demands and was refused.',
    values: { number: header.number },
  });
}

/** Hash that the seal signs: of the header without its last digest item. 32 bytes. */
export function preSealHash(header: Header): Uint8Array {
  return headerHash(unsealed(header));
}

/** A header as JSON-RPC carries it; all byte strings `0x` hex. */
export interface RpcHeader {
  parentHash: string;
  number: string;
  stateRoot: string;
  extrinsicsRoot: string;
  digest: { logs: string[] };
}

/** A header as JSON-RPC writes it. */
export function toRpcHeader(header: Header): RpcHeader {
  return {
    parentHash: toPrefixedHex(header.parentHash),
    number: `0x${header.number.toString(16)}`,
    stateRoot: toPrefixedHex(header.stateRoot),
    extrinsicsRoot: toPrefixedHex(header.extrinsicsRoot),
    digest: { logs: header.digest.map((item) => toPrefixedHex(encodeDigestItem(item))) },
  };
}

/** Reads a header (SCALE of at most 64 KiB) from its JSON-RPC shape, whatever a source sent; throws DecodeError. */
export function fromRpcHeader(json: unknown): Header {
  const header = json as Partial<RpcHeader> | null;
  const logs: unknown = header?.digest?.logs;
  if (
    header === null ||
    typeof header !== 'object' ||
    typeof header.parentHash !== 'string' ||
    typeof header.number !== 'string' ||
    typeof header.stateRoot !== 'string' ||
    typeof header.extrinsicsRoot !== 'string' ||
    !Array.isArray(logs) ||
    logs.length > MAX_DIGEST_ITEMS ||
    !logs.every((log): log is string => typeof log === 'string' && log.length <= 2 * MAX_HEADER_BYTES)
  ) {
    throw new DecodeError('header', 'not a header in JSON-RPC shape');
  }
  const number = /^0x[0-9a-fA-F]{1,8}$/.test(header.number) ? Number.parseInt(header.number, 16) : Number.NaN;
  if (Number.isNaN(number))
    throw new DecodeError('header', `${header.number.slice(0, 20)} is not a block number`);
  const decoded = {
    parentHash: fromHex(header.parentHash, 32),
    number,
    stateRoot: fromHex(header.stateRoot, 32),
    extrinsicsRoot: fromHex(header.extrinsicsRoot, 32),
    digest: logs.map((log) => decodeDigestItem(fromHex(log))),
  };
  requireHeaderBytes(encodeHeader(decoded).length);
  return decoded;
}
