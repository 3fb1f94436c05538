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
  const raw = new Uint8Array(RAW_RECORD_BYTES);
  const source = viewOf(record);
  const target = viewOf(raw);
  for (let chunk = 0; chunk < RECORD_CHUNKS; chunk += 1) {
    const from = chunk * CHUNK_BYTES;
    if (record[from] !== 0) {
      throw new ProtocolError({
        code: 'not-a-source-record',
        rule: 'source-record',
        message: `chunk ${chunk} begins with ${record[from]}, not 0`,
        values: { chunk, seen: record[from] ?? null },
      });
    }
    copySafeChunk(source, from + 1, target, chunk * SAFE_CHUNK_BYTES);
  }
  return raw;
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
