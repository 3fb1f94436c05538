/** What the state says: storage proofs, runtime metadata, and extrinsics as the runtime's own types have them. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { commitSegment } from '../../src/crypto/kzg.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { encodeRuntimeConstants } from '../../src/chain/constants.ts';
import {
  adjustingQuery,
  blockSlotsQuery,
  eraStartSlotQuery,
  historySizeQuery,
  mmrQuery,
  potIterationsQuery,
  rootPlotKeyQuery,
  solutionRangesQuery,
} from '../../src/chain/state/consensus.ts';
import { chainConstants, runtimeIdentity } from '../../src/chain/state/constants.ts';
import { combine, StateReader } from '../../src/chain/state/reader.ts';
import { PRESETS, PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import { concat, fromHex, toPrefixedHex, utf8 } from '../../src/protocol/bytes.ts';
import { PIECES_IN_SEGMENT } from '../../src/protocol/constants.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import { decodeExtrinsic, encodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import {
  decodeHeader,
  encodeHeader,
  fromRpcHeader,
  headerHash,
  toRpcHeader,
} from '../../src/protocol/header.ts';
import { RuntimeMetadata, type DecodedCall } from '../../src/protocol/metadata.ts';
import type { RuntimeVariant } from '../../src/protocol/metadata-codec.ts';
import { subspaceDigests } from '../../src/protocol/digest.ts';
import { MmrPeaks, mmrLeafHash } from '../../src/protocol/mmr.ts';
import type { Header } from '../../src/protocol/types.ts';
import { genesisSeed } from '../../src/protocol/pot.ts';
import { decodeAll, ScaleWriter } from '../../src/protocol/scale.ts';
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderHash } from '../../src/protocol/segment.ts';
import { SS58_PREFIX } from '../../src/protocol/ss58.ts';
import { CODE_KEY } from '../../src/protocol/storage-key.ts';
import { readProof } from '../../src/protocol/trie-proof.ts';
import { orderedTrieRoot, Trie } from '../../src/protocol/trie.ts';
import { unprefixed } from './chain-support.ts';
import { expectFacts, expectSame, type Recorded } from './protocol-support.ts';
import { checkLie, type Lie, type ProvenBlock } from './proof-lies.ts';
import { checkItemKey, checkNamedEntry, checkNamedGroup, namedItem, type ProofEntry } from './state-names.ts';
import { typeWriter } from './type-text.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

const hex = (text: string): Uint8Array => fromHex(text);
const orNull = (text: string | null): Uint8Array | null => (text === null ? null : fromHex(text));

interface ProofsFile {
  set: string;
  trie: { hash: string; layout: string };
  blocks: (ProvenBlock & { blockNumber: number })[];
  negative: Lie[];
}

interface GenesisProofsFile {
  blockHash: string;
  stateRoot: string;
  single: ProofEntry[];
}

interface ChronosPallet {
  index: number;
  calls: Record<string, number>;
  storage: Record<string, { kind: string; modifier: string; type: string }>;
}

interface ChronosFile extends Recorded {
  name: string;
  id: string;
  protocolId: string;
  properties: Recorded & { potExternalEntropy: string };
  genesisHash: string;
  genesisHeaderScale: string;
  stateRoot: string;
  codeHashBlake2b256: string;
  codeLength: number;
  decompressedCodeLength: number;
  genesisStateEntries: number;
  runtimeApi: Record<string, string>;
  segment0: Recorded & { segmentHeaderScale: string; pieceCommitments: string[] };
  decoded: Record<string, unknown>;
  pallets: Record<string, ChronosPallet>;
  transactionExtensions: string[];
}

interface RecordedExtrinsics {
  number: number;
  hash: string;
  branch: string;
  headerScale: string;
  extrinsics: string[];
  extrinsicKinds: string[];
  solutionRangesAfterScale: string;
  potParametersAfter: { scale: string };
}

interface ChainFile {
  meta: {
    genesis: { hash: string; headerScale: string; stateRoot: string };
    genesisOverrides: { what: string; key: string; value: string }[];
    accounts: { name: string; publicKey: string }[];
    runtime: Recorded;
  };
  blocks: RecordedExtrinsics[];
}

interface LongFile {
  blocks: { headerScale: string }[];
}

/** Metadata of a set, or the project's own: all sets are of one runtime. */
async function metadataOf(
  ctx: ConformanceContext,
  files: string[],
  version: 14 | 15,
): Promise<RuntimeMetadata> {
  const name = `chain/chronos-metadata-v${version}.hex.gz`;
  const bytes = files.includes(name)
    ? await ctx.read(name)
    : gunzipSync(await readFile(new URL(`../vectors/${name}`, import.meta.url)));
  return RuntimeMetadata.decode(fromHex(new TextDecoder().decode(bytes).trim()));
}

