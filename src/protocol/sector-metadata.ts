/** What is kept about a plotted sector beside its bytes. */
import { S_BUCKETS } from './constants.ts';
import { SECTOR_METADATA_BYTES } from './sector.ts';
import { equal, toHex } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import type { HistorySize, SBucket, SectorIndex } from './types.ts';

const SIZES_OFFSET = 4;
const HISTORY_OFFSET = SIZES_OFFSET + 2 * S_BUCKETS;
const CHECKSUM_OFFSET = HISTORY_OFFSET + 8;

/** What a farm keeps of a sector beside its records. */
export interface SectorMetadata {
  sectorIndex: SectorIndex;
  piecesInSector: number;
  /** Chunks in each of the 65536 s-buckets. */
  sBucketSizes: Uint16Array;
  /** History size when the sector was plotted. */
  historySize: HistorySize;
}

/** `SectorMetadataChecksummed`: 131116 bytes. */
export function encodeSectorMetadata(metadata: SectorMetadata): Uint8Array {
  const bytes = new Uint8Array(SECTOR_METADATA_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, metadata.sectorIndex, true);
  view.setUint16(2, metadata.piecesInSector, true);
  metadata.sBucketSizes.forEach((size, sBucket) => view.setUint16(SIZES_OFFSET + 2 * sBucket, size, true));
  view.setBigUint64(HISTORY_OFFSET, metadata.historySize, true);
  bytes.set(blake3Hash(bytes.subarray(0, CHECKSUM_OFFSET)), CHECKSUM_OFFSET);
  return bytes;
}

/** Reads `SectorMetadataChecksummed`. Throws ProtocolError `sector-metadata`. */
export function decodeSectorMetadata(bytes: Uint8Array): SectorMetadata {
  if (bytes.length !== SECTOR_METADATA_BYTES) {
    throw metadataError('length', 'unexpected length', {
      expected: SECTOR_METADATA_BYTES,
      seen: bytes.length,
    });
  }
  const computed = blake3Hash(bytes.subarray(0, CHECKSUM_OFFSET));
  const stored = bytes.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + 32);
  if (!equal(computed, stored)) {
    throw metadataError('checksum', 'checksum differs', { expected: toHex(stored), seen: toHex(computed) });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const historySize = view.getBigUint64(HISTORY_OFFSET, true);
  if (historySize === 0n) throw metadataError('history-size', 'a history size is at least 1', { seen: 0 });
  const sBucketSizes = new Uint16Array(S_BUCKETS);
  for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
    sBucketSizes[sBucket] = view.getUint16(SIZES_OFFSET + 2 * sBucket, true);
  }
  return {
    sectorIndex: view.getUint16(0, true),
    piecesInSector: view.getUint16(2, true),
    sBucketSizes,
    historySize,
  };
}

/** Buckets between two marks of the running total. */
const STEP = 256;

/** Finds an s-bucket's place among a sector's chunks; holds 132 kB a sector. */
export class SBucketIndex {
  private readonly marks = new Uint32Array(S_BUCKETS / STEP);

  constructor(private readonly sizes: Uint16Array) {
    let total = 0;
    for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
      if (sBucket % STEP === 0) this.marks[sBucket / STEP] = total;
      total += sizes[sBucket]!;
    }
  }

  /** Chunks in an s-bucket. */
  size(sBucket: SBucket): number {
    return this.sizes[sBucket]!;
  }

  /** Chunks before an s-bucket. */
  offset(sBucket: SBucket): number {
    const mark = Math.floor(sBucket / STEP);
    let total = this.marks[mark]!;
    for (let before = mark * STEP; before < sBucket; before += 1) total += this.sizes[before]!;
    return total;
  }
}

function metadataError(
  code: string,
  message: string,
  values: Record<string, string | number>,
): ProtocolError {
  return new ProtocolError({
    code,
    rule: 'sector-metadata',
    message,
    values,
    sentence: 'The description of a sector is damaged.',
  });
}
