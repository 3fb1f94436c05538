/**
 * Types of the Subspace protocol shared by every layer. Unsigned 64- and 128-bit integers are `bigint`,
 * smaller ones `number`; byte strings are `Uint8Array` of the length the comment gives.
 */

/** Slots since genesis; 64 bits. */
export type SlotNumber = bigint;
/** How far a solution may lie from its challenge, both ways together; 64 bits. */
export type SolutionRange = bigint;
/** Pieces of history before this one; 64 bits. */
export type PieceIndex = bigint;
/** Segments of history before this one; 64 bits. */
export type SegmentIndex = bigint;
/** Number of archived segments, at least 1. */
export type HistorySize = bigint;
/** Blocks since genesis; 32 bits. */
export type BlockNumber = number;
/** Sectors of the farmer’s key before this one; 16 bits. */
export type SectorIndex = number;
/** Pieces of the sector before this one; 16 bits. */
export type PieceOffset = number;
/** One of a sector’s 65536 s-buckets. */
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

/** An item of a header’s digest. `engine`: 4 bytes. */
export type DigestItem =
  | { kind: 'other'; data: Uint8Array }
  | { kind: 'consensus'; engine: Uint8Array; data: Uint8Array }
  | { kind: 'seal'; engine: Uint8Array; data: Uint8Array }
  | { kind: 'preRuntime'; engine: Uint8Array; data: Uint8Array }
  | { kind: 'runtimeEnvironmentUpdated' };

/** A block’s header. */
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

/** A digest’s word for a segment. */
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

/** The block that a segment ends in. */
export interface LastArchivedBlock {
  number: BlockNumber;
  /** Bytes of the block archived so far, or null when it is complete. */
  partialArchived: number | null;
}

/** A segment’s header (`SegmentHeader::V0`). */
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

/**
 * A solution that did not make a block, for which its farmer is rewarded. Hashes: 32 bytes; proofs of time: 16 bytes.
 */
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

/** What a node tells farmers of its network and itself. */
export interface FarmerAppInfo {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  dsnBootstrapNodes: string[];
  syncing: boolean;
  farmingTimeoutMs: number;
  protocolInfo: FarmerProtocolInfo;
}

/** A slot as farmers are told of it. */
export interface SlotInfo {
  slotNumber: SlotNumber;
  /** 32 bytes. */
  globalChallenge: Uint8Array;
  solutionRange: SolutionRange;
  votingSolutionRange: SolutionRange;
}

/** What a farmer is asked to sign: a block, or a vote. */
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
