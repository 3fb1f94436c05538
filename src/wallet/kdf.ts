/** From a password or a passkey to the key that unlocks the wallet. */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { utf8 } from '../protocol/bytes.ts';
import { base64UrlText, fromBase64Url } from './json.ts';

/** Argon2id parameters: memory in KiB, passes, lanes. */
export interface Argon2Cost {
  m_kib: number;
  t: number;
  p: number;
}

/** Cost of a new password slot. */
export const DEFAULT_COST: Argon2Cost = { m_kib: 65_536, t: 3, p: 1 };
/** Cost where the default takes more than two seconds; a slot below it is refused. */
export const LOWEST_COST: Argon2Cost = { m_kib: 19_456, t: 2, p: 1 };

const MAX_MEMORY_KIB = 1024 * 1024;
const MAX_PASSES = 16;
const KEY_BYTES = 32;
const PRF_INFO = utf8('autonomys-tab/prf-wrap/v1');

const salt = base64UrlText(88);

export const passwordKdfSchema = v.strictObject({
  name: v.literal('argon2id'),
  m_kib: v.pipe(v.number(), v.integer(), v.minValue(LOWEST_COST.m_kib), v.maxValue(MAX_MEMORY_KIB)),
  t: v.pipe(v.number(), v.integer(), v.minValue(LOWEST_COST.t), v.maxValue(MAX_PASSES)),
  p: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(4)),
  salt,
});

export const passkeyKdfSchema = v.strictObject({
  name: v.literal('webauthn-prf'),
  salt,
  /** Credential id of the passkey, base64url. */
  credential: base64UrlText(2048),
  /** Relying party id: the host the passkey belongs to. */
  rp: v.pipe(v.string(), v.minLength(1), v.maxLength(253)),
});

export type PasswordKdf = v.InferOutput<typeof passwordKdfSchema>;
export type PasskeyKdf = v.InferOutput<typeof passkeyKdfSchema>;

/** Turns a password into a key of 32 bytes; takes as long as the cost says. */
export type PasswordKey = (password: string, kdf: PasswordKdf) => Promise<Uint8Array>;

/** Argon2id of the password (NFKC, UTF-8), in the calling thread. */
export const argon2idKey: PasswordKey = async (password, kdf) => {
  // Fetched here, because the worker of identities has Argon2id done by another one.
  const { argon2id } = await import('hash-wasm');
  return argon2id({
    password: utf8(password.normalize('NFKC')),
    salt: fromBase64Url(kdf.salt, 'salt'),
    memorySize: kdf.m_kib,
    iterations: kdf.t,
    parallelism: kdf.p,
    hashLength: KEY_BYTES,
    outputType: 'binary',
  });
};

/** What a passkey's PRF is evaluated on: SHA-256 of a label. 32 bytes. */
export function prfInput(): Uint8Array {
  return sha256(utf8('autonomys-tab/prf-eval/v1'));
}

/** Key (32 bytes) of a passkey's PRF output. */
export function passkeyKey(prfOutput: Uint8Array, kdf: PasskeyKdf): Uint8Array {
  return hkdf(sha256, prfOutput, fromBase64Url(kdf.salt, 'salt'), PRF_INFO, KEY_BYTES);
}
