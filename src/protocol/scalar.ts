/** Scalars of BLS12-381 as 32 big-endian bytes, and the 31 bytes of history that one of them carries. */
import { CHUNK_BYTES, SAFE_CHUNK_BYTES, SCALAR_MODULUS } from './constants.ts';

/** Whether 32 big-endian bytes are a scalar: below the field's modulus. */
export function isCanonicalScalar(bytes: Uint8Array): boolean {
  if (bytes.length !== CHUNK_BYTES) return false;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value < SCALAR_MODULUS;
}

/** Scalar that carries 31 bytes: a zero byte before them. 32 bytes. Throws RangeError for another number of bytes. */
export function scalarFromSafeBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== SAFE_CHUNK_BYTES) throw new RangeError(`${bytes.length} bytes where 31 are needed`);
  const scalar = new Uint8Array(CHUNK_BYTES);
  scalar.set(bytes, 1);
  return scalar;
}

/** The 31 bytes that a scalar carries, or null if it is not one of a source piece (its first byte is not 0). */
export function scalarToSafeBytes(scalar: Uint8Array): Uint8Array | null {
  return scalar.length === CHUNK_BYTES && scalar[0] === 0 ? scalar.slice(1) : null;
}