// proofs

function checkProof(root: string, { keys, values, proof }: ProofEntry): void {
  expectSame('values', readProof(hex(root), proof.map(hex), keys.map(hex)), unprefixed(values));
}

/** A recorded proof is what a node gives: the nodes that it takes and no others, sorted. */
function checkIsExact(root: string, { keys, proof }: ProofEntry): void {
  expectSame('nodes', proof, [...new Set(proof)].sort());
  for (const needed of proof) {
    const others = proof.filter((node) => node !== needed).map(hex);
    let isRead = true;
    try {
      readProof(hex(root), others, keys.map(hex));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      isRead = false;
    }
    expectSame(`read without ${needed}`, isRead, false);
  }
}

async function* proofCases(
  proofs: ProofsFile,
  chain: ChainFile | null,
  metadata: RuntimeMetadata,
): AsyncGenerator<ConformanceCase> {
  const accounts = new Map(chain?.meta.accounts.map(({ name, publicKey }) => [name, publicKey.slice(2)]));
  const blocks = new Map(chain?.blocks.map((block) => [block.hash, block]));
  yield {
    name: 'proofs: trie',
    rule: 'storage-proof',
    run: () => {
      expectSame('hash', 'blake2b-256', proofs.trie.hash);
      const long = new Uint8Array(33);
      const trie = Trie.from(1, [{ key: utf8('a'), value: long }]);
      expectSame('items of a proof of 33 bytes', trie.prove([utf8('a')]).length, 2);
      const layout = `state version 1 (values of ${long.length} bytes or more are stored by hash as separate proof items)`;
      expectSame('layout', layout, proofs.trie.layout);
    },
  };
  for (const block of proofs.blocks) {
    const recorded = blocks.get(block.blockHash);
    yield {
      name: `proofs: block ${block.blockNumber}`,
      rule: 'storage-proof',
      run: () => checkAgainstBlock(block, recorded, chain, metadata),
    };
    for (const [index, entry] of [...block.single, ...block.multi].entries()) {
      yield {
        name: `proofs: block ${block.blockNumber}, ${entry.name ?? index}`,
        rule: 'storage-proof',
        run: () => {
          checkProof(block.stateRoot, entry);
          checkIsExact(block.stateRoot, entry);
          if (entry.keys.length === 1) checkNamedEntry(metadata, accounts, entry);
          else checkNamedGroup(entry, block.single);
        },
      };
    }
    const everything = block.multi.flatMap(({ proof }) => proof);
    yield {
      name: `proofs: block ${block.blockNumber}, unneeded nodes`,
      rule: 'storage-proof',
      run: () =>
        block.single.forEach((entry) => checkProof(block.stateRoot, { ...entry, proof: everything })),
    };
  }
  for (const [index, lie] of proofs.negative.entries()) {
    yield {
      name: `proofs: ${lie.name} (${index})`,
      rule: 'storage-proof',
      run: () => checkLie(lie, proofs.blocks),
    };
  }
}

