import { PIECES_IN_SEGMENT } from './constants.ts';
import { blake3Hash } from './hash.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import type { PieceIndex, SegmentHeader, SegmentIndex } from './types.ts';

export function readSegmentHeader(reader: ScaleReader): SegmentHeader {
  const version = reader.u8();
  if (version !== 0) reader.fail(`unknown version ${version} of a segment header`);
  return {
    segmentIndex: reader.u64(),
    segmentCommitment: reader.raw(48),
    prevSegmentHeaderHash: reader.raw(32),
    lastArchivedBlock: { number: reader.u32(), partialArchived: reader.option((some) => some.u32()) },
  };
}

export function writeSegmentHeader(writer: ScaleWriter, header: SegmentHeader): void {
  writer
    .u8(0)
    .u64(header.segmentIndex)
    .raw(header.segmentCommitment)
    .raw(header.prevSegmentHeaderHash)
    .u32(header.lastArchivedBlock.number)
    .option(header.lastArchivedBlock.partialArchived, (some, bytes) => some.u32(bytes));
}

/** Decodes a segment header of 94 or 98 bytes; throws DecodeError. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader {
  return decodeAll(bytes, 'segment-header', readSegmentHeader);
}

/** SCALE of a segment header: 94 bytes, or 98 when its last block is partly archived. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const writer = new ScaleWriter(98);
  writeSegmentHeader(writer, header);
  return writer.bytes();
}

/** BLAKE3-256 of the SCALE header: 32 bytes. */
export function segmentHeaderHash(header: SegmentHeader): Uint8Array {
  return blake3Hash(encodeSegmentHeader(header));
}

/** Segment that a piece belongs to. */
export function segmentOfPiece(index: PieceIndex): SegmentIndex {
  return index / BigInt(PIECES_IN_SEGMENT);
}

/** Position of a piece in its segment, 0..255. */
export function positionOfPiece(index: PieceIndex): number {
  return Number(index % BigInt(PIECES_IN_SEGMENT));
}

/** Whether a piece holds history itself: source pieces stand at even positions, parity pieces at odd ones. */
export function isSourcePiece(index: PieceIndex): boolean {
  return index % 2n === 0n;
}

/** Number of the raw record in its segment (0..127) that a source piece holds. */
export function sourcePosition(index: PieceIndex): number {
  return positionOfPiece(index) / 2;
}

/** The source piece after `index`, in this segment or first of the next. */
export function nextSourcePiece(index: PieceIndex): PieceIndex {
  return isSourcePiece(index) ? index + 2n : index + 1n;
}

export function firstPieceOfSegment(segment: SegmentIndex): PieceIndex {
  return segment * BigInt(PIECES_IN_SEGMENT);
}

/** All 256 piece indices of a segment, source pieces first. */
export function pieceIndexesSourceFirst(segment: SegmentIndex): PieceIndex[] {
  const first = firstPieceOfSegment(segment);
  const positions = [0n, 1n].flatMap((parity) =>
    Array.from({ length: PIECES_IN_SEGMENT / 2 }, (_, index) => BigInt(2 * index) + parity),
  );
  return positions.map((position) => first + position);
}
