/** Signed blocks: what archiving stores and `chain_getBlock` returns. */
import { fromHex, toPrefixedHex } from './bytes.ts';
import { DecodeError } from './errors.ts';
import { extrinsicBody, readOpaqueExtrinsic } from './extrinsic.ts';
import { fromRpcHeader, readHeader, toRpcHeader, writeHeader, type RpcHeader } from './header.ts';
import { jsonArray, jsonObject } from './json.ts';
import {
  fromRpcJustifications,
  readEngineJustifications,
  toRpcJustifications,
  writeEngineJustification,
  type EngineJustification,
  type RpcJustifications,
} from './justification.ts';
import { decodeAll, ScaleReader, ScaleWriter } from './scale.ts';
import type { Header } from './types.ts';

const MAX_EXTRINSICS = 1_000_000;

/** A block as it is archived and travels: with what its justifications say. */
export interface SignedBlock {
  header: Header;
  /** Each with its length prefix, as JSON-RPC carries it. */
  extrinsics: Uint8Array[];
  justifications: EngineJustification[] | null;
}

/** Reads a signed block; throws DecodeError. */
export function readSignedBlock(reader: ScaleReader): SignedBlock {
  return {
    header: readHeader(reader),
    extrinsics: reader.vec(readOpaqueExtrinsic, 1, MAX_EXTRINSICS),
    justifications: reader.option(readEngineJustifications),
  };
}

/** Decodes a signed block; throws DecodeError. */
export function decodeSignedBlock(bytes: Uint8Array): SignedBlock {
  return decodeAll(bytes, 'signed-block', readSignedBlock);
}

/** SCALE of a signed block: header, extrinsics, optional justifications. */
export function encodeSignedBlock(block: SignedBlock): Uint8Array {
  const writer = new ScaleWriter(4096);
  writeHeader(writer, block.header);
  return writer
    .vec(block.extrinsics, (item, extrinsic) => item.raw(extrinsic))
    .option(block.justifications, (some, all) => some.vec(all, writeEngineJustification))
    .bytes();
}

/** Result of `chain_getBlock`. */
export interface RpcSignedBlock {
  block: { header: RpcHeader; extrinsics: string[] };
  justifications: RpcJustifications | null;
}

/** A block as the result of `chain_getBlock`. */
export function toRpcSignedBlock(block: SignedBlock): RpcSignedBlock {
  return {
    block: { header: toRpcHeader(block.header), extrinsics: block.extrinsics.map(toPrefixedHex) },
    justifications: block.justifications && toRpcJustifications(block.justifications),
  };
}

/** Reads the result of `chain_getBlock`, whatever a source sent; throws DecodeError. */
export function fromRpcSignedBlock(json: unknown): SignedBlock {
  const what = 'signed-block';
  const fields = jsonObject(what, json);
  const block = jsonObject(what, fields['block']);
  return {
    header: fromRpcHeader(block['header']),
    extrinsics: jsonArray(what, block['extrinsics'], MAX_EXTRINSICS).map(fromRpcExtrinsic),
    justifications: fromRpcJustifications(fields['justifications']),
  };
}

/** The same without the block's body, for who needs only what proves it. Throws DecodeError. */
export function fromRpcProvenHeader(json: unknown): Pick<SignedBlock, 'header' | 'justifications'> {
  const what = 'signed-block';
  const fields = jsonObject(what, json);
  const { header } = jsonObject(what, fields['block']);
  return { header: fromRpcHeader(header), justifications: fromRpcJustifications(fields['justifications']) };
}

function fromRpcExtrinsic(json: unknown): Uint8Array {
  if (typeof json !== 'string') throw new DecodeError('extrinsic', 'not a hex string');
  const extrinsic = fromHex(json);
  extrinsicBody(extrinsic);
  return extrinsic;
}
