/**
 * Capability tokens, “Auto Capability v1”: what a principal lets a delegate do, and the delegate others, each
 * token narrower than the one it rests on.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { utf8 } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import { base64UrlText, shaped, toBase64Url } from '../wallet/json.ts';
import { keyIdOf } from './did.ts';
import { decodeJws, jwsHolds, signJws } from './jws.ts';
import type { Jwk, SigningKey } from './keys.ts';

const CAPABILITY_TYPE = 'autocap+jwt';
/** Longest chain of delegations that is looked at. */
export const MAX_CHAIN = 16;

const didText = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const seconds = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const decimal = v.pipe(v.string(), v.regex(/^(0|[1-9]\d{0,77})$/));
const label = v.pipe(v.string(), v.minLength(1), v.maxLength(256));

const capabilitySchema = v.strictObject({
  res: label,
  act: v.pipe(v.array(label), v.minLength(1), v.maxLength(32)),
  lim: v.optional(v.record(label, decimal)),
});

const payloadSchema = v.strictObject({
  v: v.literal(1),
  iss: didText,
  aud: didText,
  sub: didText,
  jti: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
  nbf: seconds,
  exp: seconds,
  dep: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_CHAIN)),
  cap: v.pipe(v.array(capabilitySchema), v.minLength(1), v.maxLength(64)),
  prf: v.optional(v.pipe(base64UrlText(43), v.length(43))),
});

/** Something a token allows: actions on a resource, within limits (decimal amounts). */
export type Capability = v.InferOutput<typeof capabilitySchema>;
export type CapabilityPayload = v.InferOutput<typeof payloadSchema>;

/** What a delegate wants to do now; `use` are the amounts counted against limits. */
export interface CapabilityRequest {
  res: string;
  act: string;
  use?: Record<string, string>;
}

export type CapabilityVerdict =
  | 'ok'
  | 'bad-signature'
  | 'broken-chain'
  | 'not-attenuated'
  | 'not-yet-valid'
  | 'expired'
  | 'revoked'
  | 'not-covered';

/** Payload of a token, verifying nothing. Throws DecodeError. */
export function decodeCapability(token: string): CapabilityPayload {
  return shaped(payloadSchema, decodeJws(token, 'capability').payload, 'capability');
}

/** What a token is named by in the one that rests on it: SHA-256 of its compact text, base64url. */
function capabilityDigest(token: string): string {
  return toBase64Url(sha256(utf8(token)));
}

/** What a token is counted and taken back by: whoever gives one chooses its id, and may choose one of somebody else's. */
export function tokenName({ iss, jti }: Pick<CapabilityPayload, 'iss' | 'jti'>): string {
  return `${iss} ${jti}`;
}

/** Whether a resource lies below a prefix that ends in `/`, with no step in it that could lead out again. */
function liesBelow(prefix: string, res: string): boolean {
  const rest = res.slice(prefix.length).split('/');
  return res.startsWith(prefix) && !rest.includes('..') && !rest.includes('.');
}

function covers(parent: Capability, child: Capability): boolean {
  const { res } = parent;
  const within = res === child.res || (res.endsWith('/*') && liesBelow(res.slice(0, -1), child.res));
  if (!within || !child.act.every((action) => parent.act.includes(action))) return false;
  return Object.entries(parent.lim ?? {}).every(([name, limit]) => {
    const own = limitOf(child.lim, name);
    return own !== null && own <= BigInt(limit);
  });
}

function limitOf(limits: Record<string, string> | undefined, name: string): bigint | null {
  const text = limits !== undefined && Object.hasOwn(limits, name) ? limits[name] : undefined;
  return text === undefined ? null : BigInt(text);
}

/** Whether a token's own powers allow a request; limits not mentioned in the request do not count. */
export function allows(capabilities: readonly Capability[], request: CapabilityRequest): boolean {
  return capabilities.some(({ res, act, lim }) => {
    if (!covers({ res, act }, { res: request.res, act: [request.act] })) return false;
    return Object.entries(request.use ?? {}).every(([name, amount]) => {
      const limit = limitOf(lim, name);
      return limit !== null && /^\d{1,78}$/.test(amount) && BigInt(amount) <= limit;
    });
  });
}

/** Whether a token may rest on another: not longer, not deeper, no power the other lacks. */
function isAttenuated(parent: CapabilityPayload, child: CapabilityPayload): boolean {
  return (
    child.nbf >= parent.nbf &&
    child.exp <= parent.exp &&
    child.dep < parent.dep &&
    child.cap.every((own) => parent.cap.some((power) => covers(power, own)))
  );
}

