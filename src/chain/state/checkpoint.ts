/** Everything that the header rules need from a block that is trusted, so that its children can be checked. */
import type { ImportableBlock } from '../../network/source.ts';
import { equal, toHex } from '../../protocol/bytes.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { headerHash } from '../../protocol/header.ts';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import { nextPotInput, slotOutput } from '../../protocol/pot.ts';
import type { ChainConstants } from '../../protocol/types.ts';
import type { Block, BlockContext } from '../block.ts';
import { readBlock } from '../rules/header.ts';
import {
  adjustingQuery,
  blockSlotsQuery,
  eraStartSlotQuery,
  historySizeQuery,
  potEntropyQuery,
  potIterationsQuery,
  rangeOverrideQuery,
  rootPlotKeyQuery,
  runtimeVersionQuery,
  segmentCommitmentsQuery,
  solutionRangesQuery,
} from './consensus.ts';
import { runtimeIdentity } from './constants.ts';
import { combine, StateReader, type ProofSource } from './reader.ts';

/** What a checkpoint is read from; `ChainSource` is one. */
export interface CheckpointSource extends ProofSource {
  block(hash: Uint8Array, signal?: AbortSignal): Promise<ImportableBlock | null>;
}

export interface Checkpoint {
  /** What the checkpoint hands to its children. Its weight is 0: a branch's weight counts from here. */
  context: BlockContext;
  /**
   * The checkpoint behind the ancestors whose proof of time reaches past its slot, oldest first. Their hashes and
   * seeds hang together; the proof of time itself is to be verified, by the rules of a header alone.
   */
  blocks: ImportableBlock[];
}

function refuse(message: string, values: Record<string, string | number | bigint> = {}): never {
  throw new ProtocolError({
    code: 'bad-checkpoint',
    rule: 'checkpoint',
    message,
    sentence: 'What the source says about the checkpoint does not fit the block’s hash and was refused.',
    values,
  });
}

/**
 * Reads a checkpoint (rule `checkpoint`): the block by its hash, everything else by proof against its state root.
 * Only the hash is taken on trust.
 *
 * @param hash 32 bytes, not of the genesis block.
 * @throws ProtocolError if the source's answers do not hold or contradict one another; what the source rejects
 * with.
 */
export async function readCheckpoint(
  source: CheckpointSource,
  metadata: RuntimeMetadata,
  constants: ChainConstants,
  hash: Uint8Array,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const own = await fetchBlock(source, hash, signal);
  const { header, digests } = own.block;
  const line = await provingLine(source, own, constants, signal);
  const { number, stateRoot } = header;
  const reader = new StateReader(source, metadata, { number, hash, stateRoot });
  const state = await readState(reader, signal);
  const { slot, futureProofOfTime } = digests.preDigest;
  const change = digests.potParametersChange;
  const childSolutionRange = state.ranges.next ?? state.ranges.current;
  const childSlotIterations =
    change !== null && change.slot <= slot ? change.slotIterations : digests.potSlotIterations;
  // The header's own word and the state's must agree, or the metadata is not of this runtime.
  if (childSolutionRange !== (digests.nextSolutionRange ?? digests.solutionRange))
    refuse('another solution range in the state');
  if (state.iterations?.slotIterations !== childSlotIterations) refuse('other iterations in the state');
  if (state.slots.find((one) => one.number === number)?.slot !== slot) refuse('another slot in the state');
  if (state.runtime?.specVersion !== runtimeIdentity(metadata).specVersion) {
    refuse('the metadata is of another runtime', { specVersion: state.runtime?.specVersion ?? 0 });
  }
  const context: BlockContext = {
    hash,
    number,
    slot,
    stateRoot,
    weight: 0n,
    childSolutionRange,
    childSlotIterations,
    change,
    provenSlot: slot + BigInt(constants.blockAuthoringDelay),
    provenOutput: futureProofOfTime,
    outputs: outputsAfter(line, constants),
    entropies: state.entropies.map(({ number: from, entropy }) => ({ number: from, entropy })),
    rootPlotKey: state.rootPlotKey,
    expectsRootPlotKey: false,
    adjusting: state.adjusting,
    rangeOverride: state.rangeOverride,
    eraStartSlot: state.eraStartSlot,
    commitments: await readCommitments(reader, state.historySize, signal),
    firstCommitment: null,
  };
  return { context, blocks: line.map(({ importable }) => importable) };
}

