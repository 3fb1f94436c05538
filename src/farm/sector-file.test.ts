import { describe, expect, it } from 'vitest';
import { concat } from '../protocol/bytes.ts';
import { decodeSectorMetadata, encodeSectorMetadata } from '../protocol/sector-metadata.ts';
import { SECTOR_METADATA_BYTES, sectorLayout } from '../protocol/sector.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import { SectorFile, sectorFileName, sectorOfFileName } from './sector-file.ts';
import { FakeHistory, FakeSource, named, plottingPool, RULES } from './test-support.ts';

const plotted = new MemoryDirectory();
await plotSector(planSector(named('farmer', 32), 0, 3n, 2, RULES), {
  pool: plottingPool(),
  pieces: new FakeSource(),
  history: new FakeHistory(),
  directory: plotted,
  concurrency: 2,
  signal: new AbortController().signal,
  progress: () => undefined,
  badPiece: () => undefined,
  beforeReplace: async () => undefined,
});
const FILE = plotted.files.get(sectorFileName(0))!;
const SECTOR = FILE.subarray(0, -SECTOR_METADATA_BYTES);
const METADATA = decodeSectorMetadata(FILE.subarray(-SECTOR_METADATA_BYTES));

/** A folder with these bytes as its sector 0. */
function holding(file: Uint8Array): MemoryDirectory {
  const directory = new MemoryDirectory();
  directory.files.set(sectorFileName(0), file);
  return directory;
}

const described = (change: Partial<typeof METADATA>) =>
  concat(SECTOR, encodeSectorMetadata({ ...METADATA, ...change }));

/** The bytes with one of them changed. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
}

describe('a sector’s file', () => {
  it.each([
    ['nothing', new Uint8Array(0), 'has 0 bytes only'],
    ['less than a description', FILE.subarray(1 - SECTOR_METADATA_BYTES), 'bytes only'],
    ['a damaged description', flipped(FILE, FILE.length - 40), 'does not decode'],
    ['another sector', described({ sectorIndex: 1 }), 'holds sector 1'],
    ['more than the sector', concat(FILE.subarray(0, 1), FILE), 'expected'],
    ['less than the sector', FILE.subarray(1), 'expected'],
    ['a sector of fewer pieces', described({ piecesInSector: 1 }), 'expected'],
    [
      'other numbers of chunks',
      described({ sBucketSizes: METADATA.sBucketSizes.with(5, METADATA.sBucketSizes[5]! + 1) }),
      'chunks in 2 records',
    ],
  ])('is not opened with %s in it', async (_, file, why) => {
    await expect(SectorFile.open(holding(file), 0, true)).rejects.toMatchObject({
      code: 'sector-broken',
      message: expect.stringContaining(why) as string,
    });
  });

  it('is whole only if every byte is what was written', async () => {
    const open = (file: Uint8Array) => SectorFile.open(holding(file), 0, false);
    await (await open(FILE)).verify();
    const { recordChunks, recordMetadata, checksum } = sectorLayout(2);
    for (const at of [0, recordChunks - 1])
      await expect((await open(flipped(FILE, at))).verify()).rejects.toMatchObject({ rule: 'contents-map' });
    for (const at of [recordChunks, recordMetadata - 1, checksum - 1, checksum, checksum + 31])
      await expect((await open(flipped(FILE, at))).verify()).rejects.toThrow('checksum');
    await expect((await open(FILE)).verify(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });

  it('is not whole with the sizes of other s-buckets', async () => {
    const sizes = METADATA.sBucketSizes.slice();
    const from = sizes.findIndex((size) => size > 0);
    sizes[from]! -= 1;
    sizes[from + 1]! += 1;
    const file = await SectorFile.open(holding(described({ sBucketSizes: sizes })), 0, false);
    await expect(file.verify()).rejects.toThrow('do not follow from its contents map');
  });

  it('has a name that no other number has', () => {
    expect(['sector-0.bin', 'sector-65535.bin'].map(sectorOfFileName)).toEqual([0, 65_535]);
    for (const name of ['sector-00.bin', 'sector-01.bin', 'sector-.bin', 'sector-1.bin.tmp', 'asector-1.bin'])
      expect(sectorOfFileName(name)).toBeNull();
  });
});
