/**
 * What BBS signatures are computed in: groups and scalars of BLS12-381 with their octets, hashing to them, and keys.
 * Names are those of draft-irtf-cfrg-bbs-signatures.
 */
import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { concat, equal, utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';

export const G1 = bls12_381.G1.Point;
export type G1 = InstanceType<typeof G1>;
export const G2 = bls12_381.G2.Point;
export const { Fr } = bls12_381.fields;

export const CIPHERSUITE = 'BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_';
const POINT_BYTES = 48;
const SCALAR_BYTES = 32;
const EXPAND_BYTES = 48;

/** Octets of a scalar, big-endian. */
export function scalarOctets(scalar: bigint): Uint8Array {
  return Fr.toBytes(scalar);
}

/** I2OSP of a length or an index, 8 bytes. */
export function countOctets(count: number): Uint8Array {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigUint64(0, BigInt(count));
  return octets;
}

function reduced(octets: Uint8Array): bigint {
  return octets.reduce((value, octet) => ((value << 8n) | BigInt(octet)) % Fr.ORDER, 0n);
}

export function hashToScalar(octets: Uint8Array, dst: string): bigint {
  return reduced(expand_message_xmd(octets, utf8(dst), EXPAND_BYTES, sha256));
}

export function refused(
  rule: string,
  why: string,
  sentence = 'This is not a proof that can be checked.',
): never {
  throw new Refusal(`bbs-${rule}`, why, sentence);
}

/** Takes points and scalars of G1 out of octets, refusing those that are not in their only form. */
export class Reader {
  private offset = 0;

  constructor(
    private readonly octets: Uint8Array,
    private readonly rule: string,
  ) {}

  private take(length: number): Uint8Array {
    if (this.offset + length > this.octets.length) refused(this.rule, `only ${this.octets.length} bytes`);
    return this.octets.subarray(this.offset, (this.offset += length));
  }

  point(): G1 {
    return pointOf(this.take(POINT_BYTES), this.rule);
  }

  scalar(): bigint {
    const octets = this.take(SCALAR_BYTES);
    const value = reduced(octets);
    if (value === 0n || !equal(scalarOctets(value), octets)) refused(this.rule, 'a scalar out of range');
    return value;
  }

  scalars(count: number): bigint[] {
    return Array.from({ length: count }, () => this.scalar());
  }

  end(): void {
    if (this.offset !== this.octets.length) refused(this.rule, 'bytes after the end');
  }
}

/** A point of the group, other than its identity, of its 48 bytes. Throws Refusal. */
export function pointOf(octets: Uint8Array, rule: string): G1 {
  try {
    // On the curve and in the subgroup, or it throws; the identity passes.
    const point = G1.fromBytes(octets);
    if (!point.is0()) return point;
  } catch {
    // Refused below like a point outside the group.
  }
  return refused(rule, 'no point of the group');
}

export function publicKeyPoint(publicKey: Uint8Array): InstanceType<typeof G2> {
  try {
    const point = G2.fromBytes(publicKey);
    if (!point.is0()) return point;
  } catch {
    // Refused below like a point outside the group.
  }
  return refused('public-key', 'no point of the group', 'This is not the key of an issuer.');
}

/** A uniform scalar. */
export function randomScalar(): bigint {
  return reduced(randomBytes(EXPAND_BYTES));
}

/** Scalars for a proof; given in tests only, where vectors fix them. */
export type Randomness = (count: number) => bigint[];
export const fresh: Randomness = (count) => Array.from({ length: count }, randomScalar);

/** Product with a secret scalar, in time that does not depend on it. */
export function times(point: G1, scalar: bigint): G1 {
  return scalar === 0n ? G1.ZERO : point.multiply(scalar);
}

export function timesPublic(point: G1, scalar: bigint): G1 {
  return scalar === 0n ? G1.ZERO : point.multiplyUnsafe(scalar);
}

export function sum(points: readonly G1[], scalars: readonly bigint[], product = times): G1 {
  return points.reduce((total, point, index) => total.add(product(point, scalars[index]!)), G1.ZERO);
}

interface Seeded {
  points: G1[];
  state: Uint8Array;
}
const generated = new Map<string, Seeded>();

function generatorsFrom(seed: string, apiId: string, count: number): G1[] {
  const seedDst = utf8(`${apiId}SIG_GENERATOR_SEED_`);
  const key = `${apiId}${seed}`;
  const known = generated.get(key) ?? {
    points: [],
    state: expand_message_xmd(utf8(key), seedDst, EXPAND_BYTES, sha256),
  };
  generated.set(key, known);
  while (known.points.length < count) {
    const index = countOctets(known.points.length + 1);
    known.state = expand_message_xmd(concat(known.state, index), seedDst, EXPAND_BYTES, sha256);
    known.points.push(bls12_381.G1.hashToCurve(known.state, { DST: `${apiId}SIG_GENERATOR_DST_` }) as G1);
  }
  return known.points.slice(0, count);
}

/** The first `count` generators of an interface (`create_generators`). */
export function createGenerators(count: number, apiId: string): G1[] {
  return generatorsFrom('MESSAGE_GENERATOR_SEED', apiId, count);
}

export const P1 = generatorsFrom('BP_MESSAGE_GENERATOR_SEED', `${CIPHERSUITE}H2G_HM2S_`, 1)[0]!;

/** Secret key of key material (at least 32 bytes), by `KeyGen`. */
export function secretKeyOf(
  material: Uint8Array,
  info: Uint8Array = new Uint8Array(),
  dst = `${CIPHERSUITE}KEYGEN_DST_`,
): bigint {
  if (material.length < SCALAR_BYTES) throw new RangeError(`${material.length} bytes of key material`);
  return hashToScalar(concat(material, countOctets(info.length).subarray(6), info), dst);
}

/** Public key (96 bytes) of a secret key. */
export function publicKeyOf(secret: bigint): Uint8Array {
  return G2.BASE.multiply(secret).toBytes();
}

/** Whether bytes are a key that signatures can be checked with. */
export function isPublicKey(publicKey: Uint8Array): boolean {
  try {
    publicKeyPoint(publicKey);
    return true;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

/** Scalar of a message, by `messages_to_scalars`. */
export function messageScalar(message: Uint8Array, apiId: string): bigint {
  return hashToScalar(message, `${apiId}MAP_MSG_TO_SCALAR_AS_HASH_`);
}
