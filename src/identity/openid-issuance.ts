/**
 * Receiving credentials from an issuer on the web: OpenID for Verifiable Credential Issuance 1.0 with a
 * pre-authorized code. What the issuer sends is text until the credential itself has been verified.
 */
import * as v from 'valibot';
import { webUrl, type Web, type WebAnswer } from '../network/web.ts';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped } from '../wallet/json.ts';
import { keyIdOf } from './did.ts';
import { jwsAlgorithm, signJws } from './jws.ts';
import { jwkOf, type SigningKey } from './keys.ts';
import { CREDENTIAL_TYPE } from './sd-jwt.ts';

const PRE_AUTHORIZED = 'urn:ietf:params:oauth:grant-type:pre-authorized_code';
const PROOF_TYPE = 'openid4vci-proof+jwt';
const MAX_CREDENTIALS = 16;

const text = (limit: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(limit));
const url = text(2048);

const offerSchema = v.object({
  credential_issuer: url,
  credential_configuration_ids: v.pipe(v.array(text(256)), v.minLength(1), v.maxLength(MAX_CREDENTIALS)),
  grants: v.optional(
    v.object({
      [PRE_AUTHORIZED]: v.optional(
        v.object({
          'pre-authorized_code': text(8192),
          tx_code: v.optional(
            v.object({
              input_mode: v.optional(v.picklist(['numeric', 'text'])),
              length: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(128))),
              description: v.optional(v.pipe(v.string(), v.maxLength(300))),
            }),
          ),
          authorization_server: v.optional(url),
        }),
      ),
    }),
  ),
});

const displaySchema = v.optional(
  v.array(v.object({ name: v.optional(v.pipe(v.string(), v.maxLength(200))) })),
);

const issuerSchema = v.object({
  credential_issuer: url,
  authorization_servers: v.optional(v.pipe(v.array(url), v.minLength(1), v.maxLength(8))),
  credential_endpoint: url,
  nonce_endpoint: v.optional(url),
  display: displaySchema,
  credential_configurations_supported: v.record(
    text(256),
    v.object({
      format: text(64),
      vct: v.optional(text(512)),
      cryptographic_binding_methods_supported: v.optional(v.array(text(64))),
      proof_types_supported: v.optional(
        v.record(text(32), v.object({ proof_signing_alg_values_supported: v.optional(v.array(v.string())) })),
      ),
      credential_metadata: v.optional(v.object({ display: displaySchema })),
      display: displaySchema,
    }),
  ),
});
type IssuerMetadata = v.InferOutput<typeof issuerSchema>;

const serverSchema = v.object({ issuer: url, token_endpoint: url });
const tokenSchema = v.object({ access_token: text(16_384), token_type: text(32) });
const nonceSchema = v.object({ c_nonce: text(1024) });
const issuedSchema = v.object({
  credentials: v.pipe(v.array(v.object({ credential: text(1024 * 1024) })), v.minLength(1), v.maxLength(8)),
});
const failureSchema = v.object({
  error: text(200),
  error_description: v.optional(v.pipe(v.string(), v.maxLength(1000))),
});
const keysSchema = v.object({
  issuer: url,
  jwks: v.optional(v.object({ keys: v.pipe(v.array(v.looseObject({})), v.maxLength(32)) })),
  jwks_uri: v.optional(url),
});

/** What an issuer offers. */
export interface Offer {
  /** URL of the issuer. */
  issuer: string;
  issuerName: string | null;
  credentials: { id: string; type: string; name: string | null }[];
  /** A code that the issuer gave in another way, to be typed in; null if none is needed. */
  code: { numeric: boolean; length: number | null; description: string | null } | null;
}

/** An offer with what it takes to accept it. */
export interface OpenOffer {
  view: Offer;
  grant: { code: string; server: string | undefined };
  metadata: IssuerMetadata;
}

