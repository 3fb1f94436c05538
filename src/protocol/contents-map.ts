/** Which s-buckets the records of a sector occupy, and where their chunks lie. */
import { RECORD_CHUNKS, S_BUCKETS } from './constants.ts';
import { BITFIELD_BYTES, contentsMapBytes } from './sector.ts';
import { equal, toHex } from './bytes.ts';
import { blake3Hash } from './hash.ts';
import { ProtocolError } from './errors.ts';
import type { PieceOffset, SBucket } from './types.ts';

function bitAt(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}

/** Number of set bits. */
export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (let rest of bits) for (; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/**
 * The s-buckets a record occupies, as a bitmap like its bitfield (8192 bytes): those with an encoded chunk
 * and, when they are fewer than 32768, the lowest others, whose chunks are stored as they are.
 */
export function occupancy(bitfield: Uint8Array): Uint8Array {
  const occupied = bitfield.slice();
  let missing = RECORD_CHUNKS - countBits(bitfield);
  for (let sBucket = 0; missing > 0; sBucket += 1) {
    if (bitAt(bitfield, sBucket)) continue;
    occupied[sBucket >> 3]! |= 1 << (sBucket & 7);
    missing -= 1;
  }
  return occupied;
}

/** The contents map of a sector: a bitfield per record, and what follows from them. */
export class ContentsMap {
  private readonly occupied: Uint8Array[];

  /**
   * @param bitfields 8192 bytes per record; bit b (byte b/8, least significant bit first) says that s-bucket b
   * holds an encoded chunk.
   * @throws ProtocolError `contents-map` when a bitfield has another length or more than 32768 bits set.
   */
  constructor(readonly bitfields: readonly Uint8Array[]) {
    this.occupied = bitfields.map((bitfield, pieceOffset) => {
      if (bitfield.length !== BITFIELD_BYTES) {
        throw mapError('bitfield-length', 'a bitfield has 8192 bytes', {
          pieceOffset,
          seen: bitfield.length,
        });
      }
      const encoded = countBits(bitfield);
      if (encoded > RECORD_CHUNKS) {
        throw mapError('encoded-chunks', 'a record has at most 32768 encoded chunks', {
          pieceOffset,
          seen: encoded,
        });
      }
      return occupancy(bitfield);
    });
  }

  /** The map from the beginning of a sector. Throws ProtocolError `contents-map`. */
  static decode(bytes: Uint8Array, piecesInSector: number): ContentsMap {
    const end = BITFIELD_BYTES * piecesInSector;
    if (bytes.length !== end + 32) {
      throw mapError('length', 'unexpected length', { expected: end + 32, seen: bytes.length });
    }
    const computed = blake3Hash(bytes.subarray(0, end));
    const stored = bytes.subarray(end);
    if (!equal(computed, stored)) {
      throw mapError('checksum', 'checksum differs', { expected: toHex(stored), seen: toHex(computed) });
    }
    const bitfields = Array.from({ length: piecesInSector }, (_, pieceOffset) =>
      bytes.slice(BITFIELD_BYTES * pieceOffset, BITFIELD_BYTES * (pieceOffset + 1)),
    );
    return new ContentsMap(bitfields);
  }

  /** The bitfields one after the other, then their BLAKE3. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(contentsMapBytes(this.bitfields.length));
    this.bitfields.forEach((bitfield, pieceOffset) => bytes.set(bitfield, BITFIELD_BYTES * pieceOffset));
    const end = bytes.length - 32;
    bytes.set(blake3Hash(bytes.subarray(0, end)), end);
    return bytes;
  }

  /** Whether a record has a chunk, encoded or not, in an s-bucket. */
  occupies(pieceOffset: PieceOffset, sBucket: SBucket): boolean {
    return bitAt(this.occupied[pieceOffset]!, sBucket);
  }

  /** Whether a record's chunk in an s-bucket is masked by a proof of space. */
  isEncoded(pieceOffset: PieceOffset, sBucket: SBucket): boolean {
    return bitAt(this.bitfields[pieceOffset]!, sBucket);
  }

  /** The records with a chunk in an s-bucket, in the order of their chunks on disk. */
  recordsIn(sBucket: SBucket): PieceOffset[] {
    const offsets: PieceOffset[] = [];
    this.occupied.forEach((bits, pieceOffset) => {
      if (bitAt(bits, sBucket)) offsets.push(pieceOffset);
    });
    return offsets;
  }

  /** Chunks in each of the 65536 s-buckets. */
  sBucketSizes(): Uint16Array {
    const sizes = new Uint16Array(S_BUCKETS);
    for (const bits of this.occupied) addBits(bits, sizes);
    return sizes;
  }

  /** The 32768 s-buckets that a record occupies, ascending. */
  sBucketsOf(pieceOffset: PieceOffset): Uint16Array {
    const bits = this.occupied[pieceOffset]!;
    const sBuckets = new Uint16Array(RECORD_CHUNKS);
    let count = 0;
    for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1)
      if (bitAt(bits, sBucket)) sBuckets[count++] = sBucket;
    return sBuckets;
  }

  /** Where a record's chunks lie, in s-bucket order: each as a number of chunks from the first chunk on. */
  chunkLocations(pieceOffset: PieceOffset): Uint32Array {
    const before = new Uint16Array(S_BUCKETS);
    for (const bits of this.occupied.slice(0, pieceOffset)) addBits(bits, before);
    const after = new Uint16Array(S_BUCKETS);
    for (const bits of this.occupied.slice(pieceOffset)) addBits(bits, after);
    const own = this.occupied[pieceOffset]!;
    const locations = new Uint32Array(RECORD_CHUNKS);
    let bucketStart = 0;
    let count = 0;
    for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
      if (bitAt(own, sBucket)) locations[count++] = bucketStart + before[sBucket]!;
      bucketStart += before[sBucket]! + after[sBucket]!;
    }
    return locations;
  }
}

function addBits(bits: Uint8Array, counts: Uint16Array): void {
  for (let byte = 0; byte < BITFIELD_BYTES; byte += 1) {
    const value = bits[byte]!;
    for (let bit = 0; bit < 8; bit += 1) counts[8 * byte + bit]! += (value >> bit) & 1;
  }
}

function mapError(code: string, message: string, values: Record<string, string | number>): ProtocolError {
  return new ProtocolError({
    code,
    rule: 'contents-map',
    message,
    values,
    sentence: 'A sector’s table of contents is damaged.',
  });
}
