/**
 * Leave that is of no use to others (DPoP, RFC 9449): every request is signed with a key that is made for one issuer and
 * one log-in, and says nothing of whom it belongs to.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { p256 } from '@noble/curves/nist.js';
import { randomBytes } from '../crypto/random.ts';
import type { Web } from '../network/web.ts';
import { utf8 } from '../protocol/bytes.ts';
import { fromBase64Url, toBase64Url } from '../wallet/json.ts';
import { signJws } from './jws.ts';
import { ecKey, jwkOf } from './keys.ts';

export const DPOP_ALGORITHM = 'ES256';
const PROOF_TYPE = 'dpop+jwt';
const ID_BYTES = 16;

/** The key that leave is bound to, and what servers want to be answered with. */
export interface Binding {
  /** P-256 secret, base64url. */
  secret: string;
  /** Newest nonce by origin. */
  nonces: Record<string, string>;
}

export function newBinding(): Binding {
  return { secret: toBase64Url(p256.utils.randomSecretKey()), nonces: {} };
}

/** Requests with proof of the key, and with `token` once there is one. A server that wants a nonce is asked again. */
export function boundWeb(web: Web, binding: Binding, token: string | null, now: number): Web {
  const key = ecKey('p256', fromBase64Url(binding.secret, 'dpop-key', 32));
  return async (request) => {
    const { origin, pathname } = new URL(request.url);
    const ask = async () => {
      const nonce = binding.nonces[origin];
      const claims = {
        jti: toBase64Url(randomBytes(ID_BYTES)),
        htm: request.method,
        htu: origin + pathname,
        iat: now,
        ...(nonce !== undefined && { nonce }),
        ...(token !== null && { ath: toBase64Url(sha256(utf8(token))) }),
      };
      const dpop = await signJws(key, { typ: PROOF_TYPE, jwk: jwkOf(key.publicKeyInfo) }, claims);
      const headers = { ...request.headers, dpop, ...(token !== null && { authorization: `DPoP ${token}` }) };
      const answer = await web({ ...request, headers });
      const fresh = answer.dpopNonce !== undefined && answer.dpopNonce !== nonce;
      if (fresh) binding.nonces[origin] = answer.dpopNonce!;
      return { answer, fresh };
    };
    const { answer, fresh } = await ask();
    const wantsNonce = fresh && (answer.status === 400 || answer.status === 401);
    return wantsNonce ? (await ask()).answer : answer;
  };
}
