/**
 * Leave to fetch what an issuer offers (OAuth 2.0): by the offer's own code, or by a log-in on the issuer's pages with
 * PKCE. The person's browser carries nothing of a log-in but what is of no use without the verifier kept here.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { randomBytes } from '../crypto/random.ts';
import { webUrl, type Web } from '../network/web.ts';
import { utf8 } from '../protocol/bytes.ts';
import { Refusal } from '../wallet/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import { boundWeb, DPOP_ALGORITHM, newBinding, type Binding } from './openid-dpop.ts';
import { MAX_CREDENTIALS, PRE_AUTHORIZED, type IssuerMetadata, type OpenOffer } from './openid-offer.ts';
import { NOT_ITSELF, postForm, read, text, url, wellKnown } from './openid-web.ts';

const SECRET_BYTES = 32;
const CREDENTIAL_DETAIL = 'openid_credential';

const serverSchema = v.object({
  issuer: url,
  token_endpoint: url,
  authorization_endpoint: v.optional(url),
  pushed_authorization_request_endpoint: v.optional(url),
  require_pushed_authorization_requests: v.optional(v.boolean()),
  code_challenge_methods_supported: v.optional(v.array(v.string())),
  token_endpoint_auth_methods_supported: v.optional(v.array(v.string())),
  authorization_response_iss_parameter_supported: v.optional(v.boolean()),
  dpop_signing_alg_values_supported: v.optional(v.array(v.string())),
});
type Server = v.InferOutput<typeof serverSchema>;

const pushedSchema = v.object({ request_uri: text(2048) });
const tokenSchema = v.object({
  access_token: text(16_384),
  token_type: text(32),
  refresh_token: v.optional(text(16_384)),
  authorization_details: v.optional(
    v.pipe(
      v.array(
        v.object({
          type: text(64),
          credential_configuration_id: v.optional(text(256)),
          credential_identifiers: v.optional(v.pipe(v.array(text(256)), v.maxLength(MAX_CREDENTIALS))),
        }),
      ),
      v.maxLength(MAX_CREDENTIALS),
    ),
  ),
});

/** Leave to fetch credentials. */
export interface Access {
  token: string;
  refresh: string | null;
  /** Where it is renewed. */
  tokenEndpoint: string;
  /** Names under which the issuer has what was asked for ready, by configuration. */
  identifiers: Record<string, string[]>;
  /** The key that it is bound to, null for leave that anybody could use who had it. */
  binding: Binding | null;
}

/** A log-in under way; kept until the person comes back. */
export interface Login {
  state: string;
  verifier: string;
  returnTo: string;
  server: LoginServer;
}

type LoginServer = Pick<
  Server,
  | 'issuer'
  | 'token_endpoint'
  | 'authorization_response_iss_parameter_supported'
  | 'dpop_signing_alg_values_supported'
>;

/** What the issuer's pages send the person back with. */
export interface LoginAnswer {
  state: string;
  code: string | null;
  /** The server that answers, where it says so (RFC 9207). */
  issuer: string | null;
  error: string | null;
}

/** Leave by the code in the offer and, where it is asked for, the one that the person was given. */
export async function accessByCode(
  { metadata, grant }: OpenOffer,
  code: string | null,
  now: number,
  web: Web,
): Promise<Access> {
  if (grant.kind !== 'code') throw new Refusal('offer-grant', 'a log-in', 'This issuer wants you to log in.');
  const server = await serverOf(metadata, grant.server, web);
  const fields = {
    grant_type: PRE_AUTHORIZED,
    'pre-authorized_code': grant.code,
    ...(code !== null && { tx_code: code }),
  };
  return requestAccess(server, bindingFor(server), fields, now, web);
}

/**
 * Begins a log-in. Returns it with the address that the person has to open; where the server takes requests directly
 * (PAR), it names nothing but that request.
 *
 * @param returnTo Address of this app that the person is sent back to; it serves as the client's name, too.
 * @throws Refusal `login-…`, `offer-server`, `issuer-refused`; WebError.
 */
export async function beginLogin(
  { metadata, grant, view }: OpenOffer,
  returnTo: string,
  web: Web,
): Promise<{ login: Login; address: string }> {
  if (grant.kind !== 'login') throw new Refusal('offer-grant', 'no log-in', 'This offer needs no log-in.');
  const server = await serverOf(metadata, grant.server, web);
  if (server.authorization_endpoint === undefined)
    throw new Refusal('login-server', server.issuer, 'The issuer names no page to log in on.');
  if (server.code_challenge_methods_supported?.includes('S256') === false)
    throw new Refusal('login-pkce', server.issuer, 'The issuer’s log-in is not protected against theft.');
  const methods = server.token_endpoint_auth_methods_supported ?? [];
  if (methods.length > 0 && methods.every((name) => name.startsWith('attest_jwt')))
    throw new Refusal(
      'login-client',
      methods.join(', '),
      'The issuer deals only with apps that their maker vouches for, which a browser cannot have done.',
    );
  const verifier = toBase64Url(randomBytes(SECRET_BYTES));
  const state = toBase64Url(randomBytes(SECRET_BYTES));
  const fields = {
    response_type: 'code',
    client_id: returnTo,
    redirect_uri: returnTo,
    state,
    code_challenge: toBase64Url(sha256(utf8(verifier))),
    code_challenge_method: 'S256',
    ...wanted(
      metadata,
      view.credentials.map(({ id }) => id),
    ),
    ...(grant.issuerState !== null && { issuer_state: grant.issuerState }),
  };
  const address = webUrl(server.authorization_endpoint);
  const pushTo = server.pushed_authorization_request_endpoint;
  if (pushTo === undefined && server.require_pushed_authorization_requests === true)
    throw new Refusal('login-server', server.issuer, 'The issuer’s log-in contradicts itself.');
  const query =
    pushTo === undefined
      ? fields
      : {
          client_id: returnTo,
          request_uri: (await postForm(pushTo, fields, pushedSchema, 'login', web)).request_uri,
        };
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  address.hash = '';
  return { login: { state, verifier, returnTo, server }, address: address.href };
}

