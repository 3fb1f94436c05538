/** What the state says about consensus: ranges, history, proof of time, eras, the Merkle mountain range. */
import * as v from 'valibot';
import type { RuntimeMetadata } from '../../protocol/metadata.ts';
import type { HistorySize, SegmentIndex, SlotNumber, SolutionRange } from '../../protocol/types.ts';
import { all, combine, itemQuery, type Query } from './reader.ts';
import { big, flag, octets, optional, shaped, small } from './shape.ts';

/** `Subspace.SolutionRanges`. */
export interface SolutionRanges {
  current: SolutionRange;
  next: SolutionRange | null;
  votingCurrent: SolutionRange;
  votingNext: SolutionRange | null;
}

/** `Subspace.PotSlotIterations`. */
export interface PotIterations {
  slotIterations: number;
  /** An increase that is to come, and from which slot on, once that is known. */
  update: { targetSlot: SlotNumber | null; slotIterations: number } | null;
}

/** Entropy that a block contributed: `Subspace.PotEntropy`. */
export interface StoredEntropy {
  number: number;
  /** Slot at which it is injected, once that is known. */
  targetSlot: SlotNumber | null;
  /** 32 bytes. */
  entropy: Uint8Array;
}

/** The Merkle mountain range of all blocks, whose leaves are the blocks before this one. */
export interface MmrState {
  /** 32 bytes. */
  root: Uint8Array;
  leaves: bigint;
}

/** Reads one item of a shape. */
function read<Schema extends v.GenericSchema, T>(
  metadata: RuntimeMetadata,
  [pallet, item, ...keys]: [pallet: string, item: string, ...keys: unknown[]],
  schema: Schema,
  as: (value: v.InferOutput<Schema>) => T,
): Query<T> {
  const entry = metadata.storage(pallet, item);
  return itemQuery(entry, keys, (value) => as(shaped(schema, value, `${pallet}.${item}`)));
}

const same = <T>(value: T): T => value;

const ranges = v.object({
  current: big,
  next: optional(big),
  voting_current: big,
  voting_next: optional(big),
});

/** `Subspace.SolutionRanges`: those in force and the next ones, of blocks and of votes. */
export function solutionRangesQuery(metadata: RuntimeMetadata): Query<SolutionRanges> {
  return read(metadata, ['Subspace', 'SolutionRanges'], ranges, (seen) => ({
    current: seen.current,
    next: seen.next,
    votingCurrent: seen.voting_current,
    votingNext: seen.voting_next,
  }));
}

/** Segments archived as of the block, at least one. */
export function historySizeQuery(metadata: RuntimeMetadata): Query<HistorySize> {
  const path: [string, string] = ['Subspace', 'CounterForSegmentCommitment'];
  return read(metadata, path, small, (count) => BigInt(Math.max(1, count)));
}

/** Commitment of a segment, 48 bytes; null if it is not archived. */
function segmentCommitmentQuery(metadata: RuntimeMetadata, index: SegmentIndex): Query<Uint8Array | null> {
  return read(metadata, ['Subspace', 'SegmentCommitment', index], optional(octets(48)), same);
}

/** Commitments of `count` segments from `first` on. */
export function segmentCommitmentsQuery(
  metadata: RuntimeMetadata,
  first: SegmentIndex,
  count: number,
): Query<(Uint8Array | null)[]> {
  const indices = Array.from({ length: count }, (_, index) => first + BigInt(index));
  return all(indices.map((index) => segmentCommitmentQuery(metadata, index)));
}

const update = v.object({ target_slot: optional(big), slot_iterations: small });
const iterations = v.object({ slot_iterations: small, update: optional(update) });

/** Null before the proof of time has started. */
export function potIterationsQuery(metadata: RuntimeMetadata): Query<PotIterations | null> {
  return read(metadata, ['Subspace', 'PotSlotIterations'], optional(iterations), (seen) =>
    seen === null
      ? null
      : {
          slotIterations: seen.slot_iterations,
          update: seen.update && {
            targetSlot: seen.update.target_slot,
            slotIterations: seen.update.slot_iterations,
          },
        },
  );
}

