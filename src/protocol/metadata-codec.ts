/** SCALE of the types that runtime metadata describes, decoded strictly and with bounds. */
import type { EnumVar, LookupEntry, Var } from '@polkadot-api/metadata-builders';
import { fromLittleEndian, littleEndian } from './bytes.ts';
import {
  bool,
  bytes,
  byteVector,
  encodeWith,
  list,
  option,
  struct,
  text,
  tuple,
  unit,
  type Codec,
} from './codec.ts';

/** A value of an enum or a result (`Ok`, `Err`). */
export interface RuntimeVariant {
  type: string;
  /** Null where the variant carries nothing. */
  value: unknown;
}

/** Bits as they are stored: in the order that the type demands inside each byte. */
export interface BitSequence {
  bits: number;
  bytes: Uint8Array;
}

/** Types nested deeper than this in a value are refused, which bounds the stack. */
const MAX_DEPTH = 64;
/** Items of a list or array whose items take no bytes. */
const MAX_EMPTY_ITEMS = 1024;

/** Of up to 32 bits: `number`; of more: `bigint`. */
function integer(name: string): Codec<unknown> {
  const size = Number(name.slice(1)) / 8;
  const lowest = name.startsWith('i') ? -(1n << BigInt(8 * size - 1)) : 0n;
  const whole = 1n << BigInt(8 * size);
  return {
    minimum: size,
    read: (reader) => {
      const value = fromLittleEndian(reader.window(size));
      const signed = value >= whole + lowest ? value - whole : value;
      return size <= 4 ? Number(signed) : signed;
    },
    write: (writer, value) => {
      const big = BigInt(value as number | bigint);
      if (big < lowest || big >= whole + lowest) throw new RangeError(`${big} is not an ${name}`);
      writer.raw(littleEndian(big < 0n ? big + whole : big, size));
    },
  };
}

function compactInteger(name: string): Codec<unknown> {
  const bits = Number(name.slice(1));
  const limit = (1n << BigInt(bits)) - 1n;
  return {
    minimum: 1,
    read: (reader) => {
      const value = reader.compactBig(limit);
      return bits <= 32 ? Number(value) : value;
    },
    write: (writer, value) => {
      const big = BigInt(value as number | bigint);
      if (big > limit) throw new RangeError(`${big} is not an ${name}`);
      writer.compact(big);
    },
  };
}

const character: Codec<string> = {
  minimum: 4,
  read: (reader) => {
    const point = reader.u32();
    if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) reader.fail(`${point} is no character`);
    return String.fromCodePoint(point);
  },
  write: (writer, value) => void writer.u32(value.codePointAt(0) ?? 0),
};

const bitSequence: Codec<BitSequence> = {
  minimum: 1,
  read: (reader) => {
    const bits = reader.compact();
    return { bits, bytes: reader.raw(Math.ceil(bits / 8)) };
  },
  write: (writer, value) => void writer.compact(value.bits).raw(value.bytes, Math.ceil(value.bits / 8)),
};

interface Variant {
  name: string;
  codec: Codec<unknown>;
}

/** `size`: bytes that every variant is filled up to, where all take as many. */
function enumeration(cases: Map<number, Variant>, size: number | null): Codec<RuntimeVariant> {
  return {
    minimum: size ?? 1,
    read: (reader) => {
      const end = reader.remaining - (size ?? 0);
      const index = reader.u8();
      const found = cases.get(index);
      if (found === undefined) return reader.fail(`no variant ${index}`);
      const value = found.codec.read(reader);
      if (size !== null) {
        if (reader.remaining < end) reader.fail(`the variant ${found.name} takes more than ${size} bytes`);
        reader.raw(reader.remaining - end);
      }
      return { type: found.name, value };
    },
    write: (writer, { type, value }) => {
      const [index, found] = [...cases].find(([, { name }]) => name === type) ?? [];
      if (index === undefined || found === undefined) throw new RangeError(`no variant ${type}`);
      const content = encodeWith(found.codec, value);
      writer.u8(index).raw(content);
      if (size !== null) writer.raw(new Uint8Array(size - 1 - content.length));
    },
  };
}

function array(item: Codec<unknown>, length: number): Codec<unknown[]> {
  return {
    minimum: length * item.minimum,
    read: (reader) => {
      const items: unknown[] = [];
      if (item.minimum === 0 && length > MAX_EMPTY_ITEMS) reader.fail(`${length} items without content`);
      for (let index = 0; index < length; index += 1) items.push(item.read(reader));
      return items;
    },
    write: (writer, items) => {
      if (items.length !== length) throw new RangeError(`${items.length} items where ${length} are needed`);
      for (const each of items) item.write(writer, each);
    },
  };
}

