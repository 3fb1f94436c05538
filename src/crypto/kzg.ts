/**
 * Polynomial commitments and erasure coding. Scalars are 32 bytes big-endian, points 48 bytes compressed; lists
 * of them lie one after the other. Everything needs `loadWasm`; what commits needs `loadSrs`. Bytes that do not
 * decode and lengths that do not fit are refused with ProtocolError.
 */
import { concat } from '../protocol/bytes.ts';
import {
  CHUNK_BYTES,
  PIECES_IN_SEGMENT,
  POINT_BYTES,
  SOURCE_PIECES_IN_SEGMENT,
} from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { bisect } from './bisect.ts';
import type { KzgOpening } from './jobs.ts';
import { randomSeed } from './random.ts';
import { guarded, wasm } from './wasm.ts';

const RULE = 'kzg';
const ERASURE = 'erasure-coding';

/** Whether 48 bytes are a point that the network accepts: on the curve, x not 0; the subgroup is not checked. */
export function isPoint(bytes: Uint8Array): boolean {
  return guarded(RULE, () => wasm.g1_is_decodable(bytes));
}

/** Coefficients, ascending, of the polynomial with these values over the domain of their number (2^k). */
export function interpolate(values: Uint8Array): Uint8Array {
  return guarded(RULE, () => wasm.poly_interpolate(values));
}

/** Value of a polynomial at a point of a domain: 32 bytes. */
export function evaluate(coefficients: Uint8Array, domain: number, index: number): Uint8Array {
  return guarded(RULE, () => wasm.poly_evaluate_at(coefficients, domain, index));
}

/**
 * Part of a commitment: the sum of these coefficients with the powers of the reference string from `from` on.
 * 48 bytes; the parts of a polynomial are added by `sumPoints`.
 */
export function commitPart(coefficients: Uint8Array, from: number): Uint8Array {
  return guarded(RULE, () => wasm.msm_partial(coefficients, from));
}

/** Commitment to a polynomial of at most 32768 coefficients: 48 bytes. */
export function commit(coefficients: Uint8Array): Uint8Array {
  return guarded(RULE, () => wasm.kzg_commit(coefficients));
}

/** Witness that opens a polynomial at a point of a domain: 48 bytes. */
export function createWitness(coefficients: Uint8Array, domain: number, index: number): Uint8Array {
  return guarded(RULE, () => wasm.kzg_create_witness(coefficients, domain, index));
}

/** An opening whose points do not decode. */
const UNDECODABLE: KzgOpening = {
  commitment: new Uint8Array(POINT_BYTES),
  domain: 1,
  index: 0,
  value: new Uint8Array(CHUNK_BYTES),
  witness: new Uint8Array(POINT_BYTES),
};

function hasRightLengths({ commitment, value, witness }: KzgOpening): boolean {
  return commitment.length === POINT_BYTES && value.length === CHUNK_BYTES && witness.length === POINT_BYTES;
}

/** Whether an opening holds. Points and scalars that do not decode do not hold. */
export function verifyOpening(opening: KzgOpening): boolean {
  return verifyOpenings([opening]).length === 0;
}

/**
 * Verifies many openings by random linear combination, at the price of one pairing product while all hold; a
 * false one passes with a probability below 2^-126. Returns the indices of those that fail, ascending.
 */
export function verifyOpenings(claims: readonly KzgOpening[]): number[] {
  const openings = claims.map((claim) => (hasRightLengths(claim) ? claim : UNDECODABLE));
  const decoded = guarded(
    RULE,
    () =>
      new wasm.Openings(
        concat(...openings.map(({ commitment }) => commitment)),
        Uint32Array.from(openings, ({ domain }) => domain),
        Uint32Array.from(openings, ({ index }) => index),
        concat(...openings.map(({ value }) => value)),
        concat(...openings.map(({ witness }) => witness)),
      ),
  );
  try {
    return bisect(
      openings.map((_, index) => index),
      (index) => decoded.decodes(index),
      (some) => guarded(RULE, () => decoded.hold(Uint32Array.from(some), randomSeed())),
    );
  } finally {
    decoded.free();
  }
}

/** Sum of points: 48 bytes. Of a single point it is the point itself, in its canonical encoding. */
export function sumPoints(points: Uint8Array): Uint8Array {
  return guarded(RULE, () => wasm.g1_sum(points));
}

/**
 * Parity values of n source values: 32·n bytes. Throws ProtocolError for a number of them that cannot be extended.
 *
 * @param scale Twice n, a power of two, is at most 2^scale; the protocol's own is 16.
 */
export function extend(source: Uint8Array, scale = 16): Uint8Array {
  const values = source.length / CHUNK_BYTES;
  // What is no power of two is refused for that first, as the reference's libraries do.
  const isPowerOfTwo = (values & (values - 1)) === 0;
  if (isPowerOfTwo && 2 * values > 2 ** scale) {
    throw new ProtocolError({
      code: 'bad-length',
      rule: ERASURE,
      message: `${values} values where at most ${2 ** scale / 2} can be extended`,
      values: { values, scale },
    });
  }
  return guarded(ERASURE, () => wasm.erasure_extend(source));
}

/**
 * All 2n shards, source at even and parity at odd positions, from at least n.
 *
 * @param shards 2n scalars; those missing may hold anything.
 * @param present 2n bytes, zero where a shard is missing.
 */
