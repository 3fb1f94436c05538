/**
 * An issuer on the web for tests: its protocol is the independent implementation's, its servers are functions that a
 * test asks directly or puts behind HTTP.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Oauth2AuthorizationServer, PkceCodeChallengeMethod } from '@openid4vc/oauth2';
import { Openid4vciIssuer } from '@openid4vc/openid4vci';
import { StatusList } from '@sd-jwt/jwt-status-list';
import * as jose from 'jose';
import type { WebAnswer, WebRequest } from '../../network/web.ts';
import { signJws } from '../jws.ts';
import { ecKey, jwkOf, type SigningKey } from '../keys.ts';
import { issueSdJwt } from '../sd-jwt.ts';
import { encryptionOf, type EncryptedAnswer, type Encrypts } from './issuer-encryption.ts';
import { json, type Servers } from './servers.ts';

export const ISSUER = 'https://issuer.example/tenant';
export const TYPE = 'urn:autonomys:vc:person:1';
export const issuerKey = ecKey('p256', new Uint8Array(32).fill(5));

const unused = () => {
  throw new Error('not asked for in this test');
};

/** What the independent implementation is given to do its cryptography with. */
export const callbacks = {
  hash: (data: Uint8Array, algorithm: string) =>
    new Uint8Array(createHash(algorithm.replace('-', '')).update(data).digest()),
  generateRandom: (length: number) => new Uint8Array(randomBytes(length)),
  verifyJwt: async (signer: { method: string; publicJwk?: unknown }, { compact }: { compact: string }) => {
    const jwk = signer.publicJwk as jose.JWK;
    try {
      await jose.compactVerify(compact, await jose.importJWK(jwk, jose.decodeProtectedHeader(compact).alg));
      return { verified: true as const, signerJwk: jwk as never };
    } catch {
      return { verified: false as const };
    }
  },
  signJwt: unused as never,
  encryptJwe: unused as never,
  decryptJwe: unused as never,
  clientAuthentication: unused as never,
};

export interface IssuerQuirks {
  /** Address of the issuer. */
  issuer?: string;
  txCode?: string;
  format?: string;
  algorithms?: string[];
  /** Wants the device's maker to vouch for the key. */
  attested?: boolean;
  credential?: (holder: never) => Promise<string>;
  metadata?: Record<string, unknown>;
  /** Signs the description of the issuer, made of its metadata. */
  signed?: (metadata: Record<string, unknown>) => Promise<string>;
  /** Wants a log-in; `pushed`: takes requests for one directly only. */
  login?: { pushed?: boolean; server?: Record<string, unknown>; scope?: string };
  /** Decides after being asked so many times. */
  later?: number;
  /** Gives leave that is bound to a key, and wants a nonce in each proof of it. */
  bound?: boolean;
  /** Encrypts what it gives. */
  encrypts?: Encrypts;
}

/** What an issuer's servers saw. */
export interface WebIssuer {
  /** Link of its offer. */
  link: string;
  /** Events that the wallet told it of. */
  told: Record<string, unknown>[];
  /** Answers to a request to log in as a person who does: where the person is sent back to. */
  logIn: (address: string) => string;
}

const ISSUER_STATE = 'desk-7';

