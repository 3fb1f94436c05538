/**
 * The stored form of a verified chain: the network's facts, the final block's context, and the blocks above it.
 * A checksum tells a damaged record from a good one; what it holds was verified when it was written.
 */
import { concat, equal } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { DecodeError } from '../protocol/errors.ts';
import { blake2b256, blake3Hash } from '../protocol/hash.ts';
import { encodeHeader, readHeader, writeHeader } from '../protocol/header.ts';
import { decodeAll, ScaleReader, ScaleWriter } from '../protocol/scale.ts';
import type { ChainConstants, Header, PotParametersChange } from '../protocol/types.ts';
import { readBeginning, writeBeginning, type Beginning } from './beginning.ts';
import { blockId, type BlockContext } from './block.ts';
import { derive } from './rules/import.ts';

const VERSION = 3;
const CHECKSUM_BYTES = 32;
const MAX_BLOCKS = 1_000_000;

/** A block of the tree. */
export interface RecordedTreeBlock {
  header: Header;
  context: BlockContext;
  /** Milliseconds since the epoch. */
  receivedAt: number;
}

export interface ChainRecord {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  constants: ChainConstants;
  beginning: Beginning;
  final: RecordedTreeBlock;
  /** Parents before children. */
  blocks: RecordedTreeBlock[];
}

function writeConstants(writer: ScaleWriter, constants: ChainConstants): void {
  writer
    .u32(constants.confirmationDepthK)
    .u32(constants.blockAuthoringDelay)
    .u32(constants.eraDurationInBlocks)
    .u64(constants.slotProbability[0])
    .u64(constants.slotProbability[1])
    .u32(constants.slotDurationMs)
    .u32(constants.potEntropyInjectionInterval)
    .u32(constants.potEntropyInjectionLookbackDepth)
    .u64(constants.potEntropyInjectionDelay)
    .u64(constants.recentSegments)
    .u64(constants.recentHistoryFraction[0])
    .u64(constants.recentHistoryFraction[1])
    .u64(constants.minSectorLifetime)
    .u32(constants.maxPiecesInSector)
    .u32(constants.expectedVotesPerBlock);
}

function readConstants(reader: ScaleReader): ChainConstants {
  return {
    confirmationDepthK: reader.u32(),
    blockAuthoringDelay: reader.u32(),
    eraDurationInBlocks: reader.u32(),
    slotProbability: [reader.u64(), reader.u64()],
    slotDurationMs: reader.u32(),
    potEntropyInjectionInterval: reader.u32(),
    potEntropyInjectionLookbackDepth: reader.u32(),
    potEntropyInjectionDelay: reader.u64(),
    recentSegments: reader.u64(),
    recentHistoryFraction: [reader.u64(), reader.u64()],
    minSectorLifetime: reader.u64(),
    maxPiecesInSector: reader.u32(),
    expectedVotesPerBlock: reader.u32(),
  };
}

function writeChange(writer: ScaleWriter, change: PotParametersChange): void {
  writer.u64(change.slot).u32(change.slotIterations).raw(change.entropy, 32);
}

function readChange(reader: ScaleReader): PotParametersChange {
  return { slot: reader.u64(), slotIterations: reader.u32(), entropy: reader.raw(32) };
}

function writeBytes(writer: ScaleWriter, bytes: Uint8Array): void {
  writer.raw(bytes);
}

function writeTime(writer: ScaleWriter, ms: number): void {
  writer.u64(BigInt(Math.floor(ms)));
}

function readTime(reader: ScaleReader): number {
  return Number(reader.u64());
}

