import 'reflect-metadata';
import { createHash, randomBytes } from 'node:crypto';
import { sha256 } from '@noble/hashes/sha2.js';
import { Openid4vciIssuer } from '@openid4vc/openid4vci';
import { Openid4vpVerifier } from '@openid4vc/openid4vp';
import * as x509 from '@peculiar/x509';
import * as jose from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { webUrl, type Web, type WebAnswer, type WebRequest } from '../network/web.ts';
import { utf8 } from '../protocol/bytes.ts';
import { createMemoryWalletStore } from '../storage/wallet-store.ts';
import { LOWEST_COST, type PasswordKey } from '../wallet/kdf.ts';
import { WalletService } from '../wallet/service.ts';
import { autoIdOf } from './identifier.ts';
import { chainOf, toX5c } from './chain.ts';
import { formatDid } from './did.ts';
import { AUTHORITY_USAGES, issueCertificate, keySuffix } from './issue.ts';
import { isOffer, isWebRequest } from './links.ts';
import { issueSdJwt } from './sd-jwt.ts';
import { ecKey, jwkOf, type SigningKey } from './keys.ts';
import { signJws } from './jws.ts';
import { createIdentityService, type IdentityService } from './service.ts';

const ISSUER = 'https://issuer.example/tenant';
const VERIFIER = 'https://verifier.example';
const TYPE = 'urn:autonomys:vc:person:1';
const quick: PasswordKey = async (password, kdf) => sha256(utf8(`${password}/${kdf.salt}`));
const issuerKey = ecKey('p256', new Uint8Array(32).fill(5));
const unused = () => {
  throw new Error('not asked for in this test');
};

