/**
 * Finds nodes by looking through history itself, near where another part of the same object lies: what is uploaded
 * together is archived together. It needs nobody's index.
 */
import { RAW_RECORD_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { MAX_NODE_BYTES } from '../protocol/dag.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { rawFromRecord } from '../protocol/record.ts';
import { nextSourcePiece, previousSourcePiece, segmentOfPiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import type { Locator } from './locate.ts';
import { keyOf } from './tree.ts';

/** Gives source pieces, verified; null for those that are not to be had. */
export interface VerifiedPieces {
  pieces(indices: readonly PieceIndex[], signal: AbortSignal): Promise<(Uint8Array | null)[]>;
}

/** Beginning of a node with links: a link's tag, its length, then an identifier's. */
const LINK_START = Uint8Array.of(0x12, 0x26, 0x0a, 0x24, 0x01, 0x55, 0x1f, 0x20);
const DATA_TAG = 0x0a;
const LINK_TAG = 0x12;
const LONGEST_PREFIX = 4;

/** A node found in raw history. */
export interface FoundNode {
  /** Of its length prefix. */
  offset: number;
  /** 32 bytes. */
  hash: Uint8Array;
}

/** Compact length at an offset, or null where there is none that a node could have. */
function lengthAt(raw: Uint8Array, at: number): { size: number; length: number } | null {
  const first = raw[at]!;
  switch (first & 3) {
    case 0:
      return { size: 1, length: first >> 2 };
    case 1: {
      const length = (first | (raw[at + 1]! << 8)) >> 2;
      return length < 64 ? null : { size: 2, length };
    }
    case 2: {
      const length = (first | (raw[at + 1]! << 8) | (raw[at + 2]! << 16) | (raw[at + 3]! << 24)) >>> 2;
      return length < 16_384 || length > MAX_NODE_BYTES ? null : { size: 4, length };
    }
    default:
      return null;
  }
}

/** Whether `length` bytes at an offset begin the way a node of exactly that length does. */
function beginsNode(raw: Uint8Array, at: number, length: number): boolean {
  if (raw[at] === LINK_TAG) return length > 42 && LINK_START.every((byte, index) => raw[at + index] === byte);
  if (raw[at] !== DATA_TAG) return false;
  let dataLength = 0;
  for (let size = 1; size <= 3; size += 1) {
    const byte = raw[at + size]!;
    dataLength += (byte & 0x7f) * 2 ** (7 * (size - 1));
    if (byte < 0x80) return dataLength > 0 && 1 + size + dataLength === length;
  }
  return false;
}

/** The nodes in raw history whose length prefix begins before byte `end`. */
export function* nodesIn(raw: Uint8Array, end: number): Generator<FoundNode> {
  for (let offset = 0; offset < Math.min(end, raw.length - LONGEST_PREFIX); offset += 1) {
    const tag = raw[offset + [1, 2, 4, 4][raw[offset]! & 3]!];
    if (tag !== DATA_TAG && tag !== LINK_TAG) continue;
    const prefix = lengthAt(raw, offset);
    if (prefix === null || prefix.length === 0) continue;
    const start = offset + prefix.size;
    if (start + prefix.length > raw.length || !beginsNode(raw, start, prefix.length)) continue;
    yield { offset, hash: blake3Hash(raw.subarray(start, start + prefix.length)) };
    offset = start + prefix.length - 1;
  }
}

/** Pieces looked through on each side of a known place before the search gives up. */
const REACH = 64;
/** Pieces fetched at once. */
const STRIDE = 4;

/** Looks outwards from places where parts of the object are known to lie. Remembers every node it comes across. */
export class NeighbourLocator implements Locator {
  readonly name = 'the history around it';
  private readonly anchors: PieceIndex[] = [];
  private readonly found = new Map<string, GlobalObject>();
  private readonly scanned = new Set<PieceIndex>();
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly source: VerifiedPieces) {}

  /** Tells a place near which to look. */
  near(piece: PieceIndex): void {
    if (!this.anchors.includes(piece)) this.anchors.push(piece);
  }

  /** One search at a time: the next one finds most of what it wants among what this one came across. */
  async locate(hashes: Uint8Array[], signal: AbortSignal): Promise<GlobalObject[]> {
    const before = this.running;
    const search = before.then(() => this.search(hashes, signal));
    this.running = search.catch(() => undefined);
    await search;
    return hashes.flatMap((hash) => this.found.get(keyOf(hash)) ?? []);
  }

  private async search(hashes: Uint8Array[], signal: AbortSignal): Promise<void> {
    const missing = (): boolean => hashes.some((hash) => !this.found.has(keyOf(hash)));
    for (const anchor of this.anchors) {
      const order = outwards(anchor, REACH).filter((piece) => !this.scanned.has(piece));
      for (let at = 0; at < order.length && missing(); at += STRIDE) {
        signal.throwIfAborted();
        await this.scan(order.slice(at, at + STRIDE), signal);
      }
    }
  }

  private async scan(indices: PieceIndex[], signal: AbortSignal): Promise<void> {
    // A node that begins at the end of a piece ends in the next one.
    const needed = [...new Set(indices.flatMap((index) => [index, nextSourcePiece(index)]))];
    const pieces = await this.source.pieces(needed, signal);
    const raws = new Map(
      needed.map((index, position) => {
        const piece = pieces[position];
        return [index, piece ? rawFromRecord(piece.subarray(0, RECORD_BYTES)) : null];
      }),
    );
    for (const index of indices) {
      this.scanned.add(index);
      const raw = raws.get(index);
      if (!raw) continue;
      const next = nextSourcePiece(index);
      const following = segmentOfPiece(next) === segmentOfPiece(index) ? raws.get(next) : null;
      const window = new Uint8Array(RAW_RECORD_BYTES + (following ? MAX_NODE_BYTES + LONGEST_PREFIX : 0));
      window.set(raw);
      if (following) window.set(following.subarray(0, window.length - raw.length), raw.length);
      for (const { offset, hash } of nodesIn(window, RAW_RECORD_BYTES)) {
        this.found.set(keyOf(hash), { hash, pieceIndex: index, offset });
      }
    }
  }
}

/** A source piece, then those before and after it in turn. */
function outwards(anchor: PieceIndex, reach: number): PieceIndex[] {
  const order: PieceIndex[] = [anchor];
  let before: PieceIndex | null = anchor;
  let after = anchor;
  for (let distance = 1; distance <= reach; distance += 1) {
    before = before === null ? null : previousSourcePiece(before);
    after = nextSourcePiece(after);
    if (before !== null) order.push(before);
    order.push(after);
  }
  return order;
}
