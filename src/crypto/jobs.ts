import type { Solution } from '../protocol/types.ts';
import type { KnownValues, RuntimeAnswer } from './runtime-code.ts';
import type { RecordMasks } from './table-maker.ts';

/**
 * The jobs that the compute pool runs, one entry per job: what goes in, what comes out. Inputs and outputs
 * are structured-cloneable; large buffers are transferred. Every job is stateless: a worker may die and the
 * job be given to another one. `srs` jobs need the reference string, which a worker loads on first use.
 */
export interface ComputeJobs {
  /**
   * Verifies the eight checkpoints of one slot, or `only` some. `firstWrong` is a checkpoint index 0..7, null when
   * all hold; `walker` says what walked.
   */
  'pot.verify': {
    input: { seed: Uint8Array; iterations: number; checkpoints: Uint8Array; only?: number[] };
    output: { firstWrong: number | null; walker: string };
  };
  /** What verifies so many checkpoints (1..8) of one slot fastest here: one after the other, or side by side. */
  'pot.walker': { input: { checkpoints: number }; output: { walker: 'webcrypto' | 'wasm' } };
  /** Runs a runtime, compressed or not, for its metadata. It may not end: give it a limit. */
  'runtime.describe': { input: { code: Uint8Array; known: KnownValues }; output: RuntimeAnswer };
  /** Walks one slot of proof of time: 8 checkpoints, 128 bytes. */
  'pot.prove': { input: { seed: Uint8Array; iterations: number }; output: { checkpoints: Uint8Array } };
  /** Verifies KZG openings by random linear combination; `bad` lists the indices that fail. */
  'kzg.verify': {
    input: { openings: KzgOpening[] };
    output: { bad: number[] };
  };
  /** Checks whole pieces against their segments' commitments in one batch; `bad` lists indices into `pieces`. */
  'piece.verify': {
    input: { pieces: Uint8Array[]; segmentCommitments: Uint8Array[]; positions: number[] };
    output: { bad: number[] };
  };
  /** Commitment of one record (32768 scalars of 32 bytes): 48 bytes. */
  'record.commit': { input: { record: Uint8Array }; output: { commitment: Uint8Array } };
  /**
   * Encodes one record for a sector: proof-of-space table of `evaluationSeed`, extension, masking. `masks`: what
   * another made of that table, checked by its samples.
   */
  'record.encode': {
    input: { evaluationSeed: Uint8Array; piece: Uint8Array; masks?: RecordMasks };
    output: EncodedRecord;
  };
  /**
   * Proves a winning chunk. `chunks` are the record's 32768 chunks as stored, in s-bucket order, `bitfield`
   * its 8192-byte contents map entry.
   */
  'solution.prove': {
    input: { evaluationSeed: Uint8Array; sBucket: number; bitfield: Uint8Array; chunks: Uint8Array };
    output: { chunk: Uint8Array; chunkWitness: Uint8Array; proofOfSpace: Uint8Array };
  };
  /**
   * Finds the chunks of audited s-buckets that lie within a solution range. `chunk` counts within the s-bucket;
   * winners come in the order of their distance.
   */
  'sector.audit': {
    input: {
      globalChallenge: Uint8Array;
      solutionRange: bigint;
      sBuckets: { sectorId: Uint8Array; chunks: Uint8Array }[];
    };
    output: { winners: AuditWinner[] };
  };
  /** Verifies a solution as far as its farmer can: proof of space, distance, chunk. Fails with the rule broken. */
  'solution.check': {
    input: { solution: Solution; globalChallenge: Uint8Array; solutionRange: bigint };
    output: { distance: bigint };
  };
  /** Recovers the piece behind an encoded record; its hash is compared by the caller. */
  'record.decode': {
    input: { evaluationSeed: Uint8Array; bitfield: Uint8Array; chunks: Uint8Array };
    output: { record: Uint8Array };
  };
  /**
   * First part of proving and decoding: the record's chunks without their masks, spread over the 65536
   * positions of the extended record, and the proof of space of `sBucket`.
   */
  'record.unmask': {
    input: { evaluationSeed: Uint8Array; sBucket: number; bitfield: Uint8Array; chunks: Uint8Array };
    output: { shards: Uint8Array; present: Uint8Array; proofOfSpace: Uint8Array };
  };
  /** What recovery needs of a record's bitfield alone, so that it is made beside the table; 4 MiB. */
  'record.locate': { input: { bitfield: Uint8Array }; output: { locator: Uint8Array } };
  /** The chunk at `sBucket` and the coefficients of the polynomial that its witness commits to. */
  'record.quotient': {
    input: { shards: Uint8Array; present: Uint8Array; locator: Uint8Array; sBucket: number };
    output: { chunk: Uint8Array; quotient: Uint8Array };
  };
  /** Part of a commitment: these coefficients with the powers from `from` on; 48 bytes. */
  'kzg.commitPart': { input: { coefficients: Uint8Array; from: number }; output: { point: Uint8Array } };
  /** Sum of points of 48 bytes each. */
  'kzg.sum': { input: { points: Uint8Array }; output: { point: Uint8Array } };
  /** Recovers the piece at `wanted` of a segment from 128 others, at distinct `positions`. */
  'piece.reconstruct': {
    input: { pieces: Uint8Array[]; positions: number[]; wanted: number };
    output: { piece: Uint8Array };
  };
  /**
   * Recovers a slice of all 128 source records of a segment from the same slice of 128 of its records, at
   * `positions`, ascending. A slice is a number of whole chunks.
   */
  'segment.recover': {
    input: { positions: number[]; slices: Uint8Array[] };
    output: { sources: Uint8Array[] };
  };
}

