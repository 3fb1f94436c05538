/**
 * Signatures and digests of passports (ICAO Doc 9303-12): RSA of either padding and ECDSA, with SHA-2. What is too weak
 * to rely on is refused by its name; what is not known is refused, too.
 */
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { ProtocolError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { decodePublicKeyInfo, readAlgorithm, type Algorithm } from '../certificate.ts';
import { contextTag, DerReader, TAG } from '../der.ts';
import { OID } from '../oids.ts';
import { verifyPkcs1, verifyPss, type HashName } from '../rsa.ts';
import { decodeEcdsa } from '../signature.ts';
import { curveOf } from './curves.ts';

const SHA = { sha224, sha256, sha384, sha512 } as const;
/** Hash that passports may use. */
export type PassportHash = keyof typeof SHA;

const HASHES: Readonly<Record<string, PassportHash>> = {
  '2.16.840.1.101.3.4.2.4': 'sha224',
  [OID.sha256]: 'sha256',
  [OID.sha384]: 'sha384',
  [OID.sha512]: 'sha512',
};
const RSA: Readonly<Record<string, PassportHash>> = {
  '1.2.840.113549.1.1.14': 'sha224',
  [OID.sha256WithRsa]: 'sha256',
  [OID.sha384WithRsa]: 'sha384',
  [OID.sha512WithRsa]: 'sha512',
};
const ECDSA: Readonly<Record<string, PassportHash>> = {
  '1.2.840.10045.4.3.1': 'sha224',
  [OID.ecdsaSha256]: 'sha256',
  [OID.ecdsaSha384]: 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};
/** Hashes, and signatures with them, that somebody could forge today. */
const WEAK: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'SHA-1',
  '1.2.840.113549.2.5': 'MD5',
  [OID.sha1WithRsa]: 'SHA-1',
  [OID.sha1WithRsaOiw]: 'SHA-1',
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.10045.4.1': 'SHA-1',
};
const MGF1 = '1.2.840.113549.1.1.8';
const RSA_MIN_BITS = 2048;
const MAX_SALT_BYTES = 512;
/** Salt of RSASSA-PSS where the parameters do not say (RFC 4055). */
const DEFAULT_SALT_BYTES = 20;

/** Throws Refusal `weak-algorithm` for one that is known to be broken, `unknown-algorithm` for any other. */
function refuseAlgorithm(oid: string, what: string): never {
  const weak = WEAK[oid];
  if (weak !== undefined)
    throw new Refusal(
      'weak-algorithm',
      `${what}: ${weak}`,
      `What protects this is ${weak}, which can be forged today: it proves nothing any more.`,
    );
  throw new Refusal('unknown-algorithm', `${what}: ${oid}`, 'It is signed in a way that is not known here.');
}

/** Hash of a digest algorithm. `what` names it in refusals. Throws Refusal. */
export function hashOf({ oid }: Algorithm, what: string): PassportHash {
  return HASHES[oid] ?? refuseAlgorithm(oid, what);
}

/** Digest of bytes. */
export function digest(hash: PassportHash, bytes: Uint8Array): Uint8Array {
  return SHA[hash](bytes);
}

/** Hash and salt of RSASSA-PSS, both hashes being one, as Doc 9303-12 has it. Throws Refusal, DecodeError. */
function pssOf({ parameters }: Algorithm, what: string): { hash: PassportHash; saltBytes: number } {
  // The defaults of the parameters are SHA-1's.
  if (parameters === null || parameters.tag !== TAG.sequence) return refuseAlgorithm(OID.sha1WithRsa, what);
  const reader = new DerReader(parameters.content, 'pss-parameters');
  const hashed = reader.optional(contextTag(0));
  if (hashed === null) return refuseAlgorithm(OID.sha1WithRsa, what);
  const inner = reader.into(hashed);
  const hash = hashOf(readAlgorithm(inner), what);
  inner.finish();
  const mask = reader.optional(contextTag(1));
  if (mask === null) return refuseAlgorithm(OID.sha1WithRsa, what);
  const maskInner = reader.into(mask);
  const { oid, parameters: maskHash } = readAlgorithm(maskInner);
  maskInner.finish();
  const same =
    oid === MGF1 &&
    maskHash !== null &&
    hashOf(readAlgorithm(new DerReader(maskHash.raw, 'pss-parameters')), what) === hash;
  if (!same) return refuseAlgorithm(oid, what);
  const salt = reader.optional(contextTag(2));
  let saltBytes = DEFAULT_SALT_BYTES;
  if (salt !== null) {
    const saltInner = reader.into(salt);
    saltBytes = saltInner.small('salt length', MAX_SALT_BYTES);
    saltInner.finish();
  }
  const trailer = reader.optional(contextTag(3));
  if (trailer !== null && reader.into(trailer).small('trailer', 255) !== 1) reader.fail('another trailer');
  reader.finish();
  return { hash, saltBytes };
}

