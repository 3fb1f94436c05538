/**
 * The network's storage network (DSN) on the wire: names of its protocols, framing of requests and responses, their
 * SCALE, and the keys by which peers are found.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, littleEndian, toHex } from './bytes.ts';
import { list, option, struct, u32, u64, variants, type Codec } from './codec.ts';
import { PIECE_BYTES } from './constants.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import type { ScaleReader, ScaleWriter } from './scale.ts';
import { readSegmentHeader, writeSegmentHeader } from './segment.ts';
import type { PieceIndex, SegmentHeader, SegmentIndex } from './types.ts';

/** Value of the identify protocol's `protocolVersion`; peers with another one are refused. `genesisHash`: 32 bytes. */
export function dsnProtocolVersion(genesisHash: Uint8Array): string {
  return `/subspace/2/${toHex(genesisHash)}`;
}

/** Protocol name of the key space. */
export const KADEMLIA_PROTOCOL = '/subspace/kad/0.1.0';

/** Largest request, in bytes without its length. */
export const MAX_REQUEST_BYTES = 2 ** 20;
/** Most further pieces that one request should ask about; servers ignore the rest. */
export const MAX_CACHED_PIECES = 128;
/** Most segment headers of one request. */
export const MAX_SEGMENT_HEADERS = 1000;
/**
 * Largest answer with a piece, in bytes without its length. The network allows 16 MiB to every protocol; a piece and the
 * indexes that were asked for take 1 MiB and a few KiB, some twenty peers with their addresses less.
 */
const MAX_PIECE_RESPONSE_BYTES = 2 ** 21;
/** Complete segment headers have 94 bytes, partial ones 98; the number of them has up to four. */
const MAX_SEGMENT_HEADERS_BYTES = 4 + MAX_SEGMENT_HEADERS * 98;

/** A piece of exactly 1 048 672 bytes, its length before it. What is read is a view on the message. */
export const piece: Codec<Uint8Array> = {
  minimum: 4 + PIECE_BYTES,
  read: (reader) => {
    const length = reader.compact();
    if (length !== PIECE_BYTES) reader.fail(`a piece of ${length} bytes`);
    return reader.window(PIECE_BYTES);
  },
  write: (writer, value) => void writer.compact(PIECE_BYTES).raw(value, PIECE_BYTES),
};

/** `SegmentHeader`. */
export const segmentHeader: Codec<SegmentHeader> = {
  minimum: 94,
  read: readSegmentHeader,
  write: writeSegmentHeader,
};

/** Asks for a piece, and which of others the peer has in its cache. */
export interface PieceRequest {
  pieceIndex: PieceIndex;
  cachedPieces: PieceIndex[];
}

/** Answer to a `PieceRequest`. */
export interface PieceResponse {
  /** 1 048 672 bytes. */
  piece: Uint8Array | null;
  /** Those of the asked ones that are in the peer's cache. */
  cachedPieces: PieceIndex[];
}

/** A peer and how to reach it. */
export interface PeerAddresses {
  /** Peer id as a multihash: code, length, digest. */
  peerId: Uint8Array;
  /** Binary multiaddresses, each ending in this peer's id; at least one. */
  addresses: Uint8Array[];
}

/** A piece out of a peer’s cache, or those nearer to it. */
export type CachedPieceResult =
  { kind: 'piece'; piece: Uint8Array } | { kind: 'closestPeers'; peers: PeerAddresses[] };

/** Answer of a peer’s cache. */
export interface CachedPieceResponse {
  result: CachedPieceResult;
  cachedPieces: PieceIndex[];
}

/** Asks for headers of segments: those named, or the newest ones. */
export type SegmentHeaderRequest =
  { kind: 'indexes'; segmentIndexes: SegmentIndex[] } | { kind: 'last'; limit: number };

const IDENTITY = 0x00;
const SHA2_256 = 0x12;
const MAX_IDENTITY_DIGEST = 42;
/** Multiaddress component of a peer id: code 421. */
const P2P = Uint8Array.of(0xa5, 0x03);

/** Whether a multihash with this code and digest length can be a peer id. */
function isPeerId(code: number, size: number): boolean {
  return (code === IDENTITY && size <= MAX_IDENTITY_DIGEST) || (code === SHA2_256 && size === 32);
}

