/** SCALE, the codec of every message and stored value of the network. */
import { textOf } from './bytes.ts';
import { DecodeError } from './errors.ts';

/** Reads SCALE values from bytes; every read is bounded by what is left, and `finish` rejects a rest. */
export class ScaleReader {
  private offset = 0;
  private readonly view: DataView;

  /** `what` names the value in errors. Byte strings returned are copies. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly what: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.offset;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  private take(size: number): number {
    if (size > this.remaining) {
      throw new DecodeError(
        this.what,
        `${size} bytes needed at offset ${this.offset}, ${this.remaining} left`,
      );
    }
    const at = this.offset;
    this.offset += size;
    return at;
  }

  /** Throws the DecodeError of this value with a message of the caller's. */
  fail(message: string): never {
    throw new DecodeError(this.what, `${message} (at offset ${this.offset})`);
  }

  /** One byte. */
  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  /** 16 bits, little-endian. */
  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  /** 32 bits, little-endian. */
  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** 64 bits, little-endian. */
  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true);
  }

  /** 128 bits, little-endian. */
  u128(): bigint {
    const low = this.u64();
    return low | (this.u64() << 64n);
  }

  /** One byte, 0 or 1. */
  bool(): boolean {
    const byte = this.u8();
    if (byte > 1) this.fail(`${byte} is not a boolean`);
    return byte === 1;
  }

  /** `size` raw bytes, copied. */
  raw(size: number): Uint8Array {
    const at = this.take(size);
    return this.bytes.slice(at, at + size);
  }

  /** `size` raw bytes as a view on the input. */
  window(size: number): Uint8Array {
    const at = this.take(size);
    return this.bytes.subarray(at, at + size);
  }

  /** Compact integer of at most `limit` (2^536 − 1 unless told); only the shortest form is accepted. */
  compactBig(limit?: bigint): bigint {
    const value = this.compactOfAnySize();
    if (limit !== undefined && value > limit) this.fail(`compact integer ${value} exceeds ${limit}`);
    return value;
  }

  private compactOfAnySize(): bigint {
    const first = this.u8();
    const mode = first & 3;
    if (mode === 0) return BigInt(first >> 2);
    if (mode === 1) {
      const value = (first | (this.u8() << 8)) >> 2;
      if (value < 1 << 6) this.fail('compact integer not in its shortest form');
      return BigInt(value);
    }
    if (mode === 2) {
      const value = (first | (this.u8() << 8) | (this.u16() << 16)) >>> 2;
      if (value < 1 << 14) this.fail('compact integer not in its shortest form');
      return BigInt(value);
    }
    const size = (first >> 2) + 4;
    let value = 0n;
    for (let index = 0; index < size; index += 1) value |= BigInt(this.u8()) << BigInt(8 * index);
    if (value >> BigInt(8 * (size - 1)) === 0n || value < 1n << 30n) {
      this.fail('compact integer not in its shortest form');
    }
    return value;
  }

  /** Compact integer that fits 32 bits. */
  compact(): number {
    return Number(this.compactBig(0xffffffffn));
  }

  /** Compact length, then that many bytes, at most `limit`. */
  byteVector(limit: number = Number.MAX_SAFE_INTEGER): Uint8Array {
    const length = this.compact();
    if (length > limit) this.fail(`${length} bytes where at most ${limit} are allowed`);
    return this.raw(length);
  }

  /** UTF-8 text of at most `limit` bytes. Throws DecodeError. */
  text(limit: number = Number.MAX_SAFE_INTEGER): string {
    try {
      return textOf(this.byteVector(limit));
    } catch (error) {
      if (error instanceof DecodeError) throw error;
      return this.fail('not UTF-8 text');
    }
  }

  /** Compact count, then items. Every item must take at least `minimalSize` bytes, which bounds the count. */
  vec<T>(item: (reader: ScaleReader) => T, minimalSize = 1, limit: number = Number.MAX_SAFE_INTEGER): T[] {
    const count = this.compact();
    if (count > limit) this.fail(`${count} items where at most ${limit} are allowed`);
    if (count * minimalSize > this.remaining) this.fail(`${count} items do not fit ${this.remaining} bytes`);
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(item(this));
    return items;
  }

  /** A byte that says whether a value follows, then the value; null: none. */
  option<T>(some: (reader: ScaleReader) => T): T | null {
    return this.bool() ? some(this) : null;
  }

  /** Throws DecodeError when bytes are left. */
  finish(): void {
    if (this.remaining > 0) this.fail(`${this.remaining} trailing bytes`);
  }
}