/** How a signature is made, in words. */
export interface SignatureKind {
  /** Such as `ECDSA, brainpoolP256r1, SHA-256`. */
  name: string;
  holds: boolean;
}

const hashText = (hash: PassportHash) => `SHA-${hash.slice(3)}`;

function rsaBits(key: Uint8Array): number {
  const inner = new DerReader(key, 'rsa-key').enter(TAG.sequence);
  return inner.unsigned('modulus', 1024).toString(2).length;
}

/**
 * Whether a signature over `data` holds under a key (DER of SubjectPublicKeyInfo), and how it is made.
 *
 * @param digestHash Hash of CMS's digestAlgorithm, for signatures that name none of their own.
 * @param what Whose signature it is, for refusals.
 * @throws Refusal `weak-algorithm`, `unknown-algorithm`, `unknown-curve`; DecodeError.
 */
export function checkSignature(
  publicKeyInfo: Uint8Array,
  algorithm: Algorithm,
  data: Uint8Array,
  signature: Uint8Array,
  what: string,
  digestHash: PassportHash | null = null,
): SignatureKind {
  const key = decodePublicKeyInfo(publicKeyInfo);
  const elliptic = ECDSA[algorithm.oid];
  if (elliptic !== undefined) {
    if (key.oid !== OID.ecPublicKey) return { name: 'ECDSA', holds: false };
    const curve = curveOf(key);
    if (curve === null)
      throw new Refusal('unknown-curve', what, 'It is signed over a curve that is not known here.');
    return {
      name: `ECDSA, ${curve.name}, ${hashText(elliptic)}`,
      holds: sound(() => {
        const fixed = decodeEcdsa(signature, curve.ecdsa.Point.Fn.BYTES);
        const options = { prehash: false, lowS: false, format: 'compact' } as const;
        return curve.ecdsa.verify(fixed, digest(elliptic, data), key.key, options);
      }),
    };
  }
  const isPss = algorithm.oid === OID.rsaPss;
  const named = algorithm.oid === OID.rsaEncryption ? digestHash : (RSA[algorithm.oid] ?? null);
  const pss = isPss ? pssOf(algorithm, what) : null;
  const hash: HashName & PassportHash = pss?.hash ?? named ?? refuseAlgorithm(algorithm.oid, what);
  if (key.oid !== OID.rsaEncryption && !(isPss && key.oid === OID.rsaPss))
    return { name: 'RSA', holds: false };
  const bits = rsaBits(key.key);
  if (bits < RSA_MIN_BITS)
    throw new Refusal(
      'weak-algorithm',
      `${what}: RSA key of ${bits} bits`,
      `It is signed with an RSA key of ${bits} bits, which is too short today.`,
    );
  return {
    name: `${isPss ? 'RSASSA-PSS' : 'RSA'}, ${bits} bits, ${hashText(hash)}`,
    holds: sound(() =>
      pss === null
        ? verifyPkcs1(key.key, hash, data, signature, RSA_MIN_BITS)
        : verifyPss(key.key, hash, data, signature, RSA_MIN_BITS, pss.saltBytes),
    ),
  };
}

/** Malformed signatures do not hold. */
function sound(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RangeError) return false;
    throw error;
  }
}
