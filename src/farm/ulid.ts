import { fromLittleEndian } from '../protocol/bytes.ts';
import { ulidFromInteger } from '../protocol/ulid.ts';

const RANDOM_BYTES = 10;

/** A new ULID: 48 bits of the time in milliseconds, then 80 random bits. */
export function createUlid(): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  return ulidFromInteger((BigInt(Date.now()) << 80n) | fromLittleEndian(random));
}