const entropies = v.array(v.tuple([small, v.object({ target_slot: optional(big), entropy: octets(32) })]));

/** Entropy that waits to be injected, by the blocks that gave it, in their order. */
export function potEntropyQuery(metadata: RuntimeMetadata): Query<StoredEntropy[]> {
  return read(metadata, ['Subspace', 'PotEntropy'], entropies, (seen) =>
    seen.map(([number, { target_slot: targetSlot, entropy }]) => ({ number, targetSlot, entropy })),
  );
}

/** Slots of the last blocks, by their numbers. */
export function blockSlotsQuery(metadata: RuntimeMetadata): Query<{ number: number; slot: SlotNumber }[]> {
  return read(metadata, ['Subspace', 'BlockSlots'], v.array(v.tuple([small, big])), (seen) =>
    seen.map(([number, slot]) => ({ number, slot })),
  );
}

/** Slot of the block that began the era; 0 in the first one. */
export function eraStartSlotQuery(metadata: RuntimeMetadata): Query<SlotNumber> {
  return read(metadata, ['Subspace', 'EraStartSlot'], optional(big), (slot) => slot ?? 0n);
}

/** Whether eras adjust the solution range. */
export function adjustingQuery(metadata: RuntimeMetadata): Query<boolean> {
  return read(metadata, ['Subspace', 'ShouldAdjustSolutionRange'], flag, same);
}

const override = v.object({ solution_range: big, voting_solution_range: big });

/** Range that replaces the next era's adjustment. */
export function rangeOverrideQuery(metadata: RuntimeMetadata): Query<SolutionRange | null> {
  const path: [string, string] = ['Subspace', 'NextSolutionRangeOverride'];
  return read(metadata, path, optional(override), (seen) => seen && seen.solution_range);
}

/** The only author allowed (32 bytes), or null. */
export function rootPlotKeyQuery(metadata: RuntimeMetadata): Query<Uint8Array | null> {
  return read(metadata, ['Subspace', 'RootPlotPublicKey'], optional(octets(32)), same);
}

/** Whether anybody may make blocks. */
export function openAuthoringQuery(metadata: RuntimeMetadata): Query<boolean> {
  return read(metadata, ['Subspace', 'AllowAuthoringByAnyone'], flag, same);
}

/** Root over the leaves of all blocks before this one, and their number. */
export function mmrQuery(metadata: RuntimeMetadata): Query<MmrState> {
  return combine({
    root: read(metadata, ['Mmr', 'RootHash'], octets(32), same),
    leaves: read(metadata, ['Mmr', 'NumberOfLeaves'], big, same),
  });
}

/** Root of the Merkle mountain range as of a recent block; null if it is not kept any more. 32 bytes. */
export function mmrRootAtQuery(metadata: RuntimeMetadata, number: number): Query<Uint8Array | null> {
  return read(metadata, ['SubspaceMmr', 'MmrRootHashes', number], optional(octets(32)), same);
}

/** Version of the runtime that the block ran, as the state has it. */
export function runtimeVersionQuery(
  metadata: RuntimeMetadata,
): Query<{ specName: string; specVersion: number } | null> {
  const schema = optional(v.object({ spec_version: small, spec_name: v.string() }));
  return read(metadata, ['System', 'LastRuntimeUpgrade'], schema, (seen) =>
    seen === null ? null : { specName: seen.spec_name, specVersion: seen.spec_version },
  );
}

/** Confirmation depth K, which the network may change without another runtime; null where the runtime fixes it. */
export function confirmationDepthQuery(metadata: RuntimeMetadata): Query<number> | null {
  if (!metadata.hasStorage('RuntimeConfigs', 'ConfirmationDepthK')) return null;
  return read(metadata, ['RuntimeConfigs', 'ConfirmationDepthK'], small, same);
}

/** Milliseconds since the epoch, as the block's author set them. */
export function timestampQuery(metadata: RuntimeMetadata): Query<bigint> {
  return read(metadata, ['Timestamp', 'Now'], big, same);
}