function writeContext(writer: ScaleWriter, context: BlockContext): void {
  writer
    .raw(context.hash, 32)
    .u32(context.number)
    .u64(context.slot)
    .raw(context.stateRoot, 32)
    .u128(context.weight)
    .u64(context.childSolutionRange)
    .u32(context.childSlotIterations)
    .option(context.change, writeChange)
    .u64(context.provenSlot)
    .raw(context.provenOutput, 16)
    .vec(context.outputs, writeBytes)
    .vec(context.entropies, (item, { number, entropy }) => item.u32(number).raw(entropy, 32))
    .option(context.rootPlotKey, writeBytes)
    .bool(context.expectsRootPlotKey)
    .bool(context.adjusting)
    .option(context.rangeOverride, (some, range) => some.u64(range))
    .u64(context.eraStartSlot)
    .vec(context.commitments, writeBytes)
    .option(context.firstCommitment, writeBytes);
}

function readContext(reader: ScaleReader): BlockContext {
  return {
    hash: reader.raw(32),
    number: reader.u32(),
    slot: reader.u64(),
    stateRoot: reader.raw(32),
    weight: reader.u128(),
    childSolutionRange: reader.u64(),
    childSlotIterations: reader.u32(),
    change: reader.option(readChange),
    provenSlot: reader.u64(),
    provenOutput: reader.raw(16),
    outputs: reader.vec((item) => item.raw(16), 16),
    entropies: reader.vec((item) => ({ number: item.u32(), entropy: item.raw(32) }), 36),
    rootPlotKey: reader.option((some) => some.raw(32)),
    expectsRootPlotKey: reader.bool(),
    adjusting: reader.bool(),
    rangeOverride: reader.option((some) => some.u64()),
    eraStartSlot: reader.u64(),
    commitments: reader.vec((item) => item.raw(48), 48),
    firstCommitment: reader.option((some) => some.raw(48)),
  };
}

/** Bytes of a record, checksum included. */
export function encodeChainRecord(record: ChainRecord): Uint8Array {
  const writer = new ScaleWriter(64 * 1024).u8(VERSION).raw(record.genesisHash, 32);
  writeConstants(writer, record.constants);
  writeBeginning(writer, record.beginning);
  writeHeader(writer, record.final.header);
  writeContext(writer, record.final.context);
  writeTime(writer, record.final.receivedAt);
  writer.vec(record.blocks, (item, { header, context, receivedAt }) => {
    writeHeader(item, header);
    item.vec(context.outputs, writeBytes);
    writeTime(item, receivedAt);
  });
  const body = writer.bytes();
  return concat(blake3Hash(body), body);
}

/** Decodes a record. Throws DecodeError when it is damaged or of another version. */
export function decodeChainRecord(bytes: Uint8Array): ChainRecord {
  const what = 'chain-record';
  const body = bytes.subarray(CHECKSUM_BYTES);
  if (bytes.length < CHECKSUM_BYTES || !equal(blake3Hash(body), bytes.subarray(0, CHECKSUM_BYTES))) {
    throw new DecodeError(what, 'the checksum does not match');
  }
  return decodeAll(body, what, (reader) => {
    const version = reader.u8();
    if (version !== VERSION) reader.fail(`version ${version}`);
    const genesisHash = reader.raw(32);
    const constants = readConstants(reader);
    const beginning = readBeginning(reader);
    const final = { header: readHeader(reader), context: readContext(reader), receivedAt: readTime(reader) };
    const contexts = new Map([[blockId(final.context.hash), final.context]]);
    const readBlock = (item: ScaleReader): RecordedTreeBlock => {
      const header = readHeader(item);
      const outputs = item.vec((output) => output.raw(16), 16);
      const parent = contexts.get(blockId(header.parentHash));
      if (parent === undefined) return item.fail('a block without its parent');
      const hash = blake2b256(encodeHeader(header));
      const block = { header, hash, digests: subspaceDigests(header) };
      const context = derive(block, parent, constants, outputs);
      contexts.set(blockId(hash), context);
      return { header, context, receivedAt: readTime(item) };
    };
    return { genesisHash, constants, beginning, final, blocks: reader.vec(readBlock, 100, MAX_BLOCKS) };
  });
}
