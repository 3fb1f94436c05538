import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equal, fromHex, toHex } from './bytes.ts';
import { decodeWith, encodeWith, type Codec } from './codec.ts';
import { PIECE_BYTES } from './constants.ts';
import {
  cachedPieceByIndex,
  dsnProtocolVersion,
  encodeVarint,
  frame,
  FrameReader,
  kademliaDistance,
  kademliaKey,
  MAX_CACHED_PIECES,
  MAX_SEGMENT_HEADERS,
  pieceByIndex,
  pieceMultihash,
  segmentHeadersByIndexes,
  type CachedPieceResponse,
} from './dsn.ts';
import { ProtocolError } from './errors.ts';
import type { SegmentHeader } from './types.ts';

const PEER = fromHex('0024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c');
const address = (peer: Uint8Array) =>
  concat(fromHex('047f00000106115c'), fromHex('a503'), Uint8Array.of(peer.length), peer);

const closest = (addresses: Uint8Array[]): CachedPieceResponse => ({
  result: { kind: 'closestPeers', peers: [{ peerId: PEER, addresses }] },
  cachedPieces: [2n],
});

/** Whether bytes decode to something that has other bytes. Throws what is no typed refusal. */
function isOtherwise(codec: Codec<unknown>, bytes: Uint8Array): boolean {
  try {
    return !equal(encodeWith(codec, decodeWith(codec, bytes, 'message')), bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

describe('requests and responses', () => {
  it('have the recorded bytes', () => {
    const request = { pieceIndex: 1n, cachedPieces: [2n, 300n] };
    expect(toHex(encodeWith(cachedPieceByIndex.request, request))).toBe(
      '01000000000000000802000000000000002c01000000000000',
    );
    const headers = segmentHeadersByIndexes.request;
    expect(toHex(encodeWith(headers, { kind: 'indexes', segmentIndexes: [0n, 1n] }))).toBe(
      '000800000000000000000100000000000000',
    );
    expect(toHex(encodeWith(headers, { kind: 'last', limit: 2 }))).toBe('0102000000');
  });

  it('carry peers whose addresses end in their id', () => {
    const codec = cachedPieceByIndex.response;
    const value = closest([address(PEER), address(PEER)]);
    const encoded = encodeWith(codec, value);
    expect(decodeWith(codec, encoded, 'response')).toEqual(value);
    expect(toHex(encoded).startsWith(`0104${'00'.repeat(8)}24${toHex(PEER.subarray(2))}08`)).toBe(true);
  });

  it('are refused with a peer without addresses, with another’s, or that is none', () => {
    const codec = cachedPieceByIndex.response;
    const other = Uint8Array.from(PEER);
    other[10]! ^= 1;
    expect(() => encodeWith(codec, closest([]))).toThrow(RangeError);
    expect(() => encodeWith(codec, closest([address(other)]))).toThrow(RangeError);
    const encoded = encodeWith(codec, closest([address(PEER)]));
    const broken = [
      Uint8Array.from(encoded, (byte, index) => (index === 25 ? byte ^ 1 : byte)),
      Uint8Array.from(encoded, (byte, index) => (index === 2 ? 0x55 : byte)),
      concat(encoded.subarray(0, 47), Uint8Array.of(0), encoded.subarray(-9)),
    ];
    for (const bytes of broken) expect(() => decodeWith(codec, bytes, 'response')).toThrow(ProtocolError);
  });

  it('hold pieces of exactly one length', () => {
    const value = { piece: new Uint8Array(PIECE_BYTES).fill(7), cachedPieces: [1n] };
    const encoded = encodeWith(pieceByIndex.response, value);
    expect(toHex(encoded.subarray(0, 5))).toBe('0182014000');
    const decoded = decodeWith(pieceByIndex.response, encoded, 'response');
    expect(equal(decoded.piece ?? new Uint8Array(0), value.piece)).toBe(true);
    expect(decoded.cachedPieces).toEqual([1n]);
    encoded[1]! += 4;
    expect(() => decodeWith(pieceByIndex.response, encoded, 'response')).toThrow(ProtocolError);
    expect(() => encodeWith(pieceByIndex.response, { ...value, piece: new Uint8Array(3) })).toThrow(
      RangeError,
    );
  });

  it('of arbitrary bytes are refused, or are exactly those bytes again', () => {
    const codecs = [cachedPieceByIndex, pieceByIndex, segmentHeadersByIndexes].flatMap(
      ({ request, response }) => [request, response] as Codec<unknown>[],
    );
    fc.assert(
      fc.property(fc.constantFrom(...codecs), fc.uint8Array({ maxLength: 200 }), (codec, bytes) => {
        expect(isOtherwise(codec, bytes)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('frames', () => {
  it('come whole out of any parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(400)), (payload, cuts) => {
        const whole = frame(payload);
        const places = [...cuts.map((cut) => cut % (whole.length + 1)), whole.length].sort((a, b) => a - b);
        const reader = new FrameReader(400);
        expect(reader.untouched).toBe(true);
        const parts = places.map((to, index) => whole.subarray(places[index - 1] ?? 0, to));
        const read = parts.map((part) => reader.push(part));
        const first = places.indexOf(whole.length);
        expect(read.slice(0, first).every((early) => early === null)).toBe(true);
        expect(read[first]).toEqual(payload);
        expect(reader.untouched).toBe(false);
        expect(() => reader.push(Uint8Array.of(0))).toThrow(ProtocolError);
      }),
    );
  });

  it.each(['9103', 'ffffffffffffffffff01', '8000', 'ffffffff0f'])('refuse the length %s', (length) => {
    expect(() => new FrameReader(400).push(fromHex(length))).toThrow(ProtocolError);
  });

  it('of an answer hold the longest honest one, and cost nothing when they announce more', () => {
    const asked = Array.from({ length: MAX_CACHED_PIECES }, (_, index) => BigInt(index));
    const piece = new Uint8Array(PIECE_BYTES);
    const answer = { result: { kind: 'piece', piece }, cachedPieces: asked } as const;
    const header: SegmentHeader = {
      segmentIndex: 2n ** 40n,
      segmentCommitment: new Uint8Array(48),
      prevSegmentHeaderHash: new Uint8Array(32),
      lastArchivedBlock: { number: 2 ** 31, partialArchived: 2 ** 31 },
    };
    const headers = Array.from({ length: MAX_SEGMENT_HEADERS }, () => header);
    for (const [longest, limit] of [
      [encodeWith(cachedPieceByIndex.response, answer), cachedPieceByIndex.maxResponseBytes],
      [encodeWith(pieceByIndex.response, { piece, cachedPieces: asked }), pieceByIndex.maxResponseBytes],
      [encodeWith(segmentHeadersByIndexes.response, headers), segmentHeadersByIndexes.maxResponseBytes],
    ] as const) {
      expect(new FrameReader(limit).push(frame(longest))).toEqual(longest);
      expect(limit).toBeLessThan(2 * longest.length + 1);
      const { arrayBuffers } = process.memoryUsage();
      const readers = Array.from({ length: 64 }, () => new FrameReader(limit));
      for (const reader of readers)
        expect(() => reader.push(encodeVarint(limit + 1))).toThrow('a message of more than');
      expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(2 ** 20);
    }
  });

  it('write lengths as LEB128', () => {
    expect(toHex(encodeVarint(1_048_702))).toBe('fe8040');
    expect(toHex(encodeVarint(0))).toBe('00');
    expect(toHex(encodeVarint(2 ** 40))).toBe('808080808020');
  });
});

describe('keys', () => {
  it.each([
    [0n, '90b2ce05080000000000000000', '88eacb1b1378879135e45d896f108b08c7c91e6ce3f9bcbf4950d9db585f3ebd'],
    [1n, '90b2ce05080100000000000000', '286de69128fc9855a201246a1e5dfbd628f4698fc41e9cf0bf011176d31f7fa2'],
    [255n, '90b2ce0508ff00000000000000', '86eabc545476f254dc53265f65dff307fc14024589491a9557525e3d744ad37f'],
    [256n, '90b2ce05080001000000000000', '66852fef9085c7ea32762e3b659e04e40001f2f4cb42ab53985814d5ff885663'],
    [
      1234567n,
      '90b2ce050887d6120000000000',
      'ec5d31869c0b1a957f0946e9891f3a116b18506318b7e5836816a3d6b1c13ddf',
    ],
  ])('of piece %s', (index, multihash, key) => {
    expect(toHex(pieceMultihash(index))).toBe(multihash);
    expect(toHex(kademliaKey(pieceMultihash(index)))).toBe(key);
  });

  it('are as far apart as their exclusive or', () => {
    const peer = kademliaKey(PEER);
    expect(toHex(peer)).toBe('2ea99e04b7226ebb09856fdd2c3df7aad5dbc53dbcbb110d5e1ff64b7626122e');
    expect(kademliaDistance(peer, kademliaKey(pieceMultihash(1n)))).toBe(
      0x06c478959fdef6eeab844bb732600c7cfd2facb278a58dfde11ee73da5396d8cn,
    );
  });

  it('name the network', () => {
    expect(dsnProtocolVersion(new Uint8Array(32))).toBe(`/subspace/2/${'00'.repeat(32)}`);
  });
});
