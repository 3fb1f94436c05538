/**
 * JSON Proof Tokens (draft-ietf-jose-json-web-proof, draft-ietf-jose-json-proof-token): the form that credentials
 * have whose showings cannot be linked. Only the form is read here; `unlinkable.ts` checks the proofs.
 */
import * as v from 'valibot';
import { equal, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { canonicalJson, fromBase64Url, fromUtf8, parseJson, shaped, toBase64Url } from '../wallet/json.ts';
import { ATTRIBUTE_BITS, type CommittedAttribute } from './attributes.ts';

/** Name of the form in queries, and the token's `typ`. */
export const UNLINKABLE_TYPE = 'jpt';
/** BBS over claims and a secret that only the holder has; our own algorithm name, in the drafts' collision-free form. */
const UNLINKABLE_ALGORITHM = 'urn:autonomys:jpa:bbs-link-secret:1';
/** Credentials end together, at multiples of this, so that their end tells nobody apart. Seconds. */
export const PERIOD_S = 7 * 86_400;
/** Such a credential cannot be taken back, so it may not hold for long. */
export const MAX_PERIODS = 5;
const MAX_CHARACTERS = 512 * 1024;
const MAX_CLAIMS = 64;
const WHAT = 'jpt';

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
const moment = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const RESERVED = new Set(['iss', 'vct', 'iat', 'nbf', 'exp', 'sub', 'cnf', 'status', '__proto__']);
const claimName = v.pipe(
  text(128),
  v.check((name) => !RESERVED.has(name), 'a claim of one’s own'),
);

// Everybody who shows a credential shows its header. Members of the issuer's choice would be marks on its holder.
const issuerHeaderSchema = v.strictObject({
  alg: v.literal(UNLINKABLE_ALGORITHM),
  typ: v.literal(UNLINKABLE_TYPE),
  iss: text(512),
  vct: text(512),
  exp: v.pipe(
    moment,
    v.check((exp) => exp % PERIOD_S === 0, 'the end of a week'),
  ),
  claims: v.pipe(
    v.array(claimName),
    v.minLength(1),
    v.maxLength(MAX_CLAIMS),
    v.check(
      (names) => names.every((name, at) => at === 0 || names[at - 1]! < name),
      'names in order, none twice',
    ),
  ),
  /** The issuer's statement about its keys; see `endorsed-keys.ts`. */
  keys: text(64 * 1024),
});
export type IssuerHeader = v.InferOutput<typeof issuerHeaderSchema>;

const attributes = Object.keys(ATTRIBUTE_BITS) as [CommittedAttribute, ...CommittedAttribute[]];
const presentationHeaderSchema = v.strictObject({
  alg: v.literal(UNLINKABLE_ALGORITHM),
  aud: text(1024),
  nonce: text(1024),
  iat: moment,
  /** Whether the pseudonym is the same at every showing to this audience, or of this showing only. */
  scope: v.picklist(['audience', 'once']),
  /** Hidden numbers of which something is proved. */
  committed: v.pipe(v.array(v.picklist(attributes)), v.maxLength(attributes.length)),
});
export type PresentationHeader = v.InferOutput<typeof presentationHeaderSchema>;

/** A claim's value and the bytes that were signed. */
export interface Payload {
  octets: Uint8Array;
  value: unknown;
}

interface Token {
  header: IssuerHeader;
  headerOctets: Uint8Array;
  /** In the order of the header's claims; null for one that was kept back. */
  payloads: (Payload | null)[];
  /** Parts of the proof. */
  proof: Uint8Array[];
}
/** A credential as its holder keeps it. */
export interface IssuedToken extends Token {
  payloads: Payload[];
}
/** A credential as it is shown. */
export interface PresentedToken extends Token {
  presentation: PresentationHeader;
  presentationOctets: Uint8Array;
}

/** JSON in the one form that it may have here, so that spelling marks nobody. */
function canonical(part: string): { octets: Uint8Array; value: unknown } {
  const octets = fromBase64Url(part, WHAT);
  const value = parseJson(fromUtf8(octets, WHAT), WHAT);
  if (!equal(canonicalJson(value), octets)) throw new DecodeError(WHAT, 'not in the form of RFC 8785');
  return { octets, value };
}

/** Whether a claim of this name is signed as a number, so that bounds of it can be proved. */
export function isNumber(name: string): name is CommittedAttribute {
  return Object.hasOwn(ATTRIBUTE_BITS, name);
}

/** Refuses a value that a claim of this name cannot have. Throws DecodeError. */
export function requireValue(name: string, value: unknown): void {
  if (!isNumber(name)) return;
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) >= 2 ** ATTRIBUTE_BITS[name])
    throw new DecodeError(WHAT, `${name}: a whole number below 2^${ATTRIBUTE_BITS[name]} expected`);
}

