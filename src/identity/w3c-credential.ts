/**
 * Credentials of other systems: W3C Verifiable Credentials 2.0 as JSON, with a Data Integrity proof. They are read and
 * checked, not issued. Names of claims are taken as they are written; no context is fetched or processed.
 */
import * as v from 'valibot';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { shaped } from '../wallet/json.ts';
import { claimTexts, type ClaimText } from './claim-view.ts';
import {
  CLOCK_SKEW_S,
  contextSchema,
  decodeSecured,
  objectSchema,
  requireUsable,
  secondsOf,
  verifyProof,
  type SecuredDocument,
} from './data-integrity.ts';
import { keyIdOf, parseDid } from './did.ts';
import { parseKeyDid } from './key-dids.ts';
import type { Jwk } from './keys.ts';
import type { CredentialStatus } from './sd-jwt.ts';
import type { ClaimPath } from './sd-jwt-disclosures.ts';

const CONTEXT = 'https://www.w3.org/ns/credentials/v2';
/** Type of every credential. */
export const BASE_TYPE = 'VerifiableCredential';
const PURPOSE = 'assertionMethod';
const WHAT = 'w3c-credential';
const MAX_LIST = 16;

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
const oneOrMore = <T extends v.GenericSchema>(item: T) =>
  v.union([item, v.pipe(v.array(item), v.minLength(1), v.maxLength(MAX_LIST))]);

const statusSchema = v.looseObject({ type: text(128), statusPurpose: v.optional(text(64)) });
export type StatusEntry = v.InferOutput<typeof statusSchema>;

const credentialSchema = v.looseObject({
  '@context': contextSchema,
  id: v.optional(text(1024)),
  type: oneOrMore(text(512)),
  issuer: v.union([text(1024), v.looseObject({ id: text(1024) })]),
  validFrom: v.optional(text(64)),
  validUntil: v.optional(text(64)),
  credentialSubject: v.optional(oneOrMore(objectSchema)),
  credentialStatus: v.optional(oneOrMore(statusSchema)),
});
type Document = v.InferOutput<typeof credentialSchema>;

/** Members that say how a credential is to be read, not what it says. */
const ENVELOPE = new Set([
  '@context',
  'type',
  'issuer',
  'credentialSubject',
  'credentialStatus',
  'validFrom',
  'validUntil',
]);

/** A claim, by its place for people, and where it stands in the JSON. */
export interface W3cClaim extends ClaimText {
  place: ClaimPath;
}

/** A credential, of which nothing is verified. */
export interface W3cCredential {
  secured: SecuredDocument;
  /** DID or URL. */
  issuer: string;
  /** Its kinds besides `VerifiableCredential`, or that. */
  types: string[];
  /** Whom it is about, if it is of one and names them. */
  subject: string | null;
  /** Everything that it says. */
  claims: W3cClaim[];
  /** Seconds since the epoch. */
  validFrom: number | null;
  validUntil: number | null;
  /** Where it can be seen whether it was revoked; empty if it cannot be. */
  status: StatusEntry[];
}

/** Takes a credential apart. Throws DecodeError; Refusal `context`, `credential-type` and those of its proof. */
export function decodeW3cCredential(json: string): W3cCredential {
  const secured = decodeSecured(json);
  requireContext(secured.document['@context']);
  const document = shaped(credentialSchema, secured.document, WHAT);
  const types = listed(document.type);
  if (!types.includes(BASE_TYPE))
    throw new Refusal('credential-type', types.join(', ').slice(0, 200), 'This is not a credential.');
  const own = types.filter((type) => type !== BASE_TYPE);
  const subjects = listed(document.credentialSubject);
  // A showing may tell nothing of whom it is about.
  if (subjects.length === 0 && secured.cryptosuite !== 'bbs-2023')
    throw new DecodeError(WHAT, 'credentialSubject: something else expected');
  const [first] = subjects;
  const { issuer } = document;
  return {
    secured,
    issuer: typeof issuer === 'string' ? issuer : issuer.id,
    types: own.length === 0 ? [BASE_TYPE] : own,
    subject: subjects.length === 1 && typeof first?.['id'] === 'string' ? first['id'] : null,
    claims: claimsIn(document, subjects),
    validFrom: momentOf(document.validFrom),
    validUntil: momentOf(document.validUntil),
    status: listed(document.credentialStatus),
  };
}

function requireContext(context: unknown): void {
  const first: unknown = Array.isArray(context) ? context[0] : context;
  if (!Array.isArray(context) || first !== CONTEXT)
    throw new Refusal(
      'context',
      String(first).slice(0, 200),
      'This is no credential of the W3C’s version 2.0, the one that is read here.',
    );
}

function listed<T>(given: T | T[] | undefined): T[] {
  return given === undefined ? [] : Array.isArray(given) ? given : [given];
}

function momentOf(given: string | undefined): number | null {
  if (given === undefined) return null;
  // Unlike in a proof, the zone may not be left out here.
  if (!/(?:Z|[+-]\d\d:\d\d)$/.test(given))
    throw new DecodeError(WHAT, `${given.slice(0, 40)} has no time zone`);
  return secondsOf(given, WHAT);
}

/** Everything that a document says which is a credential, or a part of one. Throws DecodeError. */
export function claimsOfDocument(given: Record<string, unknown>): W3cClaim[] {
  const document = shaped(v.partial(credentialSchema), given, WHAT);
  return claimsIn(document, listed(document.credentialSubject));
}