/** A chunk within the range of an audit. */
export interface AuditWinner {
  /** Index into the audited s-buckets. */
  sBucket: number;
  chunk: number;
  distance: bigint;
}

/** An opening of a commitment that is to be verified. */
export interface KzgOpening {
  /** 48 bytes. */
  commitment: Uint8Array;
  /** Size of the evaluation domain, a power of two. */
  domain: number;
  index: number;
  /** 32 bytes, big-endian scalar. */
  value: Uint8Array;
  /** 48 bytes. */
  witness: Uint8Array;
}

/** A record as it is stored in a sector. */
export interface EncodedRecord {
  /** 8192 bytes; bit b says that s-bucket b holds an encoded chunk. */
  bitfield: Uint8Array;
  /** 32768 chunks of 32 bytes in s-bucket order. */
  chunks: Uint8Array;
  /** 128 bytes: commitment, witness, BLAKE3 of the piece. */
  metadata: Uint8Array;
  /** Set where another program encoded it, whose word nobody checked. */
  unchecked?: true;
}

/** Name of a job. */
export type JobName = keyof ComputeJobs;
/** What goes into a job. */
export type JobInput<J extends JobName> = ComputeJobs[J]['input'];
/** What comes out of a job. */
export type JobOutput<J extends JobName> = ComputeJobs[J]['output'];

/**
 * Jobs whose `pieces` do not go in with the rest: the worker asks for one after the other. A hundred of them are not
 * copied at once, which would hold up the caller's thread and take their memory twice.
 */
export const JOBS_ON_PIECES = ['piece.verify', 'piece.reconstruct'] as const satisfies readonly JobName[];
export type JobOnPieces = (typeof JOBS_ON_PIECES)[number];

/** Lower runs first. */
export const JobPriority = {
  prove: 0,
  audit: 1,
  verifyHead: 2,
  plot: 3,
  catchUp: 4,
  scrub: 5,
} as const;
export type JobPriority = (typeof JobPriority)[keyof typeof JobPriority];

/** How a job is run. */
export interface JobOptions {
  priority: JobPriority;
  signal?: AbortSignal;
  /** Buffers handed over instead of copied; the caller's views become empty. */
  transfer?: ArrayBuffer[];
  /** Milliseconds that it may run once a worker has it: then the worker is replaced. Left out: without end. */
  limitMs?: number;
  /** By the pool's own workers, whatever helps them otherwise. */
  own?: boolean;
}

/** How busy a pool is. */
export interface PoolStatus {
  workers: number;
  busy: number;
  queued: number;
  /** Records worth encoding at once; left out: as many as there are workers. */
  encodings?: number;
  /** Whether a native helper encodes in place of the workers. */
  helper?: boolean;
}

/**
 * Runs jobs on the person's cores: highest priority first, cancellable, a crashed worker's job retried once. Rejects
 * with what the job throws, its signal's reason, or ComputeError.
 */
export interface ComputePool {
  run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>>;
  /** Changes how many workers run; running jobs finish. */
  resize(workers: number): void;
  status(): PoolStatus;
  close(): Promise<void>;
}
