/** Single answers of a node on the recorded chain, and how long the reference took. */
import { blockId } from '../../src/chain/block.ts';
import { decodeRuntimeConstants, encodeRuntimeConstants } from '../../src/chain/constants.ts';
import {
  decodeSignedBlock,
  encodeSignedBlock,
  fromRpcSignedBlock,
  toRpcSignedBlock,
} from '../../src/protocol/block.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { SUBSPACE_ENGINE } from '../../src/protocol/constants.ts';
import { fromRpcHeader, headerHash, toRpcHeader } from '../../src/protocol/header.ts';
import { hex } from './chain-recordings.ts';
import { unprefixed, type Replay } from './chain-support.ts';
import { expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceCase } from './types.ts';

/** Answers by the call that they answer; `chain_getBlockHash(8)` names the number that was asked for. */
export interface SamplesFile extends Recorded {
  chain_getHeader: unknown;
  chain_getBlock: unknown;
  blockScale_SignedBlock: string;
  SubspaceApi_chain_constants: string;
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
  if (hash !== undefined) expectSame('hash', headerHash(block.header), unprefixed(hash));
  const engines = block.justifications?.map(({ engine }) => engine);
  expectSame('engine', engines, [SUBSPACE_ENGINE]);
}

/** Compares the answers that name a block by its number with the imported chain that they were taken from. */
function checkHashes(samples: SamplesFile, { contexts }: Replay): void {
  const numbers = new Set([...contexts.values()].map((context) => context.number));
  for (const [call, hash] of Object.entries(samples)) {
    const [, number] = /^chain_getBlockHash\((\d+)\)$/.exec(call) ?? [];
    if (number === undefined) continue;
    if (typeof hash === 'string') expectSame(call, contexts.get(blockId(hex(hash)))?.number, number);
    else expectSame(call, numbers.has(Number(number)), false);
  }
}

function checkConstants(samples: SamplesFile): void {
  const bytes = fromHex(samples.SubspaceApi_chain_constants);
  const constants = decodeRuntimeConstants(bytes);
  expectSame('SCALE', encodeRuntimeConstants(constants), bytes);
}

export function sampleCases(samples: SamplesFile): ConformanceCase[] {
  return [
    { name: 'rpc-samples: block', rule: 'signed-block', run: () => checkBlock(samples) },
    { name: 'rpc-samples: chain constants', rule: 'chain-constants', run: () => checkConstants(samples) },
  ];
}

export function sampledChainCase(samples: SamplesFile, replay: Replay): ConformanceCase {
  return { name: 'rpc-samples: hashes', rule: 'header-hash', run: () => checkHashes(samples, replay) };
}

export interface TimingsFile {
  set: string;
  note: string;
  perRule: Record<string, { count?: number; meanMicroseconds?: number; seconds?: number }>;
}

/** The times are another machine's: that they are times, of so many runs, is all that can be checked. */
export function timingCases({ perRule }: TimingsFile): ConformanceCase[] {
  return Object.entries(perRule).map(([name, { count, meanMicroseconds, seconds }]) => ({
    name: `timings: ${name}`,
    rule: 'timings',
    run: () => {
      const time = meanMicroseconds ?? seconds;
      if (time === undefined || !(time > 0)) throw new Error(`${time} is no time`);
      if (count !== undefined && !(Number.isInteger(count) && count > 0))
        throw new Error(`${count} is no number of runs`);
    },
  }));
}
