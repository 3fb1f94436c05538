/**
 * SD-JWT VC: credentials whose claims are shown one by one. Issued, presented and verified here; verification
 * is stricter than RFC 9901 in that a disclosure given twice is refused.
 */
import * as v from 'valibot';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, shaped } from '../wallet/json.ts';
import { keyIdOf } from './did.ts';
import { decodeJws, jwkSchema, jwsHolds, signJws, type Jws, type JwsHeader } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';
import {
  conceal,
  decodeDisclosure,
  digestOf,
  NEVER_DISCLOSED,
  Revealing,
  type ClaimPath,
  type DisclosableClaim,
  type Disclosure,
  type JsonObject,
} from './sd-jwt-disclosures.ts';

export const CREDENTIAL_TYPE = 'dc+sd-jwt';
const KEY_BINDING_TYPE = 'kb+jwt';
const WHAT = 'sd-jwt';
const MAX_CHARACTERS = 1024 * 1024;
const MAX_DISCLOSURES = 256;
/** Seconds that clocks may differ. */
const CLOCK_SKEW_S = 60;
const DEFAULT_BINDING_AGE_S = 300;

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
const moment = v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

const claimsSchema = v.looseObject({
  iss: text(512),
  vct: text(512),
  iat: v.optional(moment),
  nbf: v.optional(moment),
  exp: v.optional(moment),
  sub: v.optional(text(512)),
  cnf: v.optional(v.strictObject({ jwk: jwkSchema })),
  status: v.optional(
    v.looseObject({
      status_list: v.strictObject({
        idx: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
        uri: text(512),
      }),
    }),
  ),
});
/** Claims of a credential after its disclosures were put in place. */
export type Claims = v.InferOutput<typeof claimsSchema>;

const bindingSchema = v.object({
  nonce: text(1024),
  aud: text(1024),
  iat: moment,
  sd_hash: v.pipe(base64UrlText(43), v.length(43)),
});

interface Parsed {
  jws: Jws;
  /** Text of the issuer's token. */
  issuerToken: string;
  disclosures: Disclosure[];
  /** Key-binding token, or null. */
  binding: string | null;
  /** Everything before the key-binding token, the final `~` included. */
  bound: string;
}

function parse(presentation: string): Parsed {
  if (presentation.length > MAX_CHARACTERS) throw new DecodeError(WHAT, `${presentation.length} characters`);
  const [issuerToken = '', ...rest] = presentation.split('~');
  const binding = rest.pop();
  if (binding === undefined) throw new DecodeError(WHAT, 'no “~” after the issuer’s token');
  if (rest.length > MAX_DISCLOSURES) throw new DecodeError(WHAT, `${rest.length} disclosures`);
  if (new Set(rest).size !== rest.length)
    throw new Refusal('disclosure-repeated', 'a disclosure is given twice', 'A claim is shown twice.');
  return {
    jws: decodeJws(issuerToken, WHAT),
    issuerToken,
    disclosures: rest.map(decodeDisclosure),
    binding: binding === '' ? null : binding,
    bound: presentation.slice(0, presentation.length - binding.length),
  };
}

export interface KeyBindingExpected {
  nonce: string;
  audience: string;
  /** Seconds that the holder's signature may be old; 300 unless told. */
  maxAgeSeconds?: number;
}

export type CredentialStatus = 'valid' | 'revoked' | 'suspended' | 'unknown';

export interface SdJwtCheck {
  presentation: string;
  /** Seconds since the epoch. */
  now: number;
  /** Key of the issuer: resolved from `kid` or from `x5c`; null if it cannot be trusted. */
  issuerKey: (issuer: string, header: JwsHeader) => Jwk | null;
  /** Type the verifier asked for. */
  expectedType?: string;
  /** What the holder had to sign, or null if no proof of possession is asked for. */
  keyBinding: KeyBindingExpected | null;
  /** Status of a credential that has one; without it such a credential is refused. */
  status?: (reference: { uri: string; idx: number }, issuer: string) => CredentialStatus;
}

export interface VerifiedCredential {
  header: JwsHeader;
  claims: Claims;
  /** Claims that were shown selectively, in the order of their digests. */
  disclosed: ClaimPath[];
}

/**
 * Verifies a presented credential completely. Throws DecodeError for malformed text and Refusal naming the check
 * that failed.
 */
