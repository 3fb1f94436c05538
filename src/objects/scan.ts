/**
 * Finds nodes by looking through history itself, near where another part of the same object lies: what is uploaded
 * together is archived together. It needs nobody's index.
 */
import { RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { MAX_NODE_BYTES } from '../protocol/dag.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { rawOfPiece } from '../protocol/record.ts';
import { nextSourcePiece, previousSourcePiece, segmentOfPiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import type { Locator } from './locate.ts';
import { keyOf } from './tree.ts';

/**
 * Gives pieces, null for those that are not to be had: verified, or, when `quick`, as they arrive. What is taken out
 * of them is accepted by its hash, so that checking a piece is only worth it to tell a wrong piece from a wrong place.
 */
export interface PieceAccess {
  pieces(indices: readonly PieceIndex[], signal: AbortSignal, quick: boolean): Promise<(Uint8Array | null)[]>;
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
  /** The node itself, a view. */
  bytes: Uint8Array;
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
    const bytes = raw.subarray(start, start + prefix.length);
    yield { offset, hash: blake3Hash(bytes), bytes };
    offset = start + prefix.length - 1;
  }
}

/** Pieces looked through on each side of a known place before the search gives up. */
const REACH = 64;
/** Pieces fetched at once. */
const STRIDE = 16;

type Came = (hash: Uint8Array, bytes: Uint8Array, piece: PieceIndex) => void;

/** Looks outwards from places where parts of the object are known to lie. Remembers every node it comes across. */
export class NeighbourLocator implements Locator {
  readonly name = 'the history around it';
  private readonly anchors: PieceIndex[] = [];
  private readonly found = new Map<string, GlobalObject>();
  /** Pieces looked through, and those of them that were verified. */
  private readonly scanned = new Set<PieceIndex>();
  private readonly checked = new Set<PieceIndex>();
  private running: Promise<void> = Promise.resolve();

  /** `came`: is given every node that the search comes across; its bytes are a view. */
  constructor(
    private readonly source: PieceAccess,
    private readonly came: Came = () => undefined,
    /** Milliseconds that others have to tell the place before history is searched through. */
    private readonly headStartMs = 0,
  ) {}

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
    if (this.headStartMs > 0 && missing() && this.anchors.length > 0) await pause(this.headStartMs, signal);
    // What is not found among pieces as they arrive may have been kept back by who sent them.
    for (const quick of [true, false]) {
      const done = quick ? this.scanned : this.checked;
      for (const anchor of this.anchors) {
        const order = outwards(anchor, REACH).filter((piece) => !done.has(piece));
        for (let at = 0; at < order.length && missing(); at += STRIDE) {
          signal.throwIfAborted();
          await this.scan(order.slice(at, at + STRIDE), quick, signal);
        }
      }
    }
  }

  private async scan(indices: PieceIndex[], quick: boolean, signal: AbortSignal): Promise<void> {
    // A node that begins at the end of a piece ends in the next one.
    const needed = [...new Set(indices.flatMap((index) => [index, nextSourcePiece(index)]))];
    const pieces = await this.source.pieces(needed, signal, quick);
    const raws = new Map(
      needed.map((index, position) => {
        const piece = pieces[position];
        return [index, piece ? rawOrNull(piece) : null];
      }),
    );
    for (const index of indices) {
      this.scanned.add(index);
      if (!quick) this.checked.add(index);
      const raw = raws.get(index);
      if (!raw) continue;
      const next = nextSourcePiece(index);
      const following = segmentOfPiece(next) === segmentOfPiece(index) ? raws.get(next) : null;
      const window = new Uint8Array(RAW_RECORD_BYTES + (following ? MAX_NODE_BYTES + LONGEST_PREFIX : 0));
      window.set(raw);
      if (following) window.set(following.subarray(0, window.length - raw.length), raw.length);
      for (const { offset, hash, bytes } of nodesIn(window, RAW_RECORD_BYTES)) {
        this.found.set(keyOf(hash), { hash, pieceIndex: index, offset });
        this.came(hash, bytes, index);
      }
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}

/** Raw record of a piece; null for one that cannot be a source piece, which only an unverified one can be. */
function rawOrNull(piece: Uint8Array): Uint8Array | null {
  try {
    return rawOfPiece(piece);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** A source piece, then those around it, two before for one after: heads are stored after what is below them. */
function outwards(anchor: PieceIndex, reach: number): PieceIndex[] {
  const before: PieceIndex[] = [];
  const after: PieceIndex[] = [];
  let piece: PieceIndex | null = previousSourcePiece(anchor);
  for (; piece !== null && before.length < reach; piece = previousSourcePiece(piece)) before.push(piece);
  for (let next = nextSourcePiece(anchor); after.length < reach; next = nextSourcePiece(next))
    after.push(next);
  const order = [anchor];
  while (before.length + after.length > 0) order.push(...before.splice(0, 2), ...after.splice(0, 1));
  return order;
}
