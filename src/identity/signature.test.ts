import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, it } from 'vitest';
import { concat, fromLittleEndian, littleEndian, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { integer, sequence } from './der.ts';
import { decodeEcdsa, encodeEcdsa, verifyEd25519 } from './signature.ts';

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
    // A key of order one, as the registry takes it; its S has one form as well.
    const neutral = concat(Uint8Array.of(1), new Uint8Array(31));
    expect(verifyEd25519(neutral, data, concat(neutral, littleEndian(0n, 32)))).toBe(true);
    expect(verifyEd25519(neutral, data, concat(neutral, littleEndian(ORDER, 32)))).toBe(false);
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
