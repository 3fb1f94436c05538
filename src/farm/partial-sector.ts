/**
 * The records of a sector that is being plotted, encoded so far. They outlive the program: a sector takes up to an
 * hour, and whoever closes the tab before its end goes on where it was left.
 */
import { concat, equal } from '../protocol/bytes.ts';
import { CHUNK_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { DecodeError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { decodeAll, ScaleWriter } from '../protocol/scale.ts';
import { BITFIELD_BYTES, RECORD_METADATA_BYTES } from '../protocol/sector.ts';
import type { HistorySize, PieceOffset, SectorIndex } from '../protocol/types.ts';
import type { EncodedRecord } from '../crypto/jobs.ts';
import type { FarmDirectory, ScratchFile } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import type { SectorPlan } from './plan.ts';

const FILE = 'partial-sector';
const VERSION = 1;
/** Version, sector index, history size, sector id, number of pieces. */
const HEADER_BYTES = 1 + 2 + 8 + 32 + 2;
const CHECKSUM_BYTES = 32;
const ROWS_OFFSET = HEADER_BYTES + CHECKSUM_BYTES;
/** Of a record that another program encoded, whose word nobody checked. */
const UNCHECKED = 1;
/** Before the chunks of a record: checksum of its row, whether it is unchecked, bitfield, metadata. */
const ROW_PREFIX_BYTES = CHECKSUM_BYTES + 1 + BITFIELD_BYTES + RECORD_METADATA_BYTES;
const ROW_BYTES = ROW_PREFIX_BYTES + RECORD_BYTES;

/** What the file says of the sector it belongs to. */
export interface PartialSectorHeader {
  sectorIndex: SectorIndex;
  historySize: HistorySize;
  /** 32 bytes. */
  sectorId: Uint8Array;
  pieces: number;
}

/** What is kept in memory of a record that is encoded. */
export type EncodedRow = Pick<EncodedRecord, 'bitfield' | 'metadata' | 'unchecked'>;

/** What an interrupted plot left in a folder; null when there is nothing to go on with. */
export async function findPartialSector(directory: FarmDirectory): Promise<PartialSectorHeader | null> {
  const scratch = await directory.scratch(FILE);
  const header = await readHeader(scratch);
  if (header === null) await scratch.discard();
  else await scratch.close();
  return header;
}

/** Removes what an interrupted plot left in a folder. */
export async function discardPartialSector(directory: FarmDirectory): Promise<void> {
  await (await directory.scratch(FILE)).discard();
}

/** Bytes that the records of a sector take while it is plotted. */
export function partialSectorBytes(pieces: number): number {
  return ROWS_OFFSET + pieces * ROW_BYTES;
}

export class PartialSector {
  private constructor(
    private readonly scratch: ScratchFile,
    private readonly plan: SectorPlan,
    /** By piece offset; missing ones are still to be encoded. */
    readonly rows: (EncodedRow | undefined)[],
  ) {}

  /**
   * Opens a folder's partial sector for a plan. Records in it that belong to the plan and are whole are taken
   * over; anything else is dropped.
   */
  static async open(directory: FarmDirectory, plan: SectorPlan): Promise<PartialSector> {
    let scratch = await directory.scratch(FILE);
    const header = await readHeader(scratch);
    const rows = new Array<EncodedRow | undefined>(plan.pieces.length).fill(undefined);
    if (header === null || !equal(encodeHeader(header), encodeHeader(headerOf(plan)))) {
      await scratch.discard();
      scratch = await directory.scratch(FILE);
      const bytes = encodeHeader(headerOf(plan));
      await scratch.write(0, concat(bytes, blake3Hash(bytes)));
      return new PartialSector(scratch, plan, rows);
    }
    for (const offset of rows.keys()) rows[offset] = await readRow(scratch, plan, offset);
    return new PartialSector(scratch, plan, rows);
  }

  /** Stores an encoded record. */
  async add(offset: PieceOffset, { chunks, ...row }: EncodedRecord): Promise<void> {
    const start = rowOffset(offset);
    await this.scratch.write(start + ROW_PREFIX_BYTES, chunks);
    const checksum = rowChecksum(this.plan, offset, row, chunks);
    await this.scratch.write(start, concat(checksum, originOf(row), row.bitfield, row.metadata));
    this.rows[offset] = row;
  }

  /** Reads a record's chunks in s-bucket order, from chunk number `from` on. */
  async readChunks(offset: PieceOffset, from: number, into: Uint8Array): Promise<void> {
    if (into.length > 0) {
      await this.scratch.read(rowOffset(offset) + ROW_PREFIX_BYTES + CHUNK_BYTES * from, into);
    }
  }

  /** Keeps it for another time. */
  close(): Promise<void> {
    return this.scratch.close();
  }

  discard(): Promise<void> {
    return this.scratch.discard();
  }
}

function headerOf({ sectorIndex, historySize, sectorId, pieces }: SectorPlan): PartialSectorHeader {
  return { sectorIndex, historySize, sectorId, pieces: pieces.length };
}

function encodeHeader({ sectorIndex, historySize, sectorId, pieces }: PartialSectorHeader): Uint8Array {
  const writer = new ScaleWriter(HEADER_BYTES).u8(VERSION).u16(sectorIndex).u64(historySize);
  return writer.raw(sectorId, 32).u16(pieces).bytes();
}

async function readHeader(scratch: ScratchFile): Promise<PartialSectorHeader | null> {
  const bytes = await readWhole(scratch, 0, ROWS_OFFSET);
  if (bytes === null) return null;
  const header = bytes.subarray(0, HEADER_BYTES);
  if (!equal(blake3Hash(header), bytes.subarray(HEADER_BYTES))) return null;
  try {
    return decodeAll(header, 'partial-sector', (reader) => {
      const version = reader.u8();
      if (version !== VERSION) reader.fail(`unknown version ${version}`);
      return {
        sectorIndex: reader.u16(),
        historySize: reader.u64(),
        sectorId: reader.raw(32),
        pieces: reader.u16(),
      };
    });
  } catch (error) {
    // Written by another version of the app.
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

async function readRow(
  scratch: ScratchFile,
  plan: SectorPlan,
  offset: PieceOffset,
): Promise<EncodedRow | undefined> {
  const start = rowOffset(offset);
  const stored = await readWhole(scratch, start, CHECKSUM_BYTES);
  if (stored === null || stored.every((byte) => byte === 0)) return undefined;
  const rest = await readWhole(scratch, start + CHECKSUM_BYTES, ROW_BYTES - CHECKSUM_BYTES);
  if (rest === null) return undefined;
  const row: EncodedRow = {
    bitfield: rest.slice(1, 1 + BITFIELD_BYTES),
    metadata: rest.slice(1 + BITFIELD_BYTES, ROW_PREFIX_BYTES - CHECKSUM_BYTES),
    ...(rest[0] === UNCHECKED && { unchecked: true }),
  };
  const chunks = rest.subarray(ROW_PREFIX_BYTES - CHECKSUM_BYTES);
  return equal(rowChecksum(plan, offset, row, chunks), stored) ? row : undefined;
}

/** Bytes of a scratch file; null where it ends before. */
async function readWhole(scratch: ScratchFile, offset: number, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  try {
    await scratch.read(offset, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'too-short') return null;
    throw error;
  }
}

/** Covers the place of a record as well, so that a row found anywhere else is none. */
function rowChecksum(plan: SectorPlan, offset: PieceOffset, row: EncodedRow, chunks: Uint8Array): Uint8Array {
  const { evaluationSeed } = plan.pieces[offset]!;
  return blake3Hash(evaluationSeed, originOf(row), row.bitfield, row.metadata, chunks);
}

function originOf({ unchecked }: EncodedRow): Uint8Array {
  return Uint8Array.of(unchecked === true ? UNCHECKED : 0);
}

function rowOffset(offset: PieceOffset): number {
  return ROWS_OFFSET + ROW_BYTES * offset;
}
