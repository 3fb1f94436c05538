/** Recorded chains: every block decoded, derived, imported and weighed; every mutant refused for its rule. */
import { commitSegment } from '../../src/crypto/kzg.ts';
import { verifySolution } from '../../src/crypto/solution.ts';
import { publicKeyOf, expandMiniSecret, verifySignature } from '../../src/crypto/sr25519.ts';
import { loadSrs } from '../../src/crypto/srs.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { blockId, blockOf, type BlockContext } from '../../src/chain/block.ts';
import { decodeRuntimeConstants } from '../../src/chain/constants.ts';
import { genesisContext, requireGenesis, type GenesisFacts } from '../../src/chain/genesis.ts';
import { readJustification } from '../../src/chain/rules/header.ts';
import { checkAfterSolution, checkBeforeSolution } from '../../src/chain/rules/import.ts';
import { claimedSlots } from '../../src/chain/rules/proof-of-time.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import type { ImportableBlock } from '../../src/network/source.ts';
import { encodeSignedBlock } from '../../src/protocol/block.ts';
import { concat, fromHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import {
  EXTRINSIC_SIGNING_CONTEXT,
  PIECES_IN_SEGMENT,
  REWARD_SIGNING_CONTEXT,
} from '../../src/protocol/constants.ts';
import { buildDigest, decodeConsensusItem, subspaceDigests } from '../../src/protocol/digest.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';
import {
  decodeExtrinsic,
  encodeExtra,
  encodeExtrinsic,
  encodeImplicit,
  eraBirth,
  extrinsicHash,
  signingPayload,
  writeEra,
} from '../../src/protocol/extrinsic.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import {
  encodeHeader,
  fromRpcHeader,
  headerHash,
  preSealHash,
  toRpcHeader,
} from '../../src/protocol/header.ts';
import { encodeJustification } from '../../src/protocol/justification.ts';
import { blockObjects, encodeBlockObjectMapping } from '../../src/protocol/object-mapping.ts';
import { genesisSeed, globalRandomness } from '../../src/protocol/pot.ts';
import { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import { pieceIndexOf, sectorId } from '../../src/protocol/sector.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  positionOfPiece,
  segmentHeaderHash,
  segmentOfPiece,
} from '../../src/protocol/segment.ts';
import { challengeOf, checkDistance, pieceIndexOfSolution } from '../../src/protocol/solution-check.ts';
import { blockWeight, votingSolutionRange } from '../../src/protocol/solution-range.ts';
import type { ChainConstants, DigestItem, Header, SubspaceDigests } from '../../src/protocol/types.ts';
import { readVote, voteHash } from '../../src/protocol/vote.ts';
import { expectReferenceError } from './chain-errors.ts';
import {
  sampleCases,
  sampledChainCase,
  timingCases,
  type SamplesFile,
  type TimingsFile,
} from './chain-samples.ts';
import { importable, Replay, unprefixed, type RecordedBlock } from './chain-support.ts';
import { expectFacts, expectSame, refusal, type Recorded } from './protocol-support.ts';
import type { ConformanceCase, ConformanceContext, ConformanceSuite } from './types.ts';

interface ChainBlock extends Recorded, RecordedBlock {
  number: number;
  hash: string;
  branch: string;
  justification: string;
  digest: Recorded;
  derived: Recorded;
  extrinsics: string[];
  extrinsicKinds: string[];
  signed: (Recorded & { index: number })[];
  cumulativeWeight: string;
}

interface ImportEntry {
  hash: string;
  number: number;
  branch: string;
  cumulativeWeight: string;
  bestAfter: string;
  bestNumberAfter: number;
}

interface ChainFile {
  set: string;
  meta: {
    note: string;
    genesis: Recorded & {
      hash: string;
      headerScale: string;
      header: unknown;
      potExternalEntropyUtf8: string;
      potSlotIterations: number;
      solutionRange: string;
    };
    genesisOverrides: { what: string; key: string; value: string }[];
    runtime: { specVersion: number; transactionVersion: number };
    accounts: { name: string; publicKey: string; miniSecretKey?: string }[];
    farmers: string[];
    plots: (Recorded & { farmer: number; sectorIndex: number; pieceOffset: number; historySize: string })[];
    segment0: Recorded & {
      segmentHeaderScale: string;
      segmentCommitment: string;
      archivedGenesisPrefixScale: string;
      pieceCommitments: string[];
      pieceWitnessesOfPlottedPieces: { position: number; witness: string }[];
    };
  };
  blocks: ChainBlock[];
  importOrder: ImportEntry[];
}

