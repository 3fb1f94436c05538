/** Who makes proof-of-space tables in place of the workers, and how records are encoded by what comes of them. */
import { CHUNK_BYTES, PROOF_OF_SPACE_BYTES, RECORD_CHUNKS, S_BUCKETS } from '../protocol/constants.ts';
import { equal } from '../protocol/bytes.ts';
import { occupancy } from '../protocol/contents-map.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { BITFIELD_BYTES } from '../protocol/sector.ts';
import type { SBucket } from '../protocol/types.ts';
import { extend } from './kzg.ts';
import { verifyProofOfSpace } from './space.ts';

const RULE = 'record-encoding';
const WORDS = CHUNK_BYTES / 4;

/** What a table says of a record: enough to encode it and to check that. */
export interface RecordMasks {
  /** BLAKE3 of the proof of each of the 65536 s-buckets, 32 bytes each; zeros where there is none. */
  masks: Uint8Array;
  /** Proofs of s-buckets drawn at random; of no meaning where an s-bucket has none. */
  samples: { sBucket: SBucket; proof: Uint8Array }[];
}

/** Makes tables outside the pool's workers. */
export interface TableMaker {
  /** What it is, as far as it is known. */
  readonly adapter: string;
  /**
   * Makes the table of a 32-byte seed; calls side by side wait for each other. Throws
   * GpuError, of which TableTooLargeError is about this one table only; the signal's reason.
   */
  masks(seed: Uint8Array, signal?: AbortSignal): Promise<RecordMasks>;
  /** It was found to be wrong and is not used again. */
  distrust(why: string): void;
  close(): void;
}

/**
 * Checks masks by their samples: every mask among them is the hash of a proof that the network accepts.
 *
 * @throws ProtocolError `wrong-masks`.
 */
export function checkMasks(seed: Uint8Array, { masks, samples }: RecordMasks): void {
  if (masks.length !== S_BUCKETS * CHUNK_BYTES) throw wrong('their number', { bytes: masks.length });
  for (const { sBucket, proof } of samples) {
    const mask = masks.subarray(sBucket * CHUNK_BYTES, (sBucket + 1) * CHUNK_BYTES);
    if (mask.every((byte) => byte === 0)) continue;
    const holds =
      proof.length === PROOF_OF_SPACE_BYTES &&
      verifyProofOfSpace(seed, sBucket, proof) &&
      equal(blake3Hash(proof), mask);
    if (!holds) throw wrong(`the proof of s-bucket ${sBucket}`, { sBucket });
  }
}

function wrong(what: string, values: Record<string, number>): ProtocolError {
  return new ProtocolError({
    code: 'wrong-masks',
    rule: RULE,
    message: `masks of a record are wrong in ${what}`,
    values,
  });
}

/**
 * Encodes a record (1 MiB) by the masks of its table, as `SpaceTable.encode` does: the first 32768 chunks that have a
 * mask are stored with it, and when there are fewer, the lowest others as they are.
 */
export function encodeByMasks(
  record: Uint8Array,
  masks: Uint8Array,
): { bitfield: Uint8Array; chunks: Uint8Array } {
  const halves = [wordsOf(record), wordsOf(extend(record))] as const;
  const pads = wordsOf(masks);
  const bitfield = new Uint8Array(BITFIELD_BYTES);
  const encoded = new Uint32Array(RECORD_CHUNKS * WORDS);
  let count = 0;
  for (let sBucket = 0; sBucket < S_BUCKETS && count < RECORD_CHUNKS; sBucket += 1) {
    if (isZero(pads, sBucket * WORDS)) continue;
    const source = halves[sBucket & 1]!;
    const to = count * WORDS;
    for (let word = 0; word < WORDS; word += 1)
      encoded[to + word] = source[(sBucket >> 1) * WORDS + word]! ^ pads[sBucket * WORDS + word]!;
    // All zeros stands for “no proof” in the network's encoding.
    if (isZero(encoded, to)) continue;
    bitfield[sBucket >> 3]! |= 1 << (sBucket & 7);
    count += 1;
  }
  if (count === RECORD_CHUNKS) return { bitfield, chunks: new Uint8Array(encoded.buffer) };
  return { bitfield, chunks: withPlainChunks(bitfield, encoded, halves) };
}

function withPlainChunks(
  bitfield: Uint8Array,
  encoded: Uint32Array,
  halves: readonly [Uint32Array, Uint32Array],
): Uint8Array {
  const chunks = new Uint32Array(RECORD_CHUNKS * WORDS);
  const occupied = occupancy(bitfield);
  const bit = (bits: Uint8Array, index: number): boolean => ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
  let to = 0;
  let from = 0;
  for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
    if (!bit(occupied, sBucket)) continue;
    if (bit(bitfield, sBucket)) {
      chunks.set(encoded.subarray(from, from + WORDS), to);
      from += WORDS;
    } else {
      const at = (sBucket >> 1) * WORDS;
      chunks.set(halves[sBucket & 1]!.subarray(at, at + WORDS), to);
    }
    to += WORDS;
  }
  return new Uint8Array(chunks.buffer);
}

function isZero(words: Uint32Array, at: number): boolean {
  let any = 0;
  for (let word = 0; word < WORDS; word += 1) any |= words[at + word]!;
  return any === 0;
}

/** The bytes as words of the machine; XOR does not mind their order. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
}
