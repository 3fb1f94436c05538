/** Recorded chains: every block decoded, derived, imported and weighed; every mutant refused for its rule. */
import type { BlockContext } from '../../src/chain/block.ts';
import { toPrefixedHex } from '../../src/protocol/bytes.ts';
import { encodeHeader } from '../../src/protocol/header.ts';
import { encodeJustification } from '../../src/protocol/justification.ts';
import type { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { checkBlock, stateAfter } from './chain-blocks.ts';
import { constantsOf, genesisCases, genesisFacts } from './chain-genesis.ts';
import {
  hex,
  type ChainFile,
  type ImportEntry,
  type LongFile,
  type NegativeFile,
} from './chain-recordings.ts';
import { negativeCases } from './chain-refusals.ts';
import {
  sampleCases,
  sampledChainCase,
  timingCases,
  type SamplesFile,
  type TimingsFile,
} from './chain-samples.ts';
import { importable, Replay, unprefixed } from './chain-support.ts';
import { expectFacts, expectSame, pick, type Recorded } from './protocol-support.ts';
import { metadataOf } from './state-recordings.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

function* chainCases(
  file: string,
  chain: ChainFile,
  replay: Replay,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  const { constants } = replay.verifier;
  yield* genesisCases(file, chain, constants);
  yield {
    name: `${file}: order of import`,
    rule: 'fork-choice',
    run: () => expectSame('blocks', chain.importOrder.length, chain.blocks.length),
  };
  for (const [index, recorded] of chain.blocks.entries()) {
    const name = `${file}: ${recorded.branch} ${recorded.number}`;
    yield { name, rule: 'digest-items', run: () => checkBlock(recorded, chain, constants, metadata) };
    yield {
      name: `${name}, imported`,
      rule: 'fork-choice',
      run: async () => {
        const [verified] = await replay.import([importable(recorded)]);
        if (verified === undefined) throw new Error('not imported');
        const { digests } = verified.block;
        const state = stateAfter(digests, verified.context, constants);
        expectFacts(unprefixed(pick(recorded, STATE_FIELDS)) as Recorded, state);
        const entry = chain.importOrder[index];
        checkImport(replay, verified.context, entry);
        expectSame('branch', entry?.branch, recorded.branch);
        expectSame('weight', verified.context.weight, recorded.cumulativeWeight);
      },
    };
  }
}

const STATE_FIELDS = ['potParametersAfter', 'solutionRangesAfterScale'];

function checkImport(replay: Replay, context: BlockContext, entry: ImportEntry | undefined): void {
  if (entry === undefined) throw new Error('no entry of the import order');
  const { best } = replay.tree;
  expectFacts(unprefixed(entry) as Recorded, {
    hash: context.hash,
    number: context.number,
    cumulativeWeight: context.weight,
    bestAfter: best.context.hash,
    bestNumberAfter: best.context.number,
  });
}

const BATCH = 100;

function* longCases(long: LongFile, chain: ChainFile, replay: Replay): Generator<ConformanceCase> {
  for (let from = 0; from < long.blocks.length; from += BATCH) {
    const part = long.blocks.slice(from, from + BATCH);
    yield {
      name: `headers-long: ${part[0]?.number} to ${part.at(-1)?.number}`,
      rule: 'sync',
      run: async () => {
        const verified = await replay.import(part.map(importable));
        verified.forEach(({ block }, index) => {
          const recorded = unprefixed(part[index]) as Recorded;
          expectFacts(recorded, {
            number: block.header.number,
            hash: block.hash,
            headerScale: encodeHeader(block.header),
            justification: encodeJustification(block.justification),
          });
        });
      },
    };
  }
  yield {
    name: 'headers-long: final block',
    rule: 'fork-choice',
    run: () => {
      checkImport(replay, replay.contextOf(hex(long.final.hash)), long.final);
      expectSame('last block', long.blocks.at(-1)?.hash, long.final.hash);
      const [first] = long.blocks;
      const parentHash = first && toPrefixedHex(importable(first).header.parentHash);
      const branch = chain.blocks.find(({ hash }) => hash === parentHash)?.branch ?? 'main';
      for (const block of [...long.blocks, long.final]) expectSame('branch', branch, block.branch);
      expectSame('genesis', long.genesisHash, chain.meta.genesis.hash);
    },
  };
}

export async function* cases(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const has = (name: string) => files.includes(`chain/${name}`);
  const load = <T>(name: string) => ctx.json<T>(`chain/${name}`);
  const constants = await constantsOf(ctx, files);
  const metadata = await metadataOf(ctx, files, 14);
  if (has('rpc-samples.json')) yield* sampleCases(await load<SamplesFile>('rpc-samples.json'));
  if (has('chain.json.gz')) {
    const chain = await load<ChainFile>('chain.json.gz');
    const replay = await Replay.open(genesisFacts(chain), constants);
    yield* chainCases('chain', chain, replay, metadata);
    if (has('negative-headers.json.gz')) {
      yield* negativeCases(await load<NegativeFile>('negative-headers.json.gz'), chain, replay);
    }
    if (has('headers-long.json.gz')) {
      const long = await load<LongFile>('headers-long.json.gz');
      yield* longCases(long, chain, replay);
    }
    if (has('rpc-samples.json')) yield sampledChainCase(await load<SamplesFile>('rpc-samples.json'), replay);
  } else if (has('negative-headers.json.gz') || has('headers-long.json.gz')) {
    throw new Error('this set lacks chain.json.gz, which its other files continue');
  }
  if (has('forks.json.gz')) {
    const forks = await load<ChainFile>('forks.json.gz');
    yield* chainCases('forks', forks, await Replay.open(genesisFacts(forks), constants), metadata);
  }
  if (has('timings.json')) yield* timingCases(await load<TimingsFile>('timings.json'));
}

export const chain: ConformanceSuite = {
  files: [
    /^chain\/(chain|forks|headers-long|negative-headers)\.json\.gz$/,
    /^chain\/(rpc-samples|timings)\.json$/,
  ],
  companions: [/^chain\/chronos-metadata-v14\.hex\.gz$/],
  cases,
};
