/** The recorded chains of the vectors, for tests: their blocks and the facts of their networks. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { BlockContext } from '../../src/chain/block.ts';
import { genesisContext, type GenesisFacts } from '../../src/chain/genesis.ts';
import { readBlock } from '../../src/chain/rules/header.ts';
import { contextAfter } from '../../src/chain/rules/import.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import type { ImportableBlock } from '../../src/network/source.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { decodeHeader } from '../../src/protocol/header.ts';

export interface RecordedBlock extends ImportableBlock {
  branch: string;
  number: number;
}

export interface RecordedChain {
  facts: GenesisFacts;
  /** In import order, forks interleaved. */
  blocks: RecordedBlock[];
}

const folder = new URL('../vectors/chain/', import.meta.url);
const loaded = new Map<string, unknown>();

function load<T>(name: string): T {
  const known = loaded.get(name) as T | undefined;
  const value = known ?? (JSON.parse(gunzipSync(readFileSync(new URL(name, folder))).toString()) as T);
  loaded.set(name, value);
  return value;
}

interface Entry {
  number: number;
  branch: string;
  headerScale: string;
  justification: string | null;
}

function blockOf({ number, branch, headerScale, justification }: Entry): RecordedBlock {
  return {
    number,
    branch,
    header: decodeHeader(fromHex(headerScale)),
    justification: justification === null ? null : fromHex(justification),
  };
}

/** The chain with a branch wherever something can fork (`chain`), or the one of deep reorganisations (`forks`). */
export function recordedChain(name: 'chain' | 'forks'): RecordedChain {
  const file = load<{
    meta: {
      genesis: {
        headerScale: string;
        potExternalEntropyUtf8: string;
        potSlotIterations: number;
        solutionRange: string;
      };
    };
    blocks: Entry[];
  }>(`${name}.json.gz`);
  const { genesis } = file.meta;
  return {
    facts: {
      header: decodeHeader(fromHex(genesis.headerScale)),
      solutionRange: BigInt(genesis.solutionRange),
      potSlotIterations: genesis.potSlotIterations,
      externalEntropy: genesis.potExternalEntropyUtf8,
      restricted: true,
      adjusting: false,
      firstCommitment: null,
    },
    blocks: file.blocks.map(blockOf),
  };
}

/** What header rules alone know after each block of the chain's main branch, the genesis block and block `last` included. */
export function recordedContexts(last: number): readonly BlockContext[] {
  const { facts, blocks } = recordedChain('chain');
  const contexts = [genesisContext(facts)];
  for (const block of blocks.filter(({ branch, number }) => branch === 'main' && number <= last))
    contexts.push(contextAfter(readBlock(block), contexts.at(-1)!, PUBLIC_CONSTANTS));
  return contexts;
}

/** Blocks 231 to 2030 of the main branch of `chain`. */
export function recordedContinuation(): RecordedBlock[] {
  return load<{ blocks: Entry[] }>('headers-long.json.gz').blocks.map(blockOf);
}

export interface RecordedMutant extends ImportableBlock {
  name: string;
  number: number;
  rule: string;
  stage: 'stateless' | 'import';
}

/** Blocks of `chain`, each with one rule broken. */
export function recordedMutants(): RecordedMutant[] {
  const file = load<{ cases: (Entry & { name: string; rule: string; stage: 'stateless' | 'import' })[] }>(
    'negative-headers.json.gz',
  );
  return file.cases.map((entry) => ({
    ...blockOf(entry),
    name: entry.name,
    rule: entry.rule,
    stage: entry.stage,
  }));
}

/** Trie nodes that prove the recorded items of a block's state, by the block's hash in hex. */
export function recordedProofs(): Map<string, Uint8Array[]> {
  const file = load<{
    blocks: { blockHash: string; single: { proof: string[] }[]; multi: { proof: string[] }[] }[];
  }>('proofs.json.gz');
  return new Map(
    file.blocks.map(({ blockHash, single, multi }) => {
      const nodes = new Set([...single, ...multi].flatMap(({ proof }) => proof));
      return [blockHash.slice(2), [...nodes].map((node) => fromHex(node))];
    }),
  );
}

/** Metadata of the runtime that made the recorded chains. */
export function recordedMetadata(): Uint8Array {
  const text = gunzipSync(readFileSync(new URL('chronos-metadata-v14.hex.gz', folder))).toString();
  return fromHex(text.trim());
}