/** What the recorded chain says about a block whose state is proven. */
function checkAgainstBlock(
  block: ProofsFile['blocks'][number],
  recorded: RecordedExtrinsics | undefined,
  chain: ChainFile | null,
  metadata: RuntimeMetadata,
): void {
  const values = new Map(block.single.map(({ name, values: [value] }) => [name, value]));
  expectSame(
    'System.Number',
    metadata.storage('System', 'Number').decode(orNull(values.get('System.Number') ?? null)),
    block.blockNumber,
  );
  if (chain !== null && block.blockNumber === 0) {
    expectSame('genesis', block.blockHash, chain.meta.genesis.hash);
    expectSame('state root', block.stateRoot, chain.meta.genesis.stateRoot);
  }
  if (recorded === undefined) return;
  const header = decodeHeader(hex(recorded.headerScale));
  expectSame('number', block.blockNumber, header.number);
  expectSame('state root', header.stateRoot, unprefixed(block.stateRoot));
  expectSame('ranges', values.get('Subspace.SolutionRanges'), recorded.solutionRangesAfterScale);
  expectSame('parent', values.get('System.ParentHash'), toPrefixedHex(header.parentHash));
  expectSame(
    'iterations',
    values.get('Subspace.PotSlotIterations')?.slice(0, 10),
    `0x${recorded.potParametersAfter.scale.slice(4, 12)}`,
  );
}

/** The recorded headers of the main branch from genesis on against what the proven states say of them. */
function* historyCases(
  proofs: ProofsFile,
  chain: ChainFile,
  long: LongFile | null,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  const scales = [...chain.blocks.filter(({ branch }) => branch === 'main'), ...(long?.blocks ?? [])];
  const line = [chain.meta.genesis, ...scales].map(({ headerScale }) => decodeHeader(hex(headerScale)));
  const slotOf = (header: Header) => subspaceDigests(header).preDigest.slot;
  const { eraDurationInBlocks } = chainConstants(metadata);
  for (const block of proofs.blocks) {
    const header = line[block.blockNumber];
    if (header === undefined) continue;
    yield {
      name: `proofs: history below block ${block.blockNumber}`,
      rule: 'mmr-proof',
      run: async () => {
        expectSame('hash', headerHash(header), unprefixed(block.blockHash));
        expectSame('state root', header.stateRoot, unprefixed(block.stateRoot));
        const proof = [...block.single, ...block.multi].flatMap((entry) => entry.proof.map(hex));
        const at = { number: header.number, hash: headerHash(header), stateRoot: header.stateRoot };
        const reader = new StateReader({ readProof: () => Promise.resolve({ proof }) }, metadata, at);
        const query = combine({
          mmr: mmrQuery(metadata),
          slots: blockSlotsQuery(metadata),
          eraStartSlot: eraStartSlotQuery(metadata),
        });
        const { value } = await reader.read(query);
        const peaks = new MmrPeaks();
        for (const { number, stateRoot, extrinsicsRoot, ...rest } of line.slice(0, header.number)) {
          const hash = headerHash({ number, stateRoot, extrinsicsRoot, ...rest });
          peaks.append(mmrLeafHash({ number, hash, stateRoot, extrinsicsRoot }));
        }
        const root = peaks.leaves === 0 ? new Uint8Array(32) : peaks.root();
        expectSame('mountain range', value.mmr, { root, leaves: header.number });
        for (const { number, slot } of value.slots) {
          expectSame(`slot of ${number}`, slot, number === 0 ? 0 : slotOf(line[number] as Header));
        }
        const era = header.number - (header.number % eraDurationInBlocks);
        expectSame('era', value.eraStartSlot, era === 0 ? 0 : slotOf(line[era] as Header));
      },
    };
  }
}

// genesis of the real network

/** The whole genesis state of Chronos as a trie; of the code only the hash is known. */
function genesisTrie(proofs: GenesisProofsFile, codeHash: string): { trie: Trie; entries: number } {
  const entries = proofs.single.flatMap(({ keys: [key], values: [value] }) =>
    key && value ? [{ key: hex(key), value: hex(value) }] : [],
  );
  const trie = Trie.from(1, entries).setHash(CODE_KEY, hex(codeHash));
  return { trie, entries: entries.length + 1 };
}

