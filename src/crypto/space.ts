/**
 * Proof of space with K = 20, and what rests on its tables: encoding, decoding and auditing of records. Needs
 * `loadWasm`. Bytes of a wrong length and records that do not decode are refused with ProtocolError.
 */
import { PROOF_OF_SPACE_BYTES, RECORD_BYTES, S_BUCKETS } from '../protocol/constants.ts';
import { BITFIELD_BYTES } from '../protocol/sector.ts';
import type { SBucket, SolutionRange } from '../protocol/types.ts';
import { locate, recoverSource } from './kzg.ts';
import { guarded, wasm } from './wasm.ts';

const RULE = 'proof-of-space';

/** Whether 160 bytes prove that the table of `seed` (32 bytes) has an entry for the s-bucket. */
export function verifyProofOfSpace(seed: Uint8Array, sBucket: SBucket, proof: Uint8Array): boolean {
  if (proof.length !== PROOF_OF_SPACE_BYTES) return false;
  return guarded(RULE, () => wasm.pos_verify(seed, sBucket, proof));
}

/** A record's chunks without their masks, over the 65536 positions of the extended record. */
export interface UnmaskedRecord {
  /** 65536 × 32 bytes, zeros where nothing is known. */
  shards: Uint8Array;
  /** 65536 bytes: 1 where a chunk is known. */
  present: Uint8Array;
}

/** A column of a table between two steps of its making, as `SpaceTable.step` reads it. */
export type TableColumn = 'bucketOrder' | 'positionOrder' | 'metadata';

const COLUMNS: Readonly<Record<TableColumn, number>> = { bucketOrder: 0, positionOrder: 1, metadata: 2 };

/**
 * A proof-of-space table, in some 130 MiB of the module's memory, which is kept until `free`; building another
 * table takes no more.
 */
export class SpaceTable {
  private readonly table = guarded(RULE, () => new wasm.PosTable());

  /** Builds the table of a 32-byte seed over the one built before: about a second. */
  build(seed: Uint8Array): void {
    guarded(RULE, () => this.table.build(seed));
  }

  /** The proof (160 bytes) of a challenge index, in practice an s-bucket, or null when it has none. */
  proof(challengeIndex: number): Uint8Array | null {
    return guarded(RULE, () => this.table.find_proof(challengeIndex)) ?? null;
  }

  /**
   * Encodes a record (1 MiB) by the proofs of this table: which s-buckets hold an encoded chunk (8192 bytes),
   * and the 32768 chunks as they are stored, in s-bucket order.
   */
  encode(record: Uint8Array): { bitfield: Uint8Array; chunks: Uint8Array } {
    const bytes = guarded('record-encoding', () => this.table.encode_record(record));
    return { bitfield: bytes.slice(0, BITFIELD_BYTES), chunks: bytes.slice(BITFIELD_BYTES) };
  }

  /** Takes the masks off a record's 32768 stored chunks. */
  unmask(bitfield: Uint8Array, chunks: Uint8Array): UnmaskedRecord {
    const bytes = guarded('record-decoding', () => this.table.unmask(bitfield, chunks));
    const end = bytes.length - S_BUCKETS;
    return { shards: bytes.slice(0, end), present: bytes.slice(end) };
  }

  /** The record (1 MiB) behind its 32768 stored chunks. Throws ProtocolError where they are no record's. */
  decode(bitfield: Uint8Array, chunks: Uint8Array): Uint8Array {
    const { shards, present } = this.unmask(bitfield, chunks);
    const record = recoverSource(shards, present, locate(present));
    if (record.length !== RECORD_BYTES) throw new Error(`a record of ${record.length} bytes`);
    return record;
  }

  /** Gives the memory back; the table is of no use afterwards. */
  free(): void {
    this.table.free();
  }
}

/**
 * A column of table 1..7 on the way to the table of a seed, for comparison with other implementations.
 * `bucketOrder`: y and position of each entry in (y, position) order, `positionOrder`: y and both parents of
 * each entry (zeros in table 1), 32-bit little-endian numbers; `metadata`: 16 bytes big-endian an entry.
 */
export function tableColumn(seed: Uint8Array, number: number, column: TableColumn): Uint8Array {
  return guarded(RULE, () => wasm.pos_table_column(seed, number, COLUMNS[column]));
}

/** A chunk within the solution range. */
export interface WinningChunk {
  /** Index within the s-bucket. */
  chunk: number;
  distance: SolutionRange;
}

/**
 * Audits the chunks of an s-bucket as they are stored: those within half the solution range, nearest first.
 *
 * @param sectorSlotChallenge 32 bytes.
 * @param globalChallenge 32 bytes.
 */
export function auditSBucket(
  chunks: Uint8Array,
  sectorSlotChallenge: Uint8Array,
  globalChallenge: Uint8Array,
  range: SolutionRange,
): WinningChunk[] {
  const found = guarded('audit', () =>
    wasm.audit_s_bucket(chunks, sectorSlotChallenge, globalChallenge, range),
  );
  return Array.from({ length: found.length / 3 }, (_, i) => {
    const [chunk, low, high] = found.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number];
    return { chunk, distance: (BigInt(high) << 32n) | BigInt(low) };
  });
}
