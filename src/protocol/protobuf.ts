/** The part of protocol buffers that object nodes and peer lookups need. */
import { concat, utf8 } from './bytes.ts';
import { DecodeError } from './errors.ts';

/** One field of a message: its number and its value, an integer, bytes, or 4 or 8 bytes without a length. */
export type ProtobufField =
  | { number: number; varint: bigint }
  | { number: number; bytes: Uint8Array }
  | { number: number; fixed: Uint8Array };

/** Reads a message from front to back. Its parts are methods, which an engine compiles once for all messages. */
class FieldReader {
  private at = 0;

  constructor(
    private readonly message: Uint8Array,
    private readonly what: string,
  ) {}

  get isAtEnd(): boolean {
    return this.at >= this.message.length;
  }

  fail(why: string): never {
    throw new DecodeError(this.what, `${why} (at offset ${this.at})`);
  }

  private byte(): number {
    const byte = this.message[this.at] ?? this.fail('a number is cut off');
    this.at += 1;
    return byte;
  }

  varint(): bigint {
    // Tags and lengths are short: most numbers need no arithmetic of large ones.
    let low = 0;
    for (let place = 1; place < 2 ** 28; place *= 128) {
      const byte = this.byte();
      low += (byte & 0x7f) * place;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value > 0xffffffffffffffffn ? this.fail('a number of more than 64 bits') : value;
    }
    return this.fail('a number of more than 10 bytes');
  }

  take(size: bigint): Uint8Array {
    const left = this.message.length - this.at;
    if (size > BigInt(left)) this.fail(`${size} bytes where ${left} are left`);
    const from = this.at;
    this.at += Number(size);
    return this.message.subarray(from, this.at);
  }
}

/**
 * The fields of a message, in their order; byte strings are views. `what` names the message in errors. Throws
 * DecodeError.
 */
export function* protobufFields(message: Uint8Array, what: string): Generator<ProtobufField> {
  const reader = new FieldReader(message, what);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const number = Number(tag >> 3n);
    if (tag > 0xffffffffn || number === 0) reader.fail('a field without a number');
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, varint: reader.varint() };
        break;
      case 1:
        yield { number, fixed: reader.take(8n) };
        break;
      case 2:
        yield { number, bytes: reader.take(reader.varint()) };
        break;
      case 5:
        yield { number, fixed: reader.take(4n) };
        break;
      default:
        reader.fail(`unknown wire type ${tag & 7n}`);
    }
  }
}

/** A varint as the signed 32-bit integer that a field of that type holds. */
export function asInt32(varint: bigint): number {
  return Number(BigInt.asIntN(32, varint));
}

function encodeUnsigned(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** Writes fields in the order in which they are given. */
export class ProtobufWriter {
  private readonly parts: Uint8Array[] = [];

  /** A signed 64-bit or smaller integer. */
  varint(number: number, value: bigint | number): this {
    this.parts.push(encodeUnsigned(BigInt(number) << 3n), encodeUnsigned(BigInt.asUintN(64, BigInt(value))));
    return this;
  }

  /** A field of bytes, or a message in a message. */
  bytesField(number: number, value: Uint8Array): this {
    const tag = encodeUnsigned((BigInt(number) << 3n) | 2n);
    this.parts.push(tag, encodeUnsigned(BigInt(value.length)), value);
    return this;
  }

  /** A field of UTF-8 text. */
  text(number: number, value: string): this {
    return this.bytesField(number, utf8(value));
  }

  /** What was written. */
  bytes(): Uint8Array {
    return concat(...this.parts);
  }
}
