/** JSON of the nodes: 64-bit integers are bare numbers there, beyond what a double holds. */
import { parse, stringify } from 'lossless-json';
import { DecodeError } from '../protocol/errors.ts';

/** A number outside of strings that a double may not hold. */
const LONG_NUMBER = /[:[,\s]-?\d{16,}/;

function parseNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

/** Parses JSON; integers beyond 2^53 become bigint. Throws DecodeError (`json`), also on endless nesting. */
export function parseJson(text: string): unknown {
  try {
    return LONG_NUMBER.test(text) ? parse(text, undefined, parseNumber) : JSON.parse(text);
  } catch (error) {
    throw new DecodeError('json', error instanceof Error ? error.message.slice(0, 200) : String(error));
  }
}

/** JSON text of a value; bigint is written as a bare integer. */
export function stringifyJson(value: unknown): string {
  const text = stringify(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return text;
}
