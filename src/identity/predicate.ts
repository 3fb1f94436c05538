/**
 * Proofs that a committed number is at least or at most a bound, and nothing more. Pedersen commitments and a proof
 * of every bit of the distance to the bound (Cramer, Damgård, Schoenmakers), made non-interactive by Fiat and Shamir.
 * Over ristretto255 for commitments that a credential carries; other groups may be put in its place. No trusted
 * setup: the generators are hashed to the group.
 */
import { ristretto255, ristretto255_hasher } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { concat, equal, fromLittleEndian, littleEndian, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { ATTRIBUTE_BITS, type CommittedAttribute } from './attributes.ts';

/** An element of a group of prime order. */
interface Element<P> {
  add(other: P): P;
  subtract(other: P): P;
  double(): P;
  /** In time that does not depend on the scalar. */
  multiply(scalar: bigint): P;
  multiplyUnsafe(scalar: bigint): P;
  toBytes(): Uint8Array;
}

/** A group that numbers are committed to in: value·G + blinding·H. */
export interface PredicateGroup<P extends Element<P>> {
  zero: P;
  G: P;
  H: P;
  order: bigint;
  elementBytes: number;
  /** The element of bytes in their only form, or null. */
  read(bytes: Uint8Array): P | null;
  /** Keeps the challenges of one group and use apart from those of others. */
  transcript: Uint8Array;
}

const { Point } = ristretto255;
type RistrettoPoint = ReturnType<typeof Point.fromBytes>;

function readRistretto(bytes: Uint8Array): RistrettoPoint | null {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

const hashedGenerator = ristretto255_hasher.hashToCurve(utf8('autonomys/auto-score/pedersen/v1'), {
  DST: 'allotment/predicate/v1/generator',
}) as RistrettoPoint;
hashedGenerator.precompute(8, false);

/** Of the commitments in SD-JWT credentials. */
const RISTRETTO: PredicateGroup<RistrettoPoint> = {
  zero: Point.ZERO,
  G: Point.BASE,
  H: hashedGenerator,
  order: Point.Fn.ORDER,
  elementBytes: 32,
  read: readRistretto,
  transcript: utf8('allotment/predicate/v1/transcript'),
};

const VERSION = 1;
const SCALAR_BYTES = 32;
const MAX_BITS = 52;

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

function scalarBytes(value: bigint): Uint8Array {
  return littleEndian(value, SCALAR_BYTES);
}

function requireNumber(value: number, bits: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits)
    throw new Refusal('predicate-range', `${value} does not fit ${bits} bits`);
  return BigInt(value);
}

/** What the proof is made for; everything that could be exchanged is in the transcript. */
export interface PredicateStatement {
  attribute: CommittedAttribute;
  /** An element of the group. */
  commitment: Uint8Array;
  bound: Bound;
  /** Binds the proof to one presentation: nonce, audience, credential. */
  context: Uint8Array;
}

/** Per bit: commitment, challenge, two responses. The lowest has no commitment, the common challenge comes first. */
interface BitProof<P> {
  point: P;
  zeroChallenge: bigint;
  zeroResponse: bigint;
  oneResponse: bigint;
}

/** Commitments in a group, and proofs about them. */
export class Predicates<P extends Element<P>> {
  constructor(private readonly group: PredicateGroup<P>) {}

  private reduce(bytes: Uint8Array): bigint {
    return fromLittleEndian(bytes) % this.group.order;
  }

  private mod(value: bigint): bigint {
    const rest = value % this.group.order;
    return rest < 0n ? rest + this.group.order : rest;
  }

  private randomScalar(): bigint {
    return this.reduce(randomBytes(64));
  }

  private times(point: P, scalar: bigint): P {
    return scalar === 0n ? this.group.zero : point.multiply(scalar);
  }

  private timesPublic(point: P, scalar: bigint): P {
    return scalar === 0n ? this.group.zero : point.multiplyUnsafe(scalar);
  }

  /** A fresh blinding factor. */
  newBlinding(): Uint8Array {
    return scalarBytes(this.randomScalar());
  }

  /** Blinding factor for one commitment, derived from a key (32 bytes) so that the recovery phrase recovers it. */
  derivedBlinding(key: Uint8Array, label: string): Uint8Array {
    return scalarBytes(this.reduce(hkdf(sha512, key, undefined, utf8(label), 64)));
  }

  /** Commitment to a number, as bytes of a group element. */
  commit({ value, blinding }: Opening): Uint8Array {
    const hidden = this.times(this.group.H, this.reduce(blinding));
    return this.times(this.group.G, requireNumber(value, MAX_BITS)).add(hidden).toBytes();
  }

  private challenge(statement: PredicateStatement, points: readonly P[]): bigint {
    const { attribute, commitment, bound, context } = statement;
    const named = utf8(`${attribute}\n${bound.kind}\n${bound.value}\n`);
    const parts = [
      this.group.transcript,
      commitment,
      named,
      context,
      ...points.map((point) => point.toBytes()),
    ];
    const framed = parts.flatMap((part) => [littleEndian(part.length, 4), part]);
    return this.reduce(sha512(concat(...framed)));
  }

  /** The distance to the bound as a commitment: value − bound, or bound − value. */
  private distance(commitment: P, { kind, value }: Bound): P {
    const bound = this.timesPublic(this.group.G, BigInt(value));
    return kind === 'at-least' ? commitment.subtract(bound) : bound.subtract(commitment);
  }

  /**
   * Proves that the committed number keeps to the bound. Throws Refusal `predicate-false` if it does not,
   * `predicate-range` if a number is out of the attribute's range.
   */
  prove(statement: PredicateStatement, opening: Opening): Uint8Array {
    const { G, H } = this.group;
    const { attribute, bound, commitment } = statement;
    const bits = ATTRIBUTE_BITS[attribute];
    const limit = requireNumber(bound.value, bits);
    const value = requireNumber(opening.value, bits);
    if (!equal(this.commit(opening), commitment))
      throw new Refusal('predicate-opening', 'not what was committed to');
    const atLeast = bound.kind === 'at-least';
    const gap = atLeast ? value - limit : limit - value;
    if (gap < 0n)
      throw new Refusal(
        'predicate-false',
        'the value does not keep to the bound',
        'This is not true of you.',
      );
    const opened = this.reduce(opening.blinding);
    const blinding = atLeast ? opened : this.mod(-opened);

    const factors = Array.from({ length: bits }, () => this.randomScalar());
    factors[0] = this.mod(
      blinding - factors.slice(1).reduce((sum, factor, index) => sum + (factor << BigInt(index + 1)), 0n),
    );
    const proving = factors.map((factor, index) => {
      const bit = (gap >> BigInt(index)) & 1n;
      const point = bit === 1n ? this.times(H, factor).add(G) : this.times(H, factor);
      // The side that is true is proved, the other simulated with a challenge chosen beforehand.
      const nonce = this.randomScalar();
      const simulatedChallenge = this.randomScalar();
      const simulatedResponse = this.randomScalar();
      const other = bit === 1n ? point : point.subtract(G);
      const simulated = this.times(H, simulatedResponse).subtract(this.times(other, simulatedChallenge));
      const real = this.times(H, nonce);
      const announced = bit === 1n ? [simulated, real] : [real, simulated];
      return { factor, bit, point, nonce, simulatedChallenge, simulatedResponse, announced };
    });
    const e = this.challenge(
      statement,
      proving.flatMap(({ point, announced }) => [point, ...announced]),
    );
    const parts = proving.flatMap(
      ({ factor, bit, point, nonce, simulatedChallenge, simulatedResponse }, index) => {
        const realChallenge = this.mod(e - simulatedChallenge);
        const realResponse = this.mod(nonce + realChallenge * factor);
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

  /** Takes a proof apart; the lowest bit's commitment is what the others leave of the distance. */
  private read(
    proof: Uint8Array,
    bits: number,
    target: P,
  ): { challenge: bigint; bits: BitProof<P>[] } | null {
    const { elementBytes, zero } = this.group;
    const length = 1 + SCALAR_BYTES + bits * 3 * SCALAR_BYTES + (bits - 1) * elementBytes;
    if (proof.length !== length || proof[0] !== VERSION) return null;
    let offset = 1;
    const take = (size: number) => proof.subarray(offset, (offset += size));
    const scalar = (): bigint | null => {
      const value = fromLittleEndian(take(SCALAR_BYTES));
      return value < this.group.order ? value : null;
    };
    const e = scalar();
    if (e === null) return null;
    const read: BitProof<P>[] = [];
    for (let index = 0; index < bits; index += 1) {
      const point = index === 0 ? zero : this.group.read(take(elementBytes));
      const [zeroChallenge, zeroResponse, oneResponse] = [scalar(), scalar(), scalar()];
      if (point === null || zeroChallenge === null || zeroResponse === null || oneResponse === null)
        return null;
      read.push({ point, zeroChallenge, zeroResponse, oneResponse });
    }
    // Horner's rule, from the highest bit down.
    const weighted = read.slice(1).reduceRight((sum, { point }) => sum.add(point).double(), zero);
    read[0]!.point = target.subtract(weighted);
    return { challenge: e, bits: read };
  }

  /** Whether a proof shows that the committed number keeps to the statement's bound. */
  verify(statement: PredicateStatement, proof: Uint8Array): boolean {
    const { G, H } = this.group;
    const bits = ATTRIBUTE_BITS[statement.attribute];
    const { value } = statement.bound;
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** bits) return false;
    const commitment = this.group.read(statement.commitment);
    if (commitment === null) return false;
    const read = this.read(proof, bits, this.distance(commitment, statement.bound));
    if (read === null) return false;
    const points = read.bits.flatMap(({ point, zeroChallenge, zeroResponse, oneResponse }) => {
      const oneChallenge = this.mod(read.challenge - zeroChallenge);
      return [
        point,
        this.timesPublic(H, zeroResponse).subtract(this.timesPublic(point, zeroChallenge)),
        this.timesPublic(H, oneResponse).subtract(this.timesPublic(point.subtract(G), oneChallenge)),
      ];
    });
    return this.challenge(statement, points) === read.challenge;
  }
}

/** Predicates of the commitments in SD-JWT credentials, over ristretto255. */
export const predicates = new Predicates(RISTRETTO);
