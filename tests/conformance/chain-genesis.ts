/** How a recorded chain begins: its genesis block, its constants, its first segment. */
import { decodeRuntimeConstants } from '../../src/chain/constants.ts';
import { genesisContext, requireGenesis, type GenesisFacts } from '../../src/chain/genesis.ts';
import { commitSegment } from '../../src/crypto/kzg.ts';
import { publicKeyOf, expandMiniSecret } from '../../src/crypto/sr25519.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import { encodeSignedBlock } from '../../src/protocol/block.ts';
import { concat, toHex } from '../../src/protocol/bytes.ts';
import { PIECES_IN_SEGMENT } from '../../src/protocol/constants.ts';
import { headerHash, toRpcHeader } from '../../src/protocol/header.ts';
import { genesisSeed } from '../../src/protocol/pot.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { pieceIndexOf, sectorId } from '../../src/protocol/sector.ts';
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderHash } from '../../src/protocol/segment.ts';
import { votingSolutionRange } from '../../src/protocol/solution-range.ts';
import type { ChainConstants } from '../../src/protocol/types.ts';
import { hex, overrideOf, type ChainFile } from './chain-recordings.ts';
import type { SamplesFile } from './chain-samples.ts';
import { importable, unprefixed } from './chain-support.ts';
import { expectFacts, expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext } from './types.ts';

/** Chronos begins restricted to its first author, and does not adjust its solution range yet. */
export function genesisFacts(chain: ChainFile): GenesisFacts {
  const { genesis, segment0 } = chain.meta;
  return {
    header: importable({ headerScale: genesis.headerScale, justification: null }).header,
    solutionRange: BigInt(genesis.solutionRange),
    potSlotIterations: genesis.potSlotIterations,
    externalEntropy: genesis.potExternalEntropyUtf8,
    restricted: overrideOf(chain, 'Subspace', 'AllowAuthoringByAnyone')?.[0] !== 1,
    adjusting: overrideOf(chain, 'Subspace', 'ShouldAdjustSolutionRange')?.[0] === 1,
    firstCommitment: hex(segment0.segmentCommitment),
  };
}

export function genesisCases(file: string, chain: ChainFile, constants: ChainConstants): ConformanceCase[] {
  const { genesis, accounts, farmers, plots } = chain.meta;
  const facts = genesisFacts(chain);
  return [
    {
      name: `${file}: genesis`,
      rule: 'genesis',
      run: () => {
        requireGenesis(facts.header, hex(genesis.hash));
        const voting = votingSolutionRange(facts.solutionRange, constants.expectedVotesPerBlock);
        expectFacts(unprefixed(genesis) as Recorded, {
          hash: headerHash(facts.header),
          header: unprefixed(toRpcHeader(facts.header)),
          stateRoot: facts.header.stateRoot,
          potGenesisSeed: genesisSeed(headerHash(facts.header), genesis.potExternalEntropyUtf8),
          potSlotIterations: genesisContext(facts).childSlotIterations,
          solutionRange: genesisContext(facts).childSolutionRange,
          votingSolutionRange: voting,
        });
        const iterations = new ScaleWriter().u32(facts.potSlotIterations).u8(0).bytes();
        const ranges = new ScaleWriter().u64(facts.solutionRange).u8(0).u64(voting).u8(0).bytes();
        const stored = { PotSlotIterations: iterations, SolutionRanges: ranges };
        for (const [item, value] of Object.entries(stored)) {
          const override = overrideOf(chain, 'Subspace', item);
          if (override !== null) expectSame(item, override, toHex(value));
        }
      },
    },
    // Not every set tells the secrets of its accounts.
    ...accounts.flatMap(({ name, publicKey, miniSecretKey: secret }) =>
      secret === undefined
        ? []
        : {
            name: `${file}: account ${name}`,
            rule: 'sr25519',
            run: async () => {
              await loadWasm();
              expectSame('key', publicKeyOf(expandMiniSecret(hex(secret))), unprefixed(publicKey));
            },
          },
    ),
    ...plots.map((plot, index) => ({
      name: `${file}: plot ${index}`,
      rule: 'piece-index',
      run: () => {
        const historySize = BigInt(plot.historySize);
        const id = sectorId(hex(farmers[plot.farmer] as string), plot.sectorIndex, historySize);
        expectFacts(unprefixed(plot) as Recorded, {
          sectorId: id,
          pieceIndex: pieceIndexOf(id, plot.pieceOffset, historySize, constants),
        });
      },
    })),
    { name: `${file}: segment 0`, rule: 'segment-header', run: () => checkSegment0(chain, facts) },
  ];
}

async function checkSegment0({ meta }: ChainFile, { header }: GenesisFacts): Promise<void> {
  await loadSrs();
  const recorded = meta.segment0;
  const segment = decodeSegmentHeader(hex(recorded.segmentHeaderScale));
  expectSame('pieces', recorded.pieceCommitments.length, PIECES_IN_SEGMENT);
  const plotted = meta.plots
    .map(({ pieceIndex }) => Number(pieceIndex))
    .filter((at) => at < PIECES_IN_SEGMENT);
  const witnessed = recorded.pieceWitnessesOfPlottedPieces.map(({ position }) => position);
  expectSame('plotted pieces', [...new Set(plotted)].sort(), [...new Set(witnessed)].sort());
  const sources = recorded.pieceCommitments.filter((_, position) => position % 2 === 0);
  const { recordCommitments, segmentCommitment, recordWitnesses } = commitSegment(
    concat(...sources.map(hex)),
  );
  const at = (points: Uint8Array, position: number) => points.subarray(48 * position, 48 * (position + 1));
  const { number, partialArchived } = segment.lastArchivedBlock;
  expectFacts(unprefixed(recorded) as Recorded, {
    segmentIndex: segment.segmentIndex,
    segmentHeaderScale: encodeSegmentHeader(segment),
    segmentHeaderHash: segmentHeaderHash(segment),
    segmentCommitment,
    prevSegmentHeaderHash: segment.prevSegmentHeaderHash,
    lastArchivedBlock: { number, partialArchivedBytes: partialArchived },
    pieceCommitments: recorded.pieceCommitments.map((_, position) => at(recordCommitments, position)),
    pieceWitnessesOfPlottedPieces: recorded.pieceWitnessesOfPlottedPieces.map(({ position }) => ({
      position,
      witness: at(recordWitnesses, position),
    })),
  });
  expectSame('segment commitment', segment.segmentCommitment, segmentCommitment);
  const genesis = encodeSignedBlock({ header, extrinsics: [], justifications: null });
  expectSame('archived genesis', genesis, unprefixed(recorded.archivedGenesisPrefixScale));
}

export async function constantsOf(ctx: ConformanceContext, files: string[]): Promise<ChainConstants> {
  if (!files.includes('chain/rpc-samples.json')) return PUBLIC_CONSTANTS;
  const samples = await ctx.json<SamplesFile>('chain/rpc-samples.json');
  return { ...PUBLIC_CONSTANTS, ...decodeRuntimeConstants(hex(samples.SubspaceApi_chain_constants)) };
}
