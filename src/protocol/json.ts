/**
 * Values inside decoded JSON, checked. Integers above 2^53 arrive as bigint from a lossless parser. All throw
 * DecodeError, which names `what` it is about.
 */
import { fromHex } from './bytes.ts';
import { U64_MAX } from './constants.ts';
import { DecodeError } from './errors.ts';

/** An object that is neither null nor an array. */
export function jsonObject(what: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DecodeError(what, 'expected a JSON object', { seen: typeof value });
  }
  return value as Record<string, unknown>;
}

/** An array of at most `max` items. */
export function jsonArray(what: string, value: unknown, max: number): unknown[] {
  if (!Array.isArray(value)) throw new DecodeError(what, 'expected a JSON array', { seen: typeof value });
  if (value.length > max) throw new DecodeError(what, 'too many items', { seen: value.length, max });
  return value;
}

/** An unsigned integer up to `max`; a JSON number must be exact. */
function jsonUint(what: string, value: unknown, max: bigint): bigint {
  const exact = typeof value === 'number' && Number.isSafeInteger(value);
  if (!exact && typeof value !== 'bigint') {
    throw new DecodeError(what, 'expected an exact integer', { seen: String(value) });
  }
  const integer = BigInt(value);
  if (integer < 0n || integer > max)
    throw new DecodeError(what, 'integer out of range', { seen: integer, max });
  return integer;
}

/** An unsigned integer below 2^64. */
export function jsonU64(what: string, value: unknown): bigint {
  return jsonUint(what, value, U64_MAX);
}

/** An unsigned integer below 2^32. */
export function jsonU32(what: string, value: unknown): number {
  return Number(jsonUint(what, value, 0xffff_ffffn));
}

/** An unsigned integer below 2^16. */
export function jsonU16(what: string, value: unknown): number {
  return Number(jsonUint(what, value, 0xffffn));
}

/** Bytes written as hex, exactly `length` of them if given. */
export function jsonHex(what: string, value: unknown, length?: number): Uint8Array {
  if (typeof value !== 'string') throw new DecodeError(what, `expected a hex string, got ${typeof value}`);
  return fromHex(value, length);
}

/** Bytes written as an array of numbers 0..255. */
export function jsonByteArray(what: string, value: unknown, maxLength: number): Uint8Array {
  const items = jsonArray(what, value, maxLength);
  return Uint8Array.from(items, (item) => Number(jsonUint(what, item, 255n)));
}