/** Looks an offer up, from its link. Throws DecodeError, Refusal `offer-…`, WebError. */
export async function readOffer(link: string, web: Web): Promise<OpenOffer> {
  const offer = shaped(offerSchema, parseJson(await offerText(link, web), 'offer'), 'offer');
  const grant = offer.grants?.[PRE_AUTHORIZED];
  if (grant === undefined) {
    throw new Refusal(
      'offer-grant',
      'no pre-authorized code',
      'This issuer wants you to log in on its own pages first, which this wallet cannot do. Ask it for a code or a QR code that needs no login.',
    );
  }
  const issuer = offer.credential_issuer;
  const metadata = await wellKnown(issuer, 'openid-credential-issuer', issuerSchema, web);
  if (metadata.credential_issuer !== issuer)
    throw new Refusal('offer-issuer', `${issuer} says it is ${metadata.credential_issuer}`, NOT_ITSELF);
  const { tx_code: code } = grant;
  return {
    view: {
      issuer,
      issuerName: nameIn(metadata.display),
      credentials: offer.credential_configuration_ids.map((id) => configurationView(id, metadata)),
      code: code
        ? {
            numeric: code.input_mode !== 'text',
            length: code.length ?? null,
            description: code.description ?? null,
          }
        : null,
    },
    grant: { code: grant['pre-authorized_code'], server: grant.authorization_server },
    metadata,
  };
}

const NOT_ITSELF = 'The issuer’s own description names somebody else.';

async function offerText(link: string, web: Web): Promise<string> {
  const text = link.trim();
  if (text.startsWith('{')) return text;
  const parameters = new URLSearchParams(text.slice(text.indexOf('?') + 1));
  const byValue = parameters.get('credential_offer');
  const byReference = parameters.get('credential_offer_uri');
  if ((byValue === null) === (byReference === null))
    throw new Refusal('offer-link', 'one of offer and address of it', 'This is no offer of a credential.');
  if (byValue !== null) return byValue;
  return succeeded(await web({ method: 'GET', url: byReference! }), 'offer').text;
}

function configurationView(id: string, metadata: IssuerMetadata): Offer['credentials'][number] {
  const configuration = Object.hasOwn(metadata.credential_configurations_supported, id)
    ? metadata.credential_configurations_supported[id]
    : undefined;
  if (configuration === undefined)
    throw new Refusal('offer-credential', id, 'The issuer offers something that it does not describe.');
  if (configuration.format !== CREDENTIAL_TYPE)
    throw new Refusal(
      'offer-format',
      configuration.format,
      'This wallet holds no credentials of that format.',
    );
  const name = nameIn(configuration.credential_metadata?.display ?? configuration.display);
  return { id, type: configuration.vct ?? id, name };
}

function nameIn(display: v.InferOutput<typeof displaySchema>): string | null {
  return display?.find(({ name }) => name !== undefined)?.name ?? null;
}

export interface Acceptance {
  /** What the person typed in, where the offer asks for it. */
  code: string | null;
  /** Identity that the credentials are bound to. */
  did: string;
  key: SigningKey;
  /** Seconds since the epoch. */
  now: number;
}

/**
 * Takes what is offered: the compact texts of the credentials, not verified yet.
 *
 * @throws Refusal `issuer-refused` with what the issuer says, `offer-…`; DecodeError; WebError.
 */
export async function redeemOffer(offer: OpenOffer, how: Acceptance, web: Web): Promise<string[]> {
  const { metadata, view } = offer;
  const token = await accessToken(offer, how.code, web);
  const credentials: string[] = [];
  for (const { id } of view.credentials) {
    // A nonce is used once, so that every request has its own.
    const proof = await holderProof(id, offer, how, await freshNonce(metadata, web));
    const answer = await web({
      method: 'POST',
      url: metadata.credential_endpoint,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ credential_configuration_id: id, ...(proof && { proofs: { jwt: [proof] } }) }),
    });
    if (answer.status === 202) {
      throw new Refusal(
        'issuer-later',
        `${id} is not ready`,
        'The issuer has not decided yet. Ask it for a new offer when it has.',
      );
    }
    const issued = read(issuedSchema, succeeded(answer, 'credential'), 'credential');
    credentials.push(...issued.credentials.map(({ credential }) => credential));
  }
  return credentials;
}