function claimsIn(document: Partial<Document>, subjects: readonly Record<string, unknown>[]): W3cClaim[] {
  const rest = Object.fromEntries(Object.entries(document).filter(([name]) => !ENVELOPE.has(name)));
  const isList = Array.isArray(document.credentialSubject);
  const said = subjects.flatMap((subject, index) =>
    placed(subject).map(({ path, text: value }) => ({
      path: subjects.length === 1 ? path : [index + 1, ...path],
      text: value,
      place: ['credentialSubject', ...(isList ? [index] : []), ...path],
    })),
  );
  return [
    ...said,
    ...placed(rest).map(({ path, text: value }) => ({
      path: ['credential', ...path],
      text: value,
      place: path,
    })),
  ];
}

/** Claims by their places, whatever their names. */
function placed(members: Record<string, unknown>): ClaimText[] {
  return claimTexts({ members }).map(({ path, text: value }) => ({ path: path.slice(1), text: value }));
}

export interface W3cCheck {
  /** Seconds since the epoch. */
  now: number;
  /** Key of an issuer's DID, or null if none is to be relied on. */
  keyOf: (did: string) => Promise<Jwk | null>;
  /** What the issuer's list says; without it nothing is known of revocation. */
  statusOf?: (entry: StatusEntry, issuer: string) => CredentialStatus;
  /** Whether one of which it is not known whether it was revoked is refused. */
  needsStatus: boolean;
  /** What a derived proof has to be bound to; without it such a one is refused, and with it one that is not derived. */
  header?: Uint8Array;
}

/**
 * Verifies a credential: its proof by a key of its issuer, its times, its status. Throws DecodeError; Refusal
 * `verification-method`, `issuer-key`, `not-yet-valid`, `expired`, `revoked`, `suspended`, `status-unknown`, and those of
 * `decodeW3cCredential` and `verifyProof`.
 */
export async function verifyW3cCredential(json: string, check: W3cCheck): Promise<W3cCredential> {
  const credential = decodeW3cCredential(json);
  const { secured, validFrom, validUntil } = credential;
  await (secured.cryptosuite === 'bbs-2023' ? verifyBbs : verifyEddsa)(credential, check);
  if (validFrom !== null && validFrom > check.now + CLOCK_SKEW_S)
    throw new Refusal('not-yet-valid', 'validFrom lies ahead', 'This credential is not valid yet.');
  if (validUntil !== null && (validUntil <= check.now || (validFrom !== null && validUntil <= validFrom)))
    throw new Refusal('expired', `validUntil ${validUntil}`, 'This credential has expired.');
  const status = w3cStatus(credential, check.statusOf);
  if (status === 'revoked' || status === 'suspended')
    throw new Refusal(status, 'status list', `The issuer has ${status} this credential.`);
  if (status === 'unknown' && check.needsStatus)
    throw new Refusal(
      'status-unknown',
      'status list',
      'It cannot be told whether this credential was revoked.',
    );
  return credential;
}

async function verifyEddsa({ secured, issuer }: W3cCredential, { keyOf, now }: W3cCheck): Promise<void> {
  const key = await signerKey(issuer, secured.proof.verificationMethod, keyOf);
  verifyProof(secured, { key, purpose: PURPOSE, now });
}

async function verifyBbs({ secured, issuer }: W3cCredential, { header, now }: W3cCheck): Promise<void> {
  const { isDerived, verifyBase, verifyDerived } = await import('./bbs-2023.ts');
  const { verificationMethod } = secured.proof;
  // Multibase of a compressed point of G2 with its multicodec always begins so.
  if (!/^did:key:zUC7[1-9A-HJ-NP-Za-km-z]{100,160}$/.test(issuer)) throw issuerKind(issuer);
  if (verificationMethod !== `${issuer}#${issuer.slice('did:key:'.length)}`)
    throw foreignKey(verificationMethod);
  requireUsable(secured.proof, { purpose: PURPOSE, now });
  if (isDerived(secured) !== (header !== undefined))
    throw new Refusal(
      'proof-derived',
      header === undefined ? 'a derived proof' : 'the issuer’s own proof',
      header === undefined
        ? 'This was made for one showing to somebody. It cannot be kept or checked by others.'
        : 'This is the credential itself, not a showing of it.',
    );
  await (header === undefined ? verifyBase(secured, issuer) : verifyDerived(secured, header, issuer));
}

function issuerKind(issuer: string): Refusal {
  return new Refusal(
    'issuer-kind',
    issuer.slice(0, 100),
    'This issuer’s name says nothing of its key. Known are issuers by did:key, did:jwk and did:autoid, for proofs that cannot be linked by did:key.',
  );
}

function foreignKey(method: string): Refusal {
  return new Refusal(
    'verification-method',
    method.slice(0, 200),
    'This is signed by a key that is not its issuer’s.',
  );
}

/** The key that signed, which has to be the one that the issuer's DID gives. */
async function signerKey(issuer: string, method: string, keyOf: W3cCheck['keyOf']): Promise<Jwk> {
  const ownKey = parseKeyDid(issuer)?.keyId ?? (parseDid(issuer) === null ? null : keyIdOf(issuer));
  if (ownKey === null) throw issuerKind(issuer);
  if (method !== ownKey) throw foreignKey(method);
  const key = await keyOf(issuer);
  if (key === null)
    throw new Refusal('issuer-key', `no key of ${issuer}`, 'The issuer of this credential is not known.');
  return key;
}

/** Status of a credential: the worst that its lists say. */
export function w3cStatus(
  { status, issuer }: Pick<W3cCredential, 'status' | 'issuer'>,
  statusOf: W3cCheck['statusOf'],
): CredentialStatus | 'none' {
  const found = status.map((entry) => statusOf?.(entry, issuer) ?? 'unknown');
  return (['revoked', 'suspended', 'unknown', 'valid'] as const).find((one) => found.includes(one)) ?? 'none';
}
