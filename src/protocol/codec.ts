/** SCALE codecs as values, put together from smaller ones: for protocols with many messages. */
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';

/** Both directions of one type's SCALE. */
export interface Codec<T> {
  /** Fewest bytes that a value takes; bounds how many of them a list may claim. */
  readonly minimum: number;
  /** Throws DecodeError. */
  read(reader: ScaleReader): T;
  /** Throws RangeError for values that the type does not have. */
  write(writer: ScaleWriter, value: T): void;
}

/** Decodes a whole byte string. `what` names the value in errors. Throws DecodeError. */
export function decodeWith<T>(codec: Codec<T>, bytes: Uint8Array, what: string): T {
  return decodeAll(bytes, what, (reader) => codec.read(reader));
}

/** SCALE of a value. Throws RangeError for values that the type does not have. */
export function encodeWith<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new ScaleWriter(Math.max(64, codec.minimum));
  codec.write(writer, value);
  return writer.bytes();
}

/** One byte. */
export const u8: Codec<number> = {
  minimum: 1,
  read: (reader) => reader.u8(),
  write: (writer, value) => void writer.u8(value),
};

/** 16 bits, little-endian. */
export const u16: Codec<number> = {
  minimum: 2,
  read: (reader) => reader.u16(),
  write: (writer, value) => void writer.u16(value),
};

/** 32 bits, little-endian. */
export const u32: Codec<number> = {
  minimum: 4,
  read: (reader) => reader.u32(),
  write: (writer, value) => void writer.u32(value),
};

/** 64 bits, little-endian. */
export const u64: Codec<bigint> = {
  minimum: 8,
  read: (reader) => reader.u64(),
  write: (writer, value) => void writer.u64(value),
};

/** 128 bits, little-endian. */
export const u128: Codec<bigint> = {
  minimum: 16,
  read: (reader) => reader.u128(),
  write: (writer, value) => void writer.u128(value),
};

/** One byte, 0 or 1. */
export const bool: Codec<boolean> = {
  minimum: 1,
  read: (reader) => reader.bool(),
  write: (writer, value) => void writer.bool(value),
};

/** IEEE single; only finite values are accepted, and only those that a single holds exactly are written. */
export const f32: Codec<number> = {
  minimum: 4,
  read: (reader) => {
    const bits = new DataView(new ArrayBuffer(4));
    bits.setUint32(0, reader.u32());
    const value = bits.getFloat32(0);
    return Number.isFinite(value) ? value : reader.fail(`${value} is not a finite number`);
  },
  write: (writer, value) => {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not a finite number`);
    const bits = new DataView(new ArrayBuffer(4));
    bits.setFloat32(0, value);
    writer.u32(bits.getUint32(0));
  },
};

/** UTF-8 text of any length. */
export const text: Codec<string> = {
  minimum: 1,
  read: (reader) => reader.text(),
  write: (writer, value) => void writer.text(value),
};

/** A byte vector of any length. */
export const byteVector: Codec<Uint8Array> = {
  minimum: 1,
  read: (reader) => reader.byteVector(),
  write: (writer, value) => void writer.byteVector(value),
};

/** No bytes at all: what messages without content are. */
export const unit: Codec<null> = { minimum: 0, read: () => null, write: () => undefined };

/** `size` bytes without a length. */
export function bytes(size: number): Codec<Uint8Array> {
  return {
    minimum: size,
    read: (reader) => reader.raw(size),
    write: (writer, value) => void writer.raw(value, size),
  };
}

/** `Option<T>`: a byte, and the value where it is 1. */
export function option<T>(inner: Codec<T>): Codec<T | null> {
  return {
    minimum: 1,
    read: (reader) => reader.option((some) => inner.read(some)),
    write: (writer, value) =>
      void writer.option(value, (some, content) => inner.write(some, content as NonNullable<T> & T)),
  };
}

/** A list of at most `limit` items, each of at least one byte. */
export function list<T>(item: Codec<T>, limit?: number): Codec<T[]> {
  return {
    minimum: 1,
    read: (reader) => reader.vec((each) => item.read(each), item.minimum, limit),
    write: (writer, value) => void writer.vec(value, (each, content) => item.write(each, content)),
  };
}

type Fields<T> = { readonly [K in keyof T]: Codec<T[K]> };

/** Fields one after the other, in the order in which they are given. */
export function struct<T extends object>(fields: Fields<T>): Codec<T> {
  const entries = Object.entries(fields) as [keyof T, Codec<T[keyof T]>][];
  return {
    minimum: entries.reduce((sum, [, codec]) => sum + codec.minimum, 0),
    read: (reader) => {
      const value: Partial<T> = {};
      for (const [name, codec] of entries) value[name] = codec.read(reader);
      return value as T;
    },
    write: (writer, value) => {
      for (const [name, codec] of entries) codec.write(writer, value[name]);
    },
  };
}

/** Values without names, one after the other. */
export function tuple<T extends readonly unknown[]>(
  ...items: Fields<T> & readonly Codec<unknown>[]
): Codec<T> {
  return {
    minimum: items.reduce((sum, codec) => sum + codec.minimum, 0),
    read: (reader) => items.map((codec) => codec.read(reader)) as unknown as T,
    write: (writer, value) => items.forEach((codec, index) => codec.write(writer, value[index])),
  };
}

/** What a variant carries beside its kind. */
type Content<T extends { kind: string }, K extends T['kind']> = Omit<Extract<T, { kind: K }>, 'kind'>;

/** One of several kinds: a byte that counts the kinds in the order given, then the kind's content. */
export function variants<T extends { kind: string }>(cases: {
  readonly [K in T['kind']]: Codec<Content<T, K>>;
}): Codec<T> {
  const entries = Object.entries(cases) as [T['kind'], Codec<object>][];
  return {
    minimum: 1 + Math.min(...entries.map(([, codec]) => codec.minimum)),
    read: (reader) => {
      const index = reader.u8();
      const entry = entries[index];
      if (entry === undefined) return reader.fail(`no variant ${index} among ${entries.length}`);
      return { kind: entry[0], ...entry[1].read(reader) } as unknown as T;
    },
    write: (writer, value) => {
      const index = entries.findIndex(([kind]) => kind === value.kind);
      const entry = entries[index];
      if (entry === undefined) throw new RangeError(`no variant ${value.kind}`);
      writer.u8(index);
      entry[1].write(writer, value);
    },
  };
}

/** Content of a variant that carries nothing. */
export const nothing = struct<object>({});

/** Either what was asked for or the reason why not. */
export type Result<T> = { ok: true; value: T } | { ok: false; error: string };

/** `Result<T, String>`: a byte, then the value or the text of the failure. */
export function result<T>(value: Codec<T>): Codec<Result<T>> {
  return {
    minimum: 1,
    read: (reader) => {
      const tag = reader.u8();
      if (tag === 0) return { ok: true, value: value.read(reader) };
      if (tag === 1) return { ok: false, error: reader.text() };
      return reader.fail(`no result ${tag}`);
    },
    write: (writer, outcome) => {
      writer.u8(outcome.ok ? 0 : 1);
      if (outcome.ok) value.write(writer, outcome.value);
      else writer.text(outcome.error);
    },
  };
}

/** Another view of an inner codec's values. `decode` may refuse the bytes by throwing. */
export function mapped<A, B>(
  inner: Codec<A>,
  decode: (value: A, reader: ScaleReader) => B,
  encode: (value: B) => A,
): Codec<B> {
  return {
    minimum: inner.minimum,
    read: (reader) => decode(inner.read(reader), reader),
    write: (writer, value) => inner.write(writer, encode(value)),
  };
}