/** A multihash in SCALE: code as 64 bits, length as one byte, digest. */
function readPeerId(reader: ScaleReader): Uint8Array {
  const code = Number(reader.u64());
  const size = reader.u8();
  if (!isPeerId(code, size)) reader.fail(`a multihash ${code} of ${size} bytes is no peer id`);
  return concat(Uint8Array.of(code, size), reader.raw(size));
}

function writePeerId(writer: ScaleWriter, peerId: Uint8Array): void {
  const [code, size] = peerId;
  if (code === undefined || size === undefined || size !== peerId.length - 2 || !isPeerId(code, size)) {
    throw new RangeError(`${toHex(peerId)} is not a peer id`);
  }
  writer.u64(BigInt(code)).u8(size).raw(peerId.subarray(2));
}

function endsWithPeer(address: Uint8Array, peerId: Uint8Array): boolean {
  const suffix = concat(P2P, Uint8Array.of(peerId.length), peerId);
  return toHex(address).endsWith(toHex(suffix));
}

const peerAddresses: Codec<PeerAddresses> = {
  minimum: 11,
  read: (reader) => {
    const peerId = readPeerId(reader);
    const addresses = reader.vec((each) => each.byteVector());
    if (addresses.length === 0) reader.fail('a peer without addresses');
    if (!addresses.every((address) => endsWithPeer(address, peerId))) {
      reader.fail('an address that does not end in the id of its peer');
    }
    return { peerId, addresses };
  },
  write: (writer, { peerId, addresses }) => {
    if (addresses.length === 0 || !addresses.every((address) => endsWithPeer(address, peerId))) {
      throw new RangeError('a peer needs addresses that end in its id');
    }
    writePeerId(writer, peerId);
    writer.vec(addresses, (each, address) => each.byteVector(address));
  },
};

const pieceRequest = struct<PieceRequest>({ pieceIndex: u64, cachedPieces: list(u64) });

/** One of the request-response protocols. */
export interface DsnProtocol<Q, R> {
  name: string;
  request: Codec<Q>;
  response: Codec<R>;
  /** Largest answer that is read, in bytes without its length: no honest one needs more. */
  maxResponseBytes: number;
  /** Throws ProtocolError for a question that decodes and may not be asked all the same. */
  check?(question: Q): void;
}

/** Only from the cache: the piece, or peers that may have it. */
export const cachedPieceByIndex: DsnProtocol<PieceRequest, CachedPieceResponse> = {
  name: '/subspace/cached-piece-by-index/0.1.0',
  request: pieceRequest,
  response: struct<CachedPieceResponse>({
    result: variants<CachedPieceResult>({
      piece: struct({ piece }),
      closestPeers: struct({ peers: list(peerAddresses) }),
    }),
    cachedPieces: list(u64),
  }),
  maxResponseBytes: MAX_PIECE_RESPONSE_BYTES,
};

/** From the cache or a plotted sector. */
export const pieceByIndex: DsnProtocol<PieceRequest, PieceResponse> = {
  name: '/subspace/piece-by-index/0.1.0',
  request: pieceRequest,
  response: struct<PieceResponse>({ piece: option(piece), cachedPieces: list(u64) }),
  maxResponseBytes: MAX_PIECE_RESPONSE_BYTES,
};

/** All of the asked ones in their order, or a refusal. */
export const segmentHeadersByIndexes: DsnProtocol<SegmentHeaderRequest, SegmentHeader[]> = {
  name: '/subspace/segment-headers-by-indexes/0.1.0',
  request: variants<SegmentHeaderRequest>({
    indexes: struct({ segmentIndexes: list(u64) }),
    last: struct({ limit: u32 }),
  }),
  response: list(segmentHeader),
  maxResponseBytes: MAX_SEGMENT_HEADERS_BYTES,
  check: (question) => {
    if (question.kind === 'last' || question.segmentIndexes.length <= MAX_SEGMENT_HEADERS) return;
    const asked = question.segmentIndexes.length;
    throw new ProtocolError({
      code: 'too-many-segment-headers',
      rule: 'segment-header-request',
      message: `${asked} segment headers in one request, ${MAX_SEGMENT_HEADERS} are allowed`,
      values: { asked, allowed: MAX_SEGMENT_HEADERS },
      sentence: 'Too many headers of segments were asked for at once.',
    });
  },
};