export function verifySdJwt(check: SdJwtCheck): VerifiedCredential {
  const parsed = parse(check.presentation);
  const { header, payload } = parsed.jws;
  if (header.typ !== CREDENTIAL_TYPE && header.typ !== 'vc+sd-jwt')
    throw new Refusal('type', `typ ${header.typ}`, 'This is not a credential.');
  const signed = shaped(claimsSchema, payload, WHAT);
  const key = check.issuerKey(signed.iss, header);
  if (key === null) {
    throw new Refusal('issuer-key', `no key of ${signed.iss}`, 'The issuer of this credential is not known.');
  }
  if (!jwsHolds(parsed.jws, key)) {
    throw new Refusal('signature', 'the issuer’s signature', 'The issuer did not sign this credential.');
  }
  const revealing = new Revealing(parsed.disclosures);
  const claims = shaped(claimsSchema, revealing.reveal(payload), WHAT);
  checkTimes(claims, check.now);
  if (check.expectedType !== undefined && claims.vct !== check.expectedType) {
    throw new Refusal('credential-type', `vct ${claims.vct}`, 'This is another kind of credential.');
  }
  checkStatus(claims, check.status);
  checkBinding(parsed, claims, check);
  return { header, claims, disclosed: revealing.claims.map(({ path }) => path) };
}

function checkTimes({ iat, nbf, exp }: Claims, now: number): void {
  if ((nbf ?? 0) > now + CLOCK_SKEW_S || (iat ?? 0) > now + CLOCK_SKEW_S)
    throw new Refusal('not-yet-valid', 'nbf or iat lies ahead', 'This credential is not valid yet.');
  if (exp !== undefined && exp <= now)
    throw new Refusal('expired', `exp ${exp}`, 'This credential has expired.');
}

function checkStatus({ status, iss }: Claims, statusOf: SdJwtCheck['status']): void {
  if (status === undefined) return;
  const found = statusOf?.(status.status_list, iss) ?? 'unknown';
  if (found === 'valid') return;
  const sentence = {
    revoked: 'The issuer has revoked this credential.',
    suspended: 'The issuer has suspended this credential.',
    unknown:
      'It cannot be told whether this credential was revoked. Ask its issuer for their present list of revocations.',
  }[found];
  throw new Refusal(found === 'unknown' ? 'status-unknown' : found, 'status list', sentence);
}

function checkBinding(parsed: Parsed, claims: Claims, check: SdJwtCheck): void {
  const expected = check.keyBinding;
  if (parsed.binding === null) {
    if (expected === null) return;
    throw new Refusal(
      'key-binding-missing',
      'no key-binding token',
      'Whoever shows this credential did not prove that it is theirs.',
    );
  }
  const jws = decodeJws(parsed.binding, 'key-binding');
  const payload = shaped(bindingSchema, jws.payload, 'key-binding');
  const refuse = (reason: string, message: string): never => {
    throw new Refusal(
      `key-binding-${reason}`,
      message,
      'The proof that this credential is theirs does not hold.',
    );
  };
  if (jws.header.typ !== KEY_BINDING_TYPE) refuse('type', `typ ${jws.header.typ}`);
  const holder = claims.cnf?.jwk ?? refuse('key', 'the credential names no key');
  if (!jwsHolds(jws, holder)) refuse('signature', 'the holder’s signature');
  if (payload.sd_hash !== digestOf(parsed.bound)) refuse('hash', 'made for another presentation');
  if (expected === null) return;
  if (payload.nonce !== expected.nonce) refuse('nonce', 'another nonce');
  if (payload.aud !== expected.audience) refuse('audience', `made for ${payload.aud.slice(0, 80)}`);
  const age = check.now - payload.iat;
  if (age > (expected.maxAgeSeconds ?? DEFAULT_BINDING_AGE_S) || age < -CLOCK_SKEW_S)
    refuse('age', `made ${age} seconds ago`);
}

/**
 * Refuses a credential that comes with its holder's signature, which the issuer's own never do (RFC 9901, section
 * 7.2): somebody showed it to somebody, and it is none to keep. Throws DecodeError, Refusal `key-binding-present`.
 */