/** Decodes a whole byte string: nothing may be left after `read`. `what` names it in errors. Throws DecodeError. */
export function decodeAll<T>(bytes: Uint8Array, what: string, read: (reader: ScaleReader) => T): T {
  const reader = new ScaleReader(bytes, what);
  const value = read(reader);
  reader.finish();
  return value;
}

/** Writes SCALE values; `bytes()` gives what was written. Values out of range throw RangeError. */
export class ScaleWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private length = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Makes room; the buffer may be another one afterwards. */
  private reserve(size: number): number {
    const at = this.length;
    const needed = at + size;
    if (needed > this.buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.buffer.length));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = needed;
    return at;
  }

  /** One byte. */
  u8(value: number): this {
    requireInteger(value, 0xff);
    const at = this.reserve(1);
    this.view.setUint8(at, value);
    return this;
  }

  /** 16 bits, little-endian. */
  u16(value: number): this {
    requireInteger(value, 0xffff);
    const at = this.reserve(2);
    this.view.setUint16(at, value, true);
    return this;
  }

  /** 32 bits, little-endian. */
  u32(value: number): this {
    requireInteger(value, 0xffffffff);
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
    return this;
  }

  /** 64 bits, little-endian. */
  u64(value: bigint): this {
    if (value < 0n || value >> 64n !== 0n) throw new RangeError(`${value} is not a 64-bit unsigned integer`);
    const at = this.reserve(8);
    this.view.setBigUint64(at, value, true);
    return this;
  }

  /** 128 bits, little-endian. */
  u128(value: bigint): this {
    if (value < 0n || value >> 128n !== 0n)
      throw new RangeError(`${value} is not a 128-bit unsigned integer`);
    return this.u64(value & 0xffffffffffffffffn).u64(value >> 64n);
  }

  /** One byte, 0 or 1. */
  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  /** Bytes as they are, without a length prefix. Throws RangeError unless they are `size` bytes, if given. */
  raw(bytes: Uint8Array, size = bytes.length): this {
    if (bytes.length !== size) throw new RangeError(`${bytes.length} bytes where ${size} are needed`);
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }

  /** Compact integer below 2^536, in its shortest form. */
  compact(value: number | bigint): this {
    const big = BigInt(value);
    if (big < 0n) throw new RangeError(`${value} is negative`);
    if (big < 1n << 6n) return this.u8(Number(big) << 2);
    if (big < 1n << 14n) return this.u16((Number(big) << 2) | 1);
    if (big < 1n << 30n) return this.u32(Number(big) * 4 + 2);
    let size = 4;
    while (big >> BigInt(8 * size) !== 0n) size += 1;
    if (size > 67) throw new RangeError('compact integers end at 2^536');
    this.u8(((size - 4) << 2) | 3);
    for (let index = 0; index < size; index += 1) this.u8(Number((big >> BigInt(8 * index)) & 0xffn));
    return this;
  }

  /** Compact length, then the bytes. */
  byteVector(bytes: Uint8Array): this {
    return this.compact(bytes.length).raw(bytes);
  }

  /** Compact length, then UTF-8. */
  text(value: string): this {
    return this.byteVector(new TextEncoder().encode(value));
  }

  /** Compact count, then the items. */
  vec<T>(items: readonly T[], item: (writer: ScaleWriter, value: T) => void): this {
    this.compact(items.length);
    for (const value of items) item(this, value);
    return this;
  }

  /** A byte that says whether a value follows, then the value. */
  option<T>(value: T | null, some: (writer: ScaleWriter, value: T) => void): this {
    if (value === null) return this.u8(0);
    this.u8(1);
    some(this, value);
    return this;
  }

  /** What was written so far, copied. */
  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }
}

function requireInteger(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`${value} is not in 0..${max}`);
}

/** Number of bytes that the compact form of a length takes. */
export function compactSize(value: number): number {
  if (value < 1 << 6) return 1;
  if (value < 1 << 14) return 2;
  return value < 2 ** 30 ? 4 : 5;
}
