import { DecodeError } from './errors.ts';

const DIGITS = '0123456789abcdef';
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex without prefix. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > LONG) return longHex(bytes);
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Bytes from which on a whole block is made of characters at once. */
const LONG = 256;
const latin1 = new TextDecoder('latin1');

function longHex(bytes: Uint8Array): string {
  const characters = new Uint8Array(2 * bytes.length);
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]!;
    characters[2 * index] = DIGITS.charCodeAt(byte >> 4);
    characters[2 * index + 1] = DIGITS.charCodeAt(byte & 15);
  }
  return latin1.decode(characters);
}

/** Lower-case hex with `0x`, as Substrate's RPC writes bytes. */
export function toPrefixedHex(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}

/**
 * Bytes of a hex string, with or without `0x`. `length`, when given, is the number of bytes it must have.
 * Throws DecodeError on an odd length, another character or another number of bytes.
 */
export function fromHex(text: string, length?: number): Uint8Array {
  const digits = text.startsWith('0x') ? text.slice(2) : text;
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new DecodeError('hex', `not a hex string: ${text.slice(0, 40)}`);
  }
  if (length !== undefined && digits.length !== 2 * length) {
    throw new DecodeError('hex', `${digits.length / 2} bytes where ${length} are needed`);
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = (digitAt(digits, 2 * index) << 4) | digitAt(digits, 2 * index + 1);
  }
  return bytes;
}

/** Value of a hex digit, which the character is known to be. */
function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

/** All parts one after the other. */
export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether two byte strings are the same. Not constant-time: for public data only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}

/** Order of two byte strings, as `Array.prototype.sort` wants it. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Byte-wise exclusive or of two strings of one length. Throws RangeError where their lengths differ. */
export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length !== b.length) throw new RangeError(`xor of ${a.length} and ${b.length} bytes`);
  return a.map((byte, index) => byte ^ (b[index] as number));
}

/** Unsigned integer, little-endian, as `size` bytes. Throws RangeError where it does not fit. */
export function littleEndian(value: bigint | number, size: number): Uint8Array {
  let rest = BigInt(value);
  if (rest < 0n || rest >> BigInt(8 * size) !== 0n)
    throw new RangeError(`${value} does not fit ${size} bytes`);
  const bytes = new Uint8Array(size);
  for (let index = 0; index < size; index += 1) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Little-endian bytes of any length as an unsigned integer. */
export function fromLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index -= 1)
    value = (value << 8n) | BigInt(bytes[index] as number);
  return value;
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const readableText = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text that these bytes are, a byte order mark at its beginning included. Throws TypeError where they are no UTF-8. */
export function textOf(bytes: Uint8Array): string {
  return strictText.decode(bytes);
}

/** The same with U+FFFD for whatever is no UTF-8. */
export function readableTextOf(bytes: Uint8Array): string {
  return readableText.decode(bytes);
}