/** Opens an issuer. */
export async function webIssuer(servers: Servers, quirks: IssuerQuirks = {}): Promise<WebIssuer> {
  const issuer = quirks.issuer ?? ISSUER;
  const { origin, pathname } = new URL(issuer);
  const wellKnown = (name: string) => `${origin}/.well-known/${name}${pathname}`;
  const library = new Openid4vciIssuer({ callbacks });
  const encryption = await encryptionOf(quirks.encrypts);
  const metadata = library.createCredentialIssuerMetadata({
    credential_issuer: issuer,
    credential_endpoint: `${issuer}/credential`,
    nonce_endpoint: `${issuer}/nonce`,
    deferred_credential_endpoint: `${issuer}/deferred`,
    notification_endpoint: `${issuer}/notification`,
    display: [{ name: 'Town hall' }],
    ...encryption.metadata,
    credential_configurations_supported: {
      person: {
        format: quirks.format ?? 'dc+sd-jwt',
        vct: TYPE,
        ...(quirks.login?.scope === undefined ? {} : { scope: quirks.login.scope }),
        cryptographic_binding_methods_supported: ['jwk'],
        proof_types_supported: {
          jwt: {
            proof_signing_alg_values_supported: quirks.algorithms ?? ['ES256', 'EdDSA'],
            ...(quirks.attested === true && { key_attestations_required: {} }),
          },
        },
        credential_metadata: { display: [{ name: 'Resident' }] },
      },
    },
  });
  const { credentialOffer: link } = await library.createCredentialOffer({
    issuerMetadata: {
      originalDraftVersion: 'V1',
      credentialIssuer: metadata,
      authorizationServers: [],
      knownCredentialConfigurations: {},
    } as never,
    credentialConfigurationIds: ['person'],
    grants: quirks.login
      ? { authorization_code: { issuer_state: ISSUER_STATE } }
      : {
          'urn:ietf:params:oauth:grant-type:pre-authorized_code': {
            'pre-authorized_code': 'code-1',
            ...(quirks.txCode === undefined ? {} : { tx_code: { input_mode: 'numeric', length: 4 } }),
          },
        },
  });
  servers.on(wellKnown('openid-credential-issuer'), async () => {
    const described = { ...metadata, ...quirks.metadata };
    if (quirks.signed === undefined) return described;
    return { status: 200, type: 'application/jwt', text: await quirks.signed(described) };
  });
  servers.on(wellKnown('jwt-vc-issuer'), () => ({
    issuer,
    jwks: { keys: [{ ...jwkOf(issuerKey.publicKeyInfo), kid: 'key-a' }] },
  }));
  const logIn = openAccess(servers, issuer, wellKnown('oauth-authorization-server'), quirks);
  const mayAsk = (token: string, request: WebRequest) =>
    quirks.bound === true
      ? provesKey(request, token)
      : Promise.resolve(
          request.headers?.['authorization'] === `Bearer ${token}`
            ? null
            : json({ error: 'invalid_token' }, 401),
        );

  const nonces = new Set<string>();
  servers.on(`${issuer}/nonce`, () => {
    const nonce = `nonce-${nonces.size}`;
    nonces.add(nonce);
    return library.createNonceResponse({ cNonce: nonce });
  });
  let asked = 0;
  let holder: never;
  const given = async () => ({
    credentials: [{ credential: await (quirks.credential ?? ((key) => residence(key, issuer)))(holder) }],
    notificationId: 'given-1',
  });
  const later = () => (quirks.later ?? 0) >= (asked += 1);
  servers.on(`${issuer}/credential`, async (request) => {
    const refused = await mayAsk('token-1', request);
    if (refused !== null) return refused;
    const body = await encryption.opened(request);
    const parsed = library.parseCredentialRequest({
      issuerMetadata: {
        originalDraftVersion: 'V1',
        credentialIssuer: metadata,
        authorizationServers: [],
        knownCredentialConfigurations: metadata.credential_configurations_supported,
      } as never,
      credentialRequest: body,
    });
    const proof = parsed.proofs?.jwt?.[0] as string;
    const [expectedNonce] = nonces;
    const { signer } = await library.verifyCredentialRequestJwtProof({
      jwt: proof,
      expectedNonce: expectedNonce!,
      issuerMetadata: { credentialIssuer: metadata, authorizationServers: [] } as never,
    });
    nonces.delete(expectedNonce!);
    holder = (signer as unknown as { publicJwk: never }).publicJwk;
    const of = parsed.credentialRequest as EncryptedAnswer;
    if (!later()) {
      const answer = library.createCredentialResponse({ credentialRequest: parsed, ...(await given()) });
      return encryption.sealed(of, answer, 200);
    }
    const transaction = { transactionId: 'decision-1', interval: 60 };
    const answer = library.createCredentialResponse({ credentialRequest: parsed, ...transaction });
    return encryption.sealed(of, answer, 202);
  });
  servers.on(`${issuer}/deferred`, async (request) => {
    // The first leave has run out by then.
    const refused = await mayAsk('token-2', request);
    if (refused !== null) return refused;
    const { deferredCredentialRequest } = library.parseDeferredCredentialRequest({
      deferredCredentialRequest: await encryption.opened(request),
    });
    if (deferredCredentialRequest.transaction_id !== 'decision-1')
      return json({ error: 'invalid_transaction_id' }, 400);
    if (!later()) {
      const { credentials, notificationId } = await given();
      // The library refuses the notification where the specification has it.
      const answer = library.createDeferredCredentialResponse({ credentials });
      return encryption.sealed(
        deferredCredentialRequest as EncryptedAnswer,
        { ...answer, notification_id: notificationId },
        200,
      );
    }
    const transaction = { transactionId: 'decision-1', interval: 60 };
    return encryption.sealed(
      deferredCredentialRequest as EncryptedAnswer,
      library.createDeferredCredentialResponse(transaction),
      202,
    );
  });
  const told: WebIssuer['told'] = [];
  servers.on(`${issuer}/notification`, ({ body }) => {
    told.push(JSON.parse(body!) as Record<string, unknown>);
    return { status: 204, type: '', text: '' };
  });
  return { link, told, logIn };
}

