/** What an agent does with its powers: signed requests, the counting of limits, and the log of what it did. */
import * as v from 'valibot';
import { concat, equal, fromHex, toHex } from '../protocol/bytes.ts';
import { blake2b256 } from '../protocol/hash.ts';
import { Refusal } from '../wallet/errors.ts';
import { canonicalJson, shaped } from '../wallet/json.ts';
import {
  allows,
  decodeCapability,
  MAX_CHAIN,
  tokenName,
  type Capability,
  type CapabilityRequest,
} from './capability.ts';
import { chainIsOf, fromX5c, keyOfChain, toX5c, type Chain } from './chain.ts';
import { keyIdOf } from './did.ts';
import { decodeJws, jwsHolds, signJws } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';

const INVOCATION_TYPE = 'autocap-invocation+jwt';
const AUTHENTICATION_TYPE = 'autoid-auth+jwt';
const REVOCATION_TYPE = 'autocap-revoked+jwt';
/** How far a signer's clock may be ahead, in seconds. */
export const CLOCK_SKEW_S = 60;
/** How old an answer may be, in seconds. */
export const MAX_AGE_S = 300;

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
const seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const token = text(64 * 1024);

const invocationSchema = v.strictObject({
  iss: text(200),
  aud: text(512),
  nonce: text(256),
  iat: seconds,
  chain: v.pipe(v.array(token), v.minLength(1), v.maxLength(MAX_CHAIN)),
  request: v.strictObject({
    res: text(256),
    act: text(256),
    use: v.optional(v.record(text(64), v.pipe(v.string(), v.regex(/^\d{1,78}$/)))),
  }),
});

const authenticationSchema = v.strictObject({
  iss: text(200),
  aud: text(512),
  nonce: text(256),
  iat: seconds,
});
const revocationSchema = v.strictObject({
  iss: text(200),
  iat: seconds,
  jti: v.pipe(v.array(text(64)), v.maxLength(10_000)),
});

/** What somebody challenged with; it has to come back signed. */
export interface Challenge {
  audience: string;
  nonce: string;
  /** Seconds since the epoch. */
  now: number;
}

function requireFresh(payload: { aud: string; nonce: string; iat: number }, challenge: Challenge): void {
  const age = challenge.now - payload.iat;
  if (payload.aud !== challenge.audience)
    throw new Refusal(
      'audience',
      `made for ${payload.aud.slice(0, 80)}`,
      'This was signed for somebody else.',
    );
  if (payload.nonce !== challenge.nonce)
    throw new Refusal('nonce', 'another nonce', 'This answers another question: it may be a replay.');
  if (age > MAX_AGE_S || age < -CLOCK_SKEW_S)
    throw new Refusal('age', `made ${age} seconds ago`, 'This was signed too long ago.');
}

/** Answers a challenge: proves the control of an identity, and carries the certificates it rests on. */
export function authenticate(
  key: SigningKey,
  did: string,
  chain: Chain,
  challenge: Challenge,
): Promise<string> {
  const { audience: aud, nonce, now: iat } = challenge;
  const header = { typ: AUTHENTICATION_TYPE, kid: keyIdOf(did), x5c: toX5c(chain) };
  return signJws(key, header, { iss: did, aud, nonce, iat });
}

/**
 * Checks an answer to a challenge. Returns who gave it, with the certificates, which the caller still has to
 * judge. Throws DecodeError, Refusal `type`, `issuer-key`, `signature`, `audience`, `nonce`, `age`.
 */
export function checkAuthentication(answer: string, challenge: Challenge): { did: string; chain: Chain } {
  const jws = decodeJws(answer, 'authentication');
  const payload = shaped(authenticationSchema, jws.payload, 'authentication');
  if (jws.header.typ !== AUTHENTICATION_TYPE) throw new Refusal('type', `typ ${jws.header.typ}`);
  const chain = fromX5c(jws.header.x5c ?? []);
  if (jws.header.kid !== keyIdOf(payload.iss) || !chainIsOf(chain, payload.iss))
    throw new Refusal('issuer-key', 'the certificates are of another identity');
  if (!jwsHolds(jws, keyOfChain(chain)))
    throw new Refusal('signature', 'of the answer', 'The answer was not signed by that identity.');
  requireFresh(payload, challenge);
  return { did: payload.iss, chain };
}

export type Invocation = v.InferOutput<typeof invocationSchema>;

/** Signs a request under a chain of capability tokens, answering a challenge. */
export function invoke(
  key: SigningKey,
  holder: string,
  chain: readonly string[],
  request: CapabilityRequest,
  challenge: Challenge,
): Promise<string> {
  const { audience: aud, nonce, now: iat } = challenge;
  const payload = { iss: holder, aud, nonce, iat, chain: [...chain], request: { ...request } };
  return signJws(key, { typ: INVOCATION_TYPE, kid: keyIdOf(holder) }, payload);
}

/**
 * The request of a signed invocation; the chain of tokens in it still has to be checked. Throws DecodeError,
 * Refusal `type`, `issuer-key`, `signature`, `audience`, `nonce`, `age`.
 */