/** What the independent implementation is given to do its cryptography with. */
const callbacks = {
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

/** Servers by the beginning of their addresses. */
class Servers {
  readonly asked: WebRequest[] = [];
  private readonly routes = new Map<string, (request: WebRequest) => WebAnswer | Promise<WebAnswer>>();

  on(url: string, answer: (request: WebRequest) => unknown): void {
    this.routes.set(url, async (request) => {
      const value = await answer(request);
      const isAnswer = typeof value === 'object' && value !== null && 'status' in value;
      return isAnswer ? (value as WebAnswer) : json(value);
    });
  }

  readonly web: Web = async (request) => {
    // Refused before anything is sent, as the platform's own does it.
    webUrl(request.url);
    this.asked.push(request);
    const route = this.routes.get(request.url);
    return route === undefined ? { status: 404, type: '', text: '' } : route(request);
  };
}

function json(value: unknown, status = 200): WebAnswer {
  return {
    status,
    type: 'application/json',
    text: typeof value === 'string' ? value : JSON.stringify(value),
  };
}

let servers: Servers;
let ada: IdentityService;
let did: string;

async function person(): Promise<IdentityService> {
  const wallet = await WalletService.open(createMemoryWalletStore(), {
    passwordKey: quick,
    cost: LOWEST_COST,
  });
  await wallet.create({ phrase: await wallet.newPhrase(12), password: 'correct horse battery' });
  return createIdentityService(wallet, { network: () => 'off', registry: null, web: servers.web });
}

beforeEach(async () => {
  servers = new Servers();
  ada = await person();
  ({ did } = await ada.createIdentity({ name: 'Ada', key: 'p256' }));
});

interface IssuerQuirks {
  txCode?: string;
  format?: string;
  algorithms?: string[];
  credential?: (holder: never) => Promise<string>;
  metadata?: Record<string, unknown>;
}

/** An issuer whose protocol is the independent implementation's. Returns the link of its offer. */
async function issuer(quirks: IssuerQuirks = {}): Promise<string> {
  const library = new Openid4vciIssuer({ callbacks });
  const metadata = library.createCredentialIssuerMetadata({
    credential_issuer: ISSUER,
    credential_endpoint: `${ISSUER}/credential`,
    nonce_endpoint: `${ISSUER}/nonce`,
    display: [{ name: 'Town hall' }],
    credential_configurations_supported: {
      person: {
        format: quirks.format ?? 'dc+sd-jwt',
        vct: TYPE,
        cryptographic_binding_methods_supported: ['jwk'],
        proof_types_supported: {
          jwt: { proof_signing_alg_values_supported: quirks.algorithms ?? ['ES256', 'EdDSA'] },
        },
        credential_metadata: { display: [{ name: 'Resident' }] },
      },
    },
  });
  const { credentialOffer } = await library.createCredentialOffer({
    issuerMetadata: {
      originalDraftVersion: 'V1',
      credentialIssuer: metadata,
      authorizationServers: [],
      knownCredentialConfigurations: {},
    } as never,
    credentialConfigurationIds: ['person'],
    grants: {
      'urn:ietf:params:oauth:grant-type:pre-authorized_code': {
        'pre-authorized_code': 'code-1',
        ...(quirks.txCode === undefined ? {} : { tx_code: { input_mode: 'numeric', length: 4 } }),
      },
    },
  });
  const nonces = new Set<string>();
  servers.on('https://issuer.example/.well-known/openid-credential-issuer/tenant', () => ({
    ...metadata,
    ...quirks.metadata,
  }));
  servers.on('https://issuer.example/.well-known/oauth-authorization-server/tenant', () => ({
    issuer: ISSUER,
    token_endpoint: `${ISSUER}/token`,
  }));
  servers.on('https://issuer.example/.well-known/jwt-vc-issuer/tenant', () => ({
    issuer: ISSUER,
    jwks: { keys: [{ ...jwkOf(issuerKey.publicKeyInfo), kid: 'key-a' }] },
  }));
  servers.on(`${ISSUER}/token`, ({ body }) => {
    const form = new URLSearchParams(body);
    const known =
      form.get('pre-authorized_code') === 'code-1' && form.get('tx_code') === (quirks.txCode ?? null);
    return known
      ? { access_token: 'token-1', token_type: 'Bearer' }
      : json({ error: 'invalid_grant', error_description: 'The code is wrong.' }, 400);
  });
  servers.on(`${ISSUER}/nonce`, () => {
    const nonce = `nonce-${nonces.size}`;
    nonces.add(nonce);
    return library.createNonceResponse({ cNonce: nonce });
  });
  servers.on(`${ISSUER}/credential`, async ({ body, headers }) => {
    expect(headers?.['authorization']).toBe('Bearer token-1');
    const parsed = library.parseCredentialRequest({
      issuerMetadata: {
        originalDraftVersion: 'V1',
        credentialIssuer: metadata,
        authorizationServers: [],
        knownCredentialConfigurations: metadata.credential_configurations_supported,
      } as never,
      credentialRequest: JSON.parse(body!) as Record<string, unknown>,
    });
    const proof = parsed.proofs?.jwt?.[0] as string;
    const [expectedNonce] = nonces;
    const { signer } = await library.verifyCredentialRequestJwtProof({
      jwt: proof,
      expectedNonce: expectedNonce!,
      issuerMetadata: { credentialIssuer: metadata, authorizationServers: [] } as never,
    });
    nonces.delete(expectedNonce!);
    const holder = (signer as unknown as { publicJwk: never }).publicJwk;
    return { credentials: [{ credential: await (quirks.credential ?? residence)(holder) }] };
  });
  return credentialOffer;
}

function residence(holderKey: never, key: SigningKey = issuerKey, kid = 'key-a'): Promise<string> {
  const signer = { ...key, sign: (data: Uint8Array) => key.sign(data) };
  return issueSdJwt(signer, {
    iss: ISSUER,
    vct: TYPE,
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 3600,
    holderKey,
    claims: { given_name: 'Ada', town: 'London', ages: { over_18: true } },
    selective: [['given_name'], ['town'], ['ages', 'over_18']],
  }).then((credential) => resigned(credential, signer, kid));
}

/** The same credential under a header that names the key as a server does. */
async function resigned(credential: string, key: SigningKey, kid: string): Promise<string> {
  const [token, ...rest] = credential.split('~');
  const payload = JSON.parse(Buffer.from(token!.split('.')[1]!, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  return [await signJws(key, { typ: 'dc+sd-jwt', kid }, payload), ...rest].join('~');
}

describe('an issuer on the web', () => {
  it('is looked at before anything is taken, and then gives a credential', async () => {
    const link = await issuer();
    expect(isOffer(link)).toBe(true);
    expect(await ada.readOffer({ link })).toEqual({
      issuer: ISSUER,
      issuerName: 'Town hall',
      credentials: [{ id: 'person', type: TYPE, name: 'Resident' }],
      code: null,
    });
    expect(servers.asked.map(({ method }) => method)).toEqual(['GET']);
    const [credential] = await ada.acceptOffer({ link, did, code: null });
    expect(credential).toMatchObject({ issuer: ISSUER, type: TYPE, holder: did, selfIssued: false });
    expect(await ada.credentials()).toHaveLength(1);
    await expect(ada.acceptOffer({ link, did, code: null })).rejects.toThrow('link-closed');
  });

  it('is reached by an address of the offer', async () => {
    const link = await issuer();
    servers.on('https://issuer.example/offer/1', () => new URL(link).searchParams.get('credential_offer')!);
    const byReference = `openid-credential-offer://?credential_offer_uri=${encodeURIComponent('https://issuer.example/offer/1')}`;
    expect(await ada.readOffer({ link: byReference })).toMatchObject({ issuer: ISSUER });
  });

  it('may ask for a code', async () => {
    const link = await issuer({ txCode: '1234' });
    expect(await ada.readOffer({ link })).toMatchObject({ code: { numeric: true, length: 4 } });
    await expect(ada.acceptOffer({ link, did, code: '9999' })).rejects.toMatchObject({
      code: 'issuer-refused',
      sentence: expect.stringContaining('The code is wrong.') as string,
    });
    expect(await ada.acceptOffer({ link, did, code: '1234' })).toHaveLength(1);
  });

  it.each<[string, IssuerQuirks, string]>([
    ['another format', { format: 'mso_mdoc' }, 'offer-format'],
    ['no key of this kind', { algorithms: ['ES384'] }, 'offer-proof'],
    [
      'a description of somebody else',
      { metadata: { credential_issuer: 'https://evil.example' } },
      'offer-issuer',
    ],
    [
      'an endpoint without encryption',
      { metadata: { credential_endpoint: 'http://issuer.example/c' } },
      'not encrypted',
    ],
    [
      'a credential signed by another key',
      { credential: (holder) => residence(holder, ecKey('p256', new Uint8Array(32).fill(6))) },
      'signature',
    ],
    [
      'a credential under an unknown key',
      { credential: (holder) => residence(holder, issuerKey, 'key-b') },
      'issuer-key',
    ],
  ])('is refused: %s', async (_, quirks, reason) => {
    const link = await issuer(quirks);
    const taken = ada.readOffer({ link }).then(() => ada.acceptOffer({ link, did, code: null }));
    await expect(taken).rejects.toThrow(reason);
    expect(await ada.credentials()).toEqual([]);
  });

  it.each([
    ['no link', 'hello'],
    ['an empty one', 'openid-credential-offer://?'],
    [
      'both ways at once',
      'openid-credential-offer://?credential_offer=%7B%7D&credential_offer_uri=https%3A%2F%2Fa',
    ],
    ['not JSON', 'openid-credential-offer://?credential_offer=x'],
    ['another shape', 'openid-credential-offer://?credential_offer=%7B%22credential_issuer%22%3A1%7D'],
    [
      'a login',
      `openid-credential-offer://?credential_offer=${encodeURIComponent(
        JSON.stringify({
          credential_issuer: ISSUER,
          credential_configuration_ids: ['a'],
          grants: { authorization_code: {} },
        }),
      )}`,
    ],
  ])('is not asked for %s', async (_, link) => {
    await expect(ada.readOffer({ link })).rejects.toMatchObject({
      name: expect.stringMatching(/Refusal|DecodeError/) as string,
    });
    expect(servers.asked).toEqual([]);
  });
});

const dcql = {
  credentials: [
    {
      id: 'who',
      format: 'dc+sd-jwt',
      meta: { vct_values: [TYPE] },
      claims: [{ id: 'age', path: ['ages', 'over_18'], values: [true] }],
    },
  ],
};

async function holding(): Promise<void> {
  const link = await issuer();
  await ada.readOffer({ link });
  await ada.acceptOffer({ link, did, code: null });
  servers.asked.length = 0;
}

const verifier = new Openid4vpVerifier({ callbacks });

/** Payload of a request, whose answer goes to the verifier's address. */
function requestPayload(more: Record<string, unknown> = {}) {
  return {
    response_type: 'vp_token' as const,
    client_id: `redirect_uri:${VERIFIER}/answer`,
    response_uri: `${VERIFIER}/answer`,
    response_mode: 'direct_post' as const,
    nonce: randomBytes(16).toString('base64url'),
    state: 'state-1',
    dcql_query: dcql,
    ...more,
  };
}

async function answersOf(link: string) {
  const { matched } = await ada.readVerifierRequest({ link });
  return matched.queries.map(({ id, matches }) => ({
    query: id,
    credential: matches[0]!.credential.id,
    paths: matches[0]!.disclosed,
  }));
}

describe('a verifier on the web', () => {
  beforeEach(holding);

  it('gets what was chosen and nothing more', async () => {
    const payload = requestPayload();
    const { authorizationRequest: link } = await verifier.createOpenId4vpAuthorizationRequest({
      authorizationRequestPayload: payload,
    } as never);
    expect(isWebRequest(link)).toBe(true);
    let sent = new URLSearchParams();
    servers.on(`${VERIFIER}/answer`, ({ body }) => {
      sent = new URLSearchParams(body);
      return { redirect_uri: `${VERIFIER}/thanks` };
    });
    const seen = await ada.readVerifierRequest({ link });
    expect(seen.verifier).toEqual({ kind: 'address', host: 'verifier.example' });
    expect(servers.asked).toEqual([]);
    const answers = await answersOf(link);
    expect(answers[0]!.paths).toEqual([['ages', 'over_18']]);
    expect(await ada.answerVerifier({ link, answers })).toEqual({ goOn: `${VERIFIER}/thanks` });
    expect(sent.get('state')).toBe('state-1');
    const parsed = await verifier.parseOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: payload,
      authorizationResponse: { vp_token: JSON.parse(sent.get('vp_token')!) as unknown, state: 'state-1' },
      callbacks,
    } as never);
    const [presentation] = (parsed as unknown as { dcql: { presentations: Record<string, string[]> } }).dcql
      .presentations['who']!;
    const [, ...disclosures] = presentation!.split('~');
    const shown = disclosures.slice(0, -1).map((one) => Buffer.from(one, 'base64url').toString());
    expect(shown).toHaveLength(1);
    expect(shown[0]).toContain('over_18');
    const binding = jose.decodeJwt(disclosures.at(-1)!);
    expect(binding).toMatchObject({ aud: payload.client_id, nonce: payload.nonce });
    await expect(ada.answerVerifier({ link, answers })).rejects.toThrow('link-closed');
  });

  it('is named by its certificate, and its answer encrypted', async () => {
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      { name: 'CN=Corner shop', keys, signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' } },
      crypto as never,
    );
    const der = new Uint8Array(certificate.rawData);
    const opening = await jose.generateKeyPair('ECDH-ES', { crv: 'P-256', extractable: true });
    const jwk = { ...(await jose.exportJWK(opening.publicKey)), use: 'enc', alg: 'ECDH-ES', kid: 'enc-1' };
    const payload = requestPayload({
      client_id: `x509_hash:${Buffer.from(sha256(der)).toString('base64url')}`,
      response_mode: 'direct_post.jwt',
      client_metadata: {
        client_name: 'The corner shop',
        jwks: { keys: [jwk] },
        encrypted_response_enc_values_supported: ['A256GCM'],
        vp_formats_supported: {},
      },
    });
    const request = (claims: Record<string, unknown>, typ = 'oauth-authz-req+jwt') =>
      new jose.SignJWT({ ...claims, aud: 'https://self-issued.me/v2' })
        .setProtectedHeader({ alg: 'ES256', typ, x5c: [Buffer.from(der).toString('base64')] })
        .setIssuedAt()
        .sign(keys.privateKey);
    const link = `openid4vp://?client_id=${encodeURIComponent(payload.client_id)}&request_uri=${encodeURIComponent(`${VERIFIER}/request`)}`;
    let token = await request(payload);
    servers.on(`${VERIFIER}/request`, () => ({
      status: 200,
      type: 'application/oauth-authz-req+jwt',
      text: token,
    }));
    let sealed = '';
    servers.on(`${VERIFIER}/answer`, ({ body }) => {
      sealed = new URLSearchParams(body).get('response') ?? '';
      return { status: 200, type: '', text: '' };
    });
    expect(await ada.readVerifierRequest({ link })).toMatchObject({
      verifier: { kind: 'certificate', name: 'Corner shop', host: 'verifier.example' },
      claimedName: 'The corner shop',
    });
    expect(await ada.answerVerifier({ link, answers: await answersOf(link) })).toEqual({ goOn: null });
    const { plaintext, protectedHeader } = await jose.compactDecrypt(sealed, opening.privateKey);
    expect(protectedHeader).toMatchObject({ alg: 'ECDH-ES', enc: 'A256GCM', kid: 'enc-1' });
    const answer = JSON.parse(new TextDecoder().decode(plaintext)) as {
      vp_token: Record<string, string[]>;
      state: string;
    };
    expect(answer.state).toBe('state-1');
    expect(answer.vp_token['who']).toHaveLength(1);

    const [header, , signature] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...payload, response_uri: 'https://evil.example' })).toString(
      'base64url',
    );
    for (const [reason, text] of [
      ['request-signature', [header, forged, signature].join('.')],
      ['request-type', await request(payload, 'JWT')],
      ['request-client', await request({ ...payload, client_id: 'x509_hash:other' })],
      ['request-time', await request({ ...payload, exp: 1 })],
    ] as const) {
      token = text;
      await expect(ada.readVerifierRequest({ link })).rejects.toThrow(reason);
    }
  });

  it('is named by its Auto ID', async () => {
    const shop = ecKey('p256', new Uint8Array(32).fill(7));
    const now = Math.floor(Date.now() / 1000) * 1000;
    const commonName = `Shop ${keySuffix(shop.publicKeyInfo)}`;
    const clientDid = formatDid({ network: 'off', id: autoIdOf(utf8(commonName), null) });
    const certificate = await issueCertificate(shop, {
      commonName,
      publicKeyInfo: shop.publicKeyInfo,
      issuer: null,
      notBefore: now - 3_600_000,
      notAfter: now + 3_600_000,
      did: clientDid,
      authority: { pathLength: 1 },
      usages: AUTHORITY_USAGES,
    });
    const clientId = `decentralized_identifier:${clientDid}`;
    const link = `openid4vp://?client_id=${encodeURIComponent(clientId)}&request_uri=${encodeURIComponent(`${VERIFIER}/request`)}`;
    let signer = shop;
    servers.on(`${VERIFIER}/request`, async () => {
      const header = {
        typ: 'oauth-authz-req+jwt',
        kid: `${clientDid}#key-1`,
        x5c: toX5c(chainOf([certificate])),
      };
      const text = await signJws(signer, header, requestPayload({ client_id: clientId }));
      return { status: 200, type: '', text };
    });
    expect((await ada.readVerifierRequest({ link })).verifier).toEqual({
      kind: 'identity',
      did: clientDid,
      host: 'verifier.example',
    });
    signer = issuerKey;
    await expect(ada.readVerifierRequest({ link })).rejects.toThrow('request-signature');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['whose answer goes elsewhere', { response_uri: 'https://evil.example/answer' }, 'request-client'],
    ['who is named by nothing', { client_id: 'shop' }, 'request-unsigned'],
    ['who names a certificate without showing it', { client_id: 'x509_hash:abc' }, 'request-unsigned'],
    ['with a short nonce', { nonce: 'short' }, 'presentation-request'],
    [
      'whose query contradicts itself',
      { dcql_query: { credentials: [dcql.credentials[0], dcql.credentials[0]] } },
      'given twice',
    ],
    [
      'who takes the answer in the open',
      {
        response_uri: 'http://verifier.example/answer',
        client_id: 'redirect_uri:http://verifier.example/answer',
      },
      'not encrypted',
    ],
  ])('is refused: %s', async (_, change, reason) => {
    const payload = requestPayload(change);
    const link = `openid4vp://?${new URLSearchParams(
      Object.entries(payload).map(([name, value]): [string, string] => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ).toString()}`;
    await expect(ada.readVerifierRequest({ link })).rejects.toThrow(reason);
  });

  it('may ask for one of several things, and for nothing that is not there', async () => {
    const other = { id: 'licence', format: 'dc+sd-jwt', meta: { vct_values: ['urn:other'] } };
    const ask = (dcql_query: unknown) =>
      `openid4vp://?${new URLSearchParams(
        Object.entries(requestPayload({ dcql_query })).map(([name, value]): [string, string] => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      ).toString()}`;
    servers.on(`${VERIFIER}/answer`, () => ({}));
    const who = dcql.credentials[0]!;
    const either = ask({ credentials: [who, other], credential_sets: [{ options: [['licence'], ['who']] }] });
    const answers = await answersOf(either);
    expect(answers.map(({ query }) => query)).toEqual(['who']);
    expect(await ada.answerVerifier({ link: either, answers })).toEqual({ goOn: null });
    const both = ask({ credentials: [who, other] });
    expect((await ada.readVerifierRequest({ link: both })).matched).toMatchObject({
      answerable: false,
      queries: [{ id: 'who' }, { id: 'licence', matches: [] }],
    });
    await expect(ada.answerVerifier({ link: both, answers })).rejects.toThrow('no-answer');
    const minor = ask({
      credentials: [{ ...who, claims: [{ path: ['ages', 'over_18'], values: [false] }] }],
    });
    expect((await ada.readVerifierRequest({ link: minor })).matched.queries[0]!.matches).toEqual([]);
  });
});
