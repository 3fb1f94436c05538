/** Recorded bytes of which a part is left out, and its length and digest are named instead. */
import { createHash } from 'node:crypto';
import { fromHex } from '../../src/protocol/bytes.ts';
import { decodeWith, encodeWith, type Codec } from '../../src/protocol/codec.ts';
import { expectSame } from './protocol-support.ts';
import { complete, type SeenPiece } from './wire-pieces.ts';

/** Bytes, or, for long ones, their length, hash and ends. */
export type RecordedBytes =
  { hex: string } | { len: number; sha256: string; first_256: string; last_256: string };

/** Bytes of which a stretch in the middle may be unknown: zeros stand there. */
export interface Partial {
  bytes: Uint8Array;
  /** First and last unknown byte; equal where nothing is unknown. */
  hole: [number, number];
  recorded: RecordedBytes;
}

export function partial(recorded: RecordedBytes): Partial {
  if ('hex' in recorded) return { bytes: fromHex(recorded.hex), hole: [0, 0], recorded };
  const first = fromHex(recorded.first_256, 256);
  const last = fromHex(recorded.last_256, 256);
  const bytes = new Uint8Array(recorded.len);
  bytes.set(first);
  bytes.set(last, recorded.len - last.length);
  return { bytes, hole: [first.length, recorded.len - last.length], recorded };
}

/** Puts bytes that follow from the structure into the unknown stretch. */
export function fill({ bytes, hole: [from, to] }: Partial, at: number, structure: Uint8Array): void {
  structure.forEach((byte, index) => {
    if (at + index >= from && at + index < to) bytes[at + index] = byte;
  });
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Throws unless bytes are the recorded ones, as far as those are known. */
export function expectRecorded(bytes: Uint8Array, recorded: RecordedBytes, whole: boolean): void {
  if ('hex' in recorded) return expectSame('bytes', bytes, recorded.hex);
  expectSame('len', bytes.length, recorded.len);
  expectSame('first_256', bytes.subarray(0, 256), recorded.first_256);
  expectSame('last_256', bytes.subarray(-256), recorded.last_256);
  if (whole) expectSame('sha256', sha256(bytes), recorded.sha256);
}

export function roundTrip<T>(codec: Codec<T>, payload: Partial, what: string): T {
  const value = decodeWith(codec, payload.bytes, what);
  expectRecorded(encodeWith(codec, value), payload.recorded, false);
  return value;
}

/** Compares the hash of a message that a known piece completes. */
export function expectWhole(
  { bytes, hole, recorded }: Partial,
  pieces: SeenPiece[],
  known: SeenPiece | null,
): void {
  if ('hex' in recorded || !complete(bytes, hole, pieces, known)) return;
  expectSame('sha256', sha256(bytes), recorded.sha256);
}