export function checkInvocation(
  signed: string,
  challenge: Challenge,
  keyOf: (did: string) => Jwk | null,
): Invocation {
  const jws = decodeJws(signed, 'invocation');
  const payload = shaped(invocationSchema, jws.payload, 'invocation');
  if (jws.header.typ !== INVOCATION_TYPE) throw new Refusal('type', `typ ${jws.header.typ}`);
  const key = jws.header.kid === keyIdOf(payload.iss) ? keyOf(payload.iss) : null;
  if (key === null) throw new Refusal('issuer-key', `no key of ${payload.iss}`, 'This agent is not known.');
  if (!jwsHolds(jws, key))
    throw new Refusal('signature', 'of the invocation', 'The request was not signed by that agent.');
  requireFresh(payload, challenge);
  return payload;
}

/** Signs the list of an issuer's tokens that no longer hold. */
export function signRevocations(
  key: SigningKey,
  issuer: string,
  tokenIds: readonly string[],
  now: number,
): Promise<string> {
  return signJws(
    key,
    { typ: REVOCATION_TYPE, kid: keyIdOf(issuer) },
    { iss: issuer, iat: now, jti: [...tokenIds] },
  );
}

/** Ids of the tokens that their issuer took back. Throws DecodeError, Refusal `type`, `issuer-key`, `signature`. */
export function checkRevocations(
  signed: string,
  keyOf: (did: string) => Jwk | null,
): { issuer: string; tokenIds: string[] } {
  const jws = decodeJws(signed, 'revoked-tokens');
  const payload = shaped(revocationSchema, jws.payload, 'revoked-tokens');
  if (jws.header.typ !== REVOCATION_TYPE) throw new Refusal('type', `typ ${jws.header.typ}`);
  const key = jws.header.kid === keyIdOf(payload.iss) ? keyOf(payload.iss) : null;
  if (key === null) throw new Refusal('issuer-key', `no key of ${payload.iss}`);
  if (!jwsHolds(jws, key)) throw new Refusal('signature', 'of the list of revoked tokens');
  return { issuer: payload.iss, tokenIds: payload.jti };
}

/** Amounts used so far: by token (`tokenName`), then by resource. */
export type UsedTotals = Readonly<Record<string, Readonly<Record<string, string>>>>;

function totalOf(amounts: Readonly<Record<string, string>> | undefined): string | undefined {
  return amounts !== undefined && Object.hasOwn(amounts, 'total') ? amounts['total'] : undefined;
}

/**
 * Counts a request against every `total` limit on its way from the root: each token's own total bounds what is
 * done through it, so that siblings share the root's. Returns the new counts. Throws Refusal `limit-exhausted`.
 */
export function countTotals(
  chain: readonly string[],
  request: CapabilityRequest,
  used: UsedTotals,
): UsedTotals {
  const amount = totalOf(request.use);
  if (amount === undefined) return used;
  const next: Record<string, Record<string, string>> = { ...used };
  for (const token of chain) {
    const payload = decodeCapability(token);
    const name = tokenName(payload);
    // Another power for the same, which knows no total, allows no use of one either.
    const bounded = payload.cap.filter(
      (one: Capability) =>
        totalOf(one.lim) !== undefined && allows([one], { res: request.res, act: request.act }),
    );
    const power = bounded.find((one) => allows([one], request)) ?? bounded[0];
    if (power === undefined) continue;
    const limit = totalOf(power.lim)!;
    const before = BigInt(next[name]?.[power.res] ?? '0');
    const after = before + BigInt(amount);
    if (after > BigInt(limit)) {
      throw new Refusal(
        'limit-exhausted',
        `${after} of ${limit} on ${power.res}`,
        'The agent has used up what it was allowed.',
        { used: before, wanted: BigInt(amount), limit: BigInt(limit) },
      );
    }
    next[name] = { ...next[name], [power.res]: after.toString() };
  }
  return next;
}

/** One record of what an agent asked for and what came of it. */
export interface AuditEntry {
  sequence: number;
  /** Seconds since the epoch. */
  at: number;
  agent: string;
  request: CapabilityRequest;
  outcome: string;
  /** Hash of the entry before, hex; zeros for the first. */
  previous: string;
  /** Hash of this entry, hex. */
  hash: string;
}

const FIRST = '0'.repeat(64);

function auditHash(entry: Omit<AuditEntry, 'hash'>): string {
  const { previous, ...content } = entry;
  return toHex(blake2b256(concat(fromHex(previous, 32), canonicalJson(content))));
}

/** The next entry of a log. */
export function nextAuditEntry(
  last: AuditEntry | null,
  content: Pick<AuditEntry, 'at' | 'agent' | 'request' | 'outcome'>,
): AuditEntry {
  const entry = { sequence: (last?.sequence ?? -1) + 1, ...content, previous: last?.hash ?? FIRST };
  return { ...entry, hash: auditHash(entry) };
}

/** Index of the first entry that was changed, removed or put in, or null if the log is whole. */
export function auditDamage(entries: readonly AuditEntry[]): number | null {
  let previous = FIRST;
  for (const [index, { hash, ...entry }] of entries.entries()) {
    const whole = entry.sequence === index && entry.previous === previous;
    if (!whole || !equal(fromHex(auditHash(entry), 32), fromHex(hash, 32))) return index;
    previous = hash;
  }
  return null;
}
