/** Compact JWS with the two algorithms in use, EdDSA (Ed25519) and ES256; everything else is refused. */
import { p256 } from '@noble/curves/nist.js';
import * as v from 'valibot';
import { concat, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { Refusal } from '../wallet/errors.ts';
import {
  base64UrlText,
  canonicalJson,
  fromBase64Url,
  fromUtf8,
  parseJson,
  shaped,
  toBase64Url,
} from '../wallet/json.ts';
import type { Jwk, SigningKey } from './keys.ts';
import { verifyEd25519 } from './signature.ts';

const MAX_CHARACTERS = 512 * 1024;

export type JwsAlgorithm = 'EdDSA' | 'ES256';

/** Schema of the public keys that sign such tokens. */
export const jwkSchema = v.variant('kty', [
  v.object({ kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: v.pipe(base64UrlText(43), v.length(43)) }),
  v.object({
    kty: v.literal('EC'),
    crv: v.literal('P-256'),
    x: v.pipe(base64UrlText(43), v.length(43)),
    y: v.pipe(base64UrlText(43), v.length(43)),
  }),
]);

// An unknown member could change what the token means, so none is accepted; `crit` is among those.
const headerSchema = v.strictObject({
  alg: v.picklist(['EdDSA', 'ES256']),
  typ: v.pipe(v.string(), v.maxLength(64)),
  kid: v.optional(v.pipe(v.string(), v.maxLength(512))),
  x5c: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(100_000))), v.minLength(1), v.maxLength(8))),
});
export type JwsHeader = v.InferOutput<typeof headerSchema>;

export interface Jws {
  header: JwsHeader;
  payload: Record<string, unknown>;
  /** The bytes that are signed. */
  signed: Uint8Array;
  signature: Uint8Array;
}

const payloadSchema = v.record(v.string(), v.unknown());

/** Takes a compact JWS apart, verifying nothing. Throws DecodeError. */
export function decodeJws(token: string, what: string): Jws {
  if (token.length > MAX_CHARACTERS) throw new DecodeError(what, `${token.length} characters`);
  const parts = token.split('.');
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || !header || !payload || !signature)
    throw new DecodeError(what, `${parts.length} parts where a token has three`);
  const json = (part: string) => parseJson(fromUtf8(fromBase64Url(part, what), what), what);
  return {
    header: shaped(headerSchema, json(header), what),
    payload: shaped(payloadSchema, json(payload), what),
    signed: utf8(`${header}.${payload}`),
    signature: fromBase64Url(signature, what, 64),
  };
}

/** Whether a signature (64 bytes) over `data` holds under a key of the kind that the algorithm names. */
export function holdsUnder(
  algorithm: JwsAlgorithm,
  key: Jwk,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 64) return false;
  if (algorithm === 'EdDSA')
    return key.kty === 'OKP' && verifyEd25519(fromBase64Url(key.x, 'jwk', 32), data, signature);
  if (key.kty !== 'EC' || key.crv !== 'P-256') return false;
  const point = concat(new Uint8Array([4]), fromBase64Url(key.x, 'jwk', 32), fromBase64Url(key.y, 'jwk', 32));
  try {
    return p256.verify(signature, data, point, { prehash: true, lowS: false, format: 'compact' });
  } catch {
    return false;
  }
}

/** Whether the token's signature holds under a key of the kind its `alg` names. */
export function jwsHolds(jws: Jws, key: Jwk): boolean {
  return holdsUnder(jws.header.alg, key, jws.signed, jws.signature);
}

/** The algorithm a key signs tokens with. Throws Refusal `key-type`. */
export function jwsAlgorithm(key: SigningKey): JwsAlgorithm {
  if (key.algorithm === 'ed25519') return 'EdDSA';
  if (key.algorithm === 'p256') return 'ES256';
  throw new Refusal(
    'key-type',
    `${key.algorithm} key for a token`,
    'Credentials and permissions need an identity with an Ed25519 or P-256 key.',
  );
}

/** Signs a payload as compact JWS; header and payload are written as canonical JSON. */
export async function signJws(
  key: SigningKey,
  header: Omit<JwsHeader, 'alg'> & { jwk?: Jwk },
  payload: Record<string, unknown>,
): Promise<string> {
  const encoded = [{ alg: jwsAlgorithm(key), ...header }, payload].map((part) =>
    toBase64Url(canonicalJson(part)),
  );
  const signed = encoded.join('.');
  return `${signed}.${toBase64Url(await key.sign(utf8(signed)))}`;
}
