/**
 * The wallet's sealed form: one random data key encrypts every record, and is itself wrapped once per way to
 * unlock (a slot). AES-256-GCM throughout; what surrounds a ciphertext is authenticated with it.
 */
import { gcm } from '@noble/ciphers/aes.js';
import * as v from 'valibot';
import { randomBytes } from '../crypto/random.ts';
import { utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from './errors.ts';
import {
  base64UrlText,
  canonicalJson,
  fromBase64Url,
  fromUtf8,
  parseJson,
  shaped,
  toBase64Url,
} from './json.ts';
import { passkeyKdfSchema, passwordKdfSchema, type PasskeyKdf, type PasswordKdf } from './kdf.ts';

const NONCE_BYTES = 12;
export const DATA_KEY_BYTES = 32;
const WRAPPED_BYTES = DATA_KEY_BYTES + 16;
const MAX_SLOTS = 16;
const MAX_RECORDS = 20_000;
const MAX_RECORD_CHARACTERS = 4 * 1024 * 1024;
/** Largest wallet, as bytes of its backup file. */
const MAX_WALLET_BYTES = 32 * 1024 * 1024;

const RECORD_TYPES = [
  'mnemonic',
  'rsa-key',
  'certificate',
  'credential',
  'delegation',
  'evidence',
  'contact',
  'seen-revocation',
  'setting',
] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(120));
const nonce = v.pipe(base64UrlText(16), v.length(16));

const headerSchema = v.strictObject({
  v: v.literal(1),
  kid: name,
  alg: v.literal('A256GCM'),
  kdf: v.variant('name', [passwordKdfSchema, passkeyKdfSchema]),
});

const slotSchema = v.strictObject({
  header: headerSchema,
  nonce,
  ct: v.pipe(base64UrlText(64), v.length(64)),
});

const recordSchema = v.strictObject({
  /** Holds the address of what an issuer publishes, and so is as long as addresses are. */
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  type: v.picklist(RECORD_TYPES),
  v: v.literal(1),
  nonce,
  ct: base64UrlText(MAX_RECORD_CHARACTERS),
});

const walletSchema = v.strictObject({
  v: v.literal(1),
  slots: v.pipe(v.array(slotSchema), v.minLength(1), v.maxLength(MAX_SLOTS)),
  records: v.pipe(v.array(recordSchema), v.maxLength(MAX_RECORDS)),
});

export type SlotHeader = v.InferOutput<typeof headerSchema>;
export type Slot = v.InferOutput<typeof slotSchema>;
export type SealedRecord = v.InferOutput<typeof recordSchema>;
/** Everything of a wallet as it is stored, and as its backup file holds it. */
export type SealedWallet = v.InferOutput<typeof walletSchema>;

/** What a slot's ciphertext is bound to: the canonical JSON of its header. */
export function slotBinding(header: SlotHeader): Uint8Array {
  return canonicalJson(header);
}

/** What a record's ciphertext is bound to: canonical JSON of id, type and version. */
export function recordBinding(id: string, type: RecordType): Uint8Array {
  return canonicalJson({ id, type, v: 1 });
}

/** Header of a slot for a password or a passkey. */
export function slotHeader(kid: string, kdf: PasswordKdf | PasskeyKdf): SlotHeader {
  return { v: 1, kid, alg: 'A256GCM', kdf };
}

/** Wraps the data key (32 bytes) under a slot's key. `iv` (12 bytes) is random unless given. */
export function wrapDataKey(
  header: SlotHeader,
  slotKey: Uint8Array,
  dataKey: Uint8Array,
  iv: Uint8Array = randomBytes(NONCE_BYTES),
): Slot {
  const sealed = gcm(slotKey, iv, slotBinding(header)).encrypt(dataKey);
  return { header, nonce: toBase64Url(iv), ct: toBase64Url(sealed) };
}

/** The data key of a slot. Throws Refusal `wrong-password` (or `wrong-passkey`) if the key does not open it. */
export function unwrapDataKey(slot: Slot, slotKey: Uint8Array): Uint8Array {
  const sealed = fromBase64Url(slot.ct, 'slot', WRAPPED_BYTES);
  try {
    return gcm(slotKey, fromBase64Url(slot.nonce, 'slot', NONCE_BYTES), slotBinding(slot.header)).decrypt(
      sealed,
    );
  } catch {
    throw slot.header.kdf.name === 'argon2id'
      ? new Refusal('wrong-password', 'the tag does not fit', 'That is not the password of this wallet.')
      : new Refusal('wrong-passkey', 'the tag does not fit', 'That passkey does not open this wallet.');
  }
}

/** Encrypts a record's plaintext. `iv` (12 bytes) is random unless given. */
export function sealBytes(
  dataKey: Uint8Array,
  id: string,
  type: RecordType,
  plaintext: Uint8Array,
  iv: Uint8Array = randomBytes(NONCE_BYTES),
): SealedRecord {
  const ct = gcm(dataKey, iv, recordBinding(id, type)).encrypt(plaintext);
  return { id, type, v: 1, nonce: toBase64Url(iv), ct: toBase64Url(ct) };
}

/** Decrypts a record. Throws Refusal `damaged-record`. */
export function openBytes(dataKey: Uint8Array, record: SealedRecord): Uint8Array {
  try {
    const iv = fromBase64Url(record.nonce, 'record', NONCE_BYTES);
    const binding = recordBinding(record.id, record.type);
    return gcm(dataKey, iv, binding).decrypt(fromBase64Url(record.ct, 'record'));
  } catch {
    throw new Refusal(
      'damaged-record',
      `record ${record.id} does not decrypt`,
      'A record of the wallet is damaged or was exchanged.',
      { id: record.id },
    );
  }
}

/** Encrypts a value as canonical JSON. */
export function sealRecord(dataKey: Uint8Array, id: string, type: RecordType, value: unknown): SealedRecord {
  return sealBytes(dataKey, id, type, canonicalJson(value));
}

/** The value of a record. Throws Refusal `damaged-record`. */
export function openRecord(dataKey: Uint8Array, record: SealedRecord): unknown {
  return JSON.parse(fromUtf8(openBytes(dataKey, record), 'record'));
}

/** A wallet of the JSON that a backup file holds. Throws DecodeError. */
export function decodeWallet(text: string): SealedWallet {
  return checkWallet(parseJson(text, 'wallet-backup', MAX_WALLET_BYTES));
}

/** Throws Refusal `wallet-full`, or DecodeError, for a wallet that would not be taken back once it is stored. */
export function requireStorable(wallet: SealedWallet): void {
  const size = encodeWallet(wallet).length;
  if (wallet.slots.length > MAX_SLOTS || wallet.records.length > MAX_RECORDS || size > MAX_WALLET_BYTES)
    throw new Refusal(
      'wallet-full',
      `${wallet.slots.length} ways to unlock, ${wallet.records.length} records, ${size} bytes`,
      'The wallet holds as much as it can. Remove something from it first.',
    );
  checkWallet(wallet);
}

/** A wallet of what storage holds. Throws DecodeError. */
export function checkWallet(stored: unknown): SealedWallet {
  const wallet = shaped(walletSchema, stored, 'wallet-backup');
  requireUnique(wallet.slots.map(({ header }) => header.kid));
  requireUnique(wallet.records.map(({ id }) => id));
  return wallet;
}

function requireUnique(names: string[]): void {
  if (new Set(names).size !== names.length) throw new DecodeError('wallet-backup', 'a name is given twice');
}

/** The backup file: one JSON text. */
export function encodeWallet(wallet: SealedWallet): Uint8Array {
  return utf8(JSON.stringify(wallet));
}