/** The network’s request-response protocols, each with its name and codecs. */
export const dsnProtocols = { cachedPieceByIndex, pieceByIndex, segmentHeadersByIndexes } as const;

/** LEB128 of an unsigned integer below 2^53. */
export function encodeVarint(value: number): Uint8Array {
  const encoded: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    encoded.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  encoded.push(rest);
  return Uint8Array.from(encoded);
}

/** A message as it stands on a stream: its length, then itself. */
export function frame(payload: Uint8Array): Uint8Array {
  return concat(encodeVarint(payload.length), payload);
}

/** Collects messages of a stream from the parts in which they arrive. */
export class FrameReader {
  private lengthSize = 0;
  private length = 0;
  private payload: Uint8Array | null = null;
  private filled = 0;
  /** Whether the one message of `push` has come. */
  private ended = false;

  /** `limit`: largest payload, in bytes. Nothing is allocated for a longer one. */
  constructor(private readonly limit: number) {}

  /** Whether not even the first byte of a length has come: a stream that ends so ended between messages. */
  get untouched(): boolean {
    return this.lengthSize === 0 && !this.ended;
  }

  /**
   * Takes the next part of a stream of one message. Returns the payload once it is whole, null before.
   *
   * @throws DecodeError for a length that is too large or not in its shortest form, or bytes after the message.
   */
  push(part: Uint8Array): Uint8Array | null {
    const taken = this.ended ? { payload: null, rest: part } : this.take(part);
    if (taken === null) return null;
    this.ended = true;
    if (taken.rest.length > 0) throw new DecodeError('dsn-frame', 'bytes after the end of the message');
    return taken.payload;
  }

  /**
   * Takes the next part of a stream of any number of messages. Returns the payload once one is whole, with what follows
   * it in the part, which is to be taken next; null before.
   *
   * @throws DecodeError for a length that is too large or not in its shortest form.
   */
  take(part: Uint8Array): { payload: Uint8Array; rest: Uint8Array } | null {
    let at = 0;
    while (this.payload === null && at < part.length) {
      this.takeLengthByte(part[at]!);
      at += 1;
    }
    const { payload } = this;
    if (payload === null) return null;
    const end = Math.min(part.length, at + payload.length - this.filled);
    payload.set(part.subarray(at, end), this.filled);
    this.filled += end - at;
    if (this.filled < payload.length) return null;
    this.lengthSize = 0;
    this.length = 0;
    this.payload = null;
    this.filled = 0;
    return { payload, rest: part.subarray(end) };
  }

  /** Throws the DecodeError of a stream that ended before its message did. */
  cutOff(): never {
    throw new DecodeError('dsn-frame', `${this.filled} bytes of ${this.length}, then the end`);
  }

  private takeLengthByte(byte: number): void {
    this.length += (byte & 0x7f) * 2 ** (7 * this.lengthSize);
    this.lengthSize += 1;
    if (this.length > this.limit || this.lengthSize > 8) {
      throw new DecodeError('dsn-frame', `a message of more than ${this.limit} bytes`);
    }
    if (byte >= 0x80) return;
    if (byte === 0 && this.lengthSize > 1) {
      throw new DecodeError('dsn-frame', 'a length not in its shortest form');
    }
    this.payload = new Uint8Array(this.length);
  }
}

const PIECE_MULTIHASH_PREFIX = Uint8Array.of(0x90, 0xb2, 0xce, 0x05, 8);

/** Key of a piece in the network: a multihash with code 0xb39910 whose digest is the index. 13 bytes. */
export function pieceMultihash(index: PieceIndex): Uint8Array {
  return concat(PIECE_MULTIHASH_PREFIX, littleEndian(index, 8));
}

/** Where a peer id or piece multihash lies in the key space: SHA-256 of its bytes. 32 bytes. */
export function kademliaKey(multihash: Uint8Array): Uint8Array {
  return sha256(multihash);
}

/** Distance of two places in the key space: their exclusive or as an integer. */
export function kademliaDistance(a: Uint8Array, b: Uint8Array): bigint {
  let distance = 0n;
  for (let index = 0; index < 32; index += 1) distance = (distance << 8n) | BigInt(a[index]! ^ b[index]!);
  return distance;
}