function isByte(entry: LookupEntry): boolean {
  return entry.type === 'primitive' && entry.value === 'u8';
}

/** Any codec as one of values that are only known at run time; a value of another shape throws when written. */
function dynamic<T>(codec: Codec<T>): Codec<unknown> {
  return codec as Codec<unknown>;
}

/**
 * Codecs of a runtime's types. Values: integers of up to 32 bits are `number`, wider ones `bigint`; byte strings,
 * hashes and accounts `Uint8Array`; structs objects with the runtime's names, a struct of one field that field
 * alone; tuples and lists arrays; enums `RuntimeVariant`, an absent option and what has no content null.
 */
export class RuntimeCodecs {
  private readonly known = new Map<number, Codec<unknown>>();
  private depth = 0;

  /** `lookup`: the type of an id. */
  constructor(private readonly lookup: (id: number) => LookupEntry) {}

  /** Codec of the type with that id. Reads throw DecodeError, writes RangeError or TypeError. */
  of(id: number): Codec<unknown> {
    return this.entry(this.lookup(id));
  }

  private entry(entry: LookupEntry): Codec<unknown> {
    let codec = this.known.get(entry.id);
    if (codec === undefined) {
      codec = this.nested(entry);
      this.known.set(entry.id, codec);
    }
    return codec;
  }

  /** Built when it is first used, because types may contain themselves. */
  private nested(entry: LookupEntry): Codec<unknown> {
    let built: Codec<unknown> | null = null;
    const inner = (): Codec<unknown> => (built ??= this.build(entry));
    return {
      get minimum() {
        return inner().minimum;
      },
      read: (reader) => {
        if (this.depth >= MAX_DEPTH) reader.fail(`nested more than ${MAX_DEPTH} deep`);
        this.depth += 1;
        try {
          return inner().read(reader);
        } finally {
          this.depth -= 1;
        }
      },
      write: (writer, value) => inner().write(writer, value),
    };
  }

  private build(entry: Var): Codec<unknown> {
    switch (entry.type) {
      case 'void':
        return dynamic(unit);
      case 'primitive':
        if (entry.value === 'bool') return dynamic(bool);
        if (entry.value === 'str') return dynamic(text);
        return entry.value === 'char' ? dynamic(character) : integer(entry.value);
      case 'compact':
        return compactInteger(entry.size);
      case 'bitSequence':
        return dynamic(bitSequence);
      case 'AccountId32':
        return dynamic(bytes(32));
      case 'AccountId20':
        return dynamic(bytes(20));
      case 'sequence':
        return isByte(entry.value) ? dynamic(byteVector) : this.list(entry.value);
      case 'array':
        return isByte(entry.value)
          ? dynamic(bytes(entry.len))
          : dynamic(array(this.entry(entry.value), entry.len));
      case 'tuple':
        return dynamic(tuple(...entry.value.map((item) => this.entry(item))));
      case 'struct':
        return dynamic(
          struct(
            Object.fromEntries(Object.entries(entry.value).map(([name, item]) => [name, this.entry(item)])),
          ),
        );
      case 'option':
        return dynamic(option(this.entry(entry.value)));
      case 'result': {
        const { ok, ko } = entry.value;
        const cases = new Map([
          [0, { name: 'Ok', codec: this.entry(ok) }],
          [1, { name: 'Err', codec: this.entry(ko) }],
        ]);
        return dynamic(enumeration(cases, null));
      }
      case 'enum':
        return dynamic(this.enumOf(entry));
    }
  }

  private list(item: LookupEntry): Codec<unknown> {
    const codec = this.entry(item);
    return {
      minimum: 1,
      read: (reader) => list(codec, codec.minimum === 0 ? MAX_EMPTY_ITEMS : undefined).read(reader),
      write: (writer, value) => list(codec).write(writer, value as unknown[]),
    };
  }

  private enumOf({ value, byteLength }: EnumVar): Codec<RuntimeVariant> {
    const cases = new Map<number, Variant>();
    for (const [name, content] of Object.entries(value)) {
      const codec = content.type === 'lookupEntry' ? this.entry(content.value) : this.build(content);
      cases.set(content.idx, { name, codec });
    }
    return enumeration(cases, byteLength ?? null);
  }
}
