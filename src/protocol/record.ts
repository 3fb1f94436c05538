/** Records as pieces hold them (32-byte scalars) and as history reads (31 bytes of each). */
import { CHUNK_BYTES, RAW_RECORD_BYTES, RECORD_BYTES, RECORD_CHUNKS, SAFE_CHUNK_BYTES } from './constants.ts';
import { ProtocolError } from './errors.ts';

/** The record (1 048 576 bytes) that carries a raw record (1 015 808 bytes): a zero byte before every 31. */
export function recordFromRaw(raw: Uint8Array): Uint8Array {
  requireLength(raw, RAW_RECORD_BYTES);
  const record = new Uint8Array(RECORD_BYTES);
  const from = viewOf(raw);
  const to = viewOf(record);
  for (let chunk = 0; chunk < RECORD_CHUNKS; chunk += 1) {
    copySafeChunk(from, chunk * SAFE_CHUNK_BYTES, to, chunk * CHUNK_BYTES + 1);
  }
  return record;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies 31 bytes, word by word: a view for each would take several times as long. */
function copySafeChunk(from: DataView, source: number, to: DataView, target: number): void {
  for (let at = 0; at < SAFE_CHUNK_BYTES - 3; at += 4) {
    to.setUint32(target + at, from.getUint32(source + at, true), true);
  }
  to.setUint16(target + SAFE_CHUNK_BYTES - 3, from.getUint16(source + SAFE_CHUNK_BYTES - 3, true), true);
  to.setUint8(target + SAFE_CHUNK_BYTES - 1, from.getUint8(source + SAFE_CHUNK_BYTES - 1));
}

/**
 * The raw record (1 015 808 bytes) in a source record (1 048 576 bytes).
 *
 * @throws ProtocolError (rule `source-record`) if a chunk does not begin with a zero byte, as those of source
 * records do.
 */
export function rawFromRecord(record: Uint8Array): Uint8Array {
  requireLength(record, RECORD_BYTES);
  for (let from = 0; from < RECORD_BYTES; from += CHUNK_BYTES) {
    if (record[from] === 0) continue;
    const chunk = from / CHUNK_BYTES;
    throw new ProtocolError({
      code: 'not-a-source-record',
      rule: 'source-record',
      message: `chunk ${chunk} begins with ${record[from]}, not 0`,
      values: { chunk, seen: record[from] ?? null },
    });
  }
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  const aligned = record.byteOffset % WORD_BYTES === 0 ? record : record.slice();
  unpack(wordsOf(aligned), wordsOf(raw));
  return raw;
}

const WORD_BYTES = 4;

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / WORD_BYTES);
}

/**
 * Leaves out the first byte of every eight words. After four chunks, 32 words here and 31 there, both sides begin at a
 * word together again; numbers written out make this twice as fast as ones that are counted.
 */
function unpack(from: Uint32Array, to: Uint32Array): void {
  for (let at = 0, out = 0; at < from.length; at += 32, out += 31) {
    for (let word = 0; word < 7; word += 1) {
      to[out + word] = (from[at + word]! >>> 8) | (from[at + word + 1]! << 24);
    }
    to[out + 7] = (from[at + 7]! >>> 8) | ((from[at + 8]! << 16) & 0xff000000);
    for (let word = 8; word < 15; word += 1) {
      to[out + word] = (from[at + word]! >>> 16) | (from[at + word + 1]! << 16);
    }
    to[out + 15] = (from[at + 15]! >>> 16) | ((from[at + 16]! << 8) & 0xffff0000);
    for (let word = 16; word < 23; word += 1) {
      to[out + word] = (from[at + word]! >>> 24) | (from[at + word + 1]! << 8);
    }
    to[out + 23] = (from[at + 23]! >>> 24) | (from[at + 24]! & 0xffffff00);
    for (let word = 24; word < 31; word += 1) to[out + word] = from[at + word + 1]!;
  }
}

/** Raw records of pieces that are still in use: objects that lie side by side need the same one. */
const rawRecords = new WeakMap<Uint8Array, Uint8Array>();

/** The raw record (1 015 808 bytes) in a source piece, made once for each piece; throws as `rawFromRecord` does. */
export function rawOfPiece(piece: Uint8Array): Uint8Array {
  const known = rawRecords.get(piece);
  if (known !== undefined) return known;
  const raw = rawFromRecord(piece.subarray(0, RECORD_BYTES));
  rawRecords.set(piece, raw);
  return raw;
}

function requireLength(bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return;
  throw new ProtocolError({
    code: 'bad-length',
    rule: 'source-record',
    message: `${bytes.length} bytes where ${length} are needed`,
    values: { bytes: bytes.length, needed: length },
  });
}