interface LongFile {
  set: string;
  continues?: string;
  genesisHash: string;
  blocks: (RecordedBlock & { number: number; hash: string; branch: string })[];
  final: ImportEntry;
}

interface NegativeCase extends RecordedBlock {
  name: string;
  note: string;
  base: string;
  number: number;
  stage: 'stateless' | 'import';
  rule: string;
  referenceError?: string;
  importRuleIfStatelessIsSkipped: string | null;
  header: unknown;
  hash: string;
}

interface NegativeFile {
  set: string;
  genesisHash: string;
  cases: NegativeCase[];
  headerValidOnly: (RecordedBlock & {
    name: string;
    expect: string;
    base: string;
    number: number;
    header: unknown;
    hash: string;
  })[];
}

const hex = (text: string): Uint8Array => fromHex(text);

/** Hex of a storage item that the recorded network has other than Chronos, whose genesis the rest is; or null. */
function overrideOf({ meta }: ChainFile, item: string): string | null {
  const found = meta.genesisOverrides.find(({ what }) => what === item || what.startsWith(`${item} `));
  return found === undefined ? null : (unprefixed(found.value) as string);
}

/** Chronos begins restricted to its first author, and does not adjust its solution range yet. */
function genesisFacts(chain: ChainFile): GenesisFacts {
  const { genesis, segment0 } = chain.meta;
  return {
    header: importable({ headerScale: genesis.headerScale, justification: null }).header,
    solutionRange: BigInt(genesis.solutionRange),
    potSlotIterations: genesis.potSlotIterations,
    externalEntropy: genesis.potExternalEntropyUtf8,
    restricted: overrideOf(chain, 'Subspace.AllowAuthoringByAnyone') !== '01',
    adjusting: overrideOf(chain, 'Subspace.ShouldAdjustSolutionRange') === '01',
    firstCommitment: hex(segment0.segmentCommitment),
  };
}

