/** Private keys from and to PKCS#8, plain or encrypted under a password (PBES2). */
import { randomBytes } from '../crypto/random.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { readAlgorithm } from './certificate.ts';
import {
  contextTag,
  integer,
  nullValue,
  octetString,
  oid,
  readDer,
  sequence,
  TAG,
  type DerReader,
} from './der.ts';
import { ecKey, ed25519Key, rsaKey, type SigningKey } from './keys.ts';
import { OID } from './oids.ts';

const MAX_KEY_BYTES = 32 * 1024;
const WHAT = 'private-key';

interface PrivateKeyInfo {
  type: string;
  curve: string | null;
  /** Content of the OCTET STRING. */
  secret: Uint8Array;
}

function readPrivateKeyInfo(pkcs8: Uint8Array): PrivateKeyInfo {
  return readDer(pkcs8, WHAT, (reader) => {
    const info = reader.enter(TAG.sequence, 'key');
    info.small('version', 1);
    const { oid: type, parameters } = readAlgorithm(info);
    const secret = info.expect(TAG.octetString, 'secret').content;
    // Attributes and a copy of the public key may follow; the public key is computed instead.
    info.optional(contextTag(0));
    info.optional(contextTag(1, false));
    info.finish();
    const curve = parameters?.tag === TAG.oid ? readDer(parameters.raw, WHAT, (inner) => inner.oid()) : null;
    return { type, curve, secret };
  });
}

function ecSecret(content: Uint8Array, size: number): Uint8Array {
  return readDer(content, WHAT, (reader) => {
    const key = reader.enter(TAG.sequence, 'EC key');
    if (key.small('version', 1) !== 1) key.fail('EC key of another version');
    const secret = key.expect(TAG.octetString, 'secret').content;
    key.optional(contextTag(0));
    key.optional(contextTag(1));
    key.finish();
    if (secret.length !== size) key.fail(`${secret.length} bytes of secret where ${size} are needed`);
    return secret;
  });
}

/** A key of PKCS#8 DER: Ed25519, P-256, P-384 or RSA. Throws DecodeError, Refusal `key-type`, `rsa-key`. */
export async function importPrivateKey(pkcs8: Uint8Array): Promise<SigningKey> {
  if (pkcs8.length > MAX_KEY_BYTES) throw new Refusal(WHAT, `${pkcs8.length} bytes`);
  const { type, curve, secret } = readPrivateKeyInfo(pkcs8);
  if (type === OID.ed25519) return ed25519Key(readDer(secret, WHAT, readSeed).slice());
  if (type === OID.rsaEncryption) return rsaKey(pkcs8);
  if (type === OID.ecPublicKey && curve === OID.p256) return ecKey('p256', ecSecret(secret, 32).slice());
  if (type === OID.ecPublicKey && curve === OID.p384) return ecKey('p384', ecSecret(secret, 48).slice());
  throw new Refusal('key-type', `key of type ${type}`, 'This kind of key is not supported.');
}

function readSeed(reader: DerReader): Uint8Array {
  const { content } = reader.expect(TAG.octetString, 'seed');
  if (content.length !== 32) reader.fail(`${content.length} bytes of seed`);
  return content;
}

/** PKCS#8 DER of an Ed25519 seed (32 bytes). */
export function ed25519Pkcs8(seed: Uint8Array): Uint8Array {
  return sequence(integer(0), sequence(oid(OID.ed25519)), octetString(octetString(seed)));
}

/** PKCS#8 DER of a P-256 or P-384 secret. */
export function ecPkcs8(curve: 'p256' | 'p384', secret: Uint8Array): Uint8Array {
  const key = sequence(integer(1), octetString(secret));
  return sequence(integer(0), sequence(oid(OID.ecPublicKey), oid(OID[curve])), octetString(key));
}

const ITERATIONS = 600_000;
const MAX_ITERATIONS = 10_000_000;
const SALT_BYTES = 16;
const IV_BYTES = 16;

