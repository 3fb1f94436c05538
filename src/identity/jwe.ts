/** Compact JWE to a P-256 key (ECDH-ES, RFC 7518 4.6), as verifiers ask for answers that pass through others. */
import { gcm } from '@noble/ciphers/aes.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import { canonicalJson, fromBase64Url, toBase64Url } from '../wallet/json.ts';

/** Bytes of the key of each cipher. */
const KEY_BYTES = { A128GCM: 16, A256GCM: 32 } as const;
const IV_BYTES = 12;
const TAG_BYTES = 16;

export type JweCipher = keyof typeof KEY_BYTES;
export const JWE_CIPHERS = Object.keys(KEY_BYTES) as [JweCipher, ...JweCipher[]];

export interface RecipientKey {
  /** Base64url, 32 bytes each. */
  x: string;
  y: string;
  kid?: string | undefined;
}

/** Encrypts to a key. Throws DecodeError or RangeError for a key that is no point of the curve. */
export function encryptJwe(plaintext: Uint8Array, to: RecipientKey, cipher: JweCipher): string {
  const secret = p256.utils.randomSecretKey();
  const own = p256.getPublicKey(secret, false);
  const theirs = concat(
    Uint8Array.of(4),
    fromBase64Url(to.x, 'recipient-key', 32),
    fromBase64Url(to.y, 'recipient-key', 32),
  );
  const shared = p256.getSharedSecret(secret, theirs).subarray(1);
  const key = derive(shared, cipher);
  const epk = { kty: 'EC', crv: 'P-256', x: toBase64Url(own.slice(1, 33)), y: toBase64Url(own.slice(33)) };
  const header = { alg: 'ECDH-ES', enc: cipher, epk, ...(to.kid === undefined ? {} : { kid: to.kid }) };
  const encodedHeader = toBase64Url(canonicalJson(header));
  const iv = randomBytes(IV_BYTES);
  const sealed = gcm(key, iv, utf8(encodedHeader)).encrypt(plaintext);
  const tagAt = sealed.length - TAG_BYTES;
  const parts = [iv, sealed.subarray(0, tagAt), sealed.subarray(tagAt)].map(toBase64Url);
  return [encodedHeader, '', ...parts].join('.');
}

/** Concatenation KDF (NIST SP 800-56A) of one round: both keys are at most a SHA-256 digest long. */
function derive(shared: Uint8Array, cipher: JweCipher): Uint8Array {
  const none = bigEndian(0);
  const name = utf8(cipher);
  const bits = KEY_BYTES[cipher] * 8;
  const input = concat(bigEndian(1), shared, bigEndian(name.length), name, none, none, bigEndian(bits));
  return sha256(input).subarray(0, KEY_BYTES[cipher]);
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
