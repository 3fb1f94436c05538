/** Keys of issuers that are named by a URL: what they publish of them (SD-JWT VC, `jwt-vc-issuer`). */
import * as v from 'valibot';
import type { Web } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import type { IdentityContext, WebIssuerKey } from './context.ts';
import { decodeJws, jwkSchema } from './jws.ts';
import { NOT_ITSELF, read, succeeded, url, wellKnown } from './openid-web.ts';
import { isWebAddress } from './status-book.ts';

const keysSchema = v.object({
  issuer: url,
  jwks: v.optional(v.object({ keys: v.pipe(v.array(v.looseObject({})), v.maxLength(32)) })),
  jwks_uri: v.optional(url),
});

/** Learns the keys of a credential's issuer, if that is named by a URL. Throws as `learnWebIssuer` does. */
export async function learnIssuerOf(context: IdentityContext, credential: string, web: Web): Promise<void> {
  const { iss } = decodeJws(credential.split('~')[0]!, 'sd-jwt').payload;
  if (typeof iss === 'string' && isWebAddress(iss)) await learnWebIssuer(context, iss, web);
}

/** Learns the keys that an issuer publishes. Throws Refusal `issuer-key`, `issuer-refused`; DecodeError; WebError. */
export async function learnWebIssuer(context: IdentityContext, issuer: string, web: Web): Promise<void> {
  const keys = (await issuerKeySet(issuer, web)).flatMap(({ kid, jwk }): WebIssuerKey[] => {
    const usable = v.safeParse(jwkSchema, jwk);
    return usable.success ? [{ kid, jwk: usable.output }] : [];
  });
  await context.keepWebIssuer(issuer, keys);
}

async function issuerKeySet(issuer: string, web: Web): Promise<{ kid: string | null; jwk: unknown }[]> {
  const what = 'jwt-vc-issuer';
  const described = read(keysSchema, await wellKnown(issuer, what, 'application/json', web), what);
  if (described.issuer !== issuer) throw new Refusal('issuer-key', described.issuer, NOT_ITSELF);
  let keys = described.jwks?.keys;
  if (keys === undefined && described.jwks_uri !== undefined) {
    const answer = succeeded(await web({ method: 'GET', url: described.jwks_uri }), 'jwks');
    keys = read(keysSchema.entries.jwks.wrapped, answer, 'jwks').keys;
  }
  return (keys ?? []).map((jwk) => ({ kid: typeof jwk['kid'] === 'string' ? jwk['kid'] : null, jwk }));
}
