import { describe, expect, it } from 'vitest';
import { fromHex } from './bytes.ts';
import { SCALAR_MODULUS } from './constants.ts';
import { isCanonicalScalar, scalarFromSafeBytes, scalarToSafeBytes } from './scalar.ts';

describe('scalar', () => {
  const bytes = (value: bigint) => fromHex(value.toString(16).padStart(64, '0'));

  it('is below the modulus and of 32 bytes', () => {
    expect(isCanonicalScalar(bytes(SCALAR_MODULUS - 1n))).toBe(true);
    expect(isCanonicalScalar(bytes(SCALAR_MODULUS))).toBe(false);
    for (const length of [0, 31, 33]) expect(isCanonicalScalar(new Uint8Array(length))).toBe(false);
  });

  it('carries 31 bytes after a zero byte, and no other number', () => {
    const safe = new Uint8Array(31).fill(255);
    expect(scalarToSafeBytes(scalarFromSafeBytes(safe))).toEqual(safe);
    for (const length of [30, 32])
      expect(() => scalarFromSafeBytes(new Uint8Array(length))).toThrow(RangeError);
    for (const length of [31, 33]) expect(scalarToSafeBytes(new Uint8Array(length))).toBeNull();
    expect(scalarToSafeBytes(bytes(1n << 248n))).toBeNull();
  });
});
