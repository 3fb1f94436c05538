/** Keys that identities sign with: raw secrets held in a worker, or WebCrypto keys for RSA and P-384. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concat } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { fromBase64Url, toBase64Url } from '../wallet/json.ts';
import { decodePublicKeyInfo } from './certificate.ts';
import { bitString, nullValue, oid, readDer, sequence, TAG } from './der.ts';
import { OID } from './oids.ts';
import { encodeEcdsa } from './signature.ts';

export type KeyAlgorithm = 'ed25519' | 'p256' | 'p384' | 'rsa';

/** A key that signs. Never gives its secret away. */
export interface SigningKey {
  readonly algorithm: KeyAlgorithm;
  /** DER of SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Uint8Array;
  /** Signature: Ed25519 and RSA as they are, ECDSA as r ‖ s of fixed width. */
  sign(data: Uint8Array): Promise<Uint8Array>;
  /** RSA only: RSASSA-PSS with SHA-256 and a salt as long, for formats that take no other padding. */
  signPss?(data: Uint8Array): Promise<Uint8Array>;
}

/** A public key as JOSE writes it. */
export type Jwk =
  | { kty: 'OKP'; crv: 'Ed25519'; x: string }
  | { kty: 'EC'; crv: 'P-256' | 'P-384'; x: string; y: string }
  | { kty: 'RSA'; n: string; e: string };

/** DER of the AlgorithmIdentifier that certificates and actions signed by such a key carry. */
export function signatureAlgorithmOf(algorithm: KeyAlgorithm): Uint8Array {
  switch (algorithm) {
    case 'ed25519':
      return sequence(oid(OID.ed25519));
    case 'p256':
      return sequence(oid(OID.ecdsaSha256));
    case 'p384':
      return sequence(oid(OID.ecdsaSha384));
    case 'rsa':
      return sequence(oid(OID.sha256WithRsa), nullValue());
  }
}

/** Signature of a key in the form that X.509 and the registry carry: ECDSA as DER. */
export async function signDer(key: SigningKey, data: Uint8Array): Promise<Uint8Array> {
  const signature = await key.sign(data);
  return key.algorithm === 'p256' || key.algorithm === 'p384' ? encodeEcdsa(signature) : signature;
}

/** DER of SubjectPublicKeyInfo of an Ed25519 key (32 bytes). */
function ed25519Info(publicKey: Uint8Array): Uint8Array {
  return sequence(sequence(oid(OID.ed25519)), bitString(publicKey));
}

/** DER of SubjectPublicKeyInfo of an uncompressed point. */
function ecInfo(curve: 'p256' | 'p384', point: Uint8Array): Uint8Array {
  return sequence(sequence(oid(OID.ecPublicKey), oid(OID[curve])), bitString(point));
}

/** Key of an Ed25519 seed (32 bytes). */
export function ed25519Key(seed: Uint8Array): SigningKey {
  return {
    algorithm: 'ed25519',
    publicKeyInfo: ed25519Info(ed25519.getPublicKey(seed)),
    sign: async (data) => ed25519.sign(data, seed),
  };
}

/** Key of a P-256 secret (32 bytes) or a P-384 secret (48 bytes), big-endian. */
export function ecKey(curve: 'p256' | 'p384', secret: Uint8Array): SigningKey {
  const engine = curve === 'p256' ? p256 : p384;
  return {
    algorithm: curve,
    publicKeyInfo: ecInfo(curve, engine.getPublicKey(secret, false)),
    // A low S is accepted everywhere; a high one is not.
    sign: async (data) => engine.sign(data, secret, { prehash: true, lowS: true, format: 'compact' }),
  };
}

/** RSA key (RSASSA-PKCS1-v1_5, SHA-256) of a PKCS#8 DER. Throws Refusal `rsa-key`. */
export async function rsaKey(pkcs8: Uint8Array): Promise<SigningKey> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  try {
    const key = await crypto.subtle.importKey('pkcs8', pkcs8.slice(), algorithm, true, ['sign']);
    const { n, e } = await crypto.subtle.exportKey('jwk', key);
    const secret = await crypto.subtle.importKey('pkcs8', pkcs8.slice(), algorithm, false, ['sign']);
    const pss = { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 };
    const pssSecret = await crypto.subtle.importKey('pkcs8', pkcs8.slice(), pss, false, ['sign']);
    return {
      algorithm: 'rsa',
      publicKeyInfo: await rsaInfo(n!, e!),
      sign: async (data) => new Uint8Array(await crypto.subtle.sign(algorithm, secret, data.slice())),
      signPss: async (data) => new Uint8Array(await crypto.subtle.sign(pss, pssSecret, data.slice())),
    };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('rsa-key', String(error), 'This is not an RSA key that the browser can use.');
  }
}

async function rsaInfo(n: string, e: string): Promise<Uint8Array> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('jwk', { kty: 'RSA', n, e }, algorithm, true, ['verify']);
  return new Uint8Array(await crypto.subtle.exportKey('spki', key));
}

/** Public key of a SubjectPublicKeyInfo (DER) as JWK. Throws Refusal `key-type` for other kinds of key. */
export function jwkOf(publicKeyInfo: Uint8Array): Jwk {
  const { oid: type, parameters, key } = decodePublicKeyInfo(publicKeyInfo);
  if (type === OID.ed25519 && key.length === 32) return { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(key) };
  if (type === OID.ecPublicKey && parameters?.tag === TAG.oid && key[0] === 4) {
    const curve = readDer(parameters.raw, 'curve', (reader) => reader.oid());
    const crv = curve === OID.p256 ? 'P-256' : curve === OID.p384 ? 'P-384' : null;
    const size = crv === 'P-256' ? 32 : 48;
    if (crv !== null && key.length === 1 + 2 * size) {
      return {
        kty: 'EC',
        crv,
        x: toBase64Url(key.subarray(1, 1 + size)),
        y: toBase64Url(key.subarray(1 + size)),
      };
    }
  }
  if (type === OID.rsaEncryption) {
    const trimmed = (bytes: Uint8Array) => toBase64Url(bytes[0] === 0 ? bytes.subarray(1) : bytes);
    return readDer(key, 'rsa-key', (reader) => {
      const inner = reader.enter(TAG.sequence);
      return { kty: 'RSA', n: trimmed(inner.integer('modulus')), e: trimmed(inner.integer('exponent')) };
    });
  }
  throw new Refusal('key-type', `key of type ${type}`, 'This kind of key is not supported.');
}

/** DER of SubjectPublicKeyInfo of a JWK. Throws Refusal `key-type`, DecodeError. */
export function publicKeyInfoOf(jwk: Jwk): Uint8Array {
  switch (jwk.kty) {
    case 'OKP':
      return ed25519Info(fromBase64Url(jwk.x, 'jwk', 32));
    case 'EC': {
      const [curve, size] = jwk.crv === 'P-256' ? (['p256', 32] as const) : (['p384', 48] as const);
      const point = concat(
        new Uint8Array([4]),
        fromBase64Url(jwk.x, 'jwk', size),
        fromBase64Url(jwk.y, 'jwk', size),
      );
      return ecInfo(curve, point);
    }
    case 'RSA':
      throw new Refusal('key-type', 'RSA in a JWK', 'This kind of key is not supported here.');
  }
}

/** SHA-256 of a SubjectPublicKeyInfo, what people compare keys by. 32 bytes. */
export function keyFingerprint(publicKeyInfo: Uint8Array): Uint8Array {
  return sha256(publicKeyInfo);
}
