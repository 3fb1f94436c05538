/** The runtime of the real network as its metadata describes it, and its genesis. */
import { encodeRuntimeConstants } from '../../src/chain/constants.ts';
import {
  adjustingQuery,
  historySizeQuery,
  potIterationsQuery,
  rootPlotKeyQuery,
  solutionRangesQuery,
} from '../../src/chain/state/consensus.ts';
import { chainConstants } from '../../src/chain/state/constants.ts';
import { combine, StateReader } from '../../src/chain/state/reader.ts';
import { commitSegment } from '../../src/crypto/kzg.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { PRESETS, PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import { concat } from '../../src/protocol/bytes.ts';
import { PIECES_IN_SEGMENT } from '../../src/protocol/constants.ts';
import {
  decodeHeader,
  encodeHeader,
  fromRpcHeader,
  headerHash,
  toRpcHeader,
} from '../../src/protocol/header.ts';
import { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { genesisSeed } from '../../src/protocol/pot.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderHash } from '../../src/protocol/segment.ts';
import { SS58_PREFIX } from '../../src/protocol/ss58.ts';
import { orderedTrieRoot } from '../../src/protocol/trie.ts';
import { unprefixed } from './chain-support.ts';
import { expectFacts, expectSame, pick, type Recorded } from './protocol-support.ts';
import {
  camel,
  hex,
  metadataOf,
  type ChronosFile,
  type ChronosPallet,
  type GenesisProofsFile,
} from './state-recordings.ts';
import { typeWriter } from './type-text.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

/** A recorded JSON value against a decoded one: names in camel case, large integers as hex, newtypes apart. */
function expectJson(what: string, computed: unknown, recorded: unknown): void {
  if (typeof computed === 'bigint' || typeof computed === 'number') {
    expectSame(what, computed, BigInt(recorded as string | number));
  } else if (Array.isArray(computed)) {
    expectSame(`${what}.length`, computed.length, (recorded as unknown[]).length);
    computed.forEach((item, index) => expectJson(`${what}[${index}]`, item, (recorded as unknown[])[index]));
  } else if (computed !== null && typeof computed === 'object' && !(computed instanceof Uint8Array)) {
    const fields = Object.entries(computed).map(([name, value]): [string, unknown] => [camel(name), value]);
    const entries = Object.entries(recorded as Recorded);
    const [only] = entries;
    // A struct of one field decodes as that field.
    if (entries.length === 1 && only && !fields.some(([name]) => name === only[0]))
      expectJson(what, computed, only[1]);
    else {
      expectSame(
        `${what}: fields`,
        fields.map(([name]) => name).sort(),
        entries.map(([name]) => name).sort(),
      );
      for (const [name, value] of fields) expectJson(`${what}.${name}`, value, (recorded as Recorded)[name]);
    }
  } else expectSame(what, computed, unprefixed(recorded));
}

function checkPallet(metadata: RuntimeMetadata, name: string, recorded: ChronosPallet): void {
  expectSame('index', metadata.palletIndex(name), recorded.index);
  expectSame('calls', Object.fromEntries(metadata.calls(name)), recorded.calls);
  expectSame('items', metadata.storageNames(name).sort(), Object.keys(recorded.storage).sort());
  const typeText = typeWriter(metadata.types);
  for (const [item, { kind, modifier, type }] of Object.entries(recorded.storage)) {
    const entry = metadata.storage(name, item);
    const hashers = entry.hashers.map((hasher) => hasher.replace(/^Blake2/, 'Blake2_')).join(',');
    expectSame(`${item}: kind`, hashers === '' ? 'plain' : `map ${hashers}`, kind);
    expectSame(`${item}: modifier`, entry.optional ? 'Optional' : 'Default', modifier);
    expectSame(`${item}: type`, typeText(entry), type);
  }
}

/** What the runtime API answers at genesis, from metadata and proven state alone. */
async function genesisAnswers(metadata: RuntimeMetadata, proofs: GenesisProofsFile) {
  // The proofs of all keys together are the whole trie, which proves what is absent too.
  const proof = proofs.single.flatMap((entry) => entry.proof.map(hex));
  const block = { number: 0, hash: hex(proofs.blockHash), stateRoot: hex(proofs.stateRoot) };
  const reader = new StateReader({ readProof: () => Promise.resolve({ proof }) }, metadata, block);
  const query = combine({
    ranges: solutionRangesQuery(metadata),
    iterations: potIterationsQuery(metadata),
    historySize: historySizeQuery(metadata),
    adjusting: adjustingQuery(metadata),
    rootPlotKey: rootPlotKeyQuery(metadata),
  });
  return (await reader.read(query)).value;
}

function* metadataCases(
  file: string,
  metadata: RuntimeMetadata,
  version: number,
): Generator<ConformanceCase> {
  yield {
    name: `${file}: version`,
    rule: 'runtime-metadata',
    run: () => expectSame('version', metadata.version, version),
  };
  for (const pallet of metadata.palletNames) {
    yield {
      name: `${file}: ${pallet}`,
      rule: 'runtime-metadata',
      run: () => {
        for (const name of metadata.constantNames(pallet)) {
          const bytes = metadata.constantBytes(pallet, name);
          expectSame(name, metadata.encodeConstant(pallet, name, metadata.constant(pallet, name)), bytes);
        }
        for (const item of metadata.storageNames(pallet)) {
          const entry = metadata.storage(pallet, item);
          if (!entry.optional)
            expectSame(item, entry.decode(entry.encode(entry.decode(null))), entry.decode(null));
        }
      },
    };
  }
}

function* chronosCases(
  chronos: ChronosFile,
  metadata: RuntimeMetadata,
  proofs: GenesisProofsFile | null,
): Generator<ConformanceCase> {
  const header = decodeHeader(hex(chronos.genesisHeaderScale));
  const preset = PRESETS.find(({ id }) => id === 'chronos');
  yield {
    name: 'chronos: genesis block and properties',
    rule: 'genesis',
    run: () => {
      expectSame('protocol', chronos.id.replaceAll('_', '-'), chronos.protocolId);
      expectSame('preset', preset?.genesisHash, unprefixed(chronos.genesisHash));
      const { potExternalEntropy } = chronos.properties;
      expectFacts(unprefixed(chronos) as Recorded, {
        genesisHash: headerHash(header),
        genesisHeaderScale: encodeHeader(header),
        genesisHeader: unprefixed(toRpcHeader(header)),
        stateRoot: header.stateRoot,
        extrinsicsRoot: orderedTrieRoot([], 1),
        potGenesisSeed: genesisSeed(headerHash(header), potExternalEntropy),
        transactionExtensions: metadata.extensions.map(({ name }) => name),
      });
      expectSame(
        'header from JSON',
        encodeHeader(fromRpcHeader(chronos['genesisHeader'])),
        encodeHeader(header),
      );
      if (chronos.codeLength > chronos.decompressedCodeLength)
        throw new Error('the code grows by compression');
      expectFacts(chronos.properties, {
        potExternalEntropy: preset?.potExternalEntropy,
        ss58Format: preset?.notation.ss58Prefix,
        tokenDecimals: preset?.notation.token.decimals,
        tokenSymbol: preset?.notation.token.symbol,
      });
      expectSame('prefix', metadata.constant('System', 'SS58Prefix'), SS58_PREFIX);
    },
  };
  for (const [name, recorded] of Object.entries(chronos.pallets)) {
    yield {
      name: `chronos: pallet ${name}`,
      rule: 'runtime-metadata',
      run: () => checkPallet(metadata, name, recorded),
    };
  }
  yield {
    name: 'chronos: pallets',
    rule: 'runtime-metadata',
    run: () => expectSame('names', metadata.palletNames.sort(), Object.keys(chronos.pallets).sort()),
  };
  const constants = Object.entries(chronos.decoded).filter(([name]) => name.startsWith('constants.'));
  for (const [name, recorded] of constants) {
    const pallet = name.slice('constants.'.length);
    for (const [constant, value] of Object.entries(recorded as Recorded)) {
      yield {
        name: `chronos: ${pallet}.${constant}`,
        rule: 'runtime-metadata',
        run: () => expectJson(constant, metadata.constant(pallet, constant), value),
      };
    }
  }
  if (proofs === null) return;
  yield {
    name: 'chronos: what the runtime answers',
    rule: 'chain-constants',
    run: () => checkAnswers(chronos, metadata, proofs),
  };
}

async function checkSegment0({ segment0 }: ChronosFile): Promise<void> {
  await loadSrs();
  const segment = decodeSegmentHeader(hex(segment0.segmentHeaderScale));
  expectSame('pieces', segment0.pieceCommitments.length, PIECES_IN_SEGMENT);
  const sources = segment0.pieceCommitments.filter((_, position) => position % 2 === 0).map(hex);
  const { recordCommitments, segmentCommitment } = commitSegment(concat(...sources));
  expectFacts(unprefixed(segment0) as Recorded, {
    segmentHeaderScale: encodeSegmentHeader(segment),
    segmentHeaderHash: segmentHeaderHash(segment),
    segmentCommitment,
    pieceCommitments: segment0.pieceCommitments.map((_, at) =>
      recordCommitments.subarray(48 * at, 48 * (at + 1)),
    ),
  });
  expectSame('commitment in the header', segment.segmentCommitment, segmentCommitment);
}

async function checkAnswers(
  chronos: ChronosFile,
  metadata: RuntimeMetadata,
  proofs: GenesisProofsFile,
): Promise<void> {
  const answers = await genesisAnswers(metadata, proofs);
  const { ranges, iterations } = answers;
  const constants = chainConstants(metadata);
  const writer = () => new ScaleWriter();
  const range = (some: ScaleWriter, value: bigint) => some.u64(value);
  const listed = decodeAll(
    hex(chronos.runtimeApi['Metadata_metadata_versions'] ?? ''),
    'versions',
    (reader) => reader.vec((each) => each.u32()),
  );
  for (const version of [14, 15])
    if (!listed.includes(version)) throw new Error(`no metadata of version ${version}`);
  expectFacts(unprefixed(chronos.runtimeApi) as Recorded, {
    Core_version: metadata.constantBytes('System', 'Version'),
    SubspaceApi_chain_constants: encodeRuntimeConstants(constants),
    SubspaceApi_solution_ranges: writer()
      .u64(ranges.current)
      .option(ranges.next, range)
      .u64(ranges.votingCurrent)
      .option(ranges.votingNext, range)
      .bytes(),
    SubspaceApi_pot_parameters: writer()
      .u8(0)
      .u32(iterations?.slotIterations ?? 0)
      .u8(0)
      .bytes(),
    SubspaceApi_max_pieces_in_sector: writer().u16(constants.maxPiecesInSector).bytes(),
    SubspaceApi_history_size: writer().u64(answers.historySize).bytes(),
    SubspaceApi_should_adjust_solution_range: writer().bool(answers.adjusting).bytes(),
    SubspaceApi_root_plot_public_key: writer()
      .option(answers.rootPlotKey, (some, key) => some.raw(key, 32))
      .bytes(),
  });
  const { eraDurationInBlocks: eraDuration, ...rest } = constants;
  const decoded = Object.entries(chronos.decoded).filter(([name]) => !name.startsWith('constants.'));
  expectFacts(Object.fromEntries(decoded), {
    chainConstants: pick(
      { ...rest, eraDuration },
      Object.keys(chronos.decoded['chainConstants'] as Recorded),
    ),
    potSlotIterations: iterations?.slotIterations ?? 0,
    maxPiecesInSector: constants.maxPiecesInSector,
    initialSolutionRange: metadata.constant('Subspace', 'InitialSolutionRange'),
    historySize: answers.historySize,
    shouldAdjustSolutionRange: answers.adjusting,
    rootPlotPublicKey: answers.rootPlotKey,
    initialVotingSolutionRange: ranges.votingCurrent,
  });
  expectJson('runtimeVersion', metadata.constant('System', 'Version'), chronos.decoded['runtimeVersion']);
  const { slotDurationMs, ...preset } = PUBLIC_CONSTANTS;
  expectSame('preset', pick(constants as unknown as Recorded, Object.keys(preset)), preset);
  expectSame('slot duration', constants.slotDurationMs, slotDurationMs);
}

async function* runtimeSuite(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  if (files.includes('chain/chronos.json')) {
    const chronos = await ctx.json<ChronosFile>('chain/chronos.json');
    yield { name: 'chronos: segment 0', rule: 'segment-header', run: () => checkSegment0(chronos) };
  }
  for (const version of [14, 15] as const) {
    const file = `chain/chronos-metadata-v${version}.hex.gz`;
    if (!files.includes(file)) continue;
    const metadata = await metadataOf(ctx, files, version);
    yield* metadataCases(`chronos-metadata-v${version}`, metadata, version);
    const proofsFile = 'chain/chronos-genesis-proofs.json.gz';
    if (!files.includes('chain/chronos.json')) continue;
    const genesis = files.includes(proofsFile) ? await ctx.json<GenesisProofsFile>(proofsFile) : null;
    yield* chronosCases(await ctx.json<ChronosFile>('chain/chronos.json'), metadata, genesis);
  }
}

/** The runtime of the real network as its metadata describes it, and its genesis. */
export const runtime: ConformanceSuite = {
  files: [/^chain\/chronos\.json$/, /^chain\/chronos-metadata-v1[45]\.hex\.gz$/],
  companions: [/^chain\/chronos-genesis-proofs\.json\.gz$/],
  cases: runtimeSuite,
};
