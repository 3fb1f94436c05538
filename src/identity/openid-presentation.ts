/**
 * Showing credentials to a verifier on the web: OpenID for Verifiable Presentations 1.0, answers sent by POST.
 * Who asks is known only as far as the request proves it, and is shown so.
 */
import * as v from 'valibot';
import { webUrl, type Web } from '../network/web.ts';
import { utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { parseJson, shaped } from '../wallet/json.ts';
import type { IdentityContext } from './context.ts';
import { dcqlSchema, requireConsistent } from './dcql.ts';
import type { PresentationRequest, PresentationResponse } from './exchange.ts';
import { sealJwe, type JweCipher, type RecipientKey } from './jwe.ts';
import { decodeJws, type Jws } from './jws.ts';
import { keySetSchema, recipientIn } from './openid-encryption.ts';
import { succeeded, text } from './openid-web.ts';
import { requireCertificate, requireIdentity, type TokenSigner } from './token-signer.ts';
import { isW3cCredential } from './w3c-form.ts';

const REQUEST_TYPE = 'oauth-authz-req+jwt';
/** Audience of requests to wallets that nobody has described to the verifier. */
const ANY_WALLET = 'https://self-issued.me/v2';
const CLOCK_SKEW_S = 60;
const moment = v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER)));

const requestSchema = v.object({
  client_id: text(2048),
  response_type: v.literal('vp_token'),
  response_mode: v.picklist(['direct_post', 'direct_post.jwt']),
  response_uri: text(2048),
  nonce: v.pipe(v.string(), v.minLength(16), v.maxLength(256)),
  state: v.optional(v.pipe(v.string(), v.maxLength(2048))),
  aud: v.optional(text(512)),
  iat: moment,
  nbf: moment,
  exp: moment,
  dcql_query: dcqlSchema,
  client_metadata: v.optional(
    v.object({
      client_name: v.optional(v.pipe(v.string(), v.maxLength(200))),
      jwks: v.optional(keySetSchema),
      encrypted_response_enc_values_supported: v.optional(v.array(v.string())),
    }),
  ),
  transaction_data: v.optional(v.unknown()),
  redirect_uri: v.optional(v.unknown()),
});
type WebPresentationRequest = v.InferOutput<typeof requestSchema>;

const answeredSchema = v.object({ redirect_uri: v.optional(text(2048)) });

/** Who asks, as far as it is proven: who signed, or nothing but the address that the answer goes to. */
export type Verifier = (TokenSigner | { kind: 'address' }) & { host: string };

/** A request of a verifier on the web, with what it takes to answer. */
export interface OpenRequest {
  request: PresentationRequest;
  verifier: Verifier;
  /** What the verifier calls itself; nothing stands behind it. */
  claimedName: string | null;
  responseUri: string;
  state: string | null;
  encryption: { key: RecipientKey; cipher: JweCipher } | null;
}

/**
 * Looks a request up, from its link, and checks who asks.
 *
 * @throws DecodeError, WebError, Refusal `request-…` naming the check.
 */
export async function readWebRequest(link: string, context: IdentityContext, web: Web): Promise<OpenRequest> {
  const parameters = new URLSearchParams(link.trim().slice(link.trim().indexOf('?') + 1));
  const names = [...parameters.keys()];
  if (new Set(names).size < names.length)
    throw new Refusal('request-link', 'a parameter is given twice', CONTRADICTS);
  const clientId = parameters.get('client_id') ?? '';
  const signed = await signedRequest(parameters, web);
  const request = signed === null ? fromParameters(parameters) : fromToken(signed, context.seconds);
  if (request.client_id !== clientId)
    throw new Refusal('request-client', `${request.client_id} in a link of ${clientId}`, CONTRADICTS);
  requireConsistent(request.dcql_query, 'presentation-request');
  requireAnswerable(request);
  const { host } = webUrl(request.response_uri);
  const verifier = await verifierOf(request, signed, host, context);
  return {
    request: {
      response_type: request.response_type,
      client_id: request.client_id,
      nonce: request.nonce,
      dcql_query: request.dcql_query,
    },
    verifier,
    claimedName: request.client_metadata?.client_name ?? null,
    responseUri: request.response_uri,
    state: request.state ?? null,
    encryption: request.response_mode === 'direct_post.jwt' ? encryptionOf(request) : null,
  };
}

/** Refuses what has to be refused rather than left out: an answer without it would say something else than was asked. */
function requireAnswerable({ transaction_data, redirect_uri }: WebPresentationRequest): void {
  if (transaction_data !== undefined)
    throw new Refusal(
      'request-transaction',
      'transaction_data',
      'The verifier wants you to agree to a transaction along with it, which this wallet cannot show you.',
    );
  if (redirect_uri !== undefined)
    throw new Refusal(
      'request-redirect',
      'redirect_uri beside response_uri',
      'The request names two addresses for its answer.',
    );
}

const CONTRADICTS = 'The request contradicts the link that led to it.';

