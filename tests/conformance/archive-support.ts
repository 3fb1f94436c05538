/** The recorded blocks, and the segments that archiving makes of them, for every suite that needs history. */
import { Archiver, extendGenesisBlock, type ClosedSegment } from '../../src/protocol/archiver.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import {
  PIECES_IN_SEGMENT,
  RAW_RECORD_BYTES,
  SOURCE_PIECES_IN_SEGMENT,
} from '../../src/protocol/constants.ts';
import { recordFromRaw } from '../../src/protocol/record.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { decodeSegmentHeader, positionOfPiece, segmentOfPiece } from '../../src/protocol/segment.ts';
import type { BlockObject, PieceIndex, SegmentHeader } from '../../src/protocol/types.ts';
import { SegmentPieces } from '../../src/crypto/archive.ts';
import { joinHex, namedBytes, type Recorded } from './protocol-support.ts';

export interface RecordedObject extends Recorded {
  offset: number;
  data_len: number;
  data_name: string;
  hash: string;
}

export interface RecordedBlock extends Recorded {
  number: number;
  kind?: string;
  len: number;
  state_root?: string;
  objects: RecordedObject[];
}

export type RecordedMapping = [hash: string, pieceIndex: number, offset: number];

export interface RecordedPiece extends Recorded {
  position: number;
  piece_index: number;
  commitment: string;
  witness: string;
}

export interface RecordedSegment extends Recorded {
  segment_index: number;
  header_scale: string;
  segment_commitment: string;
  raw_record_blake3: string[];
  items: [string, (number | string)?][];
  pieces: RecordedPiece[];
}

export interface ArchivingFile {
  label: string;
  recorded_history_segment_size: number;
  blocks: RecordedBlock[];
  outcomes: { block: number; archived_segments: number[]; global_objects: RecordedMapping[] }[];
  segments: RecordedSegment[];
  /** The mappings that a restarted archiver gave stand under a name that ends with the segment they come before. */
  resume: Record<string, number | RecordedMapping[]> & { from_segment_header: number; block: number };
  full_pieces: { file: string; piece_index: number }[];
}

/** Bytes of the genesis block before its extension. */
export const GENESIS_PREFIX_BYTES = 300;

/** Bytes of a recorded block, made by the rule of the set. */
export function blockBytes(label: string, block: RecordedBlock): Uint8Array {
  const { number, len, state_root } = block;
  if (state_root !== undefined) {
    const prefix = namedBytes(label, `block-${number}`, GENESIS_PREFIX_BYTES);
    return extendGenesisBlock(prefix, fromHex(state_root, 32));
  }
  const bytes = namedBytes(label, `block-${number}`, len);
  for (const { offset, data_name, data_len } of block.objects) {
    const object = new ScaleWriter().byteVector(namedBytes(label, data_name, data_len)).bytes();
    bytes.set(object, offset);
  }
  return bytes;
}

export function blockObjectsOf(block: RecordedBlock): BlockObject[] {
  return block.objects.map(({ hash, offset }) => ({ hash: fromHex(hash, 32), offset }));
}

export function headerOf(segment: RecordedSegment): SegmentHeader {
  return decodeSegmentHeader(fromHex(segment.header_scale));
}

/** The recorded segment of that index. Throws where the set lacks it. */
export function segmentAt(file: ArchivingFile, index: number): RecordedSegment {
  const found = file.segments.find((segment) => segment.segment_index === index);
  if (found === undefined) throw new Error(`this set lacks segment ${index}, which one of its cases needs`);
  return found;
}

/** Header of the recorded segment before one; null for the first of all. Throws where the set lacks it. */
export function parentOf(file: ArchivingFile, index: number): SegmentHeader | null {
  return index === 0 ? null : headerOf(segmentAt(file, index - 1));
}

/** Commitments and witnesses of a recorded segment with its history, as they were recorded. */
export function recordedPieces(segment: RecordedSegment, recorded: Uint8Array): SegmentPieces {
  return new SegmentPieces(recorded, {
    recordCommitments: joinHex(segment.pieces.map(({ commitment }) => commitment)),
    recordWitnesses: joinHex(segment.pieces.map(({ witness }) => witness)),
    segmentCommitment: fromHex(segment.segment_commitment, 48),
  });
}

/** The history of a set: its segments, archived again, and their pieces. */
export class RebuiltHistory {
  private constructor(private readonly segments: ReadonlyMap<number, SegmentPieces>) {}

  /** Archives the recorded blocks; commitments and witnesses are taken from the recording. */
  static of(file: ArchivingFile): RebuiltHistory {
    const archiver = new Archiver();
    const segments = new Map<number, SegmentPieces>();
    const keep = (closed: ClosedSegment): void => {
      const index = Number(closed.segmentIndex);
      const segment = file.segments.find(({ segment_index }) => segment_index === index);
      if (segment !== undefined)
        segments.set(index, recordedPieces(segment, closed.record(parentOf(file, index))));
    };
    for (const block of file.blocks) {
      if (segments.size === file.segments.length) break;
      archiver.addBlock(blockBytes(file.label, block), []).segments.forEach(keep);
    }
    return new RebuiltHistory(segments);
  }

  /** A piece, or null when its segment was not archived. */
  piece(index: PieceIndex): Uint8Array | null {
    return this.segments.get(Number(segmentOfPiece(index)))?.at(positionOfPiece(index)) ?? null;
  }
}

/** Raw record number 0..127 of a recorded segment. */
export function rawRecord(recorded: Uint8Array, number: number): Uint8Array {
  return recorded.subarray(number * RAW_RECORD_BYTES, (number + 1) * RAW_RECORD_BYTES);
}

/** All 256 records of a segment by position, from its sources and parity. */
export function recordsOf(recorded: Uint8Array, parity: readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: PIECES_IN_SEGMENT }, (_, position) =>
    position % 2 === 0 ? recordFromRaw(rawRecord(recorded, position / 2)) : parity[(position - 1) / 2]!,
  );
}

export const RECORD_NUMBERS = Array.from({ length: SOURCE_PIECES_IN_SEGMENT }, (_, number) => number);
