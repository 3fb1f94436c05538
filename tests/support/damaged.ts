/** What decoders must stand: bytes that were right once. */
import * as fc from 'fast-check';
import { equal } from '../../src/protocol/bytes.ts';
import { ProtocolError } from '../../src/protocol/errors.ts';

/** Bytes with some of them changed, cut off, repeated or put in. */
export const damaged = (bytes: Uint8Array) =>
  fc
    .array(
      fc.record({
        at: fc.nat(bytes.length),
        how: fc.constantFrom('flip', 'cut', 'insert', 'repeat'),
        byte: fc.integer({ min: 0, max: 255 }),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((changes) =>
      changes.reduce<number[]>((now, { at, how, byte }) => {
        if (how === 'cut') return now.slice(0, at);
        if (how === 'insert') return [...now.slice(0, at), byte, ...now.slice(at)];
        if (how === 'repeat') return [...now.slice(0, at), ...now.slice(Math.max(0, at - byte))];
        return now.map((value, index) => (index === at ? value ^ (byte || 1) : value));
      }, Array.from(bytes)),
    )
    .map((changed) => Uint8Array.from(changed));

/** Whether a decoder gives a value that encodes to the same bytes, or refuses with ProtocolError. */
export function isStrict<T>(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): boolean {
  return takes(() => {
    const again = encode(decode(bytes));
    if (!equal(again, bytes)) throw new Error('decoded to something else');
  });
}

/** Whether work ends, or refuses with ProtocolError. */
export function takes(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    return error instanceof ProtocolError;
  }
}
