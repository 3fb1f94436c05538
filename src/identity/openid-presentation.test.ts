import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import type { WebAnswer } from '../network/web.ts';
import { decodeCertificate } from './certificate.ts';
import { chainOf, toX5c } from './chain.ts';
import type { IdentityContext } from './context.ts';
import { AUTHORITY_USAGES, issueCertificate, type CertificateDraft } from './issue.ts';
import { signJws } from './jws.ts';
import { ecKey } from './keys.ts';
import { readWebRequest, sendAnswer, type OpenRequest } from './openid-presentation.ts';
import { Servers } from './testing/servers.ts';

const NOW = 1_800_000_000;
const CONTEXT = { seconds: NOW } as IdentityContext;
const HERE = 'https://verifier.example/answer';
const TYP = 'oauth-authz-req+jwt';
const QUERY = { credentials: [{ id: 'who', format: 'dc+sd-jwt', meta: { vct_values: ['urn:type'] } }] };

const shop = ecKey('p256', new Uint8Array(32).fill(7));
/** Who stands above the shop, where somebody does. */
const guild = ecKey('p256', new Uint8Array(32).fill(8));
/** Of a certificate of who may sign others, at the time of the test. */
const AUTHORITY = {
  issuer: null,
  notBefore: (NOW - 3_600) * 1000,
  notAfter: (NOW + 3_600) * 1000,
  authority: { pathLength: 1 },
  usages: AUTHORITY_USAGES,
};
const shopCertificate = (change: Partial<CertificateDraft> = {}) =>
  issueCertificate(change.issuer == null ? shop : guild, {
    commonName: 'Corner shop',
    publicKeyInfo: shop.publicKeyInfo,
    did: 'did:auto:shop',
    ...AUTHORITY,
    ...change,
  });
const rootCertificate = (key = guild) =>
  issueCertificate(key, {
    commonName: 'Guild',
    publicKeyInfo: key.publicKeyInfo,
    did: 'did:auto:guild',
    ...AUTHORITY,
  });
const certificate = await shopCertificate();
const x5c = toX5c(chainOf([certificate]));
const SHOP = `x509_hash:${Buffer.from(sha256(certificate)).toString('base64url')}`;

function payload(clientId: string, change: object = {}): Record<string, unknown> {
  return {
    response_type: 'vp_token',
    client_id: clientId,
    response_uri: HERE,
    response_mode: 'direct_post',
    nonce: '0123456789abcdef',
    dcql_query: QUERY,
    ...change,
  };
}

const signed = (clientId: string, change: object = {}, header: object = {}) =>
  signJws(shop, { typ: TYP, x5c, ...header }, payload(clientId, change));

const linkOf = (parameters: Record<string, string>) => `openid4vp://?${new URLSearchParams(parameters)}`;
const read = (parameters: Record<string, string>, servers = new Servers()) =>
  readWebRequest(linkOf(parameters), CONTEXT, servers.web);
const unsigned = (clientId: string, change: object = {}) =>
  Object.fromEntries(
    Object.entries(payload(clientId, change)).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );

describe('a request of a verifier', () => {
  it('holds from a minute before its time until its end', async () => {
    for (const times of [
      {},
      { aud: 'https://self-issued.me/v2' },
      { iat: NOW + 60, nbf: NOW + 60, exp: NOW + 1 },
      { iat: NOW - 1_000_000 },
    ]) {
      const { verifier } = await read({ client_id: SHOP, request: await signed(SHOP, times) });
      expect(verifier).toEqual({ kind: 'certificate', name: 'Corner shop', host: 'verifier.example' });
    }
  });

  it.each<[string, object, string]>([
    ['for another wallet', { aud: 'https://wallet.example' }, 'request-audience'],
    ['of a minute from now', { iat: NOW + 61 }, 'request-time'],
    ['that does not hold yet', { nbf: NOW + 61 }, 'request-time'],
    ['that holds no more', { exp: NOW }, 'request-time'],
    ['to agree to a transaction', { transaction_data: ['e30'] }, 'request-transaction'],
    ['with two addresses', { redirect_uri: HERE }, 'request-redirect'],
    [
      'that asks for a thing twice',
      { dcql_query: { credentials: [...QUERY.credentials, ...QUERY.credentials] } },
      'given twice',
    ],
  ])('is refused: %s', async (_, change, reason) => {
    await expect(read({ client_id: SHOP, request: await signed(SHOP, change) })).rejects.toThrow(reason);
  });

  it.each<[string, string, object, string]>([
    ['another certificate', 'x509_hash:other', {}, 'contradicts the link'],
    ['a certificate that is not shown', SHOP, { x5c: undefined }, 'cannot be checked here'],
    ['a name that nobody can check', 'x509_san_dns:verifier.example', {}, 'cannot be checked here'],
    ['its address, although it is signed', `redirect_uri:${HERE}`, {}, 'contradicts the link'],
    ['no kind of name', 'shop', {}, 'cannot be checked here'],
  ])('is refused that names %s', async (_, clientId, header, sentence) => {
    const request = await signed(clientId, {}, header);
    await expect(read({ client_id: clientId, request })).rejects.toMatchObject({
      code: 'request-client',
      sentence: expect.stringContaining(sentence) as string,
    });
  });

  it('is refused under certificates that do not hold', async () => {
    const by = async (change: Partial<CertificateDraft>, more: Uint8Array[] = []) => {
      const der = await shopCertificate(change);
      const clientId = `x509_hash:${Buffer.from(sha256(der)).toString('base64url')}`;
      const header = { x5c: [der, ...more].map((one) => Buffer.from(one).toString('base64')) };
      return read({ client_id: clientId, request: await signed(clientId, {}, header) });
    };
    const root = await rootCertificate();
    const under = {
      issuer: { name: decodeCertificate(root).tbs.subject, publicKeyInfo: guild.publicKeyInfo },
    };
    // The root may be left out, for whoever knows it.
    for (const above of [[], [root]])
      expect((await by(under, above)).verifier).toMatchObject({ kind: 'certificate', name: 'Corner shop' });
    const refused = (reason: string) => ({
      code: 'request-certificate',
      message: expect.stringContaining(reason) as string,
    });
    await expect(by({ notAfter: NOW * 1000 - 1000 })).rejects.toMatchObject(refused('expired'));
    await expect(by({ notBefore: NOW * 1000 + 1000 })).rejects.toMatchObject(refused('not-yet-valid'));
    await expect(by({ usages: ['keyCertSign'] })).rejects.toMatchObject(refused('key-usage'));
    const other = await rootCertificate(ecKey('p256', new Uint8Array(32).fill(9)));
    await expect(by(under, [other])).rejects.toMatchObject(refused('bad-signature'));
  });

  it('is refused whose link names somebody else', async () => {
    const request = await signed(SHOP);
    await expect(read({ client_id: 'x509_hash:other', request })).rejects.toThrow('in a link of');
    await expect(read({ request })).rejects.toThrow('in a link of');
    await expect(
      read({ client_id: SHOP, request, request_uri: 'https://verifier.example/request' }),
    ).rejects.toThrow('request-link');
    // Two programs may take another one each of a parameter that is given twice.
    const link = `${linkOf({ client_id: SHOP, request })}&client_id=${encodeURIComponent(SHOP)}`;
    const twice = readWebRequest(link, CONTEXT, new Servers().web);
    await expect(twice).rejects.toThrow('given twice');
  });

  it('without a signature is known by the address of its answer alone', async () => {
    const own = `redirect_uri:${HERE}`;
    const { verifier, encryption, state } = await read(unsigned(own));
    expect([verifier, encryption, state]).toEqual([
      { kind: 'address', host: 'verifier.example' },
      null,
      null,
    ]);
    await expect(read(unsigned('redirect_uri:https://evil.example'))).rejects.toThrow('request-client');
    for (const clientId of [SHOP, 'decentralized_identifier:did:auto:shop', 'shop'])
      await expect(read(unsigned(clientId))).rejects.toThrow('request-unsigned');
  });

  it('is fetched as its link says', async () => {
    const servers = new Servers();
    const url = 'https://verifier.example/request';
    const token = await signed(SHOP);
    servers.on(url, () => ({ status: 200, type: '', text: `\n${token} ` }));
    await read({ client_id: SHOP, request_uri: url }, servers);
    await read({ client_id: SHOP, request_uri: url, request_uri_method: 'post' }, servers);
    expect(servers.asked.map(({ method }) => method)).toEqual(['GET', 'POST']);
  });

  it('is refused that wants its answer encrypted in a way that is not known here', async () => {
    const own = `redirect_uri:${HERE}`;
    const encrypted = { response_mode: 'direct_post.jwt' };
    const jwk = { kty: 'EC', crv: 'P-256', use: 'enc', alg: 'ECDH-ES', ...shopKey() };
    const metadata = (enc: string, keys: object[]) => ({
      client_metadata: { jwks: { keys }, encrypted_response_enc_values_supported: [enc] },
    });
    const open = await read(unsigned(own, { ...encrypted, ...metadata('A256GCM', [jwk]) }));
    expect(open.encryption).not.toBeNull();
    for (const more of [{}, metadata('A256GCM', []), metadata('A000', [jwk])])
      await expect(read(unsigned(own, { ...encrypted, ...more }))).rejects.toThrow('request-encryption');
  });
});

function shopKey(): { x: string; y: string } {
  const point = shop.publicKeyInfo.slice(-64);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  return { x: text(point.subarray(0, 32)), y: text(point.subarray(32)) };
}

describe('an answer to a verifier', () => {
  const open = {
    responseUri: HERE,
    state: 'state-1',
    encryption: null,
  } as OpenRequest;

  async function sent(answer: WebAnswer, request = open) {
    const servers = new Servers();
    servers.on(HERE, () => answer);
    const goOn = await sendAnswer(request, { vp_token: { who: ['one', 'two'] } }, servers.web);
    return { goOn, form: new URLSearchParams(servers.asked[0]!.body) };
  }

  it('is sent with the state that was given, and only then', async () => {
    const empty = { status: 200, type: '', text: ' \n' };
    const { form, goOn } = await sent(empty);
    expect(goOn).toBeNull();
    expect(Object.fromEntries(form)).toEqual({ vp_token: '{"who":["one","two"]}', state: 'state-1' });
    expect((await sent(empty, { ...open, state: null })).form.has('state')).toBe(false);
  });

  it('says where the verifier would have the person go on, by an encrypted address', async () => {
    const answer = (value: object) => ({ status: 200, type: '', text: JSON.stringify(value) });
    expect((await sent(answer({}))).goOn).toBeNull();
    expect((await sent(answer({ redirect_uri: 'https://a.example/on' }))).goOn).toBe('https://a.example/on');
    await expect(sent(answer({ redirect_uri: 'http://a.example/on' }))).rejects.toThrow('not encrypted');
    await expect(sent(answer({ redirect_uri: 'javascript:alert(1)' }))).rejects.toThrow('not encrypted');
    await expect(sent({ status: 200, type: '', text: 'thanks' })).rejects.toThrow('answer');
    await expect(sent({ status: 400, type: '', text: '{}' })).rejects.toThrow('issuer-refused');
  });
});