/** The authorization server of an issuer; returns how a person logs in on it. */
function openAccess(
  servers: Servers,
  issuer: string,
  described: string,
  { login, txCode, bound }: IssuerQuirks,
): WebIssuer['logIn'] {
  const library = new Oauth2AuthorizationServer({ callbacks });
  const metadata = library.createAuthorizationServerMetadata({
    issuer,
    token_endpoint: `${issuer}/token`,
    ...(bound === true && { dpop_signing_alg_values_supported: ['ES256'] }),
    ...(login && {
      authorization_endpoint: `${issuer}/authorize`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      ...(login.pushed === true && {
        require_pushed_authorization_requests: true,
        pushed_authorization_request_endpoint: `${issuer}/par`,
      }),
    }),
  });
  servers.on(described, () => ({ ...metadata, ...login?.server }));
  const asRequest = (path: string) => ({
    headers: new Headers(),
    method: 'POST' as const,
    url: issuer + path,
  });
  let pushed: Record<string, string> | null = null;
  let request: Record<string, string> | null = null;
  servers.on(`${issuer}/par`, async ({ body }) => {
    const { authorizationRequest } = await library.parsePushedAuthorizationRequest({
      request: asRequest('/par'),
      authorizationRequest: Object.fromEntries(new URLSearchParams(body)),
    });
    pushed = authorizationRequest as Record<string, string>;
    const answer = library.createPushedAuthorizationResponse({
      requestUri: 'urn:ietf:params:oauth:request_uri:1',
      expiresInSeconds: 60,
    });
    return json(answer.pushedAuthorizationResponse, 201);
  });
  servers.on(`${issuer}/token`, async (asked) => {
    const refused = bound === true ? await provesKey(asked, null) : null;
    if (refused !== null) return refused;
    const { body } = asked;
    const token_type = bound === true ? 'DPoP' : 'Bearer';
    const fields = Object.fromEntries(new URLSearchParams(body));
    const { grant, accessTokenRequest } = library.parseAccessTokenRequest({
      request: asRequest('/token'),
      accessTokenRequest: fields,
    });
    const wrong = json({ error: 'invalid_grant', error_description: 'The code is wrong.' }, 400);
    if (grant.grantType === 'refresh_token')
      return grant.refreshToken === 'again-1' ? { access_token: 'token-2', token_type } : wrong;
    if (grant.grantType === 'authorization_code') {
      if (request === null || fields['redirect_uri'] !== request['redirect_uri']) return wrong;
      await library.verifyAuthorizationCodeAccessTokenRequest({
        authorizationServerMetadata: metadata,
        grant,
        accessTokenRequest,
        request: asRequest('/token'),
        expectedCode: 'log-in-1',
        pkce: {
          codeVerifier: fields['code_verifier']!,
          codeChallenge: request['code_challenge']!,
          codeChallengeMethod: request['code_challenge_method'] as PkceCodeChallengeMethod,
        },
      });
    } else if (fields['pre-authorized_code'] !== 'code-1' || (fields['tx_code'] ?? null) !== (txCode ?? null))
      return wrong;
    return { access_token: 'token-1', token_type, refresh_token: 'again-1' };
  });
  return (address) => {
    const asked = Object.fromEntries(new URL(address).searchParams);
    request = login?.pushed === true && asked['request_uri'] !== undefined ? pushed : asked;
    if (request?.['issuer_state'] !== ISSUER_STATE) throw new Error('nobody the issuer knows');
    const back = new URL(request['redirect_uri']!);
    back.searchParams.set('code', 'log-in-1');
    back.searchParams.set('state', request['state']!);
    back.searchParams.set('iss', issuer);
    return back.href;
  };
}