function* genesisCases(
  proofs: GenesisProofsFile,
  chronos: ChronosFile | null,
  chains: Map<string, ChainFile>,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  for (const entry of proofs.single) {
    yield {
      name: `chronos-genesis-proofs: ${entry.keys[0]}`,
      rule: 'storage-proof',
      run: () => checkProof(proofs.stateRoot, entry),
    };
  }
  if (chronos === null) return;
  const { trie, entries } = genesisTrie(proofs, chronos.codeHashBlake2b256);
  yield {
    name: 'chronos-genesis-proofs: the whole state',
    rule: 'state-root',
    run: () => {
      expectSame('state root', trie.root(), unprefixed(proofs.stateRoot));
      expectSame('block', chronos.genesisHash, proofs.blockHash);
      expectSame('entries', entries, chronos.genesisStateEntries);
      for (const { keys, proof } of proofs.single) {
        expectSame(`proof of ${keys[0]}`, trie.prove(keys.map(hex)), unprefixed(proof));
      }
    },
  };
  for (const [name, { meta }] of chains) {
    yield {
      name: `${name}: genesis state`,
      rule: 'state-root',
      run: () => {
        const accounts = new Map(meta.accounts.map((account) => [account.name, account.publicKey.slice(2)]));
        const changed = genesisTrie(proofs, chronos.codeHashBlake2b256).trie;
        for (const { what, key, value } of meta.genesisOverrides) {
          const item = namedItem(metadata, what);
          if (item === null) throw new Error(`no storage item: ${what}`);
          checkItemKey(item, hex(key), accounts);
          expectSame('encoded again', item.entry.encode(item.entry.decode(hex(value))), unprefixed(value));
        }
        const changes = meta.genesisOverrides.map(({ key, value }) => ({ key: hex(key), value: hex(value) }));
        expectSame('state root', changed.apply(changes).root(), unprefixed(meta.genesis.stateRoot));
      },
    };
  }
  for (const [name, { meta }] of chains) {
    yield {
      name: `${name}: runtime`,
      rule: 'runtime-metadata',
      run: () => {
        const version = metadata.constant('System', 'Version') as Recorded;
        const facts = Object.entries(version).map(([field, value]): [string, unknown] => [
          camel(field),
          value,
        ]);
        expectFacts(meta.runtime, [], Object.fromEntries(facts));
      },
    };
  }
}

// runtime of the real network

