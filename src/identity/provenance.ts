/**
 * Provenance statements v1: who made a file and how, signed apart from the file as COSE_Sign1 with deterministic
 * CBOR, so that any file can have one.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { decode, encode as encodeCbor, Tagged } from 'cborg';
import { equal, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { Refusal } from '../wallet/errors.ts';
import { keyIdOf } from './did.ts';
import { holdsUnder, jwsAlgorithm } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';

const CONTENT_TYPE = 'application/autonomys-provenance+cbor';
const COSE_SIGN1 = 18;
const ALGORITHMS = { EdDSA: -8, ES256: -7 } as const;
const WHAT = 'provenance';
const MAX_BYTES = 64 * 1024;
const MAX_SOURCES = 256;

export const ORIGINS = ['human', 'ai', 'mixed', 'unknown'] as const;
export type Origin = (typeof ORIGINS)[number];

/** What is said of a file. */
export interface Provenance {
  /** SHA-256 of the content, 32 bytes. */
  contentHash: Uint8Array;
  /** Bytes. */
  contentLength: number;
  mediaType: string;
  /** Seconds since the epoch, as the signer says. */
  time: number;
  /** DID of the signer. */
  did: string;
  origin: Origin;
  /** SHA-256 of the contents that this one was made from. */
  sources: Uint8Array[];
  /** CID of the file in the network's storage. */
  cid?: string;
  /** Id of the capability token that an agent acted under. */
  capability?: string;
  /** Model or tool. */
  tool?: string;
  /** Licence, and whether AI may be trained on it. */
  licence?: string;
}

const OPTIONAL_TEXTS = [
  [9, 'cid'],
  [10, 'capability'],
  [11, 'tool'],
  [12, 'licence'],
] as const;

/** CBOR in bytes of their own: under Node.js the library hands out a Buffer, whose slices are views. */
function encode(value: unknown): Uint8Array {
  return new Uint8Array(encodeCbor(value));
}

/** CBOR of a statement. */
export function encodeProvenance(statement: Provenance): Uint8Array {
  const map = new Map<number, unknown>([
    [1, 1],
    [2, statement.contentHash],
    [3, statement.contentLength],
    [4, statement.mediaType],
    [5, statement.time],
    [6, statement.did],
    [7, statement.origin],
    [8, statement.sources],
  ]);
  for (const [key, member] of OPTIONAL_TEXTS) {
    const text = statement[member];
    if (text !== undefined) map.set(key, text);
  }
  return encode(map);
}

const STRICT = {
  useMaps: true,
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
} as const;

/** Decodes CBOR that must be in its deterministic form: encoding it again gives the same bytes. */
function decodeStrict(bytes: Uint8Array, tags?: Record<number, (inner: () => unknown) => unknown>): unknown {
  try {
    const value: unknown = decode(bytes, { ...STRICT, ...(tags === undefined ? {} : { tags }) });
    if (!equal(encode(value), bytes)) throw new Error('not in deterministic form');
    return value;
  } catch (error) {
    throw new DecodeError(WHAT, error instanceof Error ? error.message : 'not CBOR');
  }
}

