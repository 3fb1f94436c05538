/** Constants of a network as its runtime states them. */
import { decodeAll, ScaleWriter } from '../protocol/scale.ts';
import type { ChainConstants } from '../protocol/types.ts';

/** What `SubspaceApi_chain_constants` returns; the rest of `ChainConstants` stands in the metadata. */
export type RuntimeConstants = Pick<
  ChainConstants,
  | 'confirmationDepthK'
  | 'blockAuthoringDelay'
  | 'eraDurationInBlocks'
  | 'slotProbability'
  | 'slotDurationMs'
  | 'recentSegments'
  | 'recentHistoryFraction'
  | 'minSectorLifetime'
>;

/** Decodes the result of `SubspaceApi_chain_constants`, version 0; throws DecodeError. */
export function decodeRuntimeConstants(bytes: Uint8Array): RuntimeConstants {
  return decodeAll(bytes, 'chain-constants', (reader) => {
    const version = reader.u8();
    if (version !== 0) reader.fail(`unknown version ${version}`);
    const small = (): number => {
      const value = reader.u64();
      if (value > 0xffff_ffffn) reader.fail(`${value} is too large`);
      return Number(value);
    };
    const positive = <T extends number | bigint>(value: T): T => {
      if (value <= 0) reader.fail('a constant is zero');
      return value;
    };
    return {
      confirmationDepthK: positive(reader.u32()),
      blockAuthoringDelay: positive(small()),
      eraDurationInBlocks: positive(reader.u32()),
      slotProbability: [positive(reader.u64()), positive(reader.u64())],
      slotDurationMs: positive(small()),
      recentSegments: positive(reader.u64()),
      recentHistoryFraction: [positive(reader.u64()), positive(reader.u64())],
      minSectorLifetime: positive(reader.u64()),
    };
  });
}

/** SCALE of what `SubspaceApi_chain_constants` returns. */
export function encodeRuntimeConstants(constants: RuntimeConstants): Uint8Array {
  return new ScaleWriter(80)
    .u8(0)
    .u32(constants.confirmationDepthK)
    .u64(BigInt(constants.blockAuthoringDelay))
    .u32(constants.eraDurationInBlocks)
    .u64(constants.slotProbability[0])
    .u64(constants.slotProbability[1])
    .u64(BigInt(constants.slotDurationMs))
    .u64(constants.recentSegments)
    .u64(constants.recentHistoryFraction[0])
    .u64(constants.recentHistoryFraction[1])
    .u64(constants.minSectorLifetime)
    .bytes();
}

/** Names of the constants that two descriptions of a network disagree on. */
export function differingConstants(a: ChainConstants, b: ChainConstants): (keyof ChainConstants)[] {
  const names = Object.keys(a) as (keyof ChainConstants)[];
  return names.filter((name) => String(a[name]) !== String(b[name]));
}
