/** DER: the encoding of certificates, keys and signatures. Only what is strictly DER is read. */
import { concat, toHex, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';

/** Identifier octets of the types in use. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Identifier octet of a context-specific tag. */
export function contextTag(number: number, constructed = true): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

const MAX_DEPTH = 24;

export interface DerElement {
  /** Identifier octet. */
  tag: number;
  /** View on the content octets. */
  content: Uint8Array;
  /** View on identifier, length and content. */
  raw: Uint8Array;
}

/** Reads DER elements one after the other. Lengths must be minimal and definite; nesting is bounded. */
export class DerReader {
  private offset = 0;

  /** `what` names the value in errors. Content handed out is a view on `bytes`. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly what: string,
    private readonly depth = 0,
  ) {
    if (depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH} levels`);
  }

  /** Throws the DecodeError of this value. */
  fail(message: string): never {
    throw new DecodeError(this.what, message);
  }

  get ended(): boolean {
    return this.offset >= this.bytes.length;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.offset;
  }

  /** Identifier octet of the next element, or null at the end. */
  peek(): number | null {
    return this.bytes[this.offset] ?? null;
  }

  private octet(): number {
    const value = this.bytes[this.offset];
    if (value === undefined) return this.fail('ends within an element');
    this.offset += 1;
    return value;
  }

  private length(): number {
    const first = this.octet();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0) this.fail('indefinite length');
    if (count > 4) this.fail(`length of ${count} octets`);
    let length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + this.octet();
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) this.fail('length not in its shortest form');
    return length;
  }

  /** The next element, whatever its tag. */
  next(): DerElement {
    const start = this.offset;
    const tag = this.octet();
    if ((tag & 0x1f) === 0x1f) this.fail('tag number above 30');
    const length = this.length();
    const end = this.offset + length;
    if (end > this.bytes.length) this.fail(`${length} content octets announced, fewer follow`);
    const content = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return { tag, content, raw: this.bytes.subarray(start, end) };
  }

  /** The next element, which must have this tag. */
  expect(tag: number, name = 'element'): DerElement {
    const found = this.peek();
    if (found !== tag)
      this.fail(`${name}: tag ${found === null ? 'missing' : hex(found)} where ${hex(tag)} is needed`);
    return this.next();
  }

  /** The next element if it has this tag, else null. */
  optional(tag: number): DerElement | null {
    return this.peek() === tag ? this.next() : null;
  }

  /** Reader of the content of the next element, which must have this tag. */
  enter(tag: number, name?: string): DerReader {
    return this.into(this.expect(tag, name));
  }

  /** Reader of an element's content. */
  into(element: DerElement): DerReader {
    return new DerReader(element.content, this.what, this.depth + 1);
  }

  /** Dotted text of an OBJECT IDENTIFIER. */
  oid(name = 'object identifier'): string {
    return this.oidOf(this.expect(TAG.oid, name).content);
  }

  private oidOf(content: Uint8Array): string {
    const arcs: bigint[] = [];
    let value = 0n;
    let started = false;
    for (const octet of content) {
      if (!started && octet === 0x80) this.fail('object identifier with a padded arc');
      started = true;
      value = (value << 7n) | BigInt(octet & 0x7f);
      if (value >> 256n !== 0n) this.fail('object identifier with an arc beyond 256 bits');
      if ((octet & 0x80) === 0) {
        arcs.push(value);
        value = 0n;
        started = false;
      }
    }
    const first = arcs[0];
    if (first === undefined || started) return this.fail('object identifier cut short');
    const root = first < 40n ? 0n : first < 80n ? 1n : 2n;
    return [root, first - 40n * root, ...arcs.slice(1)].join('.');
  }

  /** Content octets of an INTEGER in their shortest form. */
  integer(name = 'integer'): Uint8Array {
    const { content } = this.expect(TAG.integer, name);
    const [first, second] = content;
    if (first === undefined) return this.fail(`${name}: empty`);
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
      this.fail(`${name}: not in its shortest form`);
    return content;
  }

  /** INTEGER that must not be negative, at most `maxBytes` octets. */
  unsigned(name: string, maxBytes: number): bigint {
    const content = this.integer(name);
    if ((content[0]! & 0x80) !== 0) this.fail(`${name}: negative`);
    if (content.length > maxBytes + (content[0] === 0 ? 1 : 0))
      this.fail(`${name}: more than ${maxBytes} octets`);
    return fromBigEndian(content);
  }

  /** INTEGER in 0..max. */
  small(name: string, max = 0x7fffffff): number {
    const value = this.unsigned(name, 6);
    if (value > BigInt(max)) this.fail(`${name}: ${value} exceeds ${max}`);
    return Number(value);
  }

  boolean(name = 'boolean'): boolean {
    const { content } = this.expect(TAG.boolean, name);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) this.fail(`${name}: not DER`);
    return content[0] === 0xff;
  }

  /** Bytes of a BIT STRING without unused bits. */
  bitString(name = 'bit string'): Uint8Array {
    const { content } = this.expect(TAG.bitString, name);
    if (content[0] !== 0) this.fail(`${name}: unused bits`);
    return content.subarray(1);
  }

  /** Throws when anything is left. */
  finish(): void {
    if (!this.ended) this.fail(`${this.bytes.length - this.offset} trailing bytes`);
  }
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}