const DPOP_NONCE = 'dpop-nonce-1';

/** Null for a request with a proof that the independent implementation accepts, otherwise its refusal. */
async function provesKey(
  { headers, method, url }: WebRequest,
  token: string | null,
): Promise<WebAnswer | null> {
  const refusal = (error: string) => ({
    ...json({ error }, token === null ? 400 : 401),
    dpopNonce: DPOP_NONCE,
  });
  const dpopJwt = headers?.['dpop'];
  if (dpopJwt === undefined) return refusal('invalid_dpop_proof');
  if (jose.decodeJwt(dpopJwt)['nonce'] !== DPOP_NONCE) return refusal('use_dpop_nonce');
  if (token !== null && headers?.['authorization'] !== `DPoP ${token}`) return refusal('invalid_token');
  await new Oauth2AuthorizationServer({ callbacks }).verifyDpopJwt({
    dpopJwt,
    request: { headers: new Headers(), method, url },
    allowedSigningAlgs: ['ES256'],
    expectedNonce: DPOP_NONCE,
    ...(token === null ? {} : { accessToken: token }),
  });
  return null;
}

/** A credential of the issuer for a holder's key. */
export async function residence(
  holderKey: never,
  issuer = ISSUER,
  key: SigningKey = issuerKey,
  kid = 'key-a',
  status?: { uri: string; idx: number },
): Promise<string> {
  const signer = { ...key, sign: (data: Uint8Array) => key.sign(data) };
  const now = Math.floor(Date.now() / 1000);
  const credential = await issueSdJwt(signer, {
    iss: issuer,
    vct: TYPE,
    iat: now,
    exp: now + 3600,
    holderKey,
    ...(status && { status }),
    claims: { given_name: 'Ada', town: 'London', ages: { over_18: true } },
    selective: [['given_name'], ['town'], ['ages', 'over_18']],
  });
  return resigned(credential, signer, kid);
}

/** The same credential under a header that names the key as a server does. */
export async function resigned(credential: string, key: SigningKey, kid: string): Promise<string> {
  const [token, ...rest] = credential.split('~');
  const payload = JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  return [await signJws(key, { typ: 'dc+sd-jwt', kid }, payload), ...rest].join('~');
}

/** A list of revocations in which the credential of one index has a status, as its issuer signs it. */
export async function statusToken(
  uri: string,
  index: number,
  status: number,
  { bits = 2, key = issuerKey, claims = {}, typ = 'statuslist+jwt', now = Date.now() }: StatusQuirks = {},
): Promise<string> {
  const list = new StatusList(new Array<number>(64).fill(0), bits);
  list.setStatus(index, status);
  const payload = {
    sub: uri,
    iat: Math.floor(now / 1000),
    status_list: { bits, lst: list.compressStatusList() },
    ...claims,
  };
  return signJws(key, { typ, kid: 'key-a' }, payload);
}

export interface StatusQuirks {
  bits?: 1 | 2 | 4 | 8;
  key?: SigningKey;
  claims?: Record<string, unknown>;
  typ?: string;
  /** Milliseconds since the epoch. */
  now?: number;
}
