/** DIDs that are their own key, as outside issuers use them: `did:key` and `did:jwk`. Nothing has to be looked up. */
import { p256 } from '@noble/curves/nist.js';
import { base58 } from '@scure/base';
import * as v from 'valibot';
import { fromBase64Url, parseJson, toBase64Url } from '../wallet/json.ts';
import { jwkSchema } from './jws.ts';
import type { Jwk } from './keys.ts';

const MAX_LENGTH = 1024;
/** Multicodec prefixes of public keys: Ed25519, and compressed points of P-256. */
const ED25519 = [0xed, 0x01];
const P256 = [0x80, 0x24];

/** A key that a DID spells out. */
export interface KeyDid {
  jwk: Jwk;
  /** Name of the key within the DID's document. */
  keyId: string;
}

/** The key in a `did:key` or `did:jwk` of Ed25519 or P-256; null for any other text. */
export function parseKeyDid(did: string): KeyDid | null {
  if (did.length > MAX_LENGTH) return null;
  const [, method, name = ''] = /^did:(key|jwk):([A-Za-z0-9_-]+)$/.exec(did) ?? [];
  try {
    if (method === 'jwk') {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(fromBase64Url(name, 'did-jwk'));
      const seen = v.safeParse(jwkSchema, parseJson(text, 'did-jwk'));
      return seen.success ? { jwk: seen.output, keyId: `${did}#0` } : null;
    }
    if (method !== 'key' || !name.startsWith('z')) return null;
    const jwk = jwkOfMulticodec(base58.decode(name.slice(1)));
    return jwk && { jwk, keyId: `${did}#${name}` };
  } catch {
    // A text of another encoding, or no point of the curve: it spells out no key.
    return null;
  }
}

function jwkOfMulticodec([first, second, ...rest]: Uint8Array): Jwk | null {
  const key = Uint8Array.from(rest);
  const is = ([a, b]: number[]) => first === a && second === b;
  if (is(ED25519) && key.length === 32) return { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(key) };
  if (!is(P256) || key.length !== 33) return null;
  const point = p256.Point.fromBytes(key).toBytes(false);
  const [x, y] = [point.slice(1, 33), point.slice(33)].map(toBase64Url) as [string, string];
  return { kty: 'EC', crv: 'P-256', x, y };
}
