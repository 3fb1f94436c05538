/**
 * Signatures under certificates, verified with the tolerance of the registry's `verify_signature`: the
 * algorithm's object identifier picks the verifier, the key is the bit string of the SubjectPublicKeyInfo.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, equal, fromLittleEndian } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { decodeAlgorithm, decodePublicKeyInfo, type Algorithm } from './certificate.ts';
import { bigEndian, contextTag, DerReader, fromBigEndian, integer, readDer, sequence, TAG } from './der.ts';
import { OID } from './oids.ts';
import { verifyPkcs1, verifyPss, type HashName } from './rsa.ts';

type Verifier = (key: Uint8Array, data: Uint8Array, signature: Uint8Array) => boolean;

const SHA = { sha1, sha224, sha256, sha384, sha512 } as const;
const RSA_MIN_BITS = 2048;
const LEGACY_RSA_MIN_BITS = 1024;

/**
 * Ed25519 as the registry checks it: S below the order, and the encoding of S·B − k·A equal to R. No point is refused as a
 * key, those of small order included.
 */
function verifyAsRegistry(key: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  const { Point } = ed25519;
  const r = signature.subarray(0, 32);
  const s = fromLittleEndian(signature.subarray(32));
  const order = Point.Fn.ORDER;
  if (s >= order) return false;
  const k = fromLittleEndian(sha512(concat(r, key, data))) % order;
  try {
    const negated = Point.fromBytes(key, true).negate();
    const sum = Point.BASE.multiplyUnsafe(s).add(negated.multiplyUnsafe(k));
    return equal(sum.toBytes(), r);
  } catch {
    return false;
  }
}

/** Whether an Ed25519 key is a point of small order, under which signatures can be made that hold over any data. */
function isSmallOrder(key: Uint8Array): boolean {
  try {
    return ed25519.Point.fromBytes(key, true).isSmallOrder();
  } catch {
    return false;
  }
}

/** Ed25519 as it is relied on here: what the registry takes, under a key that somebody has to know to sign. */
export function verifyEd25519(key: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  return verifyAsRegistry(key, data, signature) && !isSmallOrder(key);
}

/** r and s of an ECDSA signature's DER, each positive. Throws DecodeError. */
export function decodeEcdsa(der: Uint8Array, size: number): Uint8Array {
  return readDer(der, 'ecdsa-signature', (reader) => {
    const inner = reader.enter(TAG.sequence);
    const r = inner.unsigned('r', size);
    const s = inner.unsigned('s', size);
    inner.finish();
    return concat(bigEndian(r, size), bigEndian(s, size));
  });
}

/** ECDSA signature of fixed width (r ‖ s) as the DER that X.509 carries. */
export function encodeEcdsa(fixed: Uint8Array): Uint8Array {
  const half = fixed.length / 2;
  const part = (bytes: Uint8Array) => integer(fromBigEndian(bytes));
  return sequence(part(fixed.subarray(0, half)), part(fixed.subarray(half)));
}

function ecdsa(curveOid: string | null, hash: HashName): Verifier | null {
  const curve = curveOid === OID.p256 ? p256 : curveOid === OID.p384 ? p384 : null;
  if (curve === null) return null;
  const size = curve.Point.Fn.BYTES;
  return (key, data, signature) => {
    if (key[0] !== 0x04) return false;
    const fixed = decodeEcdsa(signature, size);
    return curve.verify(fixed, SHA[hash](data), key, { prehash: false, lowS: false, format: 'compact' });
  };
}

/** Hash that RSASSA-PSS parameters name, or null for one that the registry does not know (SHA-1 included). */
function pssHash({ parameters }: Algorithm): HashName | null {
  if (parameters === null || parameters.tag !== TAG.sequence) return null;
  const reader = new DerReader(parameters.content, 'pss-parameters');
  const wrapped = reader.optional(contextTag(0));
  if (wrapped === null) return null;
  const inner = reader.into(wrapped).enter(TAG.sequence);
  return (
    ({ [OID.sha256]: 'sha256', [OID.sha384]: 'sha384', [OID.sha512]: 'sha512' }[inner.oid()] as
      HashName | undefined) ?? null
  );
}

function curveOf(algorithm: Algorithm): string | null {
  const { parameters } = algorithm;
  if (parameters === null || parameters.tag !== TAG.oid) return null;
  return new DerReader(parameters.raw, 'curve').oid();
}

function verifierOf(signature: Algorithm, key: Algorithm): Verifier | null {
  const rsa =
    (hash: HashName, minBits: number): Verifier =>
    (bits, data, value) =>
      verifyPkcs1(bits, hash, data, value, minBits);
  switch (signature.oid) {
    case OID.sha1WithRsa:
    case OID.sha1WithRsaOiw:
      return rsa('sha1', LEGACY_RSA_MIN_BITS);
    case OID.sha256WithRsa:
      return rsa('sha256', RSA_MIN_BITS);
    case OID.sha384WithRsa:
      return rsa('sha384', RSA_MIN_BITS);
    case OID.sha512WithRsa:
      return rsa('sha512', RSA_MIN_BITS);
    case OID.rsaPss: {
      const hash = pssHash(signature);
      return hash === null ? null : (bits, data, value) => verifyPss(bits, hash, data, value, RSA_MIN_BITS);
    }
    case OID.ecdsaSha256:
      return ecdsa(curveOf(key), 'sha256');
    case OID.ecdsaSha384:
      return ecdsa(curveOf(key), 'sha384');
    case OID.ed25519:
      return verifyAsRegistry;
    default:
      return null;
  }
}

/**
 * Whether `signature` over `data` holds under the key of a SubjectPublicKeyInfo (DER) with the algorithm of an
 * AlgorithmIdentifier (DER). Malformed input and algorithms that the registry does not know do not hold.
 */
export function verifySignature(
  publicKeyInfo: Uint8Array,
  algorithm: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const key = decodePublicKeyInfo(publicKeyInfo);
    const verify = verifierOf(decodeAlgorithm(algorithm), key);
    return verify !== null && verify(key.key, data, signature);
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RangeError) return false;
    throw error;
  }
}

/** Why a key (DER of its SubjectPublicKeyInfo) is too weak for the strict verdict, or null. */
export function keyWeakness(publicKeyInfo: Uint8Array): string | null {
  const { oid, key } = decodePublicKeyInfo(publicKeyInfo);
  if (oid === OID.ed25519 && isSmallOrder(key)) return 'Ed25519 key of small order';
  if (oid !== OID.rsaEncryption) return null;
  const bits = rsaBits(key);
  return bits < RSA_MIN_BITS ? `RSA key of ${bits} bits` : null;
}

/** Why a signature algorithm, or the key that it is of, is too weak for the strict verdict, or null. */
export function weakness(publicKeyInfo: Uint8Array, algorithm: Uint8Array): string | null {
  const { oid } = decodeAlgorithm(algorithm);
  if (oid === OID.sha1WithRsa || oid === OID.sha1WithRsaOiw) return 'signed with SHA-1';
  return keyWeakness(publicKeyInfo);
}

function rsaBits(key: Uint8Array): number {
  return readDer(key, 'rsa-key', (reader) => {
    const inner = reader.enter(TAG.sequence);
    const modulus = inner.unsigned('modulus', 1024);
    inner.next();
    return modulus.toString(2).length;
  });
}
