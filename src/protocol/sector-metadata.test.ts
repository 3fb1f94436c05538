import { describe, expect, it } from 'vitest';
import { S_BUCKETS, U64_MAX } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { SECTOR_METADATA_BYTES } from './sector.ts';
import { decodeSectorMetadata, encodeSectorMetadata, SBucketIndex } from './sector-metadata.ts';

const sBucketSizes = Uint16Array.from(
  { length: S_BUCKETS },
  (_, sBucket) => (sBucket * 2_654_435_761) % 1001,
);
const METADATA = { sectorIndex: 0x1234, piecesInSector: 0x0567, sBucketSizes, historySize: U64_MAX - 1n };

function codeOf(bytes: Uint8Array): string | null {
  try {
    decodeSectorMetadata(bytes);
    return null;
  } catch (error) {
    return error instanceof ProtocolError ? error.code : String(error);
  }
}

describe('sector metadata', () => {
  const bytes = encodeSectorMetadata(METADATA);

  it('is little-endian: index, pieces, sizes, history, and the hash of all of them', () => {
    expect(bytes.length).toBe(SECTOR_METADATA_BYTES);
    const view = new DataView(bytes.buffer);
    expect([...bytes.subarray(0, 4)]).toEqual([0x34, 0x12, 0x67, 0x05]);
    expect(view.getUint16(4 + 2 * 65_535, true)).toBe(sBucketSizes[65_535]);
    expect([...bytes.subarray(-40, -32)]).toEqual([254, 255, 255, 255, 255, 255, 255, 255]);
    expect(bytes.subarray(-32)).toEqual(blake3Hash(bytes.subarray(0, -32)));
    // Also where it is part of a longer buffer.
    const { sBucketSizes: sizes, ...rest } = decodeSectorMetadata(new Uint8Array([0, ...bytes]).subarray(1));
    expect({ ...rest, sizes: sizes.join() }).toEqual({
      sectorIndex: METADATA.sectorIndex,
      piecesInSector: METADATA.piecesInSector,
      historySize: METADATA.historySize,
      sizes: sBucketSizes.join(),
    });
  });

  it('is refused when any byte changed, at another length, and of no history', () => {
    for (const at of [
      0,
      4,
      SECTOR_METADATA_BYTES - 33,
      SECTOR_METADATA_BYTES - 32,
      SECTOR_METADATA_BYTES - 1,
    ]) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      expect(codeOf(changed)).toBe('checksum');
    }
    expect(codeOf(bytes.subarray(1))).toBe('length');
    expect(codeOf(new Uint8Array([...bytes, 0]))).toBe('length');
    expect(codeOf(encodeSectorMetadata({ ...METADATA, historySize: 0n }))).toBe('history-size');
    expect(codeOf(encodeSectorMetadata({ ...METADATA, historySize: 1n }))).toBeNull();
  });

  it('says how many chunks lie before each s-bucket', () => {
    const index = new SBucketIndex(sBucketSizes);
    const offsets: number[] = [];
    let total = 0;
    for (const size of sBucketSizes) {
      offsets.push(total);
      total += size;
    }
    expect(offsets.map((_, sBucket) => index.offset(sBucket)).join()).toBe(offsets.join());
    expect(index.size(777)).toBe(sBucketSizes[777]);
  });
});
