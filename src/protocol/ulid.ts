/** ULIDs: 128-bit identifiers, as text 26 characters of Crockford's base 32, upper case. */
import { U128_MAX } from './constants.ts';
import { DecodeError } from './errors.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 26;
const PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Whether a text is a ULID: 26 characters of Crockford’s alphabet, at most 128 bits. */
export function isUlid(text: string): boolean {
  return PATTERN.test(text);
}

/** The 128-bit integer of a ULID's text. Throws DecodeError. */
export function ulidToInteger(text: string): bigint {
  if (!isUlid(text)) throw new DecodeError('ulid', `“${text.slice(0, 40)}” is not a ULID`);
  let value = 0n;
  for (const character of text) value = (value << 5n) | BigInt(ALPHABET.indexOf(character));
  return value;
}

/** The text of a 128-bit integer. Throws RangeError for others. */
export function ulidFromInteger(value: bigint): string {
  if (value < 0n || value > U128_MAX) throw new RangeError(`${value} is not a 128-bit unsigned integer`);
  let text = '';
  for (let rest = value; text.length < LENGTH; rest >>= 5n) text = ALPHABET[Number(rest & 31n)]! + text;
  return text;
}