async function pbes2Key(password: string, salt: Uint8Array, iterations: number): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey('raw', new TextEncoder().encode(password), 'PBKDF2', false, [
    'deriveKey',
  ]);
  const kdf = { name: 'PBKDF2', hash: 'SHA-256', salt: salt.slice(), iterations };
  return crypto.subtle.deriveKey(kdf, base, { name: 'AES-CBC', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** Encrypts bytes under PBES2 (PBKDF2-HMAC-SHA-256, AES-256-CBC): AlgorithmIdentifier DER and ciphertext. */
export async function encryptPbes2(
  plaintext: Uint8Array,
  password: string,
  iterations = ITERATIONS,
): Promise<{ algorithm: Uint8Array; ciphertext: Uint8Array }> {
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const key = await pbes2Key(password, salt, iterations);
  const ciphertext = await crypto.subtle.encrypt({ name: 'AES-CBC', iv: iv.slice() }, key, plaintext.slice());
  const kdf = sequence(
    oid(OID.pbkdf2),
    sequence(octetString(salt), integer(iterations), sequence(oid(OID.hmacSha256), nullValue())),
  );
  const cipher = sequence(oid(OID.aes256Cbc), octetString(iv));
  return {
    algorithm: sequence(oid(OID.pbes2), sequence(kdf, cipher)),
    ciphertext: new Uint8Array(ciphertext),
  };
}

interface Pbes2 {
  salt: Uint8Array;
  iterations: number;
  iv: Uint8Array;
}

function readPbes2(algorithm: Uint8Array): Pbes2 {
  return readDer(algorithm, 'encrypted-key', (reader) => {
    const outer = reader.enter(TAG.sequence);
    if (outer.oid() !== OID.pbes2) outer.fail('not PBES2');
    const parameters = outer.enter(TAG.sequence);
    const kdf = parameters.enter(TAG.sequence);
    if (kdf.oid() !== OID.pbkdf2) outer.fail('not PBKDF2');
    const pbkdf2 = kdf.enter(TAG.sequence);
    const salt = pbkdf2.expect(TAG.octetString, 'salt').content;
    const iterations = pbkdf2.small('iterations', MAX_ITERATIONS);
    if (pbkdf2.peek() === TAG.integer && pbkdf2.small('key length', 32) !== 32)
      outer.fail('another key length');
    const { oid: prf } = readAlgorithm(pbkdf2);
    if (prf !== OID.hmacSha256) outer.fail('not HMAC with SHA-256');
    const cipher = parameters.enter(TAG.sequence);
    if (cipher.oid() !== OID.aes256Cbc) outer.fail('not AES-256-CBC');
    const iv = cipher.expect(TAG.octetString, 'initial vector').content;
    if (iv.length !== IV_BYTES || iterations < 1) outer.fail('not the parameters of AES-256-CBC');
    outer.finish();
    return { salt, iterations, iv };
  });
}

/** Decrypts what `encryptPbes2` or OpenSSL encrypted. Throws DecodeError, Refusal `wrong-password`. */
export async function decryptPbes2(
  algorithm: Uint8Array,
  ciphertext: Uint8Array,
  password: string,
): Promise<Uint8Array> {
  const { salt, iterations, iv } = readPbes2(algorithm);
  const key = await pbes2Key(password, salt, iterations);
  try {
    return new Uint8Array(
      await crypto.subtle.decrypt({ name: 'AES-CBC', iv: iv.slice() }, key, ciphertext.slice()),
    );
  } catch {
    throw wrongPassword('PBES2 padding');
  }
}

function wrongPassword(message: string): Refusal {
  return new Refusal('wrong-password', message, 'The password does not open this file.');
}

/** EncryptedPrivateKeyInfo (DER) of PKCS#8 DER. */
export async function encryptPkcs8(pkcs8: Uint8Array, password: string): Promise<Uint8Array> {
  const { algorithm, ciphertext } = await encryptPbes2(pkcs8, password);
  return sequence(algorithm, octetString(ciphertext));
}

/** PKCS#8 DER of EncryptedPrivateKeyInfo. Throws DecodeError, Refusal `wrong-password`. */
export async function decryptPkcs8(encrypted: Uint8Array, password: string): Promise<Uint8Array> {
  if (encrypted.length > MAX_KEY_BYTES) throw new Refusal('encrypted-key', `${encrypted.length} bytes`);
  const { algorithm, ciphertext } = readDer(encrypted, 'encrypted-key', (reader) => {
    const outer = reader.enter(TAG.sequence);
    const parts = {
      algorithm: outer.expect(TAG.sequence).raw,
      ciphertext: outer.expect(TAG.octetString).content,
    };
    outer.finish();
    return parts;
  });
  const pkcs8 = await decryptPbes2(algorithm, ciphertext, password);
  try {
    readPrivateKeyInfo(pkcs8);
  } catch (error) {
    // One wrong password in 256 leaves a padding that looks right.
    if (error instanceof DecodeError) throw wrongPassword('no key inside');
    throw error;
  }
  return pkcs8;
}
