/** What the Subspace pallet keeps in the state: its items, their bytes, and what follows from them for the next block. */
import { compare, concat, littleEndian } from '../../src/protocol/bytes.ts';
import type { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import type {
  HistorySize,
  PotParametersChange,
  SlotNumber,
  Solution,
  SolutionRange,
} from '../../src/protocol/types.ts';
import type { NetworkParams } from '../config.ts';
import { initialSolutionRange } from '../genesis.ts';
import { readValue } from './context.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import { keys } from './keys.ts';

const key = (item: string): Uint8Array => storagePrefix('Subspace', item);
/** Keys of the pallet's items. */
export const items = {
  blockSlots: key('BlockSlots'),
  solutionRanges: key('SolutionRanges'),
  shouldAdjust: key('ShouldAdjustSolutionRange'),
  rangeOverride: key('NextSolutionRangeOverride'),
  eraStartSlot: key('EraStartSlot'),
  segmentCount: key('CounterForSegmentCommitment'),
  didProcessSegmentHeaders: key('DidProcessSegmentHeaders'),
  parentVoteData: key('ParentVoteVerificationData'),
  parentAuthor: key('ParentBlockAuthorInfo'),
  enableRewards: key('EnableRewards'),
  enableRewardsBelow: key('EnableRewardsBelowSolutionRange'),
  currentAuthor: key('CurrentBlockAuthorInfo'),
  parentVoters: key('ParentBlockVoters'),
  currentVoters: key('CurrentBlockVoters'),
  potSlotIterations: key('PotSlotIterations'),
  potEntropy: key('PotEntropy'),
  blockRandomness: key('BlockRandomness'),
  allowAnyone: key('AllowAuthoringByAnyone'),
  rootPlotPublicKey: key('RootPlotPublicKey'),
};

/** What state is read from: a block's storage, or a trie. */
export interface State {
  get(key: Uint8Array): Uint8Array | null;
}

export interface SolutionRanges {
  current: SolutionRange;
  next: SolutionRange | null;
  votingCurrent: SolutionRange;
  votingNext: SolutionRange | null;
}

function readSolutionRanges(reader: ScaleReader): SolutionRanges {
  return {
    current: reader.u64(),
    next: reader.option((some) => some.u64()),
    votingCurrent: reader.u64(),
    votingNext: reader.option((some) => some.u64()),
  };
}

/** Writes `SolutionRanges`. */
export function writeSolutionRanges(writer: ScaleWriter, ranges: SolutionRanges): void {
  writer.u64(ranges.current).option(ranges.next, (some, value) => some.u64(value));
  writer.u64(ranges.votingCurrent).option(ranges.votingNext, (some, value) => some.u64(value));
}

/** Solution ranges; those of the genesis are the runtime's constant, without votes. */
export function solutionRanges(state: State, params: NetworkParams): SolutionRanges {
  const found = readValue(state, items.solutionRanges, readSolutionRanges);
  if (found !== null) return found;
  const initial = initialSolutionRange(params);
  return { current: initial, next: null, votingCurrent: initial, votingNext: null };
}

/** Ranges that the next block's solutions and votes are measured by. */
export function rangesForNextBlock(
  state: State,
  params: NetworkParams,
): { block: SolutionRange; voting: SolutionRange } {
  const ranges = solutionRanges(state, params);
  return { block: ranges.next ?? ranges.current, voting: ranges.votingNext ?? ranges.votingCurrent };
}

/** Whether eras adjust the range. */
export function shouldAdjustSolutionRange(state: State): boolean {
  return readValue(state, items.shouldAdjust, (reader) => reader.bool()) ?? false;
}

/** Segments archived, at least 1: the genesis segment counts before it is recorded. */
export function historySize(state: State): HistorySize {
  const count = readValue(state, items.segmentCount, (reader) => reader.u32()) ?? 0;
  return BigInt(Math.max(count, 1));
}

/** Commitment (48 bytes) of a segment, or null. */
export function segmentCommitment(state: State, index: bigint): Uint8Array | null {
  return state.get(keys.segmentCommitment(index));
}

/** The only key that may author, or null: anyone may. */
export function rootPlotPublicKey(state: State): Uint8Array | null {
  return state.get(items.rootPlotPublicKey);
}

/** Iterations of a slot, and the change that is due. */
export interface PotIterations {
  slotIterations: number;
  update: { targetSlot: SlotNumber | null; slotIterations: number } | null;
}

function readIterations(reader: ScaleReader): PotIterations {
  return {
    slotIterations: reader.u32(),
    update: reader.option((some) => ({
      targetSlot: some.option((inner) => inner.u64()),
      slotIterations: some.u32(),
    })),
  };
}

/** Writes `PotSlotIterations`. */
export function writeIterations(writer: ScaleWriter, value: PotIterations): void {
  writer.u32(value.slotIterations).option(value.update, (some, update) => {
    some.option(update.targetSlot, (inner, slot) => inner.u64(slot)).u32(update.slotIterations);
  });
}

/** Entropy that a block scheduled, and from which slot on it is mixed in. */
export interface Entropy {
  block: number;
  targetSlot: SlotNumber | null;
  entropy: Uint8Array;
}

/** Reads `PotEntropy`. */
export function readEntropy(reader: ScaleReader): Entropy[] {
  return reader.vec(
    (item) => ({
      block: item.u32(),
      targetSlot: item.option((some) => some.u64()),
      entropy: item.raw(32),
    }),
    37,
  );
}

/** Writes `PotEntropy`. */
export function writeEntropy(writer: ScaleWriter, all: Entropy[]): void {
  writer.vec(all, (item, { block, targetSlot, entropy }) =>
    item
      .u32(block)
      .option(targetSlot, (some, slot) => some.u64(slot))
      .raw(entropy, 32),
  );
}

/** Iterations in force. */
export function iterationsIn(state: State): PotIterations {
  const found = readValue(state, items.potSlotIterations, readIterations);
  if (found === null) throw new Error('the genesis state sets the slot iterations');
  return found;
}

/** Block that the entropy injected around `number` comes from, or null near the genesis. */
export function entropySource(number: number, params: NetworkParams): number | null {
  const interval = params.potEntropyInjectionInterval;
  const source = number - (number % interval) - interval * params.potEntropyInjectionLookbackDepth;
  return source < 0 ? null : source;
}

/** The change of parameters that a block announces. */
export function pendingChange(
  number: number,
  iterations: PotIterations,
  entropy: Entropy[],
  params: NetworkParams,
): PotParametersChange | null {
  const source = entropySource(number, params);
  const found = entropy.find(({ block }) => block === source);
  if (found === undefined || found.targetSlot === null) return null;
  const { update } = iterations;
  const scheduled = update !== null && update.targetSlot === found.targetSlot;
  const slotIterations = scheduled ? update.slotIterations : iterations.slotIterations;
  return { slot: found.targetSlot, slotIterations, entropy: found.entropy };
}

export interface PotParameters {
  slotIterations: number;
  nextChange: PotParametersChange | null;
}

/** `SubspaceApi_pot_parameters` on the state after block `number`. */
export function potParameters(state: State, number: number, params: NetworkParams): PotParameters {
  const iterations = iterationsIn(state);
  const entropy = readValue(state, items.potEntropy, readEntropy) ?? [];
  return {
    slotIterations: iterations.slotIterations,
    nextChange: pendingChange(number, iterations, entropy, params),
  };
}

/** What makes a solution the same one again: farmer, sector, offset, chunk, slot. Its SCALE orders the voters. */
export function solutionKey(solution: Solution, slot: SlotNumber): Uint8Array {
  return concat(
    solution.publicKey,
    littleEndian(solution.sectorIndex, 2),
    littleEndian(solution.pieceOffset, 2),
    solution.chunk,
    littleEndian(slot, 8),
  );
}
const SOLUTION_KEY_BYTES = 32 + 2 + 2 + 32 + 8;

interface Voter {
  key: Uint8Array;
  rewardAddress: Uint8Array | null;
  signature: Uint8Array;
}

/** Reads the voters of a block. */
export function readVoters(reader: ScaleReader): Voter[] {
  return reader.vec(
    (item) => ({
      key: item.raw(SOLUTION_KEY_BYTES),
      rewardAddress: item.option((some) => some.raw(32)),
      signature: item.raw(64),
    }),
    SOLUTION_KEY_BYTES + 65,
  );
}

/** Order of a `BTreeMap` with this key: by the fields' values, not by their bytes. */
function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const field = (bytes: Uint8Array, from: number, size: number): bigint =>
    bytes.subarray(from, from + size).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const order = (from: number, size: number): number => {
    const difference = field(a, from, size) - field(b, from, size);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  };
  return (
    compare(a.subarray(0, 32), b.subarray(0, 32)) ||
    order(32, 2) ||
    order(34, 2) ||
    compare(a.subarray(36, 68), b.subarray(36, 68)) ||
    order(68, 8)
  );
}