function unknown(hash: Uint8Array): never {
  throw new ProtocolError({
    code: 'bad-checkpoint',
    rule: 'checkpoint',
    message: 'the source does not have the block',
    sentence:
      'The node does not have the checkpoint’s block. Either the checkpoint is of another network or branch, or the node is not up to date.',
    values: { hash: toHex(hash) },
  });
}

interface Fetched {
  importable: ImportableBlock;
  block: Block;
}

async function fetchBlock(
  source: CheckpointSource,
  hash: Uint8Array,
  signal?: AbortSignal,
): Promise<Fetched> {
  const importable = await source.block(hash, signal);
  if (importable === null) unknown(hash);
  if (!equal(headerHash(importable.header), hash))
    refuse('the source gave another block', { hash: toHex(hash) });
  return { importable, block: readBlock(importable) };
}

/** The block behind as many ancestors as it takes to know the outputs of all slots after its own. */
async function provingLine(
  source: CheckpointSource,
  own: Fetched,
  constants: ChainConstants,
  signal?: AbortSignal,
): Promise<Fetched[]> {
  const delay = BigInt(constants.blockAuthoringDelay);
  const { slot } = own.block.digests.preDigest;
  const line = [own];
  for (;;) {
    const first = (line[0] as Fetched).block;
    const covered = first.digests.preDigest.slot + delay - BigInt(first.justification.checkpoints.length);
    if (covered <= slot) return line;
    const parent = await fetchBlock(source, first.header.parentHash, signal);
    requireContinuation(parent.block, first, delay);
    line.unshift(parent);
  }
}

/** The child's proof of time begins where the parent's ends, with the seed that follows from it. */
function requireContinuation(parent: Block, child: Block, delay: bigint): void {
  const { slot, futureProofOfTime } = parent.digests.preDigest;
  const { preDigest, potSlotIterations, potParametersChange } = child.digests;
  if (preDigest.slot <= slot) refuse('blocks that do not follow one another');
  if (BigInt(child.justification.checkpoints.length) !== preDigest.slot - slot)
    refuse('a proof of time with gaps');
  const { seed } = nextPotInput(slot + delay, potSlotIterations, futureProofOfTime, potParametersChange);
  if (!equal(seed, child.justification.seed)) refuse('a proof of time that does not continue its parent’s');
}

function outputsAfter(line: readonly Fetched[], constants: ChainConstants): Uint8Array[] {
  const outputs = line.flatMap(({ block }) => block.justification.checkpoints.map(slotOutput));
  return outputs.slice(-constants.blockAuthoringDelay);
}

async function readState(reader: StateReader, signal?: AbortSignal) {
  const { metadata } = reader;
  const query = combine({
    ranges: solutionRangesQuery(metadata),
    iterations: potIterationsQuery(metadata),
    entropies: potEntropyQuery(metadata),
    slots: blockSlotsQuery(metadata),
    eraStartSlot: eraStartSlotQuery(metadata),
    adjusting: adjustingQuery(metadata),
    rangeOverride: rangeOverrideQuery(metadata),
    rootPlotKey: rootPlotKeyQuery(metadata),
    historySize: historySizeQuery(metadata),
    runtime: runtimeVersionQuery(metadata),
  });
  return (await reader.read(query, signal)).value;
}

/** Segments whose commitments are asked for at once. */
const SEGMENTS_IN_REQUEST = 2_000;

async function readCommitments(
  reader: StateReader,
  historySize: bigint,
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  const commitments: Uint8Array[] = [];
  for (let first = 0n; first < historySize; first += BigInt(SEGMENTS_IN_REQUEST)) {
    const count = Math.min(SEGMENTS_IN_REQUEST, Number(historySize - first));
    const { value } = await reader.read(segmentCommitmentsQuery(reader.metadata, first, count), signal);
    for (const commitment of value) commitments.push(commitment ?? refuse('a segment without a commitment'));
  }
  return commitments;
}