export function recover(shards: Uint8Array, present: Uint8Array): Uint8Array {
  return guarded(ERASURE, () => wasm.erasure_recover(shards, present));
}

/** Coefficients of the polynomial behind the shards, trailing zeros left out (at least one is left). */
export function recoverPolynomial(shards: Uint8Array, present: Uint8Array): Uint8Array {
  return guarded(ERASURE, () => wasm.erasure_recover_poly(shards, present));
}

/**
 * What a recovery needs to know of which shards are there, whatever they hold, so that it can be made ahead of
 * them: bytes for `recoverSource` and `recoverQuotient` of the same build.
 *
 * @param present 2n bytes, zero where a shard is missing; at least n are there.
 */
export function locate(present: Uint8Array): Uint8Array {
  return guarded(ERASURE, () => wasm.erasure_locate(present));
}

/** The n source values behind 2n shards, with the locator of those that are there. */
export function recoverSource(shards: Uint8Array, present: Uint8Array, locator: Uint8Array): Uint8Array {
  return guarded(ERASURE, () => wasm.erasure_recover_source(shards, present, locator));
}

/**
 * The value at one of the 2n positions (32 bytes), and the coefficients of the polynomial whose commitment is
 * the witness of that value.
 */
export function recoverQuotient(
  shards: Uint8Array,
  present: Uint8Array,
  locator: Uint8Array,
  position: number,
): { value: Uint8Array; quotient: Uint8Array } {
  const bytes = guarded(ERASURE, () => wasm.erasure_recover_quotient(shards, present, locator, position));
  return { value: bytes.slice(0, CHUNK_BYTES), quotient: bytes.slice(CHUNK_BYTES) };
}

/** The 2n commitments of n records and of their n parity records, interleaved. */
export function extendCommitments(commitments: Uint8Array): Uint8Array {
  return guarded(ERASURE, () => wasm.extend_commitments(commitments));
}

/** Commitment of a record (32768 scalars): 48 bytes. */
export function commitRecord(record: Uint8Array): Uint8Array {
  return guarded('record-commitment', () => wasm.record_commitment(record));
}

/** What archiving adds to the records of a segment. */
export interface SegmentCommitments {
  /** 256 × 48 bytes, in the order of positions. */
  recordCommitments: Uint8Array;
  /** 48 bytes. */
  segmentCommitment: Uint8Array;
  /** 256 × 48 bytes, in the order of positions. */
  recordWitnesses: Uint8Array;
}

/** Commitments and witnesses of a segment from the commitments of its 128 source records (128 × 48 bytes). */
export function commitSegment(sourceCommitments: Uint8Array): SegmentCommitments {
  const bytes = guarded('segment-commitment', () => wasm.segment_from_commitments(sourceCommitments));
  const records = PIECES_IN_SEGMENT * POINT_BYTES;
  return {
    recordCommitments: bytes.slice(0, records),
    segmentCommitment: bytes.slice(records, records + POINT_BYTES),
    recordWitnesses: bytes.slice(records + POINT_BYTES),
  };
}

/** Puts one record of a segment together from 128 others, in the memory of one. To be freed. */
export class RecordRecovery {
  /** Positions of the records to add, in this order. */
  readonly positions: readonly number[];
  private readonly weights: Uint8Array;
  private readonly sum: InstanceType<typeof wasm.RecordSum>;
  private added = 0;

  /**
   * @param positions At least 128 distinct positions, 0..255, of records that are there; the first 128 are used.
   * @param wanted Position of the record to recover.
   * @throws ProtocolError (rule `erasure-coding`) for too few positions.
   */
  constructor(positions: readonly number[], wanted: number) {
    if (positions.length < SOURCE_PIECES_IN_SEGMENT) throw tooFewPieces(positions.length);
    this.positions = positions.slice(0, SOURCE_PIECES_IN_SEGMENT);
    this.weights = guarded(ERASURE, () => wasm.lagrange_weights(Uint32Array.from(this.positions), wanted));
    this.sum = new wasm.RecordSum();
  }

  /** Takes the record (1 MiB) at the next position. Throws ProtocolError when it is none. */
  add(record: Uint8Array): void {
    const weight = this.weights.subarray(32 * this.added, 32 * (this.added + 1));
    guarded(ERASURE, () => this.sum.add(record, weight));
    this.added += 1;
  }

  /** The recovered record (1 MiB), once all others were added. */
  record(): Uint8Array {
    return guarded(ERASURE, () => this.sum.record());
  }

  free(): void {
    this.sum.free();
  }
}

/** The same where all records are at hand. `record`: the one at a position. */
export function recoverRecord(
  positions: readonly number[],
  record: (position: number) => Uint8Array,
  wanted: number,
): Uint8Array {
  const recovery = new RecordRecovery(positions, wanted);
  try {
    for (const position of recovery.positions) recovery.add(record(position));
    return recovery.record();
  } finally {
    recovery.free();
  }
}

function tooFewPieces(present: number): ProtocolError {
  return new ProtocolError({
    code: 'too-many-missing',
    rule: ERASURE,
    message: `${present} pieces of a segment where ${SOURCE_PIECES_IN_SEGMENT} are needed`,
    sentence: 'Too few pieces of a segment were found to reconstruct the missing one.',
    values: { present, needed: SOURCE_PIECES_IN_SEGMENT },
  });
}