function camel(text: string): string {
  return text.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

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
      const inputs = [
        'name',
        'id',
        'protocolId',
        'potGenesisSeedDerivation',
        'codeLength',
        'decompressedCodeLength',
      ];
      const elsewhere = [
        'codeHashBlake2b256',
        'genesisStateEntries',
        'runtimeApi',
        'segment0',
        'decoded',
        'pallets',
      ];
      expectFacts(unprefixed(chronos) as Recorded, [...inputs, ...elsewhere, 'properties'], {
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
      expectFacts(chronos.properties, ['domainsBootstrapNodes', 'dsnBootstrapNodes'], {
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
  expectFacts(unprefixed(segment0) as Recorded, ['note'], {
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
  expectFacts(unprefixed(chronos.runtimeApi) as Recorded, ['Metadata_metadata_versions'], {
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
  expectFacts(Object.fromEntries(decoded), ['runtimeVersion'], {
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

function pick(record: Recorded, fields: string[]): Recorded {
  return Object.fromEntries(fields.map((field) => [field, record[field]]));
}

// extrinsics

/** Calls by sudo whose argument recorded kinds name; of others only the call is compared. */
const NAMED_ARGUMENTS = new Set([
  'enable_rewards_at',
  'enable_solution_range_adjustment',
  'set_pot_slot_iterations',
]);

/** The first argument of a call by sudo, as recorded kinds have it. */
function argumentOf({ type, value }: RuntimeVariant): string {
  const [argument] = Object.values((value ?? {}) as Recorded);
  const isThere = argument !== undefined && argument !== null;
  if (type === 'enable_solution_range_adjustment') return isThere ? ' override' : ' no override';
  if (!isThere) return '';
  if (typeof argument !== 'object') return ` ${String(argument)}`;
  const variant = argument as RuntimeVariant;
  return ` ${variant.type}(${String(variant.value)})`;
}

/** `pallet.call` as in recorded kinds such as `sudo(subspace.enable_rewards_at Height(10))`. */
function kindOf({ pallet, call, args }: DecodedCall): string {
  const name = (one: string) => one.slice(0, 1).toLowerCase() + one.slice(1);
  if (pallet === 'Sudo' && call === 'sudo') {
    const inner = (args as { call: RuntimeVariant }).call;
    const called = inner.value as RuntimeVariant;
    const argument = NAMED_ARGUMENTS.has(called.type) ? argumentOf(called) : '';
    return `sudo(${name(inner.type)}.${called.type}${argument})`;
  }
  // All transfers are recorded as one kind.
  return `${name(pallet)}.${call}`.replace(/^(balances\.transfer)_\w+$/, '$1');
}

function* extrinsicCases(
  file: string,
  chain: ChainFile,
  metadata: RuntimeMetadata,
): Generator<ConformanceCase> {
  const { extrinsicsVersion } = runtimeIdentity(metadata);
  for (const block of chain.blocks) {
    yield {
      name: `${file}: extrinsics of ${block.branch} ${block.number}`,
      rule: 'extrinsics-root',
      run: () => {
        const extrinsics = block.extrinsics.map(hex);
        const { extrinsicsRoot } = decodeHeader(hex(block.headerScale));
        expectSame('extrinsics root', orderedTrieRoot(extrinsics, extrinsicsVersion), extrinsicsRoot);
        extrinsics.forEach((bytes, index) => {
          const extrinsic = decodeExtrinsic(bytes);
          const call = metadata.decodeCall(extrinsic.call);
          const rebuilt = metadata.encodeCall(call.pallet, call.call, call.args);
          expectSame('built again', encodeExtrinsic({ ...extrinsic, call: rebuilt }), bytes);
          const kind = (extrinsic.kind === 'bare' ? 'inherent:' : '') + kindOf(call);
          const recorded = block.extrinsicKinds[index] ?? '';
          const isNamed = [...NAMED_ARGUMENTS].some((one) => kind.includes(`.${one} `));
          expectSame('kind', kind, isNamed ? recorded : recorded.replace(/ .*\)$/, ')'));
        });
      },
    };
  }
}

// suites

async function* proofSuite(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const metadata = await metadataOf(ctx, files, 15);
  const load = <T>(name: string): Promise<T | null> =>
    files.includes(`chain/${name}`) ? ctx.json<T>(`chain/${name}`) : Promise.resolve(null);
  const chain = await load<ChainFile>('chain.json.gz');
  const proofs = await load<ProofsFile>('proofs.json.gz');
  if (proofs !== null) yield* proofCases(proofs, chain, metadata);
  if (proofs !== null && chain !== null) {
    yield* historyCases(proofs, chain, await load<LongFile>('headers-long.json.gz'), metadata);
  }
  const genesis = await load<GenesisProofsFile>('chronos-genesis-proofs.json.gz');
  if (genesis === null) return;
  const chains = new Map<string, ChainFile>();
  for (const name of ['chain', 'forks']) {
    const other = await load<ChainFile>(`${name}.json.gz`);
    if (other !== null) chains.set(name, other);
  }
  yield* genesisCases(genesis, await load<ChronosFile>('chronos.json'), chains, metadata);
}

/** Storage proofs, positive and negative, and whole states. */
export const proofs: ConformanceSuite = {
  files: [
    /^chain\/(proofs|chain|forks|headers-long|chronos-genesis-proofs)\.json\.gz$/,
    /^chain\/chronos\.json$/,
    /^chain\/chronos-metadata-v15\.hex\.gz$/,
  ],
  cases: proofSuite,
};

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
  files: [
    /^chain\/chronos\.json$/,
    /^chain\/chronos-metadata-v1[45]\.hex\.gz$/,
    /^chain\/chronos-genesis-proofs\.json\.gz$/,
  ],
  cases: runtimeSuite,
};

async function* extrinsicSuite(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const metadata = await metadataOf(ctx, files, 14);
  for (const name of ['chain', 'forks']) {
    const file = `chain/${name}.json.gz`;
    if (files.includes(file)) yield* extrinsicCases(name, await ctx.json<ChainFile>(file), metadata);
  }
}

/** Extrinsics of the recorded blocks: their roots, and every call by the runtime's own types. */
export const extrinsics: ConformanceSuite = {
  files: [/^chain\/(chain|forks)\.json\.gz$/, /^chain\/chronos-metadata-v14\.hex\.gz$/],
  cases: extrinsicSuite,
};
