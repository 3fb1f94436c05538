/** Nodes of objects in raw history, recognized by how they begin. */
import { RAW_RECORD_BYTES, RECORD_BYTES } from './constants.ts';
import { decodeNode, MAX_NODE_BYTES } from './dag.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { rawFromRecord } from './record.ts';

/** Beginning of a node with links: a link's tag, its length, then an identifier's. */
const LINK_START = Uint8Array.of(0x12, 0x26, 0x0a, 0x24, 0x01, 0x55, 0x1f, 0x20);
const DATA_TAG = 0x0a;
const LINK_TAG = 0x12;
/** How far before the first data tag a link begins. */
const LINK_TAG_BEFORE = LINK_START.indexOf(DATA_TAG);
const LONGEST_PREFIX = 4;
/** Tags of the fields that a node's data can begin with. */
const INNER_TAGS: ReadonlySet<number> = new Set([0x08, 0x10, 0x18, 0x22, 0x2a, 0x32]);
/** Bytes at a border of raw records in which a node can lie that crosses it. */
const EDGE_BYTES = MAX_NODE_BYTES + LONGEST_PREFIX;

/** A node found in raw history. */
export interface FoundNode {
  /** Of its length prefix. */
  offset: number;
  /** 32 bytes. */
  hash: Uint8Array;
  /** The node itself, a view. */
  bytes: Uint8Array;
}

/** Sizes of a compact length, in bytes, by the two low bits of its first one. */
const PREFIX_BYTES = [1, 2, 4] as const;

/** Compact length at an offset if it takes `size` bytes and is one that a node could have, otherwise null. */
function lengthAt(raw: Uint8Array, at: number, size: 1 | 2 | 4): number | null {
  const first = raw[at]!;
  if (PREFIX_BYTES[first & 3] !== size) return null;
  let length = first;
  for (let byte = 1; byte < size; byte += 1) length += raw[at + byte]! * 256 ** byte;
  length = Math.floor(length / 4);
  const shortest = size === 1 ? 1 : size === 2 ? 64 : 16_384;
  return length >= shortest && length <= MAX_NODE_BYTES ? length : null;
}

/** Whether `length` bytes at an offset begin the way a node of exactly that length does. */
function beginsNode(raw: Uint8Array, at: number, length: number): boolean {
  if (raw[at] === LINK_TAG) return length > 42;
  let dataLength = 0;
  for (let size = 1; size <= 3; size += 1) {
    const byte = raw[at + size]!;
    dataLength += (byte & 0x7f) * 2 ** (7 * (size - 1));
    if (byte >= 0x80) continue;
    return dataLength > 0 && 1 + size + dataLength === length && INNER_TAGS.has(raw[at + size + 1]!);
  }
  return false;
}

/** Whether bytes are a node; content may begin like one by chance, and would hide what begins inside of it. */
function isNode(bytes: Uint8Array): boolean {
  try {
    decodeNode(bytes);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** Where a node would begin whose first such byte is the one at `at`. */
function startOf(raw: Uint8Array, at: number): number {
  const links = at - LINK_TAG_BEFORE;
  if (raw[links] !== LINK_TAG) return at;
  return LINK_START.every((byte, index) => raw[links + index] === byte) ? links : at;
}

/** A node that begins at an offset, with its length before it. */
function nodeAt(raw: Uint8Array, start: number): Omit<FoundNode, 'hash'> | null {
  for (const size of PREFIX_BYTES) {
    const offset = start - size;
    const length = offset < 0 ? null : lengthAt(raw, offset, size);
    if (length === null || start + length > raw.length || !beginsNode(raw, start, length)) continue;
    const bytes = raw.subarray(start, start + length);
    if (isNode(bytes)) return { offset, bytes };
  }
  return null;
}

/** The nodes in raw history whose length prefix begins before byte `end`. `hash`: BLAKE3 of a part of it. */
export function* nodesIn(
  raw: Uint8Array,
  end: number,
  hash: (part: Uint8Array) => Uint8Array = blake3Hash,
): Generator<FoundNode> {
  // Every node has this byte near its beginning; the engine finds it much faster than a loop does.
  for (let at = raw.indexOf(DATA_TAG); at !== -1;) {
    const found = nodeAt(raw, startOf(raw, at));
    if (found === null) {
      at = raw.indexOf(DATA_TAG, at + 1);
      continue;
    }
    const { offset, bytes } = found;
    if (offset >= end) return;
    yield { offset, hash: hash(bytes), bytes };
    at = raw.indexOf(DATA_TAG, bytes.byteOffset - raw.byteOffset + bytes.length);
  }
}

/** The nodes in a raw record, and what nodes across its borders are put together from. */
export interface RecordNodes {
  /** Views on the raw record, or copies where they are a small part of it: whoever keeps them keeps little else. */
  nodes: FoundNode[];
  /** What the record begins with, a copy. */
  begin: Uint8Array;
  /** What follows the last whole node, from byte `at` on, a copy. */
  end: { at: number; bytes: Uint8Array };
}

/** Everything in a raw record (1 015 808 bytes) that nodes can be made of. `hash`: BLAKE3 of a part of it. */
export function nodesInRecord(raw: Uint8Array, hash?: (part: Uint8Array) => Uint8Array): RecordNodes {
  const found = [...nodesIn(raw, RAW_RECORD_BYTES, hash)];
  let at = RAW_RECORD_BYTES - EDGE_BYTES;
  let length = 0;
  for (const { bytes } of found) {
    at = Math.max(at, bytes.byteOffset - raw.byteOffset + bytes.length);
    length += bytes.length;
  }
  const dense = length >= RAW_RECORD_BYTES / 2;
  const nodes = dense ? found : found.map((node) => ({ ...node, bytes: node.bytes.slice() }));
  return { nodes, begin: raw.slice(0, EDGE_BYTES), end: { at, bytes: raw.slice(at) } };
}

/** The same of a source piece; null when its record cannot be a source record, which a wrong piece's may not. */
export function nodesOfPiece(piece: Uint8Array): RecordNodes | null {
  try {
    return nodesInRecord(rawFromRecord(piece.subarray(0, RECORD_BYTES)));
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
