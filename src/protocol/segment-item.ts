/** Items of a recorded history segment: blocks, parts of blocks, the header of the segment before, padding. */
import { RECORDED_SEGMENT_BYTES } from './constants.ts';
import { DecodeError } from './errors.ts';
import { compactSize, ScaleReader, ScaleWriter } from './scale.ts';
import { encodeSegmentHeader, readSegmentHeader } from './segment.ts';
import type { SegmentHeader } from './types.ts';

const SEGMENT_VERSION = 0;
/** Bytes of a segment before its first item. */
export const SEGMENT_PREFIX_BYTES = 1;
/** Zero bytes that the end of a segment may hold beyond its items, because a shortened length got shorter. */
export const MAX_SEGMENT_PADDING = 3;

/** A block, the first part of one, or a later part. */
export type BlockItemKind = 'block' | 'blockStart' | 'blockContinuation';

/** An item of a segment. */
export type SegmentItem =
  | { kind: 'padding' }
  | { kind: BlockItemKind; bytes: Uint8Array }
  | { kind: 'parentSegmentHeader'; header: SegmentHeader };

const PADDING = 0;
const PARENT_SEGMENT_HEADER = 4;
const TAGS: Record<BlockItemKind, number> = { block: 1, blockStart: 2, blockContinuation: 3 };
const BLOCK_KINDS = new Map(
  Object.entries(TAGS).map(([kind, tag]): [number, BlockItemKind] => [tag, kind as BlockItemKind]),
);

/** Bytes before the content of a block item: its kind and the compact length of its `length` bytes. */
export function blockItemPrefixBytes(length: number): number {
  return 1 + compactSize(length);
}

/** Reads one item; its bytes are a view on the input. Throws DecodeError. */
function readSegmentItem(reader: ScaleReader): SegmentItem {
  const tag = reader.u8();
  const kind = BLOCK_KINDS.get(tag);
  if (kind !== undefined) return { kind, bytes: reader.window(reader.compact()) };
  if (tag === PADDING) return { kind: 'padding' };
  if (tag !== PARENT_SEGMENT_HEADER) reader.fail(`unknown segment item ${tag}`);
  return { kind: 'parentSegmentHeader', header: readSegmentHeader(reader) };
}

/** Reads the version at the beginning of a segment. Throws DecodeError. */
function readSegmentVersion(reader: ScaleReader): void {
  const version = reader.u8();
  if (version !== SEGMENT_VERSION) reader.fail(`unknown version ${version} of a segment`);
}

/**
 * The items of a recorded segment (130 023 424 bytes), one after the other; every zero byte of the padding is
 * an item of its own, as in the network's own decoding. Throws DecodeError when it reaches bytes that are none.
 */
export function* segmentItems(recorded: Uint8Array): Generator<SegmentItem> {
  if (recorded.length !== RECORDED_SEGMENT_BYTES) {
    throw new DecodeError('segment', `${recorded.length} bytes where ${RECORDED_SEGMENT_BYTES} are needed`);
  }
  const reader = new ScaleReader(recorded, 'segment');
  readSegmentVersion(reader);
  while (reader.remaining > 0) yield readSegmentItem(reader);
}

/**
 * The part in a segment's first raw record of the block that began in the segment before: a view, to the record's end at
 * most. Null where the segment begins otherwise.
 */
export function continuationIn(firstRaw: Uint8Array): Uint8Array | null {
  const reader = new ScaleReader(firstRaw, 'segment');
  try {
    if (readParentHeader(reader) === null) return null;
    if (reader.u8() !== TAGS.blockContinuation) return null;
    const length = reader.compact();
    return firstRaw.subarray(reader.position, reader.position + length);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

/** The header of the segment before that a segment's first raw record begins with; null where it begins otherwise. */
export function parentHeaderIn(firstRaw: Uint8Array): SegmentHeader | null {
  try {
    return readParentHeader(new ScaleReader(firstRaw, 'segment'));
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function readParentHeader(reader: ScaleReader): SegmentHeader | null {
  readSegmentVersion(reader);
  return reader.u8() === PARENT_SEGMENT_HEADER ? readSegmentHeader(reader) : null;
}

/** SCALE of the items as a recorded segment, zero-padded to 130 023 424 bytes. Throws RangeError if longer. */
export function encodeSegment(items: readonly SegmentItem[]): Uint8Array {
  const recorded = new Uint8Array(RECORDED_SEGMENT_BYTES);
  let at = SEGMENT_PREFIX_BYTES;
  const append = (bytes: Uint8Array): void => {
    recorded.set(bytes, at);
    at += bytes.length;
  };
  for (const item of items) {
    switch (item.kind) {
      case 'padding':
        append(Uint8Array.of(PADDING));
        break;
      case 'parentSegmentHeader':
        append(Uint8Array.of(PARENT_SEGMENT_HEADER));
        append(encodeSegmentHeader(item.header));
        break;
      default:
        append(new ScaleWriter(6).u8(TAGS[item.kind]).compact(item.bytes.length).bytes());
        append(item.bytes);
    }
  }
  return recorded;
}
