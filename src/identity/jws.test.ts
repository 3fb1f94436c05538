import { describe, expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { canonicalJson, toBase64Url } from '../wallet/json.ts';
import { decodeJws, holdsUnder, jwsAlgorithm, jwsHolds, signJws } from './jws.ts';
import { ecKey, ed25519Key, jwkOf, type Jwk } from './keys.ts';

const ed25519 = ed25519Key(new Uint8Array(32).fill(1));
const p256 = ecKey('p256', new Uint8Array(32).fill(2));
const edJwk = jwkOf(ed25519.publicKeyInfo) as Extract<Jwk, { kty: 'OKP' }>;
const ecJwk = jwkOf(p256.publicKeyInfo) as Extract<Jwk, { kty: 'EC' }>;

describe('a signed token', () => {
  it('holds under a key of the kind that it names, and no other', async () => {
    const data = utf8('data');
    const [byEd, byEc] = [await ed25519.sign(data), await p256.sign(data)];
    expect(holdsUnder('EdDSA', edJwk, data, byEd)).toBe(true);
    expect(holdsUnder('ES256', ecJwk, data, byEc)).toBe(true);
    expect(holdsUnder('ES256', edJwk, data, byEd)).toBe(false);
    expect(holdsUnder('EdDSA', ecJwk, data, byEc)).toBe(false);
    expect(holdsUnder('ES256', { ...ecJwk, crv: 'P-384' }, data, byEc)).toBe(false);
    expect(holdsUnder('EdDSA', { ...ecJwk, x: edJwk.x }, data, byEd)).toBe(false);
    for (const [algorithm, key, signature] of [
      ['EdDSA', edJwk, byEd],
      ['ES256', ecJwk, byEc],
    ] as const) {
      expect(holdsUnder(algorithm, key, utf8('date'), signature)).toBe(false);
      for (const other of [signature.slice(1), new Uint8Array([...signature, 0]), new Uint8Array(64)])
        expect(holdsUnder(algorithm, key, data, other)).toBe(false);
    }
    // No point of the curve.
    expect(holdsUnder('ES256', { ...ecJwk, y: ecJwk.x }, data, byEc)).toBe(false);
    expect([jwsAlgorithm(ed25519), jwsAlgorithm(p256)]).toEqual(['EdDSA', 'ES256']);
    expect(() => jwsAlgorithm(ecKey('p384', new Uint8Array(48).fill(3)))).toThrow('key-type');
  });

  it('has three parts, each in its only form, and an end', async () => {
    const token = await signJws(ed25519, { typ: 'x' }, { a: 1 });
    expect(jwsHolds(decodeJws(token, 'token'), edJwk)).toBe(true);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const list = toBase64Url(utf8('[1]'));
    for (const wrong of [
      '',
      '..',
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `.${payload}.${signature}`,
      `${header}..${signature}`,
      `${token}.`,
      `${token}.${signature}`,
      `${token}=`,
      `${header}.${payload}.${signature.slice(0, -2)}`,
      `${list}.${payload}.${signature}`,
      `${toBase64Url(canonicalJson({ alg: 'none' }))}.${payload}.${signature}`,
      `${toBase64Url(canonicalJson({ alg: 'HS256' }))}.${payload}.${signature}`,
      `${toBase64Url(canonicalJson({ alg: 'EdDSA', crit: ['b64'] }))}.${payload}.${signature}`,
      `${header}.${toBase64Url(new Uint8Array([0xff]))}.${signature}`,
    ])
      expect(() => decodeJws(wrong, 'token')).toThrow(DecodeError);
    const filler = 'a'.repeat(512 * 1024);
    await expect(
      signJws(ed25519, { typ: 'x' }, { filler }).then((long) => decodeJws(long, 'token')),
    ).rejects.toThrow('characters');
  });
});
