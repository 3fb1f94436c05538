/**
 * Data Integrity proofs (W3C Verifiable Credential Data Integrity 1.0). Verified here are those of the cryptosuite
 * `eddsa-jcs-2022` (W3C Data Integrity EdDSA Cryptosuites 1.0): canonical JSON, SHA-256, Ed25519. Nothing is looked up and
 * no JSON-LD is processed. `bbs-2023.ts` has the other one.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base58 } from '@scure/base';
import * as v from 'valibot';
import { concat, equal } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { canonicalJson, fromBase64Url, parseJson, shaped } from '../wallet/json.ts';
import type { Jwk } from './keys.ts';
import { verifyEd25519 } from './signature.ts';

/** Cryptosuites whose proofs are read. */
export const CRYPTOSUITES = ['eddsa-jcs-2022', 'bbs-2023'] as const;
/** Contexts of the W3C that are nothing but a vocabulary: their names, and what words begin with. */
export const VOCABULARIES: Readonly<Record<string, string>> = {
  'https://www.w3.org/ns/credentials/undefined-terms/v2': 'https://www.w3.org/ns/credentials/undefined-term#',
  'https://www.w3.org/ns/credentials/examples/v2': 'https://www.w3.org/ns/credentials/examples#',
};
/** Seconds that clocks may differ. */
export const CLOCK_SKEW_S = 60;
const WHAT = 'data-integrity';
const MAX_CHARACTERS = 512 * 1024;
const MAX_CONTEXTS = 16;
const SIGNATURE_BYTES = 64;
/** Of a signature in base58: one digit holds 5.857 bits. Longer texts would take seconds to decode. */
const SIGNATURE_DIGITS = 88;

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
/** Schema of a JSON object; a record would take a list too. */
export const objectSchema = v.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);
/** Schema of a JSON-LD context: names of contexts, and definitions that stand in the document itself. */
export const contextSchema = v.pipe(
  v.array(v.union([text(1024), objectSchema])),
  v.minLength(1),
  v.maxLength(MAX_CONTEXTS),
);

const proofSchema = v.looseObject({
  type: text(128),
  cryptosuite: v.optional(text(128)),
  proofPurpose: text(128),
  verificationMethod: text(1200),
  proofValue: text(32 * 1024),
  created: v.optional(text(64)),
  expires: v.optional(text(64)),
  '@context': v.optional(contextSchema),
});
/** Members that the standard gives a proof. Others could change what it means. */
const KNOWN = new Set([...Object.keys(proofSchema.entries), 'id', 'nonce']);
type Proof = v.InferOutput<typeof proofSchema>;

/** A document with its proof, of which nothing is verified. */
export interface SecuredDocument {
  cryptosuite: (typeof CRYPTOSUITES)[number];
  /** The document without the proof. */
  document: Record<string, unknown>;
  proof: Proof;
}

/**
 * Takes a document and its one proof apart. Throws DecodeError; Refusal `proof-missing`, `proof-several`, `proof-type`,
 * `cryptosuite`, `proof-member`.
 */
export function decodeSecured(json: string): SecuredDocument {
  if (json.length > MAX_CHARACTERS) throw new DecodeError(WHAT, `${json.length} characters`);
  const whole = shaped(objectSchema, parseJson(json, WHAT), WHAT);
  const { proof: given, ...document } = whole;
  const proofs: unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given];
  if (proofs.length === 0)
    throw new Refusal('proof-missing', 'no proof', 'Nobody signed this: it holds no proof.');
  if (proofs.length > 1)
    throw new Refusal(
      'proof-several',
      `${proofs.length} proofs`,
      'This is signed several times. Only documents with one signature are read here.',
    );
  const proof = shaped(proofSchema, proofs[0], WHAT);
  const { type } = proof;
  const cryptosuite = CRYPTOSUITES.find((one) => one === proof.cryptosuite);
  if (type !== 'DataIntegrityProof')
    throw new Refusal('proof-type', type, `Signatures of the kind “${type}” are not read here.`);
  if (cryptosuite === undefined)
    throw new Refusal(
      'cryptosuite',
      String(proof.cryptosuite),
      `This is signed by the method “${proof.cryptosuite ?? 'none'}”. Read here are ${CRYPTOSUITES.join(' and ')}.`,
    );
  const other = Object.keys(proof).find((name) => !KNOWN.has(name));
  if (other !== undefined)
    throw new Refusal(
      'proof-member',
      other.slice(0, 80),
      'The signature is meant for something else than a credential that anybody may read.',
    );
  return { cryptosuite, document, proof };
}

