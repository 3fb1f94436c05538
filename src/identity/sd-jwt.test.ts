import { SDJwtInstance } from '@sd-jwt/core';
import { sha256 } from '@noble/hashes/sha2.js';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { canonicalJson, fromBase64Url, toBase64Url } from '../wallet/json.ts';
import { keyIdOf } from './did.ts';
import { signJws } from './jws.ts';
import { ecKey, ed25519Key, jwkOf, type SigningKey } from './keys.ts';
import {
  disclosableClaims,
  issueSdJwt,
  presentSdJwt,
  requireIssued,
  verifySdJwt,
  type CredentialStatus,
  type SdJwtCheck,
} from './sd-jwt.ts';

const ISSUER = 'did:autoid:off:issuer';
const TYPE = 'urn:autonomys:vc:person:1';
const NOW = 1_800_000_000;
const issuer = ed25519Key(new Uint8Array(32).fill(1));
const holder = ecKey('p256', new Uint8Array(32).fill(2));
const BINDING = { nonce: 'nonce', audience: 'verifier' };
const PRESENTING = { key: holder, ...BINDING, now: NOW };
const claims = { name: 'Ada', address: { street: 'High St', town: 'London' }, langs: ['en', 'fr'] };

let issued: string;
beforeAll(async () => {
  issued = await issueSdJwt(issuer, {
    iss: ISSUER,
    vct: TYPE,
    iat: NOW,
    exp: NOW + 1000,
    holderKey: jwkOf(holder.publicKeyInfo) as never,
    claims,
    selective: [['name'], ['address'], ['address', 'street'], ['langs', 1]],
  });
});

function verify(presentation: string, more: Partial<SdJwtCheck> = {}) {
  return verifySdJwt({
    presentation,
    now: NOW,
    issuerKey: (iss, { kid }) => (kid === keyIdOf(iss) ? jwkOf(issuer.publicKeyInfo) : null),
    keyBinding: BINDING,
    ...more,
  });
}

/** A credential signed as given, whatever is in it, with disclosures. */
async function crafted(
  payload: Record<string, unknown>,
  disclosures: unknown[] = [],
  key: SigningKey = issuer,
) {
  const encoded = disclosures.map((one) => toBase64Url(canonicalJson(one)));
  const digests = encoded.map((text) => toBase64Url(sha256(utf8(text))));
  const filled = JSON.parse(
    JSON.stringify({ iss: ISSUER, vct: TYPE, ...payload }).replaceAll(
      /"#(\d)"/g,
      (_, index) => `"${digests[index]}"`,
    ),
  ) as Record<string, unknown>;
  const token = await signJws(key, { typ: 'dc+sd-jwt', kid: keyIdOf(ISSUER) }, filled);
  return [token, ...encoded, ''].join('~');
}

