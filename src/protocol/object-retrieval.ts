/** Objects out of archived history: from a mapping, which nobody vouches for, to bytes of the object's hash. */
import { equal, toHex } from './bytes.ts';
import { RAW_RECORD_BYTES, RECORDED_SEGMENT_BYTES, SOURCE_PIECES_IN_SEGMENT } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { rawOfPiece } from './record.ts';
import { decodeAll, ScaleReader } from './scale.ts';
import { isSourcePiece, readSegmentHeader, sourcePosition } from './segment.ts';
import { MAX_SEGMENT_PADDING } from './segment-item.ts';
import type { GlobalObject, PieceIndex } from './types.ts';

const RULE = 'object-retrieval';
/** Bytes of the shortest header that the first piece of a segment begins with; no object starts in it. */
const MIN_SEGMENT_HEADER_BYTES = 94;
const PARENT_SEGMENT_HEADER = 4;
const BLOCK_CONTINUATION = 3;

/** Longest object that the search can follow: it crosses one border of segments at most. */
const MAX_SUPPORTED_BYTES = RECORDED_SEGMENT_BYTES - 3 - 1 - 1 - 98 - 1 - 8;
/** Longest object unless told otherwise, in bytes: more than a block can hold. */
const MAX_OBJECT_BYTES = 6 * 1024 * 1024;

/** Why an object is not there; the `code` of the ProtocolError (rule `object-retrieval`) that says so. */
export type ObjectFault =
  /** The mapping names a parity piece. */
  | 'not-source-piece'
  /** The mapping's offset lies behind the end of a raw record. */
  | 'piece-offset-too-large'
  /** The mapping points into the header at a segment's beginning. */
  | 'piece-offset-in-segment-header'
  /** The length before the object exceeds what is allowed. */
  | 'object-too-large'
  /** What stands before the object is no length of 32 bits. */
  | 'length-prefix-too-large'
  /** The same where the segment ends, so that the length could go on in the next one. */
  | 'invalid-object'
  /** The object would go on behind the end of its block. */
  | 'invalid-mapping'
  /** The bytes that stand there have another hash. */
  | 'invalid-data-hash'
  /** A piece that the object lies in is not to be had. */
  | 'piece-not-found'
  /** The segment that the object continues in has an unknown version. */
  | 'unknown-segment-variant'
  /** The beginning of that segment does not decode. */
  | 'segment-decoding'
  /** That segment does not begin with its parent's header. */
  | 'unexpected-segment-item'
  /** What follows the header there is not a block's continuation. */
  | 'unexpected-segment-item-variant';

function refusal(code: ObjectFault, message: string, { hash, pieceIndex, offset }: GlobalObject) {
  return new ProtocolError({
    code,
    rule: RULE,
    message,
    values: { hash: toHex(hash), pieceIndex, offset },
    sentence: SENTENCES[code] ?? 'The hint where to find the object is wrong.',
  });
}

const SENTENCES: Partial<Record<ObjectFault, string>> = {
  'object-too-large': 'The object is larger than allowed, or the hint where to find it is wrong.',
  'piece-not-found': 'A piece that the object lies in was not found.',
};

/** The raw history from a piece on, as far as it was fetched. */
class History {
  private readonly raw: Uint8Array[] = [];

  constructor(private readonly mapping: GlobalObject) {}

  /** Bytes from the object's beginning to the end of its segment. */
  get border(): number {
    const { pieceIndex, offset } = this.mapping;
    return (SOURCE_PIECES_IN_SEGMENT - sourcePosition(pieceIndex)) * RAW_RECORD_BYTES - offset;
  }

  /** Has the pieces fetched that hold the first `length` bytes from the object's beginning on. */
  *need(length: number): Generator<PieceIndex[], void, Uint8Array[]> {
    const count = Math.ceil((this.mapping.offset + length) / RAW_RECORD_BYTES);
    const missing: PieceIndex[] = [];
    for (let number = this.raw.length; number < count; number += 1) {
      missing.push(this.mapping.pieceIndex + 2n * BigInt(number));
    }
    if (missing.length === 0) return;
    const pieces = yield missing;
    for (const piece of pieces) this.raw.push(rawOfPiece(piece));
  }

