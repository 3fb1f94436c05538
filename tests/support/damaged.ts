/** What decoders must stand: bytes that were right once. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { equal, fromHex } from '../../src/protocol/bytes.ts';
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

/** Whether work that throws where it fails succeeds. */
export function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** Recorded texts of at most so many characters, each once; `names`: JSON files of the vectors. */
export function recordedTexts(names: readonly string[], longest: number): string[] {
  const texts = names.flatMap((name) => {
    const file = new URL(`../vectors/${name}.json`, import.meta.url);
    return [...textsIn(JSON.parse(readFileSync(file, 'utf8')))];
  });
  return [...new Set(texts)].filter(({ length }) => length <= longest);
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null)
    for (const inside of Object.values(value)) yield* textsIn(inside);
}

/** The bytes of those texts that are hex, with 0x or without. */
export function bytesOfHex(texts: readonly string[]): Uint8Array[] {
  const digits = texts
    .map((text) => text.replace(/^0x/, ''))
    .filter((text) => /^(?:[0-9a-f]{2})+$/.test(text));
  return [...new Set(digits)].map((text) => fromHex(text));
}
