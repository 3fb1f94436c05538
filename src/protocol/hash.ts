/** Hashes of the protocol: BLAKE3 everywhere, BLAKE2b for headers, votes, extrinsics and state. */
import { blake2b } from '@noble/hashes/blake2.js';
import { blake3 } from '@noble/hashes/blake3.js';
import { concat } from './bytes.ts';

type HashParts = (parts: readonly Uint8Array[]) => Uint8Array;

/** Below so many bytes a call into another implementation costs more than it saves. */
const WORTH_IT_BYTES = 1_024;
let accelerated: HashParts | null = null;

/** Has `blake3Hash` use a faster implementation for all but short inputs: the same hash of the parts, at once. */
export function accelerateBlake3(implementation: HashParts): void {
  accelerated = implementation;
}

/** BLAKE3-256 of the concatenation of the parts: 32 bytes. */
export function blake3Hash(...parts: Uint8Array[]): Uint8Array {
  if (accelerated !== null) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length >= WORTH_IT_BYTES) return accelerated(parts);
  }
  return blake3(parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts));
}

/** BLAKE3 keyed hash (key: 32 bytes) of the concatenation of the parts: 32 bytes. */
export function blake3KeyedHash(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return blake3(parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts), { key });
}

/**
 * Scalar that a byte string hashes to: BLAKE3-256 with the two top bits cleared, read big-endian, which is
 * always below the field's modulus (`blake3_254_hash_to_scalar`). 32 bytes.
 */
export function hashToScalar(bytes: Uint8Array): Uint8Array {
  const scalar = blake3(bytes);
  scalar[0] = (scalar[0] as number) & 0x3f;
  return scalar;
}

/** BLAKE2b-256: 32 bytes. */
export function blake2b256(bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, { dkLen: 32 });
}