/** What is asked for: by scopes where every credential has one, by name otherwise. */
function wanted(metadata: IssuerMetadata, ids: readonly string[]): Record<string, string> {
  const scopes = ids.map((id) => metadata.credential_configurations_supported[id]?.scope);
  const elsewhere = metadata.authorization_servers !== undefined;
  if (scopes.every((scope) => scope !== undefined))
    return { scope: scopes.join(' '), ...(elsewhere && { resource: metadata.credential_issuer }) };
  const details = ids.map((id) => ({
    type: CREDENTIAL_DETAIL,
    credential_configuration_id: id,
    ...(elsewhere && { locations: [metadata.credential_issuer] }),
  }));
  return { authorization_details: JSON.stringify(details) };
}

/** Leave by a log-in that the person came back from. Throws Refusal `login-…`, `issuer-refused`; WebError. */
export async function accessByLogin(
  login: Login,
  answer: LoginAnswer,
  now: number,
  web: Web,
): Promise<Access> {
  const { server, verifier, returnTo } = login;
  const named = server.authorization_response_iss_parameter_supported === true || answer.issuer !== null;
  if (named && answer.issuer !== server.issuer)
    throw new Refusal(
      'login-issuer',
      `${answer.issuer ?? 'nobody'} where ${server.issuer} was asked`,
      'Somebody else answered to the log-in.',
    );
  if (answer.code === null)
    throw new Refusal(
      'login-refused',
      answer.error ?? 'no code',
      `The issuer did not let you in: ${(answer.error ?? 'it gave no reason').slice(0, 200)}`,
    );
  const fields = {
    grant_type: 'authorization_code',
    code: answer.code,
    code_verifier: verifier,
    redirect_uri: returnTo,
    client_id: returnTo,
  };
  return requestAccess(server, bindingFor(server), fields, now, web);
}

/** The same leave, renewed. Throws Refusal `issuer-refused`; WebError. */
export async function renewedAccess(
  access: Access,
  clientId: string | null,
  now: number,
  web: Web,
): Promise<Access> {
  const fields = {
    grant_type: 'refresh_token',
    refresh_token: access.refresh ?? '',
    ...(clientId !== null && { client_id: clientId }),
  };
  const server = { token_endpoint: access.tokenEndpoint };
  const renewed = await requestAccess(server, access.binding, fields, now, web);
  return { ...renewed, refresh: renewed.refresh ?? access.refresh, identifiers: access.identifiers };
}

async function serverOf(metadata: IssuerMetadata, named: string | null, web: Web): Promise<Server> {
  const servers = metadata.authorization_servers ?? [metadata.credential_issuer];
  const server = named ?? servers[0]!;
  if (!servers.includes(server))
    throw new Refusal('offer-server', server, 'The offer names a server that is not the issuer’s.');
  const what = 'oauth-authorization-server';
  const described = read(serverSchema, await wellKnown(server, what, 'application/json', web), what);
  if (described.issuer !== server) throw new Refusal('offer-server', described.issuer, NOT_ITSELF);
  return described;
}

function bindingFor({
  dpop_signing_alg_values_supported: algorithms,
}: Pick<Server, 'dpop_signing_alg_values_supported'>): Binding | null {
  return algorithms?.includes(DPOP_ALGORITHM) === true ? newBinding() : null;
}

async function requestAccess(
  { token_endpoint: tokenEndpoint }: Pick<Server, 'token_endpoint'>,
  offered: Binding | null,
  fields: Record<string, string>,
  now: number,
  web: Web,
): Promise<Access> {
  const asked = offered === null ? web : boundWeb(web, offered, null, now);
  const answer = await postForm(tokenEndpoint, fields, tokenSchema, 'token', asked);
  const type = answer.token_type.toLowerCase();
  const binding = type === 'dpop' ? offered : null;
  if (type !== 'bearer' && binding === null)
    throw new Refusal(
      'token-type',
      answer.token_type,
      'The issuer uses a way to log in that is not supported.',
    );
  const identifiers: Access['identifiers'] = {};
  for (const detail of answer.authorization_details ?? []) {
    const { type, credential_configuration_id: id, credential_identifiers: names } = detail;
    if (type === CREDENTIAL_DETAIL && id !== undefined && names !== undefined) identifiers[id] = names;
  }
  const { access_token: token, refresh_token: refresh = null } = answer;
  return { token, refresh, tokenEndpoint, identifiers, binding };
}