function member<T>(map: Map<unknown, unknown>, key: number, fits: (value: unknown) => value is T): T {
  const value = map.get(key);
  if (!fits(value)) throw new DecodeError(WHAT, `member ${key} is not what it should be`);
  return value;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 2048;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === 32;
const isOrigin = (value: unknown): value is Origin => ORIGINS.includes(value as Origin);
const isSources = (value: unknown): value is Uint8Array[] =>
  Array.isArray(value) && value.length <= MAX_SOURCES && value.every(isHash);

/** A statement of its CBOR. Throws DecodeError, for members that version 1 does not know as well. */
export function decodeProvenance(bytes: Uint8Array): Provenance {
  if (bytes.length > MAX_BYTES) throw new DecodeError(WHAT, `${bytes.length} bytes`);
  const map = decodeStrict(bytes);
  if (!(map instanceof Map)) throw new DecodeError(WHAT, 'no map');
  for (const key of map.keys()) {
    if (!Number.isInteger(key) || (key as number) < 1 || (key as number) > 12)
      throw new DecodeError(WHAT, `unknown member ${String(key).slice(0, 20)}`);
  }
  if (map.get(1) !== 1) throw new DecodeError(WHAT, 'not version 1');
  const statement: Provenance = {
    contentHash: member(map, 2, isHash),
    contentLength: member(map, 3, isCount),
    mediaType: member(map, 4, isText),
    time: member(map, 5, isCount),
    did: member(map, 6, isText),
    origin: member(map, 7, isOrigin),
    sources: member(map, 8, isSources),
  };
  for (const [key, name] of OPTIONAL_TEXTS) if (map.has(key)) statement[name] = member(map, key, isText);
  return statement;
}

/** What names a statement: BLAKE2b-256 of its CBOR. 32 bytes. */
export function statementId(statement: Uint8Array): Uint8Array {
  return blake2b256(statement);
}

/** The protected header of a statement signed with a key of a DID. */
export function protectedHeader(algorithm: keyof typeof ALGORITHMS, did: string): Uint8Array {
  return encode(
    new Map<number, unknown>([
      [1, ALGORITHMS[algorithm]],
      [3, CONTENT_TYPE],
      [4, utf8(keyIdOf(did))],
    ]),
  );
}

/** What the signature covers: COSE's `Sig_structure`. */
export function signatureStructure(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(['Signature1', protectedBytes, new Uint8Array(), payload]);
}

/** COSE_Sign1 of its parts, tag included. */
export function encodeStatement(
  protectedBytes: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return encode(new Tagged(COSE_SIGN1, [protectedBytes, new Map(), payload, signature]));
}

/** Statement about a file's content. */
export function describeContent(
  content: Uint8Array,
  about: Omit<Provenance, 'contentHash' | 'contentLength'>,
): Provenance {
  return { ...about, contentHash: sha256(content), contentLength: content.length };
}

/** Signs a statement with the key of its DID. Throws Refusal `key-type`. */
export async function signProvenance(key: SigningKey, statement: Provenance): Promise<Uint8Array> {
  const payload = encodeProvenance(statement);
  decodeProvenance(payload);
  const header = protectedHeader(jwsAlgorithm(key), statement.did);
  return encodeStatement(header, payload, await key.sign(signatureStructure(header, payload)));
}

export interface SignedStatement {
  protectedBytes: Uint8Array;
  payload: Uint8Array;
  signature: Uint8Array;
  algorithm: keyof typeof ALGORITHMS;
  statement: Provenance;
}

/** Takes a signed statement apart, verifying no signature. Throws DecodeError. */
export function decodeStatement(bytes: Uint8Array): SignedStatement {
  if (bytes.length > MAX_BYTES) throw new DecodeError(WHAT, `${bytes.length} bytes`);
  const tagged = decodeStrict(
    bytes,
    Tagged.preserve(COSE_SIGN1) as Record<number, (inner: () => unknown) => unknown>,
  );
  const parts: unknown = tagged instanceof Tagged ? tagged.value : null;
  if (!Array.isArray(parts) || parts.length !== 4) throw new DecodeError(WHAT, 'no COSE_Sign1');
  const [protectedBytes, open, payload, signature] = parts as unknown[];
  const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
  if (!isBytes(protectedBytes) || !isBytes(payload) || !isBytes(signature))
    throw new DecodeError(WHAT, 'header, payload and signature must be byte strings');
  if (!(open instanceof Map) || open.size > 0) throw new DecodeError(WHAT, 'unprotected header not empty');
  const statement = decodeProvenance(payload);
  const algorithm = (['EdDSA', 'ES256'] as const).find((name) =>
    equal(protectedHeader(name, statement.did), protectedBytes),
  );
  if (algorithm === undefined) throw new DecodeError(WHAT, 'the protected header does not fit the statement');
  return { protectedBytes, payload, signature, algorithm, statement };
}

/** Whether the signature of a statement holds under a key. */
export function statementHolds(signed: SignedStatement, key: Jwk): boolean {
  const { algorithm, protectedBytes, payload, signature } = signed;
  return holdsUnder(algorithm, key, signatureStructure(protectedBytes, payload), signature);
}

/**
 * Verifies a statement about a file: form, signature, length and hash of the content. Throws DecodeError, or
 * Refusal `issuer-key`, `signature`, `content`.
 */
export function verifyProvenance(
  bytes: Uint8Array,
  content: Uint8Array,
  keyOf: (did: string) => Jwk | null,
): Provenance {
  const signed = decodeStatement(bytes);
  const { statement } = signed;
  const key = keyOf(statement.did);
  if (key === null)
    throw new Refusal('issuer-key', `no key of ${statement.did}`, 'The signer of this file is not known.');
  if (!statementHolds(signed, key))
    throw new Refusal(
      'signature',
      'signature of the statement',
      'The statement was not signed by its signer.',
    );
  if (statement.contentLength !== content.length || !equal(statement.contentHash, sha256(content)))
    throw new Refusal(
      'content',
      'hash of the content',
      'The file is not the one that was signed: it was changed.',
    );
  return statement;
}
