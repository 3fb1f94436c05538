/** Nodes that begin in one piece and end in the next. */
import { concat } from '../protocol/bytes.ts';
import { nodesIn, type RecordNodes } from '../protocol/history-nodes.ts';
import { continuationIn, MAX_SEGMENT_PADDING } from '../protocol/segment-item.ts';
import { previousSourcePiece, segmentOfPiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';

/** A node and where it lies. */
export interface PlacedNode {
  place: GlobalObject;
  bytes: Uint8Array;
}

/** Borders remembered until the piece at their other side comes, 64 KiB each. */
const MAX_BORDERS = 64;

/** Puts the nodes across borders together, in whatever order the pieces come. */
export class Borders {
  private readonly ends = new Map<PieceIndex, RecordNodes['end']>();
  /** What goes on after a piece, by that piece. */
  private readonly begins = new Map<PieceIndex, Uint8Array>();

  /** @param seen Told of every border that was looked across, by the piece before it. */
  constructor(private readonly seen: (before: PieceIndex) => void = () => undefined) {}

  /** The nodes across the borders of a piece whose other side has come. */
  *nodesAt(index: PieceIndex, { begin, end }: RecordNodes): Generator<PlacedNode> {
    remember(this.ends, index, end);
    yield* this.across(index);
    const before = previousSourcePiece(index);
    if (before === null) return;
    const goesOn = segmentOfPiece(before) === segmentOfPiece(index) ? begin : continuationIn(begin);
    if (goesOn === null) {
      this.seen(before);
      return;
    }
    remember(this.begins, before, goesOn);
    yield* this.across(before);
  }

  /** Drops what a piece, which turned out to be wrong, left behind. */
  forget(index: PieceIndex): void {
    this.ends.delete(index);
    const before = previousSourcePiece(index);
    if (before !== null) this.begins.delete(before);
  }

  private *across(index: PieceIndex): Generator<PlacedNode> {
    const end = this.ends.get(index);
    const begin = this.begins.get(index);
    if (end === undefined || begin === undefined) return;
    this.ends.delete(index);
    this.begins.delete(index);
    this.seen(index);
    const inSegment = segmentOfPiece(index) === segmentOfPiece(index + 2n);
    const { at, bytes } = end;
    for (let padding = 0; padding <= (inSegment ? 0 : MAX_SEGMENT_PADDING); padding += 1) {
      const own = bytes.length - padding;
      if (own < 0 || (padding > 0 && bytes[own] !== 0)) return;
      for (const node of nodesIn(concat(bytes.subarray(0, own), begin), own)) {
        const place = { hash: node.hash, pieceIndex: index, offset: at + node.offset };
        yield { place, bytes: node.bytes.slice() };
      }
    }
  }
}

function remember<T>(borders: Map<PieceIndex, T>, index: PieceIndex, border: T): void {
  borders.set(index, border);
  for (const oldest of borders.keys()) {
    if (borders.size <= MAX_BORDERS) return;
    borders.delete(oldest);
  }
}