function genesisCases(file: string, chain: ChainFile, constants: ChainConstants): ConformanceCase[] {
  const { genesis, accounts, farmers, plots } = chain.meta;
  const facts = genesisFacts(chain);
  return [
    {
      name: `${file}: genesis`,
      rule: 'genesis',
      run: () => {
        requireGenesis(facts.header, hex(genesis.hash));
        const voting = votingSolutionRange(facts.solutionRange, constants.expectedVotesPerBlock);
        expectFacts(unprefixed(genesis) as Recorded, ['headerScale', 'potExternalEntropyUtf8'], {
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
        const stored = { 'Subspace.PotSlotIterations': iterations, 'Subspace.SolutionRanges': ranges };
        for (const [item, value] of Object.entries(stored)) {
          const override = overrideOf(chain, item);
          if (override !== null) expectSame(item, value, override);
        }
      },
    },
    ...accounts.map((account) => ({
      name: `${file}: account ${account.name}`,
      rule: 'sr25519',
      run: async () => {
        await loadWasm();
        const secret = account.miniSecretKey;
        if (secret !== undefined) {
          expectSame('key', publicKeyOf(expandMiniSecret(hex(secret))), unprefixed(account.publicKey));
        }
      },
    })),
    ...plots.map((plot, index) => ({
      name: `${file}: plot ${index}`,
      rule: 'piece-index',
      run: () => {
        const historySize = BigInt(plot.historySize);
        const id = sectorId(hex(farmers[plot.farmer] as string), plot.sectorIndex, historySize);
        expectFacts(unprefixed(plot) as Recorded, ['farmer', 'sectorIndex', 'pieceOffset', 'historySize'], {
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
  expectSame('plotted pieces', [...new Set(plotted)].sort(), [...witnessed].sort());
  const sources = recorded.pieceCommitments.filter((_, position) => position % 2 === 0);
  const { recordCommitments, segmentCommitment, recordWitnesses } = commitSegment(
    concat(...sources.map(hex)),
  );
  const at = (points: Uint8Array, position: number) => points.subarray(48 * position, 48 * (position + 1));
  const { number, partialArchived } = segment.lastArchivedBlock;
  const inputs = ['archivedGenesisPrefixScale'];
  expectFacts(unprefixed(recorded) as Recorded, inputs, {
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

const CONSENSUS_NAMES = {
  potSlotIterations: 'PotSlotIterations',
  solutionRange: 'SolutionRange',
  potParametersChange: 'PotParametersChange',
  nextSolutionRange: 'NextSolutionRange',
  segmentCommitment: 'SegmentCommitment',
  enableSolutionRangeAdjustment: 'EnableSolutionRangeAdjustmentAndOverride',
  rootPlotPublicKeyUpdate: 'RootPlotPublicKeyUpdate',
} as const;

function nameOfItem(item: DigestItem): string {
  if (item.kind === 'preRuntime') return 'PreRuntime';
  if (item.kind === 'seal') return 'Seal';
  if (item.kind === 'consensus') return `Consensus:${CONSENSUS_NAMES[decodeConsensusItem(item.data).kind]}`;
  return item.kind;
}

/** Items of a header in the form of the recordings, which leave out what is absent. */
function recordedDigest(header: Header, digests: SubspaceDigests): Recorded {
  const { preDigest, segmentCommitments, enableSolutionRangeAdjustment, ...rest } = digests;
  const whole: Recorded = {
    ...rest,
    ...preDigest,
    segmentCommitments: segmentCommitments.map(({ segmentIndex, commitment }) => ({
      segmentIndex,
      segmentCommitment: commitment,
    })),
    enableSolutionRangeAdjustmentAndOverride: enableSolutionRangeAdjustment,
    order: header.digest.map(nameOfItem),
  };
  const isThere = (value: unknown) => value !== null && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(whole).filter(([, value]) => isThere(value)));
}

function derivedOf(digests: SubspaceDigests, constants: ChainConstants): Recorded {
  const { solution, slot, proofOfTime } = digests.preDigest;
  const challenge = challengeOf(solution, slot, proofOfTime);
  const pieceIndex = pieceIndexOfSolution(solution, constants);
  return {
    ...challenge,
    publicKeyHash: blake3Hash(solution.publicKey),
    globalRandomness: globalRandomness(proofOfTime),
    proofOfSpaceHash: blake3Hash(solution.proofOfSpace),
    pieceIndex,
    segmentIndex: segmentOfPiece(pieceIndex),
    positionInSegment: positionOfPiece(pieceIndex),
    solutionDistance: checkDistance(solution, challenge, digests.solutionRange),
  };
}

/** What the runtime's state says after a block, as a header-only client derives it. */
function stateAfter(digests: SubspaceDigests, context: BlockContext, constants: ChainConstants): Recorded {
  const { change, slot, childSlotIterations } = context;
  const nextChange = change !== null && slot <= change.slot ? change : null;
  const scale = new ScaleWriter().u8(0).u32(childSlotIterations);
  scale.option(nextChange, (some, { slot: at, slotIterations, entropy }) =>
    some.u64(at).u32(slotIterations).raw(entropy),
  );
  const voting = (range: bigint) => votingSolutionRange(range, constants.expectedVotesPerBlock);
  const { nextSolutionRange: next, enableSolutionRangeAdjustment } = digests;
  const override = enableSolutionRangeAdjustment?.override ?? null;
  const current = override ?? digests.solutionRange;
  const enacted = override === null ? next : null;
  const ranges = new ScaleWriter()
    .u64(current)
    .option(enacted, (some, range) => some.u64(range))
    .u64(voting(current))
    .option(enacted, (some, range) => some.u64(voting(range)));
  return {
    potParametersAfter: { slotIterations: childSlotIterations, nextChange, scale: scale.bytes() },
    solutionRangesAfterScale: ranges.bytes(),
  };
}

/** Facts of a block by itself; those that need its ancestors come with its import. */
async function checkBlock(
  recorded: ChainBlock,
  { meta }: ChainFile,
  constants: ChainConstants,
): Promise<void> {
  await loadWasm();
  const { header, justification: payload } = importable(recorded);
  const digests = subspaceDigests(header);
  const justification = readJustification(payload);
  const block = blockOf(header, digests, justification);
  const slots = claimedSlots(block, constants.blockAuthoringDelay);
  const signedBlock = { header, extrinsics: recorded.extrinsics.map(hex), justifications: null };
  const objects = blockObjects(encodeSignedBlock(signedBlock));
  const extrinsics = signedBlock.extrinsics.map(decodeExtrinsic);
  expectFacts(
    unprefixed(recorded) as Recorded,
    [
      'branch',
      'cumulativeWeight',
      'potParametersAfter',
      'solutionRangesAfterScale',
      'extrinsicKinds',
      'signed',
    ],
    {
      number: header.number,
      hash: block.hash,
      headerScale: encodeHeader(header),
      justification: encodeJustification(justification),
      header: unprefixed(toRpcHeader(header)),
      preSealHash: preSealHash(header),
      slot: digests.preDigest.slot,
      weight: blockWeight(digests.solutionRange),
      digest: recordedDigest(header, digests),
      derived: derivedOf(digests, constants),
      firstCheckpointSlot: slots[0]?.slot,
      extrinsics: extrinsics.map(encodeExtrinsic),
      objectMappingScale: objects.length === 0 ? undefined : encodeBlockObjectMapping(objects),
    },
  );
  expectSame('is there a mapping', objects.length > 0, 'objectMappingScale' in recorded);
  expectSame('header from JSON', encodeHeader(fromRpcHeader(recorded.header)), encodeHeader(header));
  expectSame('digest', buildDigest(digests), header.digest);
  expectSame(
    'kinds of extrinsics',
    extrinsics.map(({ kind }) => kind),
    recorded.extrinsicKinds.map((kind) => {
      if (kind.startsWith('inherent:')) return 'bare';
      return kind === 'subspace.vote' ? 'general' : 'signed';
    }),
  );
  for (const entry of recorded.signed) checkSigned(entry, signedBlock.extrinsics, header, meta);
  for (const extrinsic of extrinsics)
    if (extrinsic.kind === 'general') checkVote(extrinsic.call, header, constants);
}

function checkSigned(
  recorded: Recorded & { index: number },
  extrinsics: Uint8Array[],
  header: Header,
  meta: ChainFile['meta'],
): void {
  const bytes = extrinsics[recorded.index] as Uint8Array;
  const extrinsic = decodeExtrinsic(bytes);
  if (extrinsic.kind !== 'signed') throw new Error('not a signed extrinsic');
  const { signer, signature, extra, call } = extrinsic;
  // The hash of the era's first block is the chain's; that the signature covers it shows that it is right.
  const eraBirthHash = hex(recorded['eraBirthHash'] as string);
  if (eraBirth(extra.era, header.number - 1) === header.number - 1) {
    expectSame('era birth', eraBirthHash, header.parentHash);
  }
  const implicit = {
    specVersion: meta.runtime.specVersion,
    transactionVersion: meta.runtime.transactionVersion,
    genesisHash: hex(meta.genesis.hash),
    eraBirthHash,
  };
  const era = new ScaleWriter();
  writeEra(era, extra.era);
  const payload = signingPayload(call, extra, implicit);
  const unhashed = concat(call, encodeExtra(extra), encodeImplicit(implicit));
  expectFacts(unprefixed(recorded) as Recorded, ['index', 'eraBirthHash'], {
    signer,
    signature,
    era: era.bytes(),
    nonce: extra.nonce,
    tip: extra.tip,
    call,
    extra: encodeExtra(extra),
    implicit: encodeImplicit(implicit),
    payloadHashed: payload.length !== unhashed.length,
    signedBytes: payload,
    extrinsicHash: extrinsicHash(bytes),
  });
  if (!verifySignature(signer, EXTRINSIC_SIGNING_CONTEXT, payload, signature)) {
    throw new Error('the signature of an extrinsic does not hold');
  }
}

/** A vote of another farmer inside a block: signed, and farther from the challenge than a block may be. */
function checkVote(call: Uint8Array, header: Header, constants: ChainConstants): void {
  const reader = new ScaleReader(call, 'vote-call');
  expectSame('call', reader.raw(2), '0202');
  const vote = readVote(reader);
  const signature = reader.raw(64);
  reader.finish();
  if (vote.height > header.number) throw new Error('a vote for a block that does not exist');
  if (!verifySignature(vote.solution.publicKey, REWARD_SIGNING_CONTEXT, voteHash(vote), signature)) {
    throw new Error('the signature of a vote does not hold');
  }
  const range = subspaceDigests(header).solutionRange;
  const params = (solutionRange: bigint) => ({
    proofOfTime: vote.proofOfTime,
    solutionRange,
    pieceCheck: null,
  });
  const voting = votingSolutionRange(range, constants.expectedVotesPerBlock);
  const distance = verifySolution(vote.solution, vote.slot, params(voting));
  if (distance <= range / 2n) throw new Error('a vote that would have been a block');
}

function* chainCases(file: string, chain: ChainFile, replay: Replay): Generator<ConformanceCase> {
  const { constants } = replay.verifier;
  yield* genesisCases(file, chain, constants);
  yield {
    name: `${file}: order of import`,
    rule: 'fork-choice',
    run: () => expectSame('blocks', chain.importOrder.length, chain.blocks.length),
  };
  for (const [index, recorded] of chain.blocks.entries()) {
    const name = `${file}: ${recorded.branch} ${recorded.number}`;
    yield { name, rule: 'digest-items', run: () => checkBlock(recorded, chain, constants) };
    yield {
      name: `${name}, imported`,
      rule: 'fork-choice',
      run: async () => {
        const [verified] = await replay.import([importable(recorded)]);
        if (verified === undefined) throw new Error('not imported');
        const { digests } = verified.block;
        const state = stateAfter(digests, verified.context, constants);
        expectSame('state', state, unprefixed(pick(recorded, STATE_FIELDS)));
        const entry = chain.importOrder[index];
        checkImport(replay, verified.context, entry);
        expectSame('branch', entry?.branch, recorded.branch);
        expectSame('weight', verified.context.weight, recorded.cumulativeWeight);
      },
    };
  }
}

const STATE_FIELDS = ['potParametersAfter', 'solutionRangesAfterScale'];

function pick(record: Recorded, fields: string[]): Recorded {
  return Object.fromEntries(fields.map((field) => [field, record[field]]));
}

function checkImport(replay: Replay, context: BlockContext, entry: ImportEntry | undefined): void {
  if (entry === undefined) throw new Error('no entry of the import order');
  const { best } = replay.tree;
  expectFacts(unprefixed(entry) as Recorded, ['branch'], {
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
          expectFacts(recorded, ['branch'], {
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
      if (long.continues) expectSame('what it continues', 'chain.json.gz main branch', long.continues);
    },
  };
}

/** What importing alone refuses, as a node does that has verified nothing beforehand. */
async function checkImportAlone(candidate: ImportableBlock, parent: BlockContext, constants: ChainConstants) {
  const { header, justification } = candidate;
  const block = blockOf(header, subspaceDigests(header), readJustification(justification));
  const pieceCheck = checkBeforeSolution(block, parent, constants);
  const { preDigest, solutionRange } = block.digests;
  const { solution, slot, proofOfTime } = preDigest;
  verifySolution(solution, slot, { proofOfTime, solutionRange, pieceCheck });
  checkAfterSolution(block, parent, constants);
}

function refusedFor(error: Error | null): ProtocolError | null {
  if (error !== null && !(error instanceof ProtocolError)) throw error;
  return error;
}

function ruleOf(error: Error | null): string | null {
  return refusedFor(error)?.rule ?? null;
}

/** A recorded header of a block that is not valid, in all its forms. */
function checkRefusedHeader(
  recorded: { number: number; hash: string; header: unknown; headerScale: string },
  { header }: ImportableBlock,
): void {
  expectSame('number', header.number, recorded.number);
  expectSame('hash', headerHash(header), unprefixed(recorded.hash));
  expectSame('JSON', unprefixed(toRpcHeader(header)), unprefixed(recorded.header));
  expectSame('SCALE', encodeHeader(header), unprefixed(recorded.headerScale));
}

function* negativeCases(
  negative: NegativeFile,
  chain: ChainFile,
  replay: Replay,
): Generator<ConformanceCase> {
  const blocks = new Map(chain.blocks.map((block) => [block.hash, block]));
  const baseOf = (hash: string): Header => {
    const base = blocks.get(hash);
    if (base === undefined) throw new Error(`${hash}, which it was made from, is not in the chain`);
    return importable(base).header;
  };
  // Whose parent is unknown is offered as a child of the parent of the block that it was made from.
  const parentOf = ({ header }: ImportableBlock, base: string): BlockContext =>
    replay.contexts.get(blockId(header.parentHash)) ?? replay.contextOf(baseOf(base).parentHash);
  yield {
    name: 'negative-headers: genesis',
    rule: 'genesis',
    run: () => expectSame('genesis', negative.genesisHash, chain.meta.genesis.hash),
  };
  for (const recorded of negative.cases) {
    yield {
      name: `negative-headers: ${recorded.name} (${recorded.number})`,
      rule: recorded.rule,
      run: async () => {
        const candidate = importable(recorded);
        checkRefusedHeader(recorded, candidate);
        const base = baseOf(recorded.base);
        const parent = parentOf(candidate, recorded.base);
        const alone = ruleOf(await refusal(() => replay.verifyAlone(candidate)));
        expectSame('stage', alone === null ? 'import' : 'stateless', recorded.stage);
        if (alone !== null) expectSame('rule of the header alone', alone, recorded.rule);
        const refused = refusedFor(await refusal(() => replay.verify([candidate], parent)));
        expectSame('rule', refused?.rule, recorded.rule);
        if (refused !== null && recorded.referenceError !== undefined) {
          expectReferenceError(recorded.referenceError, refused, candidate.header, base);
        }
        const { constants } = replay.verifier;
        const imported = ruleOf(await refusal(() => checkImportAlone(candidate, parent, constants)));
        expectSame('rule of the import', imported, recorded.importRuleIfStatelessIsSkipped);
      },
    };
  }
  for (const recorded of negative.headerValidOnly) {
    yield {
      name: `negative-headers: ${recorded.name} (${recorded.number}), valid as a header`,
      rule: 'header-valid-only',
      run: async () => {
        const candidate = importable(recorded);
        checkRefusedHeader(recorded, candidate);
        baseOf(recorded.base);
        expectSame('verdict', 'header checks accept', recorded.expect);
        await replay.verify([candidate], parentOf(candidate, recorded.base));
      },
    };
  }
}

async function constantsOf(ctx: ConformanceContext, files: string[]): Promise<ChainConstants> {
  if (!files.includes('chain/rpc-samples.json')) return PUBLIC_CONSTANTS;
  const samples = await ctx.json<SamplesFile>('chain/rpc-samples.json');
  return { ...PUBLIC_CONSTANTS, ...decodeRuntimeConstants(hex(samples.SubspaceApi_chain_constants)) };
}

async function* cases(ctx: ConformanceContext, files: string[]): AsyncGenerator<ConformanceCase> {
  const has = (name: string) => files.includes(`chain/${name}`);
  const load = <T>(name: string) => ctx.json<T>(`chain/${name}`);
  const constants = await constantsOf(ctx, files);
  let blocks: number | null = null;
  if (has('rpc-samples.json')) yield* sampleCases(await load<SamplesFile>('rpc-samples.json'));
  if (has('chain.json.gz')) {
    const chain = await load<ChainFile>('chain.json.gz');
    const replay = await Replay.open(genesisFacts(chain), constants);
    blocks = chain.blocks.length;
    yield* chainCases('chain', chain, replay);
    if (has('rpc-samples.json')) yield sampledChainCase(await load<SamplesFile>('rpc-samples.json'), chain);
    if (has('negative-headers.json.gz')) {
      yield* negativeCases(await load<NegativeFile>('negative-headers.json.gz'), chain, replay);
    }
    if (has('headers-long.json.gz')) {
      const long = await load<LongFile>('headers-long.json.gz');
      blocks += long.blocks.length;
      yield* longCases(long, chain, replay);
    }
  } else if (has('negative-headers.json.gz') || has('headers-long.json.gz')) {
    throw new Error('this set lacks chain.json.gz, which its other files continue');
  }
  if (has('forks.json.gz')) {
    const forks = await load<ChainFile>('forks.json.gz');
    yield* chainCases('forks', forks, await Replay.open(genesisFacts(forks), constants));
  }
  if (has('timings.json')) yield* timingCases(await load<TimingsFile>('timings.json'), blocks);
}

export const chain: ConformanceSuite = {
  files: [
    /^chain\/(chain|forks|headers-long|negative-headers)\.json\.gz$/,
    /^chain\/(rpc-samples|timings)\.json$/,
  ],
  cases,
};