async function signedRequest(parameters: URLSearchParams, web: Web): Promise<Jws | null> {
  const uri = parameters.get('request_uri');
  const inline = parameters.get('request');
  if (uri !== null && inline !== null)
    throw new Refusal('request-link', 'both request and request_uri', CONTRADICTS);
  if (uri === null) return inline === null ? null : decodeJws(inline, 'presentation-request');
  const post = parameters.get('request_uri_method') === 'post';
  const answer = await web({
    method: post ? 'POST' : 'GET',
    url: uri,
    headers: {
      accept: `application/${REQUEST_TYPE}`,
      ...(post && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
  });
  return decodeJws(succeeded(answer, 'presentation-request').text.trim(), 'presentation-request');
}

function fromToken(signed: Jws, now: number): WebPresentationRequest {
  if (signed.header.typ !== REQUEST_TYPE)
    throw new Refusal('request-type', `typ ${signed.header.typ}`, 'This is no request for credentials.');
  const request = shaped(requestSchema, signed.payload, 'presentation-request');
  if (request.aud !== undefined && request.aud !== ANY_WALLET)
    throw new Refusal('request-audience', request.aud, 'The request is meant for another wallet.');
  const late = request.exp !== undefined && request.exp <= now;
  const early = Math.max(request.iat ?? 0, request.nbf ?? 0) > now + CLOCK_SKEW_S;
  if (late || early)
    throw new Refusal(
      'request-time',
      `exp ${request.exp}, iat ${request.iat}`,
      'The request does not hold now.',
    );
  return request;
}

function fromParameters(parameters: URLSearchParams): WebPresentationRequest {
  const plain = Object.fromEntries(parameters);
  const parsed = Object.fromEntries(
    ['dcql_query', 'client_metadata'].flatMap((name) => {
      const value = parameters.get(name);
      return value === null ? [] : [[name, parseJson(value, name)]];
    }),
  );
  return shaped(requestSchema, { ...plain, ...parsed }, 'presentation-request');
}

async function verifierOf(
  { client_id: clientId, response_uri: responseUri }: WebPresentationRequest,
  signed: Jws | null,
  host: string,
  context: IdentityContext,
): Promise<Verifier> {
  const [, prefix = '', rest = ''] = /^([a-z0-9_]+):(.*)$/s.exec(clientId) ?? [];
  if (prefix === 'redirect_uri') {
    if (signed !== null || rest !== responseUri) throw new Refusal('request-client', clientId, CONTRADICTS);
    return { kind: 'address', host };
  }
  if (signed === null)
    throw new Refusal('request-unsigned', clientId, 'Whoever asks did not sign the request.');
  if (prefix === 'decentralized_identifier')
    return { ...(await requireIdentity(signed, rest, context, 'request')), host };
  const { x5c } = signed.header;
  if (prefix === 'x509_hash' && x5c !== undefined) {
    const { signer, hash } = requireCertificate(signed, x5c, 'request', context.seconds);
    if (hash !== rest) throw new Refusal('request-client', clientId, CONTRADICTS);
    return { ...signer, host };
  }
  throw new Refusal(
    'request-client',
    clientId.slice(0, 100),
    'Whoever asks is named in a way that cannot be checked here.',
  );
}

function encryptionOf({ client_metadata: metadata }: WebPresentationRequest): OpenRequest['encryption'] {
  const wanted = metadata?.encrypted_response_enc_values_supported ?? ['A128GCM'];
  const recipient = recipientIn(metadata?.jwks?.keys ?? [], wanted);
  if (recipient === null)
    throw new Refusal(
      'request-encryption',
      wanted.join(', '),
      'The verifier asks for an encryption not known here.',
    );
  return recipient;
}

/**
 * Sends an answer. Returns where the verifier would have the person go on, or null; nobody is sent there by itself.
 *
 * @throws Refusal `issuer-refused` with what the verifier says; WebError.
 */
export async function sendAnswer(
  open: OpenRequest,
  { vp_token, predicates }: PresentationResponse,
  web: Web,
): Promise<string | null> {
  const { encryption, state, responseUri } = open;
  const form = new URLSearchParams();
  const content = { vp_token: asSent(vp_token), ...(predicates && { predicates }) };
  if (encryption === null) {
    for (const [name, value] of Object.entries(content)) form.set(name, JSON.stringify(value));
    if (state !== null) form.set('state', state);
  } else {
    const sealed = utf8(JSON.stringify({ ...content, ...(state !== null && { state }) }));
    form.set('response', await sealJwe(sealed, encryption.key, encryption.cipher));
  }
  const answer = await web({
    method: 'POST',
    url: responseUri,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const { text: said } = succeeded(answer, 'answer');
  if (said.trim() === '') return null;
  const { redirect_uri: goOn } = shaped(answeredSchema, parseJson(said, 'answer'), 'answer');
  return goOn === undefined ? null : webUrl(goOn).href;
}

/** Credentials of the W3C's kind are sent as JSON, others as text. */
function asSent(token: PresentationResponse['vp_token']): Record<string, unknown[]> {
  const sent = (one: string): unknown => (isW3cCredential(one) ? JSON.parse(one) : one);
  return Object.fromEntries(Object.entries(token).map(([query, all]) => [query, all.map(sent)]));
}
