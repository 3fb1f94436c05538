/**
 * Proofs that a committed number is at least or at most a bound, and nothing more. Pedersen commitments over
 * ristretto255 and a proof of every bit of the distance to the bound (Cramer, Damgård, Schoenmakers), made
 * non-interactive by Fiat and Shamir. No trusted setup: the second generator is hashed to the group.
 */
import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { concat, equal, fromLittleEndian, littleEndian, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';

const { Point } = ristretto255;
type Point = ReturnType<typeof Point.fromBytes>;
const ORDER = Point.Fn.ORDER;
const G = Point.BASE;
const H = ristretto255_hasher.hashToCurve(utf8('autonomys/auto-score/pedersen/v1'), {
  DST: 'allotment/predicate/v1/generator',
}) as Point;
H.precompute(8, false);
const TRANSCRIPT = utf8('allotment/predicate/v1/transcript');
const VERSION = 1;
const ELEMENT_BYTES = 32;
/** Per bit: commitment, challenge, two responses. The lowest has no commitment, the common challenge is its size. */
const BIT_BYTES = 4 * ELEMENT_BYTES;
const MAX_BITS = 52;

/** Number of bits of the attributes that can be committed to; fixed, so that a proof tells nothing by its size. */
export const ATTRIBUTE_BITS = {
  /** Auto Score, 0 to 10 000. */
  score: 14,
  /** Days since 1970 of a birth, shifted by 36 525 so that none is negative. */
  birth_days: 17,
  /** A quantity in a unit that the credential names. */
  quantity: 52,
} as const;
export type CommittedAttribute = keyof typeof ATTRIBUTE_BITS;

export interface Bound {
  kind: 'at-least' | 'at-most';
  value: number;
}

/** A committed number and the factor that hides it; the holder's secret. */
export interface Opening {
  value: number;
  /** Scalar, 32 bytes little-endian. */
  blinding: Uint8Array;
}

function reduce(bytes: Uint8Array): bigint {
  return fromLittleEndian(bytes) % ORDER;
}

function mod(value: bigint): bigint {
  const rest = value % ORDER;
  return rest < 0n ? rest + ORDER : rest;
}

function scalarBytes(value: bigint): Uint8Array {
  return littleEndian(value, ELEMENT_BYTES);
}

function randomScalar(): bigint {
  return reduce(randomBytes(64));
}

/** Secret-independent time, for whoever proves. */
function times(point: Point, scalar: bigint): Point {
  return scalar === 0n ? Point.ZERO : point.multiply(scalar);
}

/** For public values only. */
function timesPublic(point: Point, scalar: bigint): Point {
  return scalar === 0n ? Point.ZERO : point.multiplyUnsafe(scalar);
}

function requireNumber(value: number, bits: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits)
    throw new Refusal('predicate-range', `${value} does not fit ${bits} bits`);
  return BigInt(value);
}

/** A fresh blinding factor. */
export function newBlinding(): Uint8Array {
  return scalarBytes(randomScalar());
}

/** Blinding factor for one commitment, derived from a key (32 bytes) so that the recovery phrase recovers it. */
export function derivedBlinding(key: Uint8Array, label: string): Uint8Array {
  return scalarBytes(reduce(hkdf(sha512, key, undefined, utf8(label), 64)));
}

/** Commitment (32 bytes) to a number. */
export function commit({ value, blinding }: Opening): Uint8Array {
  const hidden = times(H, reduce(blinding));
  return times(G, requireNumber(value, MAX_BITS)).add(hidden).toBytes();
}

/** What the proof is made for; everything that could be exchanged is in the transcript. */
export interface PredicateStatement {
  attribute: CommittedAttribute;
  /** 32 bytes. */
  commitment: Uint8Array;
  bound: Bound;
  /** Binds the proof to one presentation: nonce, audience, credential. */
  context: Uint8Array;
}

function challenge(statement: PredicateStatement, points: readonly Point[]): bigint {
  const { attribute, commitment, bound, context } = statement;
  const named = utf8(`${attribute}\n${bound.kind}\n${bound.value}\n`);
  const parts = [TRANSCRIPT, commitment, named, context, ...points.map((point) => point.toBytes())];
  const framed = parts.flatMap((part) => [littleEndian(part.length, 4), part]);
  return reduce(sha512(concat(...framed)));
}

/** The distance to the bound as a commitment: value − bound, or bound − value. */
function distance(commitment: Point, { kind, value }: Bound): Point {
  const bound = timesPublic(G, BigInt(value));
  return kind === 'at-least' ? commitment.subtract(bound) : bound.subtract(commitment);
}

/**
 * Proves that the committed number keeps to the bound. Throws Refusal `predicate-false` if it does not,
 * `predicate-range` if a number is out of the attribute's range.
 */
