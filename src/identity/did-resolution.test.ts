import { beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { toBase64Url } from '../wallet/json.ts';
import { parseKeyDid } from './key-dids.ts';
import { ecKey, ed25519Key, jwkOf } from './keys.ts';
import { Registry } from './registry.ts';
import type { RegistryAccess } from './registry-access.ts';
import { issueSdJwt } from './sd-jwt.ts';
import type { IdentityService } from './service.ts';
import { testPerson, testRegistry } from './testing/person.ts';
import { resigned } from './testing/web-issuer.ts';

/** Examples of the specifications of both methods. */
const ED25519_DID = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp';
const P256_DID = 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169';
const JWK_DID =
  'did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9';

let now: number;
let registry: Registry;
let access: RegistryAccess;
let org: IdentityService;
let stranger: IdentityService;

beforeEach(async () => {
  now = Date.UTC(2030, 0, 1);
  registry = new Registry();
  access = testRegistry(registry, () => now);
  [org, stranger] = [await testPerson(() => now, access), await testPerson(() => now, access)];
});

describe('an Auto ID', () => {
  it('is resolved by the registry for whoever never heard of it, with all that it rests on', async () => {
    const root = await org.createIdentity({ name: 'Navy', key: 'p256' });
    expect(await stranger.resolveDid({ did: root.did })).toMatchObject({
      didDocument: null,
      didResolutionMetadata: { error: 'notFound' },
    });
    await org.registerIdentity({ did: root.did });
    const grace = await testPerson(() => now, access);
    const { request } = await grace.requestIdentity({ name: 'Grace' });
    const { chain } = await org.issueIdentity({ issuer: root.did, file: utf8(request), days: 30 });
    const leaf = await grace.acceptIdentity({ file: utf8(chain) });
    await grace.registerIdentity({ did: leaf.did });

    const resolved = await stranger.resolveDid({ did: leaf.did });
    expect(resolved).toMatchObject({
      didDocument: {
        id: leaf.did,
        controller: root.did,
        verificationMethod: [{ id: `${leaf.did}#key-1`, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519' } }],
      },
      didDocumentMetadata: {
        revoked: false,
        versionId: leaf.serial,
        issuerChain: [root.did, leaf.did],
        anchoredAt: { consensusBlock: 1 },
        updated: '2030-01-01T00:00:00.000Z',
        notAfter: new Date(leaf.notAfter).toISOString(),
      },
    });
    expect(resolved.didDocument).not.toHaveProperty('capabilityDelegation');
    await org.revokeIdentity({ did: root.did });
    expect((await stranger.resolveDid({ did: leaf.did })).didDocumentMetadata).toMatchObject({
      revoked: true,
    });
    await grace.deactivateIdentity({ did: leaf.did });
    expect(await grace.resolveDid({ did: leaf.did })).toMatchObject({
      didDocument: null,
      didDocumentMetadata: { deactivated: true },
      didResolutionMetadata: { error: 'notFound' },
    });
  });

  it('is resolved by the certificates in the wallet where no registry holds it', async () => {
    const { did } = await org.createIdentity({ name: 'Ada' });
    const { didDocument, didDocumentMetadata } = await org.resolveDid({ did });
    expect(didDocument).toMatchObject({ id: did, controller: did, capabilityDelegation: [`${did}#key-1`] });
    expect(didDocumentMetadata).toMatchObject({ issuerChain: [did], revoked: false });
    expect(didDocumentMetadata).not.toHaveProperty('anchoredAt');
  });
});

describe('a name that spells out its key', () => {
  it.each([
    [ED25519_DID, { kty: 'OKP', crv: 'Ed25519', x: 'O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik' }],
    [
      P256_DID,
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI',
        y: 'hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU',
      },
    ],
    [
      JWK_DID,
      {
        kty: 'EC',
        crv: 'P-256',
        x: 'acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0',
        y: '_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE',
      },
    ],
  ])('is resolved by itself: %s', async (did, publicKeyJwk) => {
    const { didDocument } = await stranger.resolveDid({ did });
    expect(didDocument).toMatchObject({ id: did, verificationMethod: [{ publicKeyJwk }] });
    const { id } = didDocument!.verificationMethod[0]!;
    expect(id.startsWith(`${did}#`)).toBe(true);
  });

  it.each([
    ['', 'invalidDid'],
    ['hello', 'invalidDid'],
    ['did:autoid:dev:12', 'invalidDid'],
    [`did:autoid:${'ab'.repeat(33)}`, 'invalidDid'],
    [ED25519_DID.slice(0, -1), 'invalidDid'],
    [P256_DID.replace('zDna', 'zDnb'), 'invalidDid'],
    [`${JWK_DID}A`, 'invalidDid'],
    [`did:jwk:${toBase64Url(utf8('{"kty":"RSA","n":"AQ","e":"AQAB"}'))}`, 'invalidDid'],
    [`did:key:z${'6'.repeat(2000)}`, 'invalidDid'],
    ['did:web:example.org', 'methodNotSupported'],
    [`did:autoid:${'ab'.repeat(32)}`, 'notFound'],
  ])('is refused where it is none: %.40s', async (did, error) => {
    expect(await stranger.resolveDid({ did })).toMatchObject({
      didDocument: null,
      didResolutionMetadata: { error },
    });
  });

  it('may issue credentials, under its own key alone', async () => {
    const key = ecKey('p256', new Uint8Array(32).fill(3));
    const did = `did:jwk:${toBase64Url(utf8(JSON.stringify(jwkOf(key.publicKeyInfo))))}`;
    const iat = Math.floor(now / 1000);
    const made = await issueSdJwt(key, {
      iss: did,
      vct: 'urn:x:member',
      iat,
      exp: iat + 60,
      claims: { member: true },
      selective: [['member']],
    });
    const by = (signer: typeof key, kid = parseKeyDid(did)!.keyId) => resigned(made, signer, kid);
    expect(await stranger.acceptCredential({ text: await by(key) })).toMatchObject({
      issuer: did,
      issuerVerdict: null,
    });
    const other = ed25519Key(new Uint8Array(32).fill(4));
    await expect(org.acceptCredential({ text: await by(other) })).rejects.toThrow('signature');
    await expect(org.acceptCredential({ text: await by(key, `${did}#key-1`) })).rejects.toThrow('issuer-key');
  });
});