  /** Copy of bytes `from` to `to`, counted from the object's beginning. */
  *bytes(from: number, to: number): Generator<PieceIndex[], Uint8Array, Uint8Array[]> {
    yield* this.need(to);
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to;) {
      const position = this.mapping.offset + at;
      const record = this.raw[Math.floor(position / RAW_RECORD_BYTES)] as Uint8Array;
      const start = position % RAW_RECORD_BYTES;
      const part = record.subarray(start, Math.min(RAW_RECORD_BYTES, start + to - at));
      bytes.set(part, at - from);
      at += part.length;
    }
    return bytes;
  }
}

/** Where the content of the block that crosses a border goes on. */
interface Continuation {
  /** Bytes of the next segment before the content. */
  start: number;
  length: number;
}

/** Reads the beginning of the segment after the object's. */
function* continuation(
  history: History,
  mapping: GlobalObject,
): Generator<PieceIndex[], Continuation, Uint8Array[]> {
  const begin = yield* history.bytes(history.border, history.border + 256);
  const reader = new ScaleReader(begin, 'segment');
  const version = reader.u8();
  if (version !== 0) throw refusal('unknown-segment-variant', `segment of version ${version}`, mapping);
  const expectItem = (expected: number, code: ObjectFault): void => {
    const item = reader.u8();
    if (item !== expected) throw refusal(code, `item ${item} where ${expected} is expected`, mapping);
  };
  try {
    expectItem(PARENT_SEGMENT_HEADER, 'unexpected-segment-item');
    readSegmentHeader(reader);
    expectItem(BLOCK_CONTINUATION, 'unexpected-segment-item-variant');
    return { length: reader.compact(), start: reader.position };
  } catch (error) {
    if (isObjectFault(error)) throw error;
    throw refusal('segment-decoding', 'the beginning of the next segment does not decode', mapping);
  }
}

/**
 * The block's bytes from the object's beginning on, if the segment ends in `padding` bytes that belong to no
 * block.
 */
class Content {
  /** Most bytes taken at once: how far its reading reached. */
  reach = 0;
  private next: Continuation | null = null;

  constructor(
    private readonly history: History,
    private readonly mapping: GlobalObject,
    private readonly padding: number,
  ) {}

  /** The first `length` bytes. */
  *take(length: number): Generator<PieceIndex[], Uint8Array, Uint8Array[]> {
    this.reach = Math.max(this.reach, length);
    const inSegment = this.history.border - this.padding;
    if (length <= inSegment) return yield* this.history.bytes(0, length);
    const rest = length - inSegment;
    // A length that only wrong padding gave must not fetch the pieces that it would need.
    this.next ??= yield* continuation(this.history, this.mapping);
    if (rest > this.next.length) {
      throw refusal(
        'invalid-mapping',
        `${rest} bytes of ${this.next.length} in a continuation`,
        this.mapping,
      );
    }
    const from = this.history.border + this.next.start;
    const bytes = new Uint8Array(length);
    bytes.set(yield* this.history.bytes(0, inSegment));
    bytes.set(yield* this.history.bytes(from, from + rest), inSegment);
    return bytes;
  }
}

/** Bytes of a compact integer of 32 bits, by the last two bits of its first byte. */
const PREFIX_BYTES = [1, 2, 4, 5] as const;

/** The data of the object that the content begins with. */
function* readObject(
  history: History,
  content: Content,
  mapping: GlobalObject,
  maxLength: number,
): Generator<PieceIndex[], Uint8Array, Uint8Array[]> {
  const [first] = yield* content.take(1);
  const prefix = PREFIX_BYTES[((first as number) & 3) as 0 | 1 | 2 | 3];
  const length = decodeLength(yield* content.take(prefix));
  if (length === null) return yield* refuseLength(history, mapping);
  if (length > maxLength) throw refusal('object-too-large', `an object of ${length} bytes`, mapping);
  const data = (yield* content.take(prefix + length)).slice(prefix);
  if (equal(blake3Hash(data), mapping.hash)) return data;
  throw refusal('invalid-data-hash', `${length} bytes of another hash`, mapping);
}

