/**
 * Types of the Subspace protocol shared by every layer. Unsigned 64- and 128-bit integers are `bigint`,
 * smaller ones `number`; byte strings are `Uint8Array` of the length the comment gives.
 */

export type SlotNumber = bigint;
export type SolutionRange = bigint;
export type PieceIndex = bigint;
export type SegmentIndex = bigint;
/** Number of archived segments, at least 1. */
export type HistorySize = bigint;
export type BlockNumber = number;
export type SectorIndex = number;
export type PieceOffset = number;
export type SBucket = number;
/** Sum of block weights, 128 bits. */
export type ForkWeight = bigint;

/** A proof that the farmer stores a chunk that wins a slot (412 bytes of SCALE). */
export interface Solution {
  /** 32 bytes, sr25519. */
  publicKey: Uint8Array;
  /** 32 bytes, account id. */
  rewardAddress: Uint8Array;
  sectorIndex: SectorIndex;
  historySize: HistorySize;
  pieceOffset: PieceOffset;
  /** 48 bytes, compressed G1. */
  recordCommitment: Uint8Array;
  /** 48 bytes, compressed G1. */
  recordWitness: Uint8Array;
  /** 32 bytes, big-endian scalar. */
  chunk: Uint8Array;
  /** 48 bytes, compressed G1. */
  chunkWitness: Uint8Array;
  /** 160 bytes. */
  proofOfSpace: Uint8Array;
}

/** Announced change of the proof-of-time parameters, effective from `slot` on. */
export interface PotParametersChange {
  slot: SlotNumber;
  slotIterations: number;
  /** 32 bytes. */
  entropy: Uint8Array;
}

/** Pre-digest of a block: the slot it claims and why. */
export interface PreDigest {
  slot: SlotNumber;
  solution: Solution;
  /** 16 bytes: proof of time of the block's own slot. */
  proofOfTime: Uint8Array;
  /** 16 bytes: proof of time of slot + block authoring delay. */
  futureProofOfTime: Uint8Array;
}

export type DigestItem =
  | { kind: 'other'; data: Uint8Array }
  | { kind: 'consensus'; engine: Uint8Array; data: Uint8Array }
  | { kind: 'seal'; engine: Uint8Array; data: Uint8Array }
  | { kind: 'preRuntime'; engine: Uint8Array; data: Uint8Array }
  | { kind: 'runtimeEnvironmentUpdated' };

export interface Header {
  /** 32 bytes. */
  parentHash: Uint8Array;
  number: BlockNumber;
  /** 32 bytes. */
  stateRoot: Uint8Array;
  /** 32 bytes. */
  extrinsicsRoot: Uint8Array;
  digest: DigestItem[];
}

export interface SegmentCommitmentItem {
  segmentIndex: SegmentIndex;
  /** 48 bytes. */
  commitment: Uint8Array;
}

/** The Subspace items of a header's digest, decoded; every kind at most once (commitments once per index). */
export interface SubspaceDigests {
  preDigest: PreDigest;
  /** 64 bytes, or null while the header is not sealed. */
  seal: Uint8Array | null;
  potSlotIterations: number;
  solutionRange: SolutionRange;
  potParametersChange: PotParametersChange | null;
  nextSolutionRange: SolutionRange | null;
  segmentCommitments: SegmentCommitmentItem[];
  /** Absent: null. Present without an override: `{ override: null }`. */
  enableSolutionRangeAdjustment: { override: SolutionRange | null } | null;
  /** Absent: null. Present: the key set (32 bytes), or `{ key: null }` when it is removed. */
  rootPlotPublicKeyUpdate: { key: Uint8Array | null } | null;
}

/** Proof-of-time checkpoints that travel beside a header. */
export interface Justification {
  /** 16 bytes: seed of the first slot covered. */
  seed: Uint8Array;
  /** One entry per slot, 128 bytes each: 8 checkpoints of 16 bytes; the last is the slot's output. */
  checkpoints: Uint8Array[];
}

export interface LastArchivedBlock {
  number: BlockNumber;
  /** Bytes of the block archived so far, or null when it is complete. */
  partialArchived: number | null;
}

export interface SegmentHeader {
  segmentIndex: SegmentIndex;
  /** 48 bytes. */
  segmentCommitment: Uint8Array;
  /** 32 bytes. */
  prevSegmentHeaderHash: Uint8Array;
  lastArchivedBlock: LastArchivedBlock;
}

/** Where an object starts inside an encoded block. */
export interface BlockObject {
  /** 32 bytes: BLAKE3 of the object's bytes. */
  hash: Uint8Array;
  offset: number;
}

/** Where an object starts in the archived history. */
export interface GlobalObject {
  /** 32 bytes: BLAKE3 of the object's bytes. */
  hash: Uint8Array;
  pieceIndex: PieceIndex;
  offset: number;
}

export interface Vote {
  height: BlockNumber;
  parentHash: Uint8Array;
  slot: SlotNumber;
  solution: Solution;
  proofOfTime: Uint8Array;
  futureProofOfTime: Uint8Array;
}

/** What a farmer must know of the network's rules. */
export interface FarmerProtocolInfo {
  historySize: HistorySize;
  maxPiecesInSector: number;
  /** Segments that count as recent. */
  recentSegments: HistorySize;
  /** Share of pieces that come from recent history, as [numerator, denominator]. */
  recentHistoryFraction: [bigint, bigint];
  /** Segments. */
  minSectorLifetime: HistorySize;
}

export interface FarmerAppInfo {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  dsnBootstrapNodes: string[];
  syncing: boolean;
  farmingTimeoutMs: number;
  protocolInfo: FarmerProtocolInfo;
}

export interface SlotInfo {
  slotNumber: SlotNumber;
  /** 32 bytes. */
  globalChallenge: Uint8Array;
  solutionRange: SolutionRange;
  votingSolutionRange: SolutionRange;
}

export interface RewardSigningInfo {
  /** 32 bytes: the hash to sign. */
  hash: Uint8Array;
  /** 32 bytes: whose solution it is. */
  publicKey: Uint8Array;
}

/** Constants of a network that the header rules need; from a preset, checked against the runtime. */
export interface ChainConstants {
  /** Blocks below the best that are final. */
  confirmationDepthK: number;
  /** Slots between a block's slot and its future proof of time. */
  blockAuthoringDelay: number;
  eraDurationInBlocks: number;
  slotProbability: [bigint, bigint];
  /** Milliseconds. */
  slotDurationMs: number;
  potEntropyInjectionInterval: number;
  potEntropyInjectionLookbackDepth: number;
  potEntropyInjectionDelay: bigint;
  recentSegments: HistorySize;
  recentHistoryFraction: [bigint, bigint];
  minSectorLifetime: HistorySize;
  maxPiecesInSector: number;
  expectedVotesPerBlock: number;
}
