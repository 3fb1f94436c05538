/** Single answers of a node on the recorded chain, and how long the reference took. */
import { decodeRuntimeConstants, encodeRuntimeConstants } from '../../src/chain/constants.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import {
  decodeSignedBlock,
  encodeSignedBlock,
  fromRpcSignedBlock,
  toRpcSignedBlock,
} from '../../src/protocol/block.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { SUBSPACE_ENGINE } from '../../src/protocol/constants.ts';
import { fromRpcHeader, headerHash, toRpcHeader } from '../../src/protocol/header.ts';
import { unprefixed } from './chain-support.ts';
import { expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

/** Answers by the call that they answer; `chain_getBlockHash(8)` names the number that was asked for. */
export interface SamplesFile extends Recorded {
  chain_getHeader: unknown;
  chain_getBlock: unknown;
  blockScale_SignedBlock: string;
  SubspaceApi_chain_constants: string;
}

/** The chain that the samples were taken from. */
interface SampledChain {
  meta: { genesis: { hash: string } };
  blocks: { number: number; hash: string; branch: string }[];
}

function checkBlock(samples: SamplesFile): void {
  const block = fromRpcSignedBlock(samples.chain_getBlock);
  expectSame('JSON', toRpcSignedBlock(block), samples.chain_getBlock);
  expectSame('SCALE', encodeSignedBlock(block), unprefixed(samples.blockScale_SignedBlock));
  const decoded = decodeSignedBlock(fromHex(samples.blockScale_SignedBlock));
  expectSame('JSON from SCALE', toRpcSignedBlock(decoded), samples.chain_getBlock);
  const header = fromRpcHeader(samples.chain_getHeader);
  expectSame('JSON of the header', toRpcHeader(header), samples.chain_getHeader);
  expectSame('header', headerHash(header), headerHash(block.header));
  const hash = samples[`chain_getBlockHash(${block.header.number})`];
  expectSame('hash', headerHash(block.header), unprefixed(hash));
  const engines = block.justifications?.map(({ engine }) => engine);
  expectSame('engine', engines, [SUBSPACE_ENGINE]);
}

function checkHashes(samples: SamplesFile, { meta, blocks }: SampledChain): void {
  for (const [call, hash] of Object.entries(samples)) {
    const [, number] = /^chain_getBlockHash\((\d+)\)$/.exec(call) ?? [];
    if (number === undefined) continue;
    const block = blocks.find((one) => one.branch === 'main' && one.number === Number(number));
    expectSame(call, number === '0' ? meta.genesis.hash : block?.hash, hash);
  }
}

function checkConstants(samples: SamplesFile): void {
  const bytes = fromHex(samples.SubspaceApi_chain_constants);
  const constants = decodeRuntimeConstants(bytes);
  expectSame('SCALE', encodeRuntimeConstants(constants), bytes);
  const preset = Object.entries(PUBLIC_CONSTANTS).filter(([name]) => name in constants);
  expectSame('preset', constants, Object.fromEntries(preset));
}

export function sampleCases(samples: SamplesFile): ConformanceCase[] {
  return [
    { name: 'rpc-samples: block', rule: 'signed-block', run: () => checkBlock(samples) },
    { name: 'rpc-samples: chain constants', rule: 'chain-constants', run: () => checkConstants(samples) },
  ];
}

export function sampledChainCase(samples: SamplesFile, chain: SampledChain): ConformanceCase {
  return { name: 'rpc-samples: hashes', rule: 'header-hash', run: () => checkHashes(samples, chain) };
}

export interface TimingsFile {
  set: string;
  note: string;
  perRule: Record<string, { count?: number; meanMicroseconds?: number; seconds?: number }>;
}

/** The times are another machine's; that they are of as many blocks as the recordings hold can be checked. */
export function timingCases(timings: TimingsFile, blocks: number | null): ConformanceCase[] {
  return Object.entries(timings.perRule).map(([name, { count, meanMicroseconds, seconds }]) => ({
    name: `timings: ${name}`,
    rule: 'timings',
    run: () => {
      const time = meanMicroseconds ?? seconds;
      if (time === undefined || !(time > 0)) throw new Error(`${time} is no time`);
      const everyHeader = ['digestItems', 'headerDecode', 'headerHash', 'preHash', 'sealSignature'];
      if (blocks !== null && everyHeader.includes(name)) expectSame('count', blocks, count);
    },
  }));
}