describe('credentials shown claim by claim', () => {
  it('show what is chosen with what it lies in, and nothing else', async () => {
    const shown = await presentSdJwt(
      issued,
      [
        ['address', 'street'],
        ['langs', 1],
      ],
      PRESENTING,
    );
    const { claims: seen, disclosed } = verify(shown);
    expect(seen).toMatchObject({ address: { street: 'High St', town: 'London' }, langs: ['en', 'fr'] });
    expect(seen).not.toHaveProperty('name');
    expect(disclosed).toHaveLength(3);
    expect(verify(await presentSdJwt(issued, [], PRESENTING)).claims).toMatchObject({ langs: ['en'] });
    await expect(presentSdJwt(issued, [['age']], PRESENTING)).rejects.toThrow('unknown-claim');
    expect(
      disclosableClaims(issued)
        .disclosable.map(({ path }) => path.join('.'))
        .sort(),
    ).toEqual(['address', 'address.street', 'langs.1', 'name']);
  });

  it('are kept as they were issued, not as they were shown', async () => {
    requireIssued(issued);
    requireIssued(await presentSdJwt(issued, [], { ...PRESENTING, key: null }));
    for (const bound of [await presentSdJwt(issued, [['name']], PRESENTING), `${issued}X`])
      expect(() => requireIssued(bound)).toThrow('key-binding-present');
  });

  it('are not issued so that nobody would read them', async () => {
    const many = Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`c${index}`, index]));
    const issue = (own: typeof claims | object, selective: string[][] = []) =>
      issueSdJwt(issuer, { iss: ISSUER, vct: TYPE, iat: NOW, claims: own as typeof claims, selective });
    const paths = Object.keys(many).map((name) => [name]);
    expect(disclosableClaims(await issue(many, paths.slice(1))).disclosable).toHaveLength(256);
    await expect(issue(many, paths)).rejects.toThrow('257 disclosures');
    await expect(issue({ a: { '...': 'x' } })).rejects.toThrow('out of place');
    await expect(issue({ a: 'x'.repeat(512 * 1024) })).rejects.toThrow('characters');
  });

  it('are proven to be the holder’s for this question, this presentation and now', async () => {
    const shown = await presentSdJwt(issued, [['name']], PRESENTING);
    const bound = shown.slice(0, shown.lastIndexOf('~') + 1);
    const sd_hash = toBase64Url(sha256(utf8(bound)));
    const payload = { nonce: BINDING.nonce, aud: BINDING.audience, iat: NOW, sd_hash };
    const made = async (more: Partial<typeof payload>, typ = 'kb+jwt', key = holder) =>
      bound + (await signJws(key, { typ }, { ...payload, ...more }));
    const asked = { keyBinding: { ...BINDING, maxAgeSeconds: 100 } };
    const refused = async (token: Promise<string>, reason: string) => {
      const presentation = await token;
      expect(() => verify(presentation, asked)).toThrow(`key-binding-${reason}`);
    };
    verify(await made({}), asked);
    verify(await made({ iat: NOW - 100 }), asked);
    await refused(made({}, 'JWT'), 'type');
    await refused(made({}, 'kb+jwt', issuer), 'signature');
    await refused(made({ sd_hash: toBase64Url(sha256(utf8(issued))) }), 'hash');
    await refused(made({ nonce: 'other' }), 'nonce');
    await refused(made({ aud: 'other' }), 'audience');
    await refused(made({ iat: NOW - 101 }), 'age');
    await refused(made({ iat: NOW + 1000 }), 'age');
    // Who asked nothing still sees that it is the holder’s.
    const foreign = await made({}, 'kb+jwt', issuer);
    expect(() => verify(foreign, { keyBinding: null })).toThrow('key-binding-signature');
    expect(() => verify(bound)).toThrow('key-binding-missing');
  });

  it('no changed character is accepted', async () => {
    const shown = await presentSdJwt(issued, [['name']], PRESENTING);
    fc.assert(
      fc.property(fc.nat(shown.length - 1), fc.constantFrom('A', 'z', '0', '~', '.'), (at, character) => {
        fc.pre(shown[at] !== character);
        expect(() => verify(shown.slice(0, at) + character + shown.slice(at + 1))).toThrow(
          /decode-|signature|disclosure|key-binding|issuer-key|type/,
        );
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['disclosure-unreferenced', { a: 1 }, [['s', 'b', 2]]],
    [
      'disclosure-repeated',
      { _sd: ['#0'] },
      [
        ['s', 'b', 2],
        ['s', 'b', 2],
      ],
    ],
    ['digest-repeated', { _sd: ['#0', '#0'] }, [['s', 'b', 2]]],
    ['disclosure-name', { _sd: ['#0'] }, [['s', 'vct', 'other']]],
    ['disclosure-name', { _sd: ['#0'], b: 1 }, [['s', 'b', 2]]],
    ['disclosure-name', { _sd: ['#0'] }, [['s', '_sd', []]]],
    ['disclosure-name', { _sd: ['#0'] }, [['s', '__proto__', { exp: 1 }]]],
    ['sd-jwt', JSON.parse('{ "a": { "__proto__": { "b": 1 } } }') as Record<string, unknown>, []],
    ['sd-jwt', { _sd: ['#0'] }, [['s', 'b', 2, 3]]],
    ['sd-jwt', { _sd: ['#0'] }, [[1, 'b', 2]]],
    ['sd-jwt', { _sd: ['#0'] }, [['s', 1, 2]]],
    ['sd-jwt', { _sd: ['#0'] }, [{ 0: 's', length: 2 }]],
    ['sd-jwt', { a: { _sd_alg: 'sha-256' } }, []],
    ['disclosure-place', { _sd: ['#0'] }, [['s', 'b']]],
    ['disclosure-place', { list: [{ '...': '#0' }] }, [['s', 'b', 2]]],
    ['sd-jwt', { list: [{ '...': '#0', more: 1 }] }, [['s', 'b']]],
    ['sd-jwt', { '...': 'x' }, []],
    ['sd-jwt', { _sd: 'x' }, []],
    ['sd-jwt', { _sd: [1] }, []],
    ['sd-jwt', { _sd: ['#0'] }, [['s']]],
    ['hash-algorithm', { _sd_alg: 'md5' }, []],
    ['not-yet-valid', { nbf: NOW + 61 }, []],
    ['not-yet-valid', { iat: NOW + 61 }, []],
    ['expired', { exp: NOW }, []],
    ['status-unknown', { status: { status_list: { idx: 0, uri: 'x' } } }, []],
    ['decode-sd-jwt', {}, Array.from({ length: 257 }, (_, index) => ['s', `c${index}`, 1])],
    ['decode-sd-jwt', {}, [['s', 'large', 'a'.repeat(1024 * 1024)]]],
    ['credential-type', { vct: 'urn:other' }, []],
  ])('is refused: %s in %j', async (reason, payload, disclosures) => {
    const credential = await crafted(payload, disclosures);
    expect(() => verify(credential, { keyBinding: null, expectedType: TYPE })).toThrow(reason);
  });

  it('holds to the last second, and within the skew of clocks', async () => {
    const edge = await crafted({ nbf: NOW + 60, iat: NOW + 60, exp: NOW + 1 });
    expect(verify(edge, { keyBinding: null }).claims.exp).toBe(NOW + 1);
    const shown = await Promise.all(
      [300, 301, -60, -61].map((age) => presentSdJwt(issued, [], { ...PRESENTING, now: NOW - age })),
    );
    const outcomes = shown.map((presentation) => {
      try {
        return verify(presentation).claims.iss;
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    expect(outcomes).toEqual([ISSUER, 'key-binding-age', ISSUER, 'key-binding-age']);
  });

  it('is its holder’s only if it says whose it is', async () => {
    const sd_hash = toBase64Url(sha256(utf8(await crafted({}))));
    const binding = { nonce: BINDING.nonce, aud: BINDING.audience, iat: NOW, sd_hash };
    const shown = (await crafted({})) + (await signJws(holder, { typ: 'kb+jwt' }, binding));
    expect(() => verify(shown)).toThrow('key-binding-key');
  });

  it('counts as what its issuer’s list says', async () => {
    const credential = await crafted({ status: { status_list: { idx: 7, uri: 'https://list.example' } } });
    const under = (found: CredentialStatus) =>
      verify(credential, {
        keyBinding: null,
        status: ({ idx, uri }, by) =>
          idx === 7 && uri === 'https://list.example' && by === ISSUER ? found : 'valid',
      });
    expect(under('valid').claims.iss).toBe(ISSUER);
    expect(() => under('revoked')).toThrow('revoked');
    expect(() => under('suspended')).toThrow('suspended');
    expect(() => under('unknown')).toThrow('status-unknown');
  });

  it('is refused under other algorithms, types, members of the header and keys', async () => {
    const good = await crafted({});
    expect(verify(good, { keyBinding: null }).claims.iss).toBe(ISSUER);
    const [header, ...rest] = good.split('.');
    const parsed = JSON.parse(new TextDecoder().decode(fromBase64Url(header!, 'header'))) as Record<
      string,
      unknown
    >;
    const withHeader = (more: Record<string, unknown>) =>
      [toBase64Url(canonicalJson({ ...parsed, ...more })), ...rest].join('.');
    for (const more of [{ alg: 'none' }, { alg: 'HS256' }, { crit: ['x'] }, { jwk: {} }, { jku: 'x' }])
      expect(() => verify(withHeader(more), { keyBinding: null })).toThrow('decode-sd-jwt');
    expect(() => verify(withHeader({ alg: 'ES256' }), { keyBinding: null })).toThrow('signature');
    expect(() => verify(withHeader({ typ: 'jwt' }), { keyBinding: null })).toThrow('type');
    expect(() => verify(withHeader({ kid: 'x' }), { keyBinding: null })).toThrow('issuer-key');
    const stranger = await crafted({}, [], ed25519Key(new Uint8Array(32).fill(9)));
    expect(() => verify(stranger, { keyBinding: null })).toThrow('signature');
  });

  it('takes no disclosures that lie within each other deeper than any of them may nest', async () => {
    const chained = async (links: number, levels: number) => {
      const disclosures: string[] = [];
      let digests: string[] = [];
      for (let link = 0; link < links; link += 1) {
        let value: unknown = digests.length === 0 ? 1 : { _sd: digests };
        for (let level = 0; level < levels; level += 1) value = { a: value };
        const encoded = toBase64Url(canonicalJson([`salt-${link}`, 'a', value]));
        disclosures.push(encoded);
        digests = [toBase64Url(sha256(utf8(encoded)))];
      }
      const header = { typ: 'dc+sd-jwt', kid: keyIdOf(ISSUER) };
      const token = await signJws(issuer, header, { iss: ISSUER, vct: TYPE, _sd: digests });
      return [token, ...disclosures, ''].join('~');
    };
    for (const [links, levels] of [
      [32, 0],
      [4, 7],
    ] as const)
      expect(verify(await chained(links, levels), { keyBinding: null }).disclosed).toHaveLength(links);
    for (const [links, levels] of [
      [33, 0],
      [5, 7],
      // As many as fit into a presentation, and as deep as JSON may be: more than the stack holds.
      [256, 29],
    ] as const) {
      const deep = await chained(links, levels);
      expect(() => verify(deep, { keyBinding: null })).toThrow('nested deeper than 32 levels');
    }
  });

  it('takes no JSON that says a thing twice, nests deep or rounds', async () => {
    for (const text of [
      '{"iss":"a","iss":"b"}',
      `${'['.repeat(40)}${']'.repeat(40)}`,
      '{"n":9007199254740993}',
    ]) {
      const signed = `${toBase64Url(canonicalJson({ alg: 'EdDSA', typ: 'dc+sd-jwt' }))}.${toBase64Url(utf8(text))}`;
      const token = `${signed}.${toBase64Url(await issuer.sign(utf8(signed)))}~`;
      expect(() => verify(token, { keyBinding: null })).toThrow('decode-sd-jwt');
    }
  });
});

describe('another SD-JWT implementation', () => {
  const library = (key: SigningKey) =>
    new SDJwtInstance({
      signAlg: 'EdDSA',
      signer: async (data: string) => toBase64Url(await key.sign(utf8(data))),
      verifier: async () => true,
      hasher: (data: string | ArrayBuffer) =>
        sha256(typeof data === 'string' ? utf8(data) : new Uint8Array(data)),
      hashAlg: 'sha-256',
      saltGenerator: async () => toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
    });

  it('makes credentials that we accept, and accepts ours', async () => {
    const theirs = await library(issuer).issue(
      { iss: ISSUER, vct: TYPE, iat: NOW, name: 'Grace', born: 1906 },
      { _sd: ['name', 'born'] } as never,
      { header: { typ: 'dc+sd-jwt', kid: keyIdOf(ISSUER) } },
    );
    expect(verify(theirs, { keyBinding: null }).claims).toMatchObject({ name: 'Grace', born: 1906 });
    const ours = await presentSdJwt(issued, [['address', 'street']], { ...PRESENTING, key: null });
    const read = await library(issuer).getClaims(ours);
    expect(read).toMatchObject({ address: { street: 'High St', town: 'London' }, langs: ['en'] });
  });
});
