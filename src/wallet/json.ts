/** JSON that others made, and the canonical form that is signed. */
import { base64urlnopad } from '@scure/base';
import canonicalizeValue from 'canonicalize';
import { parse } from 'lossless-json';
import * as v from 'valibot';
import { utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';

const MAX_DEPTH = 32;
/** Largest JSON text that is looked at unless told otherwise, in characters. */
const MAX_LENGTH = 8 * 1024 * 1024;

/**
 * Refuses what the parser lets pass: nesting beyond `MAX_DEPTH`, and a member that is given twice, also with one value,
 * because of two programs that read a text one may keep the first and the other the last. A text that is no JSON is left to
 * the parser. Throws SyntaxError.
 */
function requireForm(text: string): void {
  // Names seen so far in each open object; null for an open array.
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '"') {
      const begin = index;
      for (index += 1; index < text.length && text[index] !== '"'; index += 1)
        if (text[index] === '\\') index += 1;
      const names = open.at(-1);
      if (isName && names != null) addName(names, JSON.parse(text.slice(begin, index + 1)) as string);
      isName = false;
    } else if (character === '{' || character === '[') {
      isName = character === '{';
      open.push(isName ? new Set() : null);
      if (open.length > MAX_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_DEPTH} levels`);
    } else if (character === '}' || character === ']') open.pop();
    else if (character === ',') isName = true;
  }
}

function addName(names: Set<string>, name: string): void {
  if (names.has(name)) throw new SyntaxError(`“${name.slice(0, 40)}” is given twice`);
  names.add(name);
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || (/^-?\d+$/.test(text) && !Number.isSafeInteger(value)))
    throw new RangeError(`${text.slice(0, 40)} is beyond what a number holds`);
  return value;
}

/** Half of a surrogate pair, which neither UTF-8 nor canonical JSON can hold. */
const HALF = /\p{Surrogate}/u;

function refuseHalves(key: string, value: unknown): unknown {
  if (HALF.test(key) || (typeof value === 'string' && HALF.test(value)))
    throw new SyntaxError('half of a surrogate pair');
  return value;
}

/**
 * Parses JSON that somebody else wrote: at most `limit` characters and 32 levels deep, no member twice, no number that
 * would be rounded, no half of a surrogate pair, so that what it gives has a canonical form. `what` names the value.
 * Throws DecodeError.
 */
export function parseJson(text: string, what: string, limit = MAX_LENGTH): unknown {
  if (text.length > limit) throw new DecodeError(what, `${text.length} characters of JSON`);
  try {
    requireForm(text);
    return parse(text, refuseHalves, { parseNumber });
  } catch (error) {
    throw new DecodeError(what, error instanceof Error ? error.message.slice(0, 200) : 'not JSON');
  }
}

/** A value of the shape that a schema describes. Throws DecodeError naming the member that does not fit. */
export function shaped<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? '';
  throw new DecodeError(what, `${path || 'value'}: ${issue.expected ?? 'something else'} expected`);
}

/** Canonical JSON (JCS, RFC 8785) as UTF-8. Throws TypeError for what JSON cannot hold. */
export function canonicalJson(value: unknown): Uint8Array {
  const text = canonicalizeValue(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return utf8(text);
}

/** Base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return base64urlnopad.encode(bytes);
}

/** Bytes of base64url without padding, in its only form. Throws DecodeError. */
export function fromBase64Url(text: string, what: string, length?: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = base64urlnopad.decode(text);
  } catch {
    throw new DecodeError(what, 'not base64url without padding');
  }
  if (length !== undefined && bytes.length !== length)
    throw new DecodeError(what, `${bytes.length} bytes where ${length} are needed`);
  return bytes;
}

/** Schema of base64url text of at most `limit` characters. */
export function base64UrlText(limit: number) {
  return v.pipe(v.string(), v.maxLength(limit), v.regex(/^[A-Za-z0-9_-]*$/));
}

/** Text of UTF-8 bytes. Throws DecodeError. */
export function fromUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DecodeError(what, 'not UTF-8 text');
  }
}