/** What is signed: SHA-256 of the proof's options, then that of the document, both as canonical JSON; 64 bytes. */
export function hashData(document: Record<string, unknown>, options: Record<string, unknown>): Uint8Array {
  return concat(sha256(canonicalJson(options)), sha256(canonicalJson(document)));
}

/** What a proof has to be for. */
export interface ProofUse {
  purpose: string;
  /** Seconds since the epoch. */
  now: number;
}

/** Refuses a proof by what it says of itself: `proof-purpose`, `proof-created`, `proof-expired`; DecodeError. */
export function requireUsable(
  { created, expires, proofPurpose }: SecuredDocument['proof'],
  { purpose, now }: ProofUse,
): void {
  if (proofPurpose !== purpose)
    throw new Refusal('proof-purpose', proofPurpose, 'The signature was given for another purpose.');
  const from = created === undefined ? null : secondsOf(created, WHAT);
  const until = expires === undefined ? null : secondsOf(expires, WHAT);
  if (from !== null && from > now + CLOCK_SKEW_S)
    throw new Refusal('proof-created', created!, 'This claims to have been signed in the future.');
  if (until !== null && (until <= now || (from !== null && until <= from)))
    throw new Refusal('proof-expired', expires!, 'The signature does not hold any more.');
}

/**
 * Verifies a proof of `eddsa-jcs-2022` by the key of its verification method and returns the document that it covers: of
 * contexts only those that the proof names. Throws DecodeError; Refusal `proof-context`, `key-type`, `signature` and
 * those of `requireUsable`.
 */
export function verifyProof(
  { document, proof }: SecuredDocument,
  { key, ...use }: ProofUse & { key: Jwk },
): Record<string, unknown> {
  requireUsable(proof, use);
  const { proofValue, ...options } = proof;
  const context = options['@context'];
  if (context !== undefined) requirePrefix(context, document['@context']);
  const covered = context === undefined ? document : { ...document, '@context': context };
  if (key.kty !== 'OKP' || key.crv !== 'Ed25519')
    throw new Refusal('key-type', key.kty, 'The signer’s key is of another kind than this signature.');
  const holds = verifyEd25519(
    fromBase64Url(key.x, 'jwk', 32),
    hashData(covered, options),
    signatureOf(proofValue),
  );
  if (!holds) throw new Refusal('signature', 'the proof', 'This was changed, or its issuer did not sign it.');
  return covered;
}

function requirePrefix(signed: readonly unknown[], given: unknown): void {
  const all: unknown[] = Array.isArray(given) ? given : [given];
  const same = (a: unknown, b: unknown) => b !== undefined && equal(canonicalJson(a), canonicalJson(b));
  if (signed.length > all.length || !signed.every((one, at) => same(one, all[at])))
    throw new Refusal('proof-context', 'another @context', 'The signature covers other words than these.');
}

/** Bytes of a proof value in multibase (base58). Throws DecodeError. */
function signatureOf(proofValue: string): Uint8Array {
  let bytes = new Uint8Array();
  try {
    if (proofValue.startsWith('z') && proofValue.length <= 1 + SIGNATURE_DIGITS)
      bytes = Uint8Array.from(base58.decode(proofValue.slice(1)));
  } catch {
    // Left empty, which is refused below.
  }
  if (bytes.length !== SIGNATURE_BYTES)
    throw new DecodeError(WHAT, 'proofValue: a base58 signature expected');
  return bytes;
}

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$/;

/**
 * Seconds since the epoch of a date and time of XML Schema, years 0000 to 9999; one without a zone is in UTC, as the
 * standard has it. Throws DecodeError.
 */
export function secondsOf(given: string, what: string): number {
  const [, year, month, day, hour, minute, second, , zone = 'Z'] = DATE_TIME.exec(given) ?? [];
  const milliseconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (!Number.isFinite(milliseconds) || Number(day) > days || Number(hour) > 23)
    throw new DecodeError(what, `${given.slice(0, 40)} is no date and time`);
  return milliseconds / 1000;
}
