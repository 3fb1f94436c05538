/** What plotting holds in memory at once. */
import { PIECE_BYTES } from '../protocol/constants.ts';

const MIB = 1024 * 1024;
/** What encoding one record takes beside its piece: its table, its chunks, twice over while they are copied. */
export const ENCODING_BYTES = 32 * MIB;
/**
 * What does not grow with the work: bitfields and metadata of the records of the largest sector, its contents map, and
 * the messages on their way. A delivery takes no more, as nothing is encoded meanwhile.
 */
export const FIXED_BYTES = 28 * MIB;
/** One batch is encoded while the next one is verified, which takes a copy of it. */
export const BATCHES = 3;
/** Pieces of a batch: the more, the cheaper each is to verify. */
export const PIECES_AT_ONCE = 32;

/** Bytes that a sector's plotting holds at most, with so many encodings under way at once. */
export function plottingBytes(encodings: number): number {
  return FIXED_BYTES + encodings * ENCODING_BYTES + BATCHES * PIECES_AT_ONCE * PIECE_BYTES;
}
