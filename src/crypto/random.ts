/** The platform's cryptographic randomness. */

const MAX_BYTES_PER_CALL = 65_536;
const RANGE_32 = 2 ** 32;

/** `length` random bytes from the platform's generator, fit for keys, nonces and the seeds of batch checks. */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += MAX_BYTES_PER_CALL) {
    crypto.getRandomValues(bytes.subarray(offset, offset + MAX_BYTES_PER_CALL));
  }
  return bytes;
}

/** A 32-byte seed for random linear combinations: unknown to whoever made the data that they check. */
export function randomSeed(): Uint8Array {
  return randomBytes(32);
}

/** A uniformly random integer from 0 to `limit` − 1; `limit` is at most 2^32. */
export function randomBelow(limit: number): number {
  for (;;) {
    const value = random32();
    if (value < RANGE_32 - (RANGE_32 % limit)) return value % limit;
  }
}

/** A number in [0, 1), in steps of 2^-32. */
export function randomShare(): number {
  return random32() / RANGE_32;
}

function random32(): number {
  return new DataView(randomBytes(4).buffer).getUint32(0);
}