export interface CapabilityCheck {
  /** Compact tokens, the principal's first. */
  chain: readonly string[];
  /** DID of whoever presents the chain. */
  holder: string;
  /** DID whose authority is claimed. */
  rootAuthority: string;
  request: CapabilityRequest;
  /** Seconds since the epoch. */
  now: number;
  /** DIDs that are revoked, deactivated or expired. */
  revokedDids: ReadonlySet<string>;
  /** Tokens that their issuer took back, as `tokenName` names them. */
  revokedTokens?: ReadonlySet<string>;
  /** Key of a DID, or null if it is not known. */
  keyOf: (did: string) => Jwk | null;
}

function signedPayload(token: string, keyOf: CapabilityCheck['keyOf']): CapabilityPayload | null {
  try {
    const jws = decodeJws(token, 'capability');
    const payload = shaped(payloadSchema, jws.payload, 'capability');
    if (jws.header.typ !== CAPABILITY_TYPE || jws.header.kid !== keyIdOf(payload.iss)) return null;
    const key = keyOf(payload.iss);
    return key !== null && jwsHolds(jws, key) ? payload : null;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** Judges a chain of tokens against a request; the first check that fails names the verdict. */
export function checkCapability(check: CapabilityCheck): CapabilityVerdict {
  const { chain, holder, rootAuthority, now } = check;
  if (chain.length > MAX_CHAIN) return 'broken-chain';
  const payloads: CapabilityPayload[] = [];
  for (const token of chain) {
    const payload = signedPayload(token, check.keyOf);
    if (payload === null) return 'bad-signature';
    payloads.push(payload);
  }
  const root = payloads[0];
  const last = payloads.at(-1);
  if (root === undefined || last === undefined) return 'broken-chain';
  if (root.iss !== rootAuthority || root.sub !== rootAuthority || root.prf !== undefined)
    return 'broken-chain';
  const links = payloads.slice(1).map((child, index) => ({ parent: payloads[index]!, child, index }));
  for (const { parent, child, index } of links) {
    const linked = child.iss === parent.aud && child.sub === root.sub;
    if (!linked || child.prf !== capabilityDigest(chain[index]!)) return 'broken-chain';
  }
  if (last.aud !== holder) return 'broken-chain';
  if (!links.every(({ parent, child }) => isAttenuated(parent, child))) return 'not-attenuated';
  for (const { nbf, exp } of payloads) {
    if (now < nbf) return 'not-yet-valid';
    if (now >= exp) return 'expired';
  }
  const revoked = payloads.some(
    (token) =>
      check.revokedDids.has(token.iss) ||
      check.revokedDids.has(token.aud) ||
      check.revokedTokens?.has(tokenName(token)) === true,
  );
  if (revoked) return 'revoked';
  return allows(last.cap, check.request) ? 'ok' : 'not-covered';
}

/**
 * Signs a token. `parent` is the token it rests on, null for the principal's own. Throws Refusal
 * `not-attenuated` if it would grant more than the parent does, DecodeError if the payload is malformed.
 */
export async function signCapability(
  key: SigningKey,
  payload: Omit<CapabilityPayload, 'v' | 'prf'>,
  parent: string | null,
): Promise<string> {
  const whole = shaped(
    payloadSchema,
    { v: 1, ...payload, ...(parent === null ? {} : { prf: capabilityDigest(parent) }) },
    'capability',
  );
  if (parent !== null && !isAttenuated(decodeCapability(parent), whole)) {
    throw new Refusal(
      'not-attenuated',
      'more than the parent token allows',
      'A permission can only be passed on narrower than it was received.',
    );
  }
  return signJws(key, { typ: CAPABILITY_TYPE, kid: keyIdOf(payload.iss) }, whole);
}

/** What a verdict on a use means, for the person. */
export const CAPABILITY_SENTENCES: Record<CapabilityVerdict | 'limit-exhausted', string> = {
  ok: 'The agent may do this.',
  'bad-signature': 'A permission in the chain is not signed by who it says, or that identity is not known.',
  'broken-chain': 'The permissions do not lead from you to this agent.',
  'not-attenuated': 'Somebody passed on more than they had.',
  'not-yet-valid': 'The permission is not valid yet.',
  expired: 'The permission has expired.',
  revoked: 'The permission, or an identity it rests on, was revoked.',
  'not-covered': 'The agent is not allowed to do this.',
  'limit-exhausted': 'The agent has used up what it was allowed.',
};
