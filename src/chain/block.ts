/** A block as the rules see it, and what a chain hands from a block to its children. */
import { toHex } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { encodeHeader } from '../protocol/header.ts';
import type {
  BlockNumber,
  ForkWeight,
  Header,
  Justification,
  PotParametersChange,
  SlotNumber,
  SolutionRange,
  SubspaceDigests,
} from '../protocol/types.ts';

/** A header with its items and its proof of time decoded. */
export interface Block {
  header: Header;
  /** 32 bytes. */
  hash: Uint8Array;
  digests: SubspaceDigests;
  justification: Justification;
}

/** A block put together from its decoded parts. */
export function blockOf(header: Header, digests: SubspaceDigests, justification: Justification): Block {
  return { header, hash: blake2b256(encodeHeader(header)), digests, justification };
}

/** Entropy that a block at an injection interval contributed. */
export interface BlockEntropy {
  number: BlockNumber;
  /** 32 bytes. */
  entropy: Uint8Array;
}

/**
 * What the rules need to know of a block to check its children. Nothing in it is shared between branches, so
 * that forks cannot disturb one another; equal parts are the same objects.
 */
export interface BlockContext {
  /** 32 bytes. */
  hash: Uint8Array;
  number: BlockNumber;
  slot: SlotNumber;
  /** 32 bytes. */
  stateRoot: Uint8Array;
  /** Sum of the weights from the first block of the chain, or from the checkpoint, to this block. */
  weight: ForkWeight;
  /** Range that a child's `SolutionRange` must name. */
  childSolutionRange: SolutionRange;
  /** Iterations that a child's `PotSlotIterations` must name. */
  childSlotIterations: number;
  /** The `PotParametersChange` of this block. */
  change: PotParametersChange | null;
  /** Last slot whose output is known: this block's slot plus the authoring delay; 0 at genesis. */
  provenSlot: SlotNumber;
  /** 16 bytes: that slot's output; at genesis the seed of slot 1. */
  provenOutput: Uint8Array;
  /** Outputs of the slots after this block's up to `provenSlot`, 16 bytes each. */
  outputs: readonly Uint8Array[];
  /** Entropy of the blocks at the last injection intervals, oldest first. */
  entropies: readonly BlockEntropy[];
  /** 32 bytes: the only author allowed, or null. */
  rootPlotKey: Uint8Array | null;
  /** Whether the first block's author becomes the only one allowed: at genesis of a restricted network. */
  expectsRootPlotKey: boolean;
  /** Whether eras adjust the solution range. */
  adjusting: boolean;
  /** Range that replaces the next era's adjustment. */
  rangeOverride: SolutionRange | null;
  eraStartSlot: SlotNumber;
  /** Segment commitments (48 bytes) of the archived history in order, as this branch has them. */
  commitments: readonly Uint8Array[];
  /** 48 bytes: commitment of segment 0 where it is known before the chain announces it. */
  firstCommitment: Uint8Array | null;
}

/** Segments archived as of a block: at least one, since the genesis block fills the first. */
export function historySizeOf(context: BlockContext): bigint {
  return BigInt(Math.max(1, context.commitments.length));
}

/** Key of a block in maps: its hash in hex. */
export function blockId(hash: Uint8Array): string {
  return toHex(hash);
}
