/** Turns encoded records, which are record by record, into a sector, which is s-bucket by s-bucket. */
import { CHUNK_BYTES, RECORD_CHUNKS, S_BUCKETS } from '../protocol/constants.ts';
import { RECORD_METADATA_BYTES } from '../protocol/sector.ts';
import { createBlake3 } from '../crypto/blake3.ts';
import { pause } from '../async/pause.ts';
import { ContentsMap } from '../protocol/contents-map.ts';

/** Bytes assembled at a time, about: bounds memory, and how long the thread is busy without a pause. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_WINDOW = 4096;
const WORDS = CHUNK_BYTES / 4;

/** S-buckets assembled at a time: a power of two. Every second record has a chunk in one of them, on average. */
function windowOf(records: number): number {
  const sBuckets = WINDOW_BYTES / (CHUNK_BYTES * Math.max(1, records / 2));
  return Math.min(MAX_WINDOW, 2 ** Math.floor(Math.log2(sBuckets)));
}

/** Reads the encoded chunks of a record, in s-bucket order, from chunk number `from` on. */
export type ReadRecordChunks = (pieceOffset: number, from: number, into: Uint8Array) => Promise<void>;

/**
 * The bytes of a sector, part by part: contents map, chunks, record metadata, checksum.
 *
 * @param recordMetadata 128 bytes per record: commitment, witness, BLAKE3 of the piece.
 */
export async function* assembleSector(
  map: ContentsMap,
  recordMetadata: readonly Uint8Array[],
  readChunks: ReadRecordChunks,
): AsyncGenerator<Uint8Array> {
  const hasher = await createBlake3();
  const emit = (part: Uint8Array): Uint8Array => {
    hasher.update(part);
    return part;
  };
  yield emit(map.encode());
  const done = new Uint32Array(map.bitfields.length);
  const size = windowOf(map.bitfields.length);
  for (let first = 0; first < S_BUCKETS; first += size) {
    yield emit(await assembleWindow(map, first, size, done, readChunks));
    // Where files are read and written synchronously, nothing else lets slots and audits through.
    await pause(0);
  }
  if (done.some((count) => count !== RECORD_CHUNKS))
    throw new RangeError('a record without its 32768 chunks');
  const metadata = new Uint8Array(RECORD_METADATA_BYTES * recordMetadata.length);
  recordMetadata.forEach((entry, pieceOffset) => metadata.set(entry, RECORD_METADATA_BYTES * pieceOffset));
  yield emit(metadata);
  yield hasher.digest().slice(0, 32);
}

async function assembleWindow(
  map: ContentsMap,
  first: number,
  size: number,
  done: Uint32Array,
  readChunks: ReadRecordChunks,
): Promise<Uint8Array> {
  const records = map.bitfields.length;
  // Where the next chunk of each s-bucket of the window goes, in chunks.
  const next = new Uint32Array(size + 1);
  const counts = new Uint32Array(records);
  for (let record = 0; record < records; record += 1) {
    for (let bucket = 0; bucket < size; bucket += 1) {
      if (!map.occupies(record, first + bucket)) continue;
      counts[record]! += 1;
      next[bucket + 1]! += 1;
    }
  }
  for (let bucket = 0; bucket < size; bucket += 1) next[bucket + 1]! += next[bucket]!;
  const window = new Uint32Array(next[size]! * WORDS);
  for (let record = 0; record < records; record += 1) {
    const chunks = new Uint32Array(counts[record]! * WORDS);
    await readChunks(record, done[record]!, new Uint8Array(chunks.buffer));
    done[record]! += counts[record]!;
    let from = 0;
    for (let bucket = 0; bucket < size; bucket += 1) {
      if (!map.occupies(record, first + bucket)) continue;
      const to = next[bucket]! * WORDS;
      next[bucket]! += 1;
      for (let word = 0; word < WORDS; word += 1) window[to + word] = chunks[from + word]!;
      from += WORDS;
    }
  }
  return new Uint8Array(window.buffer);
}
