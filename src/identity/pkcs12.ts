/** PKCS#12: a key with its certificates in one password-protected file, as other programs take it. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '../crypto/random.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { readAlgorithm } from './certificate.ts';
import {
  contextTag,
  element,
  explicit,
  integer,
  nullValue,
  octetString,
  oid,
  readDer,
  sequence,
  setOf,
  TAG,
  type DerReader,
} from './der.ts';
import { OID } from './oids.ts';
import { decryptPbes2, encryptPbes2 } from './private-key.ts';

const WHAT = 'pkcs12';
const VERSION = 3;
const ITERATIONS = 100_000;
/** Most rounds of the integrity check, which hold the thread up for a second. */
const MAX_ITERATIONS = 1_000_000;
const SALT_BYTES = 16;
const MAC_KEY_ID = 3;
const HASH_BYTES = 32;
const BLOCK_BYTES = 64;
const MAX_BYTES = 1024 * 1024;
const MAX_BAGS = 32;

export interface Pkcs12 {
  /** PKCS#8 DER. */
  privateKey: Uint8Array;
  /** Certificates' DER, in the order of the file. */
  certificates: Uint8Array[];
}

/** Password as PKCS#12 hashes it: UTF-16, big-endian, with two zero bytes at the end. */
function passwordBytes(password: string): Uint8Array {
  const bytes = new Uint8Array(2 * password.length + 2);
  for (let index = 0; index < password.length; index += 1) {
    bytes[2 * index] = password.charCodeAt(index) >> 8;
    bytes[2 * index + 1] = password.charCodeAt(index) & 0xff;
  }
  return bytes;
}

function repeated(bytes: Uint8Array): Uint8Array {
  const length = BLOCK_BYTES * Math.ceil(bytes.length / BLOCK_BYTES);
  return Uint8Array.from({ length }, (_, index) => bytes[index % bytes.length]!);
}

/** Key of the integrity check (RFC 7292, appendix B) with SHA-256: 32 bytes, so that one round suffices. */
function macKey(password: string, salt: Uint8Array, iterations: number): Uint8Array {
  const input = concat(
    new Uint8Array(BLOCK_BYTES).fill(MAC_KEY_ID),
    repeated(salt),
    repeated(passwordBytes(password)),
  );
  let key = sha256(input);
  for (let round = 1; round < iterations; round += 1) key = sha256(key);
  return key;
}

function contentInfo(type: string, content: Uint8Array): Uint8Array {
  return sequence(oid(type), explicit(0, content));
}

function bag(type: string, value: Uint8Array, keyId: Uint8Array | null): Uint8Array {
  const attributes = keyId === null ? [] : [setOf(sequence(oid(OID.localKeyId), setOf(octetString(keyId))))];
  return sequence(oid(type), explicit(0, value), ...attributes);
}

/** Writes a PKCS#12 file; the first certificate is the key's own, its issuers follow. */
export async function encodePkcs12(content: Pkcs12, password: string): Promise<Uint8Array> {
  const keyId = sha256(content.certificates[0] ?? new Uint8Array()).subarray(0, 20);
  const key = await encryptPbes2(content.privateKey, password, ITERATIONS);
  const keyBag = bag(OID.shroudedKeyBag, sequence(key.algorithm, octetString(key.ciphertext)), keyId);
  const certBags = content.certificates.map((der, index) => {
    const value = sequence(oid(OID.x509Certificate), explicit(0, octetString(der)));
    return bag(OID.certBag, value, index === 0 ? keyId : null);
  });
  const certificates = await encryptPbes2(sequence(...certBags), password, ITERATIONS);
  const encrypted = sequence(
    integer(0),
    sequence(oid(OID.data), certificates.algorithm, element(contextTag(0, false), certificates.ciphertext)),
  );
  const safe = sequence(
    contentInfo(OID.encryptedData, encrypted),
    contentInfo(OID.data, octetString(sequence(keyBag))),
  );
  const salt = randomBytes(SALT_BYTES);
  const mac = hmac(sha256, macKey(password, salt, ITERATIONS), safe);
  return sequence(
    integer(VERSION),
    contentInfo(OID.data, octetString(safe)),
    sequence(
      sequence(sequence(oid(OID.sha256), nullValue()), octetString(mac)),
      octetString(salt),
      integer(ITERATIONS),
    ),
  );
}