/** Writes the voters of a block, in the order of the runtime’s map. */
export function writeVoters(writer: ScaleWriter, voters: Voter[]): void {
  const sorted = voters.toSorted((a, b) => compareKeys(a.key, b.key));
  writer.vec(sorted, (item, voter) =>
    item
      .raw(voter.key)
      .option(voter.rewardAddress, (some, address) => some.raw(address, 32))
      .raw(voter.signature, 64),
  );
}

interface Author {
  key: Uint8Array;
  rewardAddress: Uint8Array | null;
}

/** Reads `CurrentBlockAuthorInfo`. */
export function readAuthor(reader: ScaleReader): Author {
  return { key: reader.raw(SOLUTION_KEY_BYTES), rewardAddress: reader.option((some) => some.raw(32)) };
}

/** Writes `CurrentBlockAuthorInfo`. */
export function writeAuthor(writer: ScaleWriter, author: Author): void {
  writer.raw(author.key).option(author.rewardAddress, (some, address) => some.raw(address, 32));
}

/** Reads `BlockSlots`. */
export function readSlots(reader: ScaleReader): { block: number; slot: SlotNumber }[] {
  return reader.vec((item) => ({ block: item.u32(), slot: item.u64() }), 12);
}

/** Slot of the newest block, 0 at genesis. */
export function currentSlot(state: State): SlotNumber {
  return readValue(state, items.blockSlots, readSlots)?.at(-1)?.slot ?? 0n;
}

interface VoteData {
  range: SolutionRange;
  votingRange: SolutionRange;
  currentSlot: SlotNumber;
  parentSlot: SlotNumber;
}

/** Reads `ParentVoteVerificationData`. */
export function readVoteData(reader: ScaleReader): VoteData {
  return {
    range: reader.u64(),
    votingRange: reader.u64(),
    currentSlot: reader.u64(),
    parentSlot: reader.u64(),
  };
}

/** `initialised`: whether the block's own slot and ranges are already in place. */
export function voteData(state: State, params: NetworkParams, initialised: boolean): VoteData {
  const ranges = solutionRanges(state, params);
  const slot = currentSlot(state);
  const parent = readValue(state, items.parentVoteData, readVoteData);
  return {
    range: initialised ? ranges.current : (ranges.next ?? ranges.current),
    votingRange: initialised ? ranges.votingCurrent : (ranges.votingNext ?? ranges.votingCurrent),
    currentSlot: slot,
    parentSlot: parent === null ? slot : initialised ? parent.currentSlot : parent.parentSlot,
  };
}