/** Reads a whole byte string as DER: nothing may be left after `read`. */
export function readDer<T>(bytes: Uint8Array, what: string, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes, what);
  const value = read(reader);
  reader.finish();
  return value;
}

/** Big-endian bytes of any length as an unsigned integer. */
export function fromBigEndian(bytes: Uint8Array): bigint {
  // Not byte by byte, which takes seconds for a number as long as a certificate may be.
  return BigInt(`0x0${toHex(bytes)}`);
}

/** Big-endian bytes of an unsigned integer, `size` of them or as few as hold it. Throws RangeError. */
export function bigEndian(value: bigint, size?: number): Uint8Array {
  const digits = value.toString(16);
  const length = size ?? Math.ceil(digits.length / 2);
  if (value < 0n || digits.length > 2 * length)
    throw new RangeError(`the value does not fit ${length} bytes`);
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let index = length - 1; index >= 0; index -= 1) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** One element: identifier octet, minimal length, content. */
export function element(tag: number, ...content: Uint8Array[]): Uint8Array {
  const body = concat(...content);
  if (body.length < 0x80) return concat(new Uint8Array([tag, body.length]), body);
  const length = bigEndian(BigInt(body.length));
  return concat(new Uint8Array([tag, 0x80 | length.length]), length, body);
}

export function sequence(...parts: Uint8Array[]): Uint8Array {
  return element(TAG.sequence, ...parts);
}

/** SET OF: members in ascending order of their encoding. */
export function setOf(...parts: Uint8Array[]): Uint8Array {
  const keyed = parts.map((part) => ({
    part,
    key: toHex(part),
  }));
  return element(TAG.set, ...keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ part }) => part));
}

/** INTEGER of an unsigned value. */
export function integer(value: bigint | number): Uint8Array {
  const bytes = bigEndian(BigInt(value));
  return element(TAG.integer, bytes[0]! >= 0x80 ? concat(new Uint8Array(1), bytes) : bytes);
}

export function oid(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split('.').map(BigInt);
  if (first === undefined || second === undefined) throw new RangeError(`${dotted} is no object identifier`);
  const octets: number[] = [];
  for (const arc of [40n * first + second, ...rest]) {
    const groups: number[] = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    octets.push(...groups);
  }
  return element(TAG.oid, new Uint8Array(octets));
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return element(TAG.octetString, bytes);
}

/** BIT STRING without unused bits. */
export function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return element(TAG.bitString, new Uint8Array([unused]), bytes);
}

export function boolean(value: boolean): Uint8Array {
  return element(TAG.boolean, new Uint8Array([value ? 0xff : 0]));
}

export function nullValue(): Uint8Array {
  return new Uint8Array([TAG.null, 0]);
}

export function utf8String(text: string): Uint8Array {
  return element(TAG.utf8String, utf8(text));
}

/** Explicitly tagged element. */
export function explicit(number: number, ...content: Uint8Array[]): Uint8Array {
  return element(contextTag(number), ...content);
}

/** A moment as RFC 5280 wants it: UTCTime up to 2049, GeneralizedTime from 2050 on. Whole seconds. */
export function time(ms: number): Uint8Array {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  if (Number.isNaN(year) || year < 1970 || year > 9999 || ms % 1000 !== 0)
    throw new RangeError(`${ms} is not a whole second between 1970 and 9999`);
  const digits = date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  return year < 2050
    ? element(TAG.utcTime, utf8(`${digits.slice(2)}Z`))
    : element(TAG.generalizedTime, utf8(`${digits}Z`));
}

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(Z|[+-]\d{4})$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.\d+)?(Z|[+-]\d{4})$/;

/**
 * Milliseconds since the epoch of a UTCTime or GeneralizedTime, whole seconds as the registry counts them. A
 * two-digit year below 50 is of this century. Throws DecodeError for anything that is no date.
 */
export function readTime(reader: DerReader): number {
  const { tag, content } = reader.next();
  if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) reader.fail('neither UTCTime nor GeneralizedTime');
  const text = String.fromCharCode(...content.subarray(0, 40));
  const match = (tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME).exec(text);
  if (match === null || content.length > 40) return reader.fail('not a time');
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const zone = match[7] as string;
  const full = tag === TAG.utcTime ? year! + (year! < 50 ? 2000 : 1900) : year!;
  const date = new Date(0);
  date.setUTCFullYear(full, month! - 1, day);
  date.setUTCHours(hour!, minute, second);
  const same =
    date.getUTCFullYear() === full &&
    date.getUTCMonth() === month! - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  if (!same) reader.fail(`${text} is no moment of the calendar`);
  if (zone === 'Z') return date.getTime();
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3, 5));
  return date.getTime() - (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
