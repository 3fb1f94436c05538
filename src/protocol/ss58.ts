/** SS58: account addresses as people write them. */
import { base58 } from '@scure/base';
import { blake2b } from '@noble/hashes/blake2.js';
import { concat, equal, utf8 } from './bytes.ts';
import { DecodeError } from './errors.ts';

/** Prefix of the public networks' addresses, which begin with `su`; the one under which addresses are kept. */
export const SS58_PREFIX = 6094;
const MAX_PREFIX = 16_383;
export const ACCOUNT_BYTES = 32;
const CHECKSUM_BYTES = 2;
const CHECKSUM_PREFIX = utf8('SS58PRE');

function checksum(body: Uint8Array): Uint8Array {
  return blake2b(concat(CHECKSUM_PREFIX, body), { dkLen: 64 }).subarray(0, CHECKSUM_BYTES);
}

function prefixBytes(prefix: number): Uint8Array {
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > MAX_PREFIX)
    throw new RangeError(`${prefix} is no SS58 prefix`);
  if (prefix < 64) return new Uint8Array([prefix]);
  return new Uint8Array([((prefix & 0xfc) >> 2) | 0x40, (prefix >> 8) | ((prefix & 3) << 6)]);
}

/** Address of an account (32 bytes). Throws RangeError for another length, and for what is no prefix. */
export function encodeAddress(account: Uint8Array, prefix: number = SS58_PREFIX): string {
  if (account.length !== ACCOUNT_BYTES) throw new RangeError(`${account.length} bytes where 32 are needed`);
  const body = concat(prefixBytes(prefix), account);
  return base58.encode(concat(body, checksum(body)));
}

const noAddress = (message: string): DecodeError =>
  new DecodeError(
    'address',
    message,
    {},
    'This is no address of an account: a character is missing or wrong.',
  );

/**
 * Account (32 bytes) and prefix of an address; addresses of other networks have other prefixes and the same
 * accounts. Throws DecodeError on another length, a wrong checksum, or anything that is not base 58.
 */
export function decodeAddress(address: string): { account: Uint8Array; prefix: number } {
  if (address.length > 64) throw noAddress(`${address.length} characters`);
  let bytes: Uint8Array;
  try {
    bytes = base58.decode(address);
  } catch {
    throw noAddress('not base 58');
  }
  const [first, second] = bytes;
  const prefixLength = first !== undefined && first >= 64 ? 2 : 1;
  if (bytes.length !== prefixLength + ACCOUNT_BYTES + CHECKSUM_BYTES || first! >= 128)
    throw noAddress(`${bytes.length} bytes, not an account of 32 bytes`);
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (!equal(checksum(body), bytes.subarray(-CHECKSUM_BYTES)))
    throw noAddress('the checksum does not fit: a character is wrong');
  const prefix =
    prefixLength === 1 ? first! : ((first! & 0x3f) << 2) | (second! >> 6) | ((second! & 0x3f) << 8);
  return { account: body.slice(prefixLength), prefix };
}

/** The same account's address under another prefix; what is no address stays as it is. */
export function rewrittenAddress(address: string, prefix: number): string {
  try {
    const decoded = decodeAddress(address);
    return decoded.prefix === prefix ? address : encodeAddress(decoded.account, prefix);
  } catch {
    return address;
  }
}