async function accessToken({ metadata, grant }: OpenOffer, code: string | null, web: Web): Promise<string> {
  const servers = metadata.authorization_servers ?? [metadata.credential_issuer];
  const server = grant.server ?? servers[0]!;
  if (!servers.includes(server))
    throw new Refusal('offer-server', server, 'The offer names a server that is not the issuer’s.');
  const described = await wellKnown(server, 'oauth-authorization-server', serverSchema, web);
  if (described.issuer !== server) throw new Refusal('offer-server', described.issuer, NOT_ITSELF);
  const form = new URLSearchParams({ grant_type: PRE_AUTHORIZED, 'pre-authorized_code': grant.code });
  if (code !== null) form.set('tx_code', code);
  const answer = await web({
    method: 'POST',
    url: described.token_endpoint,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const token = read(tokenSchema, succeeded(answer, 'token'), 'token');
  if (token.token_type.toLowerCase() !== 'bearer')
    throw new Refusal(
      'token-type',
      token.token_type,
      'The issuer uses a way to log in that is not supported.',
    );
  return token.access_token;
}

async function freshNonce({ nonce_endpoint: endpoint }: IssuerMetadata, web: Web): Promise<string | null> {
  if (endpoint === undefined) return null;
  return read(nonceSchema, succeeded(await web({ method: 'POST', url: endpoint }), 'nonce'), 'nonce').c_nonce;
}

/** Proof that the holder has the key that the credential is to be bound to; null if it is bound to none. */
async function holderProof(
  id: string,
  { metadata }: OpenOffer,
  { did, key, now }: Acceptance,
  nonce: string | null,
): Promise<string | null> {
  const { proof_types_supported: proofs, cryptographic_binding_methods_supported: methods } =
    metadata.credential_configurations_supported[id]!;
  if (proofs === undefined) return null;
  const algorithms = proofs['jwt']?.proof_signing_alg_values_supported;
  const algorithm = jwsAlgorithm(key);
  if (proofs['jwt'] === undefined || (algorithms !== undefined && !algorithms.includes(algorithm))) {
    throw new Refusal(
      'offer-proof',
      `${algorithm} where ${algorithms?.join(', ') ?? 'no signed proof'} is taken`,
      'The issuer does not take this kind of key. Choose an identity with another kind.',
    );
  }
  const named = methods?.includes('did:autoid') === true;
  const header = named ? { kid: keyIdOf(did) } : { jwk: jwkOf(key.publicKeyInfo) };
  const payload = { aud: metadata.credential_issuer, iat: now, ...(nonce === null ? {} : { nonce }) };
  return signJws(key, { typ: PROOF_TYPE, ...header }, payload);
}

/** A document of an issuer's host, whose name stands between host and path (RFC 8615). */
async function wellKnown<S extends v.GenericSchema>(
  issuer: string,
  name: string,
  schema: S,
  web: Web,
): Promise<v.InferOutput<S>> {
  const { origin, pathname } = webUrl(issuer);
  const path = pathname === '/' ? '' : pathname.replace(/\/$/, '');
  const answer = await web({ method: 'GET', url: `${origin}/.well-known/${name}${path}` });
  return read(schema, succeeded(answer, name), name);
}

/** Public keys of an issuer that is named by a URL, by their ids (SD-JWT VC, `jwt-vc-issuer`). */
export async function issuerKeySet(
  issuer: string,
  web: Web,
): Promise<{ kid: string | null; jwk: unknown }[]> {
  const described = await wellKnown(issuer, 'jwt-vc-issuer', keysSchema, web);
  if (described.issuer !== issuer) throw new Refusal('issuer-key', described.issuer, NOT_ITSELF);
  let keys = described.jwks?.keys;
  if (keys === undefined && described.jwks_uri !== undefined) {
    const answer = succeeded(await web({ method: 'GET', url: described.jwks_uri }), 'jwks');
    keys = read(keysSchema.entries.jwks.wrapped, answer, 'jwks').keys;
  }
  return (keys ?? []).map((jwk) => ({ kid: typeof jwk['kid'] === 'string' ? jwk['kid'] : null, jwk }));
}

function read<S extends v.GenericSchema>(schema: S, answer: WebAnswer, what: string): v.InferOutput<S> {
  return shaped(schema, parseJson(answer.text, what), what);
}

/** The answer, if the server did what it was asked. Throws Refusal `issuer-refused` with its reason. */
export function succeeded(answer: WebAnswer, what: string): WebAnswer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  const said = v.safeParse(failureSchema, maybeJson(answer.text));
  const reason = said.success
    ? (said.output.error_description ?? said.output.error)
    : `HTTP ${answer.status}`;
  throw new Refusal(
    'issuer-refused',
    `${what}: ${reason}`,
    `The other side refused: ${reason.slice(0, 200)}`,
  );
}

function maybeJson(text: string): unknown {
  try {
    return parseJson(text, 'failure');
  } catch {
    return null;
  }
}