function tokenOf(headerPart: string, payloadPart: string, proofPart: string): Token {
  const { octets: headerOctets, value } = canonical(headerPart);
  const header = shaped(issuerHeaderSchema, value, WHAT);
  const parts = payloadPart.split('~');
  if (parts.length !== header.claims.length)
    throw new DecodeError(WHAT, `${parts.length} payloads for ${header.claims.length} claims`);
  const payloads = parts.map((part, index) => {
    if (part === '') return null;
    const payload = canonical(part);
    requireValue(header.claims[index]!, payload.value);
    return payload;
  });
  const proof = proofPart.split('~').map((part) => fromBase64Url(part, WHAT));
  return { header, headerOctets, payloads, proof };
}

function partsOf(token: string, count: number): string[] {
  if (token.length > MAX_CHARACTERS) throw new DecodeError(WHAT, `${token.length} characters`);
  const parts = token.split('.');
  if (parts.length !== count || parts.some((part) => part === ''))
    throw new DecodeError(WHAT, `${parts.length} parts where a token has ${count}`);
  return parts;
}

/** Whether a text is a token of this form rather than an SD-JWT; says nothing of its soundness. */
export function isUnlinkable(credential: string): boolean {
  try {
    const { value } = canonical(credential.split('.', 1)[0]!);
    return v.is(v.object({ alg: v.literal(UNLINKABLE_ALGORITHM) }), value);
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** Takes an issued token apart, verifying no signature. Throws DecodeError. */
export function decodeIssued(token: string): IssuedToken {
  const [header, payloads, proof] = partsOf(token, 3) as [string, string, string];
  const read = tokenOf(header, payloads, proof);
  if (!read.payloads.every((payload) => payload !== null))
    throw new DecodeError(WHAT, 'a claim without its value');
  return { ...read, payloads: read.payloads as Payload[] };
}

/** Takes a shown token apart, verifying no proof. Throws DecodeError. */
export function decodePresented(token: string): PresentedToken {
  const [presentation, header, payloads, proof] = partsOf(token, 4) as [string, string, string, string];
  const { octets, value } = canonical(presentation);
  return {
    ...tokenOf(header, payloads, proof),
    presentation: shaped(presentationHeaderSchema, value, WHAT),
    presentationOctets: octets,
  };
}

/** Writes an issuer's header. Throws DecodeError for one that nobody would take. */
export function encodeIssuerHeader(header: Omit<IssuerHeader, 'alg' | 'typ'>): Uint8Array {
  const whole = { alg: UNLINKABLE_ALGORITHM, typ: UNLINKABLE_TYPE, ...header };
  return canonicalJson(shaped(issuerHeaderSchema, whole, WHAT));
}

/** Writes a presentation's header. */
export function encodePresentationHeader(header: Omit<PresentationHeader, 'alg'>): Uint8Array {
  return canonicalJson(shaped(presentationHeaderSchema, { alg: UNLINKABLE_ALGORITHM, ...header }, WHAT));
}

/** The compact text of headers, payloads (null: kept back) and parts of a proof. */
export function encodeToken(
  headers: readonly Uint8Array[],
  payloads: readonly (Uint8Array | null)[],
  proof: readonly Uint8Array[],
): string {
  const slots = payloads.map((payload) => (payload === null ? '' : toBase64Url(payload))).join('~');
  return [...headers.map(toBase64Url), slots, proof.map(toBase64Url).join('~')].join('.');
}

/** Claims of a token by name, with issuer, type and end; those kept back are missing. */
export function claimsOf({ header, payloads }: Token): Record<string, unknown> & {
  iss: string;
  vct: string;
  exp: number;
} {
  const told = header.claims.flatMap((name, index) => {
    const payload = payloads[index];
    return payload ? [[name, payload.value] as const] : [];
  });
  return { ...Object.fromEntries(told), iss: header.iss, vct: header.vct, exp: header.exp };
}

/** Bytes that are signed for a claim's value. */
export function payloadOf(value: unknown): Uint8Array {
  return canonicalJson(value);
}

/** Bytes of the scope under which a holder's pseudonym is made. */
export function scopeOf({
  aud,
  nonce,
  scope,
}: Pick<PresentationHeader, 'aud' | 'nonce' | 'scope'>): Uint8Array {
  return utf8(JSON.stringify(scope === 'audience' ? [aud] : [aud, nonce]));
}