export function provePredicate(statement: PredicateStatement, opening: Opening): Uint8Array {
  const { attribute, bound, commitment } = statement;
  const bits = ATTRIBUTE_BITS[attribute];
  const limit = requireNumber(bound.value, bits);
  const value = requireNumber(opening.value, bits);
  if (!equal(commit(opening), commitment))
    throw new Refusal('predicate-opening', 'not what was committed to');
  const atLeast = bound.kind === 'at-least';
  const gap = atLeast ? value - limit : limit - value;
  if (gap < 0n)
    throw new Refusal('predicate-false', 'the value does not keep to the bound', 'This is not true of you.');
  const blinding = atLeast ? reduce(opening.blinding) : mod(-reduce(opening.blinding));

  const factors = Array.from({ length: bits }, randomScalar);
  factors[0] = mod(
    blinding - factors.slice(1).reduce((sum, factor, index) => sum + (factor << BigInt(index + 1)), 0n),
  );
  const proving = factors.map((factor, index) => {
    const bit = (gap >> BigInt(index)) & 1n;
    const point = bit === 1n ? times(H, factor).add(G) : times(H, factor);
    // The side that is true is proved, the other simulated with a challenge chosen beforehand.
    const nonce = randomScalar();
    const simulatedChallenge = randomScalar();
    const simulatedResponse = randomScalar();
    const other = bit === 1n ? point : point.subtract(G);
    const simulated = times(H, simulatedResponse).subtract(times(other, simulatedChallenge));
    const real = times(H, nonce);
    const announced = bit === 1n ? [simulated, real] : [real, simulated];
    return { factor, bit, point, nonce, simulatedChallenge, simulatedResponse, announced };
  });
  const e = challenge(
    statement,
    proving.flatMap(({ point, announced }) => [point, ...announced]),
  );
  const parts = proving.flatMap(
    ({ factor, bit, point, nonce, simulatedChallenge, simulatedResponse }, index) => {
      const realChallenge = mod(e - simulatedChallenge);
      const realResponse = mod(nonce + realChallenge * factor);
      const [zeroChallenge, zeroResponse, oneResponse] =
        bit === 1n
          ? [simulatedChallenge, simulatedResponse, realResponse]
          : [realChallenge, realResponse, simulatedResponse];
      const scalars = [zeroChallenge, zeroResponse, oneResponse].map(scalarBytes);
      return index === 0 ? scalars : [point.toBytes(), ...scalars];
    },
  );
  return concat(new Uint8Array([VERSION]), scalarBytes(e), ...parts);
}

interface BitProof {
  point: Point;
  zeroChallenge: bigint;
  zeroResponse: bigint;
  oneResponse: bigint;
}

function readScalar(bytes: Uint8Array): bigint | null {
  const value = fromLittleEndian(bytes);
  return value < ORDER ? value : null;
}

function readPoint(bytes: Uint8Array): Point | null {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

interface Proof {
  challenge: bigint;
  bits: BitProof[];
}

/** Takes a proof apart; the lowest bit's commitment is what the others leave of the distance. */
function readProof(proof: Uint8Array, bits: number, target: Point): Proof | null {
  if (proof.length !== 1 + bits * BIT_BYTES || proof[0] !== VERSION) return null;
  let offset = 1;
  const take = () => proof.subarray(offset, (offset += ELEMENT_BYTES));
  const e = readScalar(take());
  if (e === null) return null;
  const read: BitProof[] = [];
  for (let index = 0; index < bits; index += 1) {
    const point = index === 0 ? Point.ZERO : readPoint(take());
    const zeroChallenge = readScalar(take());
    const zeroResponse = readScalar(take());
    const oneResponse = readScalar(take());
    if (point === null || zeroChallenge === null || zeroResponse === null || oneResponse === null)
      return null;
    read.push({ point, zeroChallenge, zeroResponse, oneResponse });
  }
  // Horner's rule, from the highest bit down.
  const weighted = read.slice(1).reduceRight((sum, { point }) => sum.add(point).double(), Point.ZERO);
  read[0]!.point = target.subtract(weighted);
  return { challenge: e, bits: read };
}

/** Whether a proof shows that the committed number keeps to the statement's bound. */
export function verifyPredicate(statement: PredicateStatement, proof: Uint8Array): boolean {
  const bits = ATTRIBUTE_BITS[statement.attribute];
  const { value } = statement.bound;
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits) return false;
  const commitment = readPoint(statement.commitment);
  if (commitment === null) return false;
  const read = readProof(proof, bits, distance(commitment, statement.bound));
  if (read === null) return false;
  const points = read.bits.flatMap(({ point, zeroChallenge, zeroResponse, oneResponse }) => {
    const oneChallenge = mod(read.challenge - zeroChallenge);
    return [
      point,
      timesPublic(H, zeroResponse).subtract(timesPublic(point, zeroChallenge)),
      timesPublic(H, oneResponse).subtract(timesPublic(point.subtract(G), oneChallenge)),
    ];
  });
  return challenge(statement, points) === read.challenge;
}
