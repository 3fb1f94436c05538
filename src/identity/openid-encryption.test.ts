import * as jose from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import type { IdentityService } from './service.ts';
import type { Encrypts } from './testing/issuer-encryption.ts';
import { personOnTheWeb } from './testing/person.ts';
import { json, type Servers } from './testing/servers.ts';
import { ISSUER, TYPE, webIssuer, type IssuerQuirks } from './testing/web-issuer.ts';

let servers: Servers;
let ada: IdentityService;
let did: string;
let now: number;

beforeEach(async () => {
  now = Date.now();
  ({ servers, ada, did } = await personOnTheWeb(() => now));
});

async function accepted(quirks: IssuerQuirks) {
  const { link } = await webIssuer(servers, quirks);
  await ada.readOffer({ link });
  return ada.acceptOffer({ link, did, code: null });
}

/** What was sent to the issuer for the credential. */
function request() {
  const [sent] = servers.asked.filter(({ url }) => url === `${ISSUER}/credential`);
  return { type: sent!.headers!['content-type'], body: sent!.body! };
}

describe('a credential that its issuer encrypts', () => {
  it('is opened, and what asks for it is encrypted along', async () => {
    expect(await accepted({ encrypts: { requests: true } })).toMatchObject([{ type: TYPE, holder: did }]);
    const { type, body } = request();
    expect(type).toBe('application/jwt');
    expect(jose.decodeProtectedHeader(body)).toMatchObject({
      alg: 'ECDH-ES',
      enc: 'A128GCM',
      kid: 'requests-1',
    });
  });

  it('is opened where the issuer has no key for requests', async () => {
    expect(await accepted({ encrypts: { requests: false } })).toMatchObject([{ type: TYPE }]);
    const { type, body } = request();
    expect(type).toBe('application/json');
    const { jwk, alg, enc } = JSON.parse(body).credential_response_encryption;
    expect({ alg, enc }).toEqual({ alg: 'ECDH-ES', enc: 'A256GCM' });
    expect(Object.keys(jwk)).not.toContain('d');
  });

  it('is opened when the issuer has decided later', async () => {
    expect(await accepted({ encrypts: { requests: true }, later: 1 })).toEqual([]);
    const [{ id } = { id: '' }] = await ada.promises();
    now += 61_000;
    expect(await ada.askAgain({ id })).toMatchObject([{ type: TYPE }]);
    const keys = servers.asked.filter(({ headers }) => headers?.['content-type'] === 'application/jwt');
    expect(keys.length).toBeGreaterThanOrEqual(2);
  });

  it.each<[string, NonNullable<Encrypts['answer']>]>([
    ['is not encrypted after all', (_, plain) => json(plain)],
    ['was changed', (whole) => jwt(whole.slice(0, -3) + (whole.endsWith('AAA') ? 'BBB' : 'AAA'))],
    ['is cut off', (whole) => jwt(whole.slice(0, 40))],
    ['is encrypted to another key', async (_, plain) => jwt(await sealed(plain, await otherKey()))],
    ['is in another cipher', async (_, plain, to) => jwt(await sealed(plain, to, { enc: 'A128GCM' }))],
    [
      'is under a wrapped key',
      async (_, plain, to) => jwt(await sealed(plain, to, { alg: 'ECDH-ES+A128KW' })),
    ],
    ['is compressed', async (_, plain, to) => jwt(await sealed(plain, to, { zip: 'DEF' }))],
  ])('is refused where the answer %s', async (_, answer) => {
    await expect(accepted({ encrypts: { requests: true, answer } })).rejects.toThrow('answer-encryption');
    expect(await ada.credentials()).toEqual([]);
  });

  it('is refused in the issuer’s own words, which are not encrypted', async () => {
    const refusal = { status: 400, type: 'application/json', text: '{"error":"credential_request_denied"}' };
    await expect(accepted({ encrypts: { requests: true, answer: () => refusal } })).rejects.toMatchObject({
      code: 'issuer-refused',
      sentence: expect.stringContaining('credential_request_denied'),
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ['a cipher', { credential_response_encryption: required(['ECDH-ES'], ['A128CBC-HS256']) }],
    ['an agreement of keys', { credential_response_encryption: required(['RSA-OAEP-256'], ['A256GCM']) }],
    [
      'a key for requests',
      {
        credential_request_encryption: {
          jwks: { keys: [{ kty: 'RSA', n: 'AQ', e: 'AQAB' }] },
          enc_values_supported: ['A128GCM'],
          encryption_required: true,
        },
      },
    ],
  ])('is not asked for where the issuer wants %s that is not known here', async (_, metadata) => {
    const { link } = await webIssuer(servers, { metadata });
    await expect(ada.readOffer({ link })).rejects.toThrow('offer-encryption');
  });
});

function required(agreements: string[], ciphers: string[]) {
  return {
    alg_values_supported: agreements,
    enc_values_supported: ciphers,
    encryption_required: true,
  };
}

const jwt = (text: string) => ({ status: 200, type: 'application/jwt', text });

async function otherKey(): Promise<jose.JWK> {
  return jose.exportJWK((await jose.generateKeyPair('ECDH-ES', { crv: 'P-256' })).publicKey);
}

async function sealed(plain: string, to: jose.JWK, header: Record<string, string> = {}): Promise<string> {
  const { x, y } = to as { x: string; y: string };
  return new jose.CompactEncrypt(utf8(plain))
    .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', ...header })
    .encrypt(await jose.importJWK({ kty: 'EC', crv: 'P-256', x, y }, 'ECDH-ES'));
}
