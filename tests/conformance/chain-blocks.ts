/** Every recorded block decoded, its digest, votes and signatures, and what is derived from it. */
import { blockOf, type BlockContext } from '../../src/chain/block.ts';
import { readJustification } from '../../src/chain/rules/header.ts';
import { claimedSlots } from '../../src/chain/rules/proof-of-time.ts';
import { verifySolution } from '../../src/crypto/solution.ts';
import { verifySignature } from '../../src/crypto/sr25519.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { encodeSignedBlock } from '../../src/protocol/block.ts';
import { concat } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT, REWARD_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { buildDigest, decodeConsensusItem, subspaceDigests } from '../../src/protocol/digest.ts';
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
import { encodeHeader, fromRpcHeader, preSealHash, toRpcHeader } from '../../src/protocol/header.ts';
import { encodeJustification } from '../../src/protocol/justification.ts';
import type { RuntimeMetadata } from '../../src/protocol/metadata.ts';
import { blockObjects, encodeBlockObjectMapping } from '../../src/protocol/object-mapping.ts';
import { globalRandomness } from '../../src/protocol/pot.ts';
import { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import { positionOfPiece, segmentOfPiece } from '../../src/protocol/segment.ts';
import { challengeOf, checkDistance, pieceIndexOfSolution } from '../../src/protocol/solution-check.ts';
import { blockWeight, votingSolutionRange } from '../../src/protocol/solution-range.ts';
import type { ChainConstants, DigestItem, Header, SubspaceDigests } from '../../src/protocol/types.ts';
import { readVote, voteHash } from '../../src/protocol/vote.ts';
import { hex, type ChainBlock, type ChainFile } from './chain-recordings.ts';
import { importable, unprefixed } from './chain-support.ts';
import { expectFacts, expectSame, type Recorded } from './protocol-support.ts';

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

/** Items of a header in the form of the recordings; undefined is what is absent, which they leave out. */
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
  return Object.fromEntries(
    Object.entries(whole).map(([field, value]) => [field, isThere(value) ? value : undefined]),
  );
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
export function stateAfter(
  digests: SubspaceDigests,
  context: BlockContext,
  constants: ChainConstants,
): Recorded {
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
export async function checkBlock(
  recorded: ChainBlock,
  { meta }: ChainFile,
  constants: ChainConstants,
  metadata: RuntimeMetadata,
): Promise<void> {
  await loadWasm();
  const { header, justification: payload } = importable(recorded);
  const digests = subspaceDigests(header);
  const justification = readJustification(payload);
  const block = blockOf(header, digests, justification);
  const slots = claimedSlots(block, constants.blockAuthoringDelay);
  const signedBlock = { header, extrinsics: recorded.extrinsics.map(hex), justifications: null };
  const objects = blockObjects(encodeSignedBlock(signedBlock), (reader) => metadata.skipCall(reader));
  const extrinsics = signedBlock.extrinsics.map(decodeExtrinsic);
  expectFacts(unprefixed(recorded) as Recorded, {
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
  });
  expectSame('is there a mapping', objects.length > 0, 'objectMappingScale' in recorded);
  expectSame('header from JSON', encodeHeader(fromRpcHeader(recorded.header)), encodeHeader(header));
  expectSame('digest', buildDigest(digests), header.digest);
  const isSigned = new Set(recorded.signed.map(({ index }) => index));
  expectSame(
    'kinds of extrinsics',
    extrinsics.map(({ kind }) => kind),
    recorded.extrinsicKinds.map((kind, index) => {
      if (kind.startsWith('inherent:')) return 'bare';
      return isSigned.has(index) ? 'signed' : 'general';
    }),
  );
  for (const entry of recorded.signed) checkSigned(entry, signedBlock.extrinsics, header, meta);
  recorded.extrinsicKinds.forEach((kind, index) => {
    if (kind === 'subspace.vote') checkVote(extrinsics[index]!.call, header, constants);
  });
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
  expectFacts(unprefixed(recorded) as Recorded, {
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
