/**
 * Binary messages between a page and the plotter of the native helper, as `helper/native/src/frames.rs` describes them.
 */
import { concat, littleEndian } from '../protocol/bytes.ts';
import { RECORD_BYTES, RECORD_CHUNKS } from '../protocol/constants.ts';
import { countBits } from '../protocol/contents-map.ts';
import { DecodeError } from '../protocol/errors.ts';
import { BITFIELD_BYTES } from '../protocol/sector.ts';

const REFUSED = 0;
const ENCODE = 1;
const GIVE_UP = 2;
const HEAD_BYTES = 5;
const ENCODED_BYTES = HEAD_BYTES + 4 + BITFIELD_BYTES + RECORD_BYTES;
const MAX_REASON_BYTES = 1_000;
/** Longest message of the helper. */
export const MAX_FRAME_BYTES = ENCODED_BYTES;

export type PlotterAnswer =
  | {
      kind: 'encoded';
      id: number;
      /** That the encoding took. */
      milliseconds: number;
      /** 8192 bytes, with 32768 bits set at most. */
      bitfield: Uint8Array;
      /** 32768 chunks of 32 bytes in s-bucket order. */
      chunks: Uint8Array;
    }
  | { kind: 'refused'; id: number; reason: string };

/** Asks for a record of 1 MiB to be encoded by the table of a seed of 32 bytes. */
export function encodeFrame(
  id: number,
  evaluationSeed: Uint8Array,
  record: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return concat(Uint8Array.of(ENCODE), littleEndian(id, 4), evaluationSeed, record);
}

/** Gives an encoding up. */
export function giveUpFrame(id: number): Uint8Array<ArrayBuffer> {
  return concat(Uint8Array.of(GIVE_UP), littleEndian(id, 4));
}

/** Decodes an answer; copies what it holds. Throws DecodeError. */
export function decodeFrame(message: Uint8Array): PlotterAnswer {
  const fail = (why: string): DecodeError => new DecodeError('helper-encoding', why);
  if (message.length < HEAD_BYTES) throw fail(`${message.length} bytes`);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const id = view.getUint32(1, true);
  switch (message[0]) {
    case ENCODE: {
      if (message.length !== ENCODED_BYTES) throw fail(`${message.length} bytes`);
      const milliseconds = view.getUint32(HEAD_BYTES, true);
      const bitfield = message.slice(HEAD_BYTES + 4, HEAD_BYTES + 4 + BITFIELD_BYTES);
      if (countBits(bitfield) > RECORD_CHUNKS) throw fail('more chunks than a record has');
      return { kind: 'encoded', id, milliseconds, bitfield, chunks: message.slice(-RECORD_BYTES) };
    }
    case REFUSED: {
      if (message.length > HEAD_BYTES + MAX_REASON_BYTES) throw fail(`${message.length} bytes`);
      return { kind: 'refused', id, reason: new TextDecoder().decode(message.subarray(HEAD_BYTES)) };
    }
    default:
      throw fail(`kind ${message[0]}`);
  }
}
