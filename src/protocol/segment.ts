import { toHex } from './bytes.ts';
import { PIECES_IN_SEGMENT, POINT_BYTES } from './constants.ts';
import { DecodeError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { jsonHex, jsonObject, jsonU32, jsonU64 } from './json.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import type { LastArchivedBlock, PieceIndex, SegmentHeader, SegmentIndex } from './types.ts';

/** Reads a segment header (`SegmentHeader::V0`). Throws DecodeError. */
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

/** Writes a segment header (`SegmentHeader::V0`). */
export function writeSegmentHeader(writer: ScaleWriter, header: SegmentHeader): void {
  writer
    .u8(0)
    .u64(header.segmentIndex)
    .raw(header.segmentCommitment, POINT_BYTES)
    .raw(header.prevSegmentHeaderHash, 32)
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

/** The source piece before a source piece, in this segment or last of the one before; null for piece 0. */
export function previousSourcePiece(index: PieceIndex): PieceIndex | null {
  return index >= 2n ? index - 2n : null;
}

/** Piece at a position (0..255) of a segment. */
export function pieceAt(segment: SegmentIndex, position: number): PieceIndex {
  return firstPieceOfSegment(segment) + BigInt(position);
}

/** Index of the first of its 256 pieces. */
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

/** Segment header as the farmer RPC shows it. `segmentIndex` may exceed 2^53: a bigint. */
export interface SegmentHeaderJson {
  v0: {
    segmentIndex: number | bigint;
    segmentCommitment: string;
    prevSegmentHeaderHash: string;
    lastArchivedBlock: { number: number; archivedProgress: 'complete' | { partial: number } };
  };
}

/** A segment header as `subspace_segmentHeaders` gives it. */
export function segmentHeaderToJson(header: SegmentHeader): SegmentHeaderJson {
  const { number, partialArchived } = header.lastArchivedBlock;
  return {
    v0: {
      segmentIndex: header.segmentIndex,
      segmentCommitment: toHex(header.segmentCommitment),
      prevSegmentHeaderHash: toHex(header.prevSegmentHeaderHash),
      lastArchivedBlock: {
        number,
        archivedProgress: partialArchived === null ? 'complete' : { partial: partialArchived },
      },
    },
  };
}

/** Segment header from the farmer RPC's JSON. Throws DecodeError. */
export function segmentHeaderFromJson(json: unknown): SegmentHeader {
  const what = 'segment-header';
  const v0 = jsonObject(what, jsonObject(what, json)['v0']);
  return {
    segmentIndex: jsonU64(what, v0['segmentIndex']),
    segmentCommitment: jsonHex(what, v0['segmentCommitment'], POINT_BYTES),
    prevSegmentHeaderHash: jsonHex(what, v0['prevSegmentHeaderHash'], 32),
    lastArchivedBlock: lastArchivedBlockFromJson(jsonObject(what, v0['lastArchivedBlock'])),
  };
}

function lastArchivedBlockFromJson(json: Record<string, unknown>): LastArchivedBlock {
  const what = 'segment-header';
  const number = jsonU32(what, json['number']);
  const progress = json['archivedProgress'];
  if (progress === 'complete') return { number, partialArchived: null };
  if (typeof progress === 'string') throw new DecodeError(what, 'unknown archived progress', { progress });
  return { number, partialArchived: jsonU32(what, jsonObject(what, progress)['partial']) };
}