function decodeLength(bytes: Uint8Array): number | null {
  try {
    return decodeAll(bytes, 'object-length', (reader) => reader.compact());
  } catch {
    return null;
  }
}

/** Names the fault of a length as the network does, which looks into the next segment before it gives up. */
function* refuseLength(
  history: History,
  mapping: GlobalObject,
): Generator<PieceIndex[], never, Uint8Array[]> {
  const message = 'no length stands before the object';
  if (sourcePosition(mapping.pieceIndex) < SOURCE_PIECES_IN_SEGMENT - 1) {
    throw refusal('length-prefix-too-large', message, mapping);
  }
  yield* continuation(history, mapping);
  throw refusal('invalid-object', message, mapping);
}

function requirePlausible(mapping: GlobalObject): void {
  const { pieceIndex, offset } = mapping;
  if (!isSourcePiece(pieceIndex)) {
    throw refusal('not-source-piece', `piece ${pieceIndex} holds parity`, mapping);
  }
  if (offset >= RAW_RECORD_BYTES) {
    throw refusal('piece-offset-too-large', `offset ${offset} in a raw record`, mapping);
  }
  if (sourcePosition(pieceIndex) === 0 && offset < MIN_SEGMENT_HEADER_BYTES) {
    throw refusal('piece-offset-in-segment-header', `offset ${offset} in a segment`, mapping);
  }
}

/**
 * Retrieves an object step by step: yields the source pieces it needs next, ascending, is given them (1 048 672
 * bytes each) or has a refusal thrown into it, and returns the object's data, whose BLAKE3 is the mapping's hash.
 *
 * A segment may end in up to three bytes of padding, which nothing marks: each count of zero bytes is tried, and
 * the hash decides.
 *
 * @param maxLength Longest object to accept, in bytes.
 * @throws ProtocolError (rule `object-retrieval`, its code an `ObjectFault`), or of rule `source-record` for a
 * piece that no source piece can be.
 */
function* retrieveObject(
  mapping: GlobalObject,
  maxLength: number = MAX_OBJECT_BYTES,
): Generator<PieceIndex[], Uint8Array, Uint8Array[]> {
  if (maxLength > MAX_SUPPORTED_BYTES) throw new RangeError(`objects of ${maxLength} bytes`);
  requirePlausible(mapping);
  const history = new History(mapping);
  let fault: unknown = null;
  for (let padding = 0; padding < Math.min(MAX_SEGMENT_PADDING + 1, history.border); padding += 1) {
    if (padding > 0 && (yield* history.bytes(history.border - padding, history.border))[0] !== 0) break;
    const content = new Content(history, mapping, padding);
    try {
      return yield* readObject(history, content, mapping, maxLength);
    } catch (error) {
      if (!isObjectFault(error)) throw error;
      fault ??= error;
    }
    // With more padding the same bytes would be read again.
    if (content.reach <= history.border - MAX_SEGMENT_PADDING) break;
  }
  throw fault;
}

function isObjectFault(error: unknown): boolean {
  return error instanceof ProtocolError && error.rule === RULE;
}

/**
 * Retrieves an object (see `retrieveObject`). `pieces` gives the pieces asked for, in order, verified against
 * their segments' commitments as far as its caller wants to know who sent a wrong one; null for one that is not
 * to be had.
 *
 * @throws ProtocolError (rule `object-retrieval`, its code an `ObjectFault`).
 */
export async function fetchObject(
  mapping: GlobalObject,
  pieces: (indices: PieceIndex[]) => Promise<(Uint8Array | null)[]>,
  maxLength: number = MAX_OBJECT_BYTES,
): Promise<Uint8Array> {
  const retrieval = retrieveObject(mapping, maxLength);
  for (let step = retrieval.next(); ;) {
    if (step.done) return step.value;
    const wanted = step.value;
    const given = await pieces(wanted);
    const missing = wanted.find((_, i) => !given[i]);
    step =
      missing === undefined
        ? retrieval.next(given as Uint8Array[])
        : // With other padding it may not be needed.
          retrieval.throw(refusal('piece-not-found', `piece ${missing} is not to be had`, mapping));
  }
}
