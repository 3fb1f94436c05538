/** RSA signatures, verified with the bounds of the registry's host: public keys only, no secrets here. */
import { sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, equal } from '../protocol/bytes.ts';
import { bigEndian, fromBigEndian, nullValue, octetString, oid, readDer, sequence, TAG } from './der.ts';
import { OID } from './oids.ts';

export type HashName = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

const HASHES = { sha1, sha224, sha256, sha384, sha512 } as const;
const HASH_OIDS: Record<HashName, string> = {
  sha1: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};
const MAX_BITS = 8192;
const MAX_EXPONENT = 2n ** 33n - 1n;

interface RsaKey {
  modulus: bigint;
  exponent: bigint;
  bits: number;
}

function readKey(bytes: Uint8Array, minBits: number): RsaKey | null {
  const key = readDer(bytes, 'rsa-key', (reader) => {
    const inner = reader.enter(TAG.sequence);
    const modulus = inner.unsigned('modulus', MAX_BITS / 8);
    const exponent = inner.unsigned('exponent', 5);
    inner.finish();
    return { modulus, exponent, bits: modulus.toString(2).length };
  });
  // The host rounds the modulus up to whole octets before it compares with its bounds.
  if (8 * Math.ceil(key.bits / 8) < minBits || key.bits > MAX_BITS) return null;
  if ((key.modulus & 1n) === 0n || (key.exponent & 1n) === 0n) return null;
  return key.exponent < 3n || key.exponent > MAX_EXPONENT ? null : key;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** What a signature opens to under a key of so many bits: as many octets as the modulus. */
interface Opened {
  bits: number;
  representative: Uint8Array;
}

/** The message representative of a signature; null for a key out of bounds and a signature out of range. */
function open(keyDer: Uint8Array, minBits: number, signature: Uint8Array): Opened | null {
  const key = readKey(keyDer, minBits);
  if (key === null) return null;
  const { modulus, exponent, bits } = key;
  const size = Math.ceil(bits / 8);
  if (signature.length !== size) return null;
  const value = fromBigEndian(signature);
  return value >= modulus ? null : { bits, representative: bigEndian(power(value, exponent, modulus), size) };
}

/** RSASSA-PKCS1-v1_5; `key` is the DER of RSAPublicKey. Throws DecodeError for a malformed key. */
export function verifyPkcs1(
  key: Uint8Array,
  hash: HashName,
  data: Uint8Array,
  signature: Uint8Array,
  minBits: number,
): boolean {
  const opened = open(key, minBits, signature)?.representative;
  if (opened === undefined) return false;
  const info = sequence(sequence(oid(HASH_OIDS[hash]), nullValue()), octetString(HASHES[hash](data)));
  const padding = opened.length - info.length - 3;
  if (padding < 8) return false;
  const expected = concat(
    new Uint8Array([0, 1]),
    new Uint8Array(padding).fill(0xff),
    new Uint8Array(1),
    info,
  );
  return equal(opened, expected);
}

function maskGeneration(hash: HashName, seed: Uint8Array, length: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let counter = 0, made = 0; made < length; counter += 1) {
    const part = HASHES[hash](concat(seed, bigEndian(BigInt(counter), 4)));
    parts.push(part);
    made += part.length;
  }
  return concat(...parts).subarray(0, length);
}

/**
 * RSASSA-PSS with MGF1 of the same hash; `key` is the DER of RSAPublicKey. The salt is as long as the digest unless
 * told. Throws DecodeError for a malformed key.
 */
export function verifyPss(
  key: Uint8Array,
  hash: HashName,
  data: Uint8Array,
  signature: Uint8Array,
  minBits: number,
  saltBytes: number = HASHES[hash].outputLen,
): boolean {
  const opened = open(key, minBits, signature);
  if (opened === null) return false;
  const { representative } = opened;
  const emBits = opened.bits - 1;
  const emBytes = Math.ceil(emBits / 8);
  const em = representative.subarray(representative.length - emBytes);
  if (representative.length > emBytes && representative[0] !== 0) return false;
  const digest = HASHES[hash](data);
  const size = digest.length;
  if (emBytes < size + saltBytes + 2 || em[emBytes - 1] !== 0xbc) return false;
  const masked = em.subarray(0, emBytes - size - 1);
  const salted = em.subarray(emBytes - size - 1, emBytes - 1);
  const topMask = 0xff >> (8 * emBytes - emBits);
  if ((masked[0]! & ~topMask & 0xff) !== 0) return false;
  const mask = maskGeneration(hash, salted, masked.length);
  const block = masked.map((byte, index) => byte ^ mask[index]!);
  block[0]! &= topMask;
  const zeros = masked.length - saltBytes - 1;
  if (block.subarray(0, zeros).some((byte) => byte !== 0) || block[zeros] !== 1) return false;
  const salt = block.subarray(zeros + 1);
  return equal(HASHES[hash](concat(new Uint8Array(8), digest, salt)), salted);
}
