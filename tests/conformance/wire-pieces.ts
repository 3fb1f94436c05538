/** Pieces inside recorded messages, of which only both ends are recorded where they are long. */
import { isRecordInSegment } from '../../src/crypto/piece.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { equal } from '../../src/protocol/bytes.ts';
import { PIECE_BYTES, POINT_BYTES } from '../../src/protocol/constants.ts';
import { positionOfPiece, segmentOfPiece } from '../../src/protocol/segment.ts';
import { expectSame } from './protocol-support.ts';

/** Bytes at the beginning of a piece that all messages record which record any. */
const HEAD_BYTES = 192;
const TAIL_BYTES = 2 * POINT_BYTES;

export interface SeenPiece {
  index: bigint;
  piece: Uint8Array;
}

const isPiece = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array && value.length === PIECE_BYTES;

/** The pieces in a decoded message: beside their index, or all of `asked`. They are views on the message. */
export function piecesIn(value: unknown, asked: bigint | null = null): SeenPiece[] {
  if (isPiece(value)) return asked === null ? [] : [{ index: asked, piece: value }];
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const { pieceIndex } = value as { pieceIndex?: unknown };
  const [first] = Array.isArray(value) ? (value as unknown[]) : [pieceIndex];
  const index = typeof first === 'bigint' ? first : asked;
  return Object.values(value).flatMap((inner) => piecesIn(inner, index));
}

/** What the messages of a recording say of the pieces of one chain. */
export class SeenPieces {
  private readonly commitments = new Map<bigint, Uint8Array>();
  private readonly heads = new Map<bigint, Uint8Array>();
  private readonly tails = new Map<bigint, Uint8Array>();

  /** Takes the segment headers and pieces out of a decoded message. Throws if a piece was another before. */
  note(value: unknown, pieces: readonly SeenPiece[]): void {
    this.noteSegments(value);
    for (const { index, piece } of pieces) {
      this.notePart(this.heads, index, piece.subarray(0, HEAD_BYTES));
      const tail = piece.subarray(-TAIL_BYTES);
      // Compressed points begin with a bit that is set; zeros stand where nothing is recorded.
      if (tail[0] !== 0 && tail[POINT_BYTES] !== 0) this.notePart(this.tails, index, tail);
    }
  }

  private notePart(seen: Map<bigint, Uint8Array>, index: bigint, part: Uint8Array): void {
    if (part.every((byte) => byte === 0)) return;
    const before = seen.get(index);
    if (before !== undefined) expectSame(`piece ${index}`, part, before);
    seen.set(index, part.slice());
  }

  private noteSegments(value: unknown): void {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const { segmentIndex, segmentCommitment } = value as {
      segmentIndex?: unknown;
      segmentCommitment?: unknown;
    };
    if (typeof segmentIndex === 'bigint' && segmentCommitment instanceof Uint8Array) {
      const before = this.commitments.get(segmentIndex);
      if (before !== undefined) expectSame(`segment ${segmentIndex}`, segmentCommitment, before);
      this.commitments.set(segmentIndex, segmentCommitment.slice());
    }
    Object.values(value).forEach((inner) => this.noteSegments(inner));
  }

  /** Every piece whose segment was spoken of is one of it. */
  async check(): Promise<void> {
    await loadWasm();
    for (const [index, tail] of this.tails) {
      const segment = this.commitments.get(segmentOfPiece(index));
      if (segment === undefined) continue;
      const [commitment, witness] = [tail.subarray(0, POINT_BYTES), tail.subarray(POINT_BYTES)];
      if (!isRecordInSegment(commitment, witness, segment, positionOfPiece(index)))
        throw new Error(`piece ${index} is not of its segment`);
    }
  }
}

/**
 * Puts what is missing of a message's only piece in place, if it is `known`: the piece of the same number with the
 * same commitment. Returns whether the message is whole then.
 */
export function complete(
  bytes: Uint8Array,
  [from, to]: readonly [number, number],
  pieces: readonly SeenPiece[],
  known: SeenPiece | null,
): boolean {
  const [seen] = pieces;
  if (known === null || seen === undefined || pieces.length > 1 || seen.index !== known.index) return false;
  if (!equal(seen.piece.subarray(-TAIL_BYTES), known.piece.subarray(-TAIL_BYTES))) return false;
  const at = seen.piece.byteOffset - bytes.byteOffset;
  if (from < at || to > at + PIECE_BYTES) return false;
  bytes.set(known.piece.subarray(from - at, to - at), from);
  return true;
}