export function requireIssued(credential: string): void {
  if (parse(credential).binding === null) return;
  throw new Refusal(
    'key-binding-present',
    'a key binding follows an issued credential',
    'This credential was made to be shown, not kept. Ask its issuer for it.',
  );
}

/** What a holder may show of an issued credential, verifying no signature. Throws DecodeError, Refusal. */
export function disclosableClaims(issued: string): { claims: Claims; disclosable: DisclosableClaim[] } {
  const { jws, disclosures } = parse(issued);
  const revealing = new Revealing(disclosures);
  return { claims: shaped(claimsSchema, revealing.reveal(jws.payload), WHAT), disclosable: revealing.claims };
}

export interface CredentialDraft {
  /** DID of the issuer. */
  iss: string;
  vct: string;
  /** Seconds since the epoch. */
  iat: number;
  exp?: number;
  /** DID of the subject. */
  sub?: string;
  /** Key that has to sign presentations. */
  holderKey?: Jwk;
  status?: { uri: string; idx: number };
  claims: JsonObject;
  /** Issuer's certificates as `x5c`, so that whoever verifies need not look them up. */
  certificates?: string[];
  /** Claims that the holder may keep back, deepest part last in each path. */
  selective: readonly ClaimPath[];
}

/**
 * Signs a credential; the result ends in `~` and holds every disclosure. Throws Refusal `disclosure-name`, DecodeError for
 * one that nobody would read.
 */
export async function issueSdJwt(key: SigningKey, draft: CredentialDraft): Promise<string> {
  const disclosures: string[] = [];
  const claims = conceal(draft.claims, draft.selective, disclosures) as JsonObject;
  for (const name of Object.keys(draft.claims)) {
    if (NEVER_DISCLOSED.has(name) || name === 'iat' || name === 'sub' || name === '_sd_alg')
      throw new Refusal('disclosure-name', `“${name}” is not a claim of one’s own`);
  }
  const payload = {
    ...claims,
    iss: draft.iss,
    vct: draft.vct,
    iat: draft.iat,
    ...(draft.exp === undefined ? {} : { exp: draft.exp }),
    ...(draft.sub === undefined ? {} : { sub: draft.sub }),
    ...(draft.holderKey === undefined ? {} : { cnf: { jwk: draft.holderKey } }),
    ...(draft.status === undefined ? {} : { status: { status_list: draft.status } }),
    ...(disclosures.length === 0 ? {} : { _sd_alg: 'sha-256' }),
  };
  const header = {
    typ: CREDENTIAL_TYPE,
    kid: keyIdOf(draft.iss),
    ...(draft.certificates === undefined ? {} : { x5c: draft.certificates }),
  };
  const token = await signJws(key, header, payload);
  const issued = [token, ...disclosures, ''].join('~');
  disclosableClaims(issued);
  return issued;
}

export interface Presenting {
  /** Holder's key; null when no key binding is asked for. */
  key: SigningKey | null;
  nonce: string;
  audience: string;
  /** Seconds since the epoch. */
  now: number;
}

function samePath(a: ClaimPath, b: ClaimPath): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/**
 * Shows the claims at `paths` of an issued credential, with what they lie in, and nothing else that can be kept
 * back. Throws Refusal `unknown-claim` for a path that is not there to be shown.
 */
export async function presentSdJwt(
  issued: string,
  paths: readonly ClaimPath[],
  presenting: Presenting,
): Promise<string> {
  const { issuerToken, disclosures } = parse(issued);
  const { disclosable } = disclosableClaims(issued);
  const chosen = new Set<string>();
  for (const path of paths) {
    const claim = disclosable.find((one) => samePath(one.path, path));
    if (claim === undefined) throw new Refusal('unknown-claim', `no disclosable claim at ${path.join('.')}`);
    for (const encoded of [...claim.within, claim.encoded]) chosen.add(encoded);
  }
  const shown = disclosures.filter(({ encoded }) => chosen.has(encoded)).map(({ encoded }) => encoded);
  const bound = [issuerToken, ...shown, ''].join('~');
  if (presenting.key === null) return bound;
  const binding = {
    nonce: presenting.nonce,
    aud: presenting.audience,
    iat: presenting.now,
    sd_hash: digestOf(bound),
  };
  return bound + (await signJws(presenting.key, { typ: KEY_BINDING_TYPE }, binding));
}
