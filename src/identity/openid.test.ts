import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { sha256 } from '@noble/hashes/sha2.js';
import { Openid4vpVerifier } from '@openid4vc/openid4vp';
import * as x509 from '@peculiar/x509';
import * as jose from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { autoIdOf } from './identifier.ts';
import { chainOf, toX5c } from './chain.ts';
import { formatDid } from './did.ts';
import { AUTHORITY_USAGES, issueCertificate, keySuffix } from './issue.ts';
import { isOffer, isWebRequest } from './links.ts';
import { ecKey } from './keys.ts';
import { signJws } from './jws.ts';
import type { IdentityService } from './service.ts';
import { personOnTheWeb } from './testing/person.ts';
import type { Servers } from './testing/servers.ts';
import {
  callbacks,
  ISSUER,
  issuerKey,
  residence,
  TYPE,
  webIssuer,
  type IssuerQuirks,
} from './testing/web-issuer.ts';

const VERIFIER = 'https://verifier.example';
let servers: Servers;
let ada: IdentityService;
let did: string;

beforeEach(async () => {
  ({ servers, ada, did } = await personOnTheWeb());
});

/** Opens an issuer; returns the link of its offer. */
async function issuer(quirks: IssuerQuirks = {}): Promise<string> {
  return (await webIssuer(servers, quirks)).link;
}

describe('an issuer on the web', () => {
  it('is looked at before anything is taken, and then gives a credential', async () => {
    const link = await issuer();
    expect(isOffer(link)).toBe(true);
    expect(await ada.readOffer({ link })).toEqual({
      issuer: ISSUER,
      issuerName: 'Town hall',
      signer: null,
      login: false,
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
      'what it gives is encrypted',
      { metadata: { credential_response_encryption: { encryption_required: true } } },
      'offer-encryption',
    ],
    ['it wants keys attested', { attested: true }, 'offer-attestation'],
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
      { credential: (holder) => residence(holder, ISSUER, ecKey('p256', new Uint8Array(32).fill(6))) },
      'signature',
    ],
    [
      'a credential under an unknown key',
      { credential: (holder) => residence(holder, ISSUER, issuerKey, 'key-b') },
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
      'no way to get it',
      `openid-credential-offer://?credential_offer=${encodeURIComponent(
        JSON.stringify({
          credential_issuer: ISSUER,
          credential_configuration_ids: ['a'],
          grants: { 'urn:other': {} },
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
