import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, fromLittleEndian, littleEndian, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { toBase64Url } from '../wallet/json.ts';
import { integer, sequence } from './der.ts';
import { ed25519Key, publicKeyInfoOf, signatureAlgorithmOf } from './keys.ts';
import { decodeEcdsa, encodeEcdsa, keyWeakness, verifyEd25519, verifySignature } from './signature.ts';

describe('a signature of Ed25519', () => {
  const secret = new Uint8Array(32).fill(7);
  const key = ed25519.getPublicKey(secret);
  const data = utf8('data');
  const signature = ed25519.sign(data, secret);
  const [r, s] = [signature.subarray(0, 32), fromLittleEndian(signature.subarray(32))];
  const { ORDER } = ed25519.Point.Fn;

  it('holds over its data, under its key, in its one form', () => {
    expect(verifyEd25519(key, data, signature)).toBe(true);
    expect(verifyEd25519(key, utf8('date'), signature)).toBe(false);
    expect(verifyEd25519(ed25519.getPublicKey(r), data, signature)).toBe(false);
    // The same number, once more around.
    expect(verifyEd25519(key, data, concat(r, littleEndian(s + ORDER, 32)))).toBe(false);
  });

  it('under a key of small order is everybody’s: the registry takes it, nothing else does', () => {
    const { Point } = ed25519;
    const neutral = Point.ZERO.toBytes();
    const algorithm = signatureAlgorithmOf('ed25519');
    // The neutral element, the points of order two and four, one of order eight, and the first in a second spelling.
    const orderEight = fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
    const respelled = concat(Uint8Array.of(0xee), new Uint8Array(30).fill(0xff), Uint8Array.of(0x7f));
    const minusOne = littleEndian(Point.Fp.ORDER - 1n, 32);
    const small = [neutral, minusOne, new Uint8Array(32), orderEight, respelled];
    const taken = small.map((one) => {
      const info = publicKeyInfoOf({ kty: 'OKP', crv: 'Ed25519', x: toBase64Url(one) });
      const forged = (text: Uint8Array, order = 0n) =>
        [text, concat(neutral, littleEndian(order, 32))] as const;
      // Whoever may choose among texts finds one that k · A is neutral for.
      const text = Array.from({ length: 200 }, (_, at) => utf8(`text ${at}`)).find((each) =>
        verifySignature(info, algorithm, ...forged(each)),
      );
      expect(verifySignature(info, algorithm, ...forged(text!, ORDER))).toBe(false);
      expect(verifyEd25519(one, ...forged(text!))).toBe(false);
      expect(keyWeakness(info)).toBe('Ed25519 key of small order');
      return text !== undefined;
    });
    expect(taken).toEqual(small.map(() => true));
    expect(keyWeakness(ed25519Key(secret).publicKeyInfo)).toBeNull();
  });

  it('has 64 bytes, and its key 32 that are a point', () => {
    expect(verifyEd25519(key.subarray(1), data, signature)).toBe(false);
    expect(verifyEd25519(concat(key, Uint8Array.of(0)), data, signature)).toBe(false);
    expect(verifyEd25519(key, data, signature.subarray(0, 63))).toBe(false);
    expect(verifyEd25519(key, data, concat(signature, Uint8Array.of(0)))).toBe(false);
    expect(verifyEd25519(concat(Uint8Array.of(2), new Uint8Array(31)), data, signature)).toBe(false);
  });
});

describe('a signature of ECDSA', () => {
  it('is two positive numbers of the curve’s width, and nothing besides', () => {
    const whole = encodeEcdsa(new Uint8Array(64).fill(1));
    expect(decodeEcdsa(whole, 32)).toEqual(new Uint8Array(64).fill(1));
    const one = integer(1n);
    expect(decodeEcdsa(sequence(one, one), 32)).toHaveLength(64);
    const wide = integer(1n << 256n);
    const negative = Uint8Array.of(2, 1, 0xff);
    for (const wrong of [
      sequence(one),
      sequence(one, one, one),
      sequence(one, wide),
      sequence(wide, one),
      sequence(one, negative),
      concat(whole, Uint8Array.of(0)),
      new Uint8Array(0),
    ])
      expect(() => decodeEcdsa(wrong, 32)).toThrow(DecodeError);
  });
});