function readData(reader: DerReader): Uint8Array {
  const info = reader.enter(TAG.sequence);
  if (info.oid() !== OID.data) info.fail('not of type data');
  return info.enter(contextTag(0)).expect(TAG.octetString).content;
}

function checkMac(reader: DerReader, safe: Uint8Array, password: string): void {
  const data = reader.enter(TAG.sequence, 'integrity check');
  const info = data.enter(TAG.sequence);
  if (readAlgorithm(info).oid !== OID.sha256) data.fail('the integrity check does not use SHA-256');
  const mac = info.expect(TAG.octetString).content;
  const salt = data.expect(TAG.octetString).content;
  const iterations = data.ended ? 1 : data.small('iterations', MAX_ITERATIONS);
  if (mac.length !== HASH_BYTES || salt.length === 0 || salt.length > BLOCK_BYTES || iterations < 1)
    data.fail('not the parameters of an integrity check');
  if (!equal(hmac(sha256, macKey(password, salt, iterations), safe), mac)) {
    throw new Refusal(
      'wrong-password',
      'the integrity check fails',
      'The password does not open this file, or the file is damaged.',
    );
  }
}

interface Bags {
  keys: Uint8Array[];
  certificates: Uint8Array[];
}

async function readBags(contents: Uint8Array, password: string, into: Bags): Promise<void> {
  const shrouded: { algorithm: Uint8Array; ciphertext: Uint8Array }[] = [];
  readDer(contents, WHAT, (reader) => {
    const list = reader.enter(TAG.sequence);
    while (!list.ended) {
      const item = list.enter(TAG.sequence);
      const type = item.oid();
      const value = item.enter(contextTag(0)).enter(TAG.sequence);
      if (type === OID.shroudedKeyBag) {
        shrouded.push({
          algorithm: value.expect(TAG.sequence).raw,
          ciphertext: value.expect(TAG.octetString).content,
        });
      } else if (type === OID.certBag && value.oid() === OID.x509Certificate) {
        into.certificates.push(value.enter(contextTag(0)).expect(TAG.octetString).content.slice());
      }
      if (into.certificates.length + shrouded.length > MAX_BAGS) reader.fail(`more than ${MAX_BAGS} items`);
    }
  });
  for (const { algorithm, ciphertext } of shrouded)
    into.keys.push(await decryptPbes2(algorithm, ciphertext, password));
}

/**
 * Reads a PKCS#12 file with PBES2 encryption and an integrity check by SHA-256, as current programs write it.
 * Throws DecodeError, Refusal `wrong-password`, `pkcs12` if there is not exactly one key in it.
 */
export async function decodePkcs12(file: Uint8Array, password: string): Promise<Pkcs12> {
  if (file.length > MAX_BYTES) throw new Refusal(WHAT, `${file.length} bytes`);
  const safe = readDer(file, WHAT, (reader) => {
    const outer = reader.enter(TAG.sequence);
    if (outer.small('version', VERSION) !== VERSION) outer.fail('another version');
    const content = readData(outer);
    checkMac(outer, content, password);
    outer.finish();
    return content;
  });
  const parts: { contents: Uint8Array; algorithm: Uint8Array | null }[] = [];
  readDer(safe, WHAT, (reader) => {
    const list = reader.enter(TAG.sequence);
    while (!list.ended && parts.length < MAX_BAGS) {
      const info = list.enter(TAG.sequence);
      const type = info.oid();
      const content = info.enter(contextTag(0));
      if (type === OID.data) {
        parts.push({ contents: content.expect(TAG.octetString).content, algorithm: null });
        continue;
      }
      if (type !== OID.encryptedData) reader.fail(`content of type ${type}`);
      const encrypted = content.enter(TAG.sequence);
      encrypted.small('version', 2);
      const inner = encrypted.enter(TAG.sequence);
      inner.oid();
      const algorithm = inner.expect(TAG.sequence).raw;
      parts.push({ contents: inner.expect(contextTag(0, false)).content, algorithm });
    }
  });
  const bags: Bags = { keys: [], certificates: [] };
  for (const { contents, algorithm } of parts) {
    const plain = algorithm === null ? contents : await decryptPbes2(algorithm, contents, password);
    await readBags(plain, password, bags);
  }
  const [privateKey, second] = bags.keys;
  if (privateKey === undefined || second !== undefined)
    throw new Refusal(WHAT, `${bags.keys.length} keys`, 'This file must hold exactly one key.');
  return { privateKey, certificates: bags.certificates };
}
