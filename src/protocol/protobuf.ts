/** The part of protocol buffers that object nodes and peer lookups need. */
import { concat, utf8 } from './bytes.ts';
import { DecodeError } from './errors.ts';

/** One field of a message: its number and its value, an integer or bytes. */
export type ProtobufField = { number: number; varint: bigint } | { number: number; bytes: Uint8Array };

/**
 * The fields of a message, in their order. Fixed-size fields, which none of the messages here has, are left out.
 * Byte strings are views. `what` names the message in errors. Throws DecodeError.
 */
export function* protobufFields(message: Uint8Array, what: string): Generator<ProtobufField> {
  let at = 0;
  const fail = (why: string): never => {
    throw new DecodeError(what, `${why} (at offset ${at})`);
  };
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at] ?? fail('a number is cut off');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value > 0xffffffffffffffffn ? fail('a number of more than 64 bits') : value;
    }
    return fail('a number of more than 10 bytes');
  };
  const take = (size: bigint): Uint8Array => {
    if (size > BigInt(message.length - at)) fail(`${size} bytes where ${message.length - at} are left`);
    at += Number(size);
    return message.subarray(at - Number(size), at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    if (tag > 0xffffffffn || number === 0) fail('a field without a number');
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, varint: varint() };
        break;
      case 1:
        take(8n);
        break;
      case 2:
        yield { number, bytes: take(varint()) };
        break;
      case 5:
        take(4n);
        break;
      default:
        fail(`unknown wire type ${tag & 7n}`);
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
