/** Who signed a token that came from the web, as far as the token proves it. */
import { sha256 } from '@noble/hashes/sha2.js';
import { Refusal } from '../wallet/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import { commonNameText } from './certificate.ts';
import { fromX5c, keyOfChain, subjectOf } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { keyIdOf, parseDid } from './did.ts';
import { jwsHolds, type Jws } from './jws.ts';
import { judgeCertificates, VERDICT_SENTENCES } from './verdict.ts';
import { isDead } from './standing.ts';

/** Who signed. */
export type TokenSigner =
  /** An Auto ID that is known or registered. */
  | { kind: 'identity'; did: string }
  /** A certificate that nobody here vouches for. */
  | { kind: 'certificate'; name: string };

/**
 * Requires that the Auto ID of `did`, known or with its certificates in the token, signed and still stands.
 * Throws Refusal `WHAT-key`, `WHAT-signature`.
 */
export async function requireIdentity(
  jws: Jws,
  did: string,
  context: IdentityContext,
  what: string,
): Promise<TokenSigner> {
  const offered = jws.header.x5c === undefined ? [] : [fromX5c(jws.header.x5c)];
  const resolved = await context.resolve(did, offered);
  if (parseDid(did) === null || resolved === null || jws.header.kid !== keyIdOf(did))
    throw new Refusal(`${what}-key`, did, 'The identity that signed is not known.');
  if (!jwsHolds(jws, resolved.key)) throw notSigned(what);
  if (await isDead(context, did, resolved.chain))
    throw new Refusal(`${what}-key`, did, 'The identity that signed was revoked or has expired.');
  return { kind: 'identity', did };
}

/**
 * Requires that the first certificate of the token signed it, and that each of them holds at `now` (seconds since the epoch)
 * and is signed by the next. `hash`: base64url SHA-256 of its DER. Throws Refusal `WHAT-certificate`, `WHAT-signature`.
 */
export function requireCertificate(
  jws: Jws,
  x5c: readonly string[],
  what: string,
  now: number,
): { signer: TokenSigner; hash: string } {
  const chain = fromX5c(x5c);
  const leaf = subjectOf(chain);
  const code = judgeCertificates(chain, 1000 * now, true);
  if (code !== 'ok') throw new Refusal(`${what}-certificate`, code, VERDICT_SENTENCES[code]);
  if (!jwsHolds(jws, keyOfChain(chain))) throw notSigned(what);
  const signer = { kind: 'certificate', name: commonNameText(leaf.tbs) } as const;
  return { signer, hash: toBase64Url(sha256(leaf.raw)) };
}

function notSigned(what: string): Refusal {
  return new Refusal(
    `${what}-signature`,
    'does not hold',
    'The signature of whoever sent this does not hold.',
  );
}
