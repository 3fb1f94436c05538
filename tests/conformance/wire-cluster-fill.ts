/** Messages of a cluster completed with bytes where the recording left them out. */
import { clusterMessages, type AnyMessage } from '../../src/protocol/cluster/messages.ts';
import { PIECE_BYTES } from '../../src/protocol/constants.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import { ScaleReader, ScaleWriter } from '../../src/protocol/scale.ts';
import { SECTOR_METADATA_BYTES } from '../../src/protocol/sector.ts';
import { fill, type Partial } from './wire-partial.ts';

const PIECE_LENGTH = new ScaleWriter().compact(PIECE_BYTES).bytes();

/** The structure of a plotted sector that begins at `at`. Returns where it ends. */
function fillPlottedSector(payload: Partial, at: number): number {
  const metadata = at + 34;
  const pieces = new DataView(payload.bytes.buffer).getUint16(metadata + 2, true);
  const checksum = metadata + SECTOR_METADATA_BYTES - 32;
  // Any history size but zero decodes.
  fill(payload, checksum - 8, Uint8Array.of(1));
  fill(payload, checksum, blake3Hash(payload.bytes.subarray(metadata, checksum)));
  const list = new ScaleWriter().compact(pieces).bytes();
  fill(payload, checksum + 32, list);
  return checksum + 32 + list.length + 8 * pieces;
}

/** The structure of `count` items of a stream that begin at `at`; `end` is where the last one ends. */
function fillItems(payload: Partial, message: AnyMessage, count: number, at: number, end: number): void {
  const { bytes } = payload;
  for (let item = 0; item < count; item += 1) {
    switch (message) {
      case clusterMessages.pieces:
        fill(payload, at + 8, PIECE_LENGTH);
        at += 8 + PIECE_LENGTH.length + PIECE_BYTES;
        break;
      case clusterMessages.readPieces:
        // Tag of the result, offset, tag of the option: unknown ones are taken to hold a piece.
        fill(payload, at + 5, Uint8Array.of(1));
        if (bytes[at] === 1) return;
        at += 6;
        if (bytes[at - 1] === 0) break;
        fill(payload, at + 8, PIECE_LENGTH);
        at += 8 + PIECE_LENGTH.length + PIECE_BYTES;
        break;
      case clusterMessages.plottedSectors:
        fill(payload, at + 35 + 2, bytes.subarray(at - item, at - item + 2));
        at = fillPlottedSector(payload, at + 1);
        break;
      case clusterMessages.plotSector: {
        const left = count - item - 1;
        const tag = bytes[at]!;
        if (tag === 3 || tag === 5) at += 13;
        else if (tag === 6) at = fillPlottedSector(payload, at + 1) + 12;
        else if (tag === 7 || (at >= payload.hole[0] && left === 0)) {
          const length = end - left - at - 6;
          fill(payload, at, Uint8Array.of(7, 0));
          fill(payload, at + 2, new ScaleWriter().compact(length).bytes());
          return;
        } else at += 1;
        break;
      }
      default:
        return;
    }
  }
}

/** The structure of a stream's long message, as far as it follows from what is recorded. */
export function fillStreamMessage(payload: Partial, message: AnyMessage): void {
  if (payload.hole[0] === payload.hole[1]) return;
  const reader = new ScaleReader(payload.bytes, 'stream message');
  const last = reader.u8() === 1;
  reader.u32();
  const count = reader.compact();
  // A subject of the acknowledgements always has the same length: a word, a point and a ULID.
  const end = payload.bytes.length - (last ? 0 : 1 + 'stream-response-ack.'.length + 26);
  fillItems(payload, message, count, reader.position, end);
}

/** The structure of a long message that is not part of a stream. */
export function fillMessage(payload: Partial, message: AnyMessage): void {
  if (message === clusterMessages.sectorUpdate && payload.bytes[20] === 7) {
    let at = fillPlottedSector(payload, 21);
    fill(payload, at, Uint8Array.of(payload.bytes.length > at + 13 ? 1 : 0));
    if (payload.bytes[at] === 1) {
      fill(payload, at + 1 + 34, payload.bytes.subarray(21 + 34, 21 + 38));
      at = fillPlottedSector(payload, at + 1);
    }
  }
}
