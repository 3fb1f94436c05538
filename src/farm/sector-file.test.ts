import { describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { CHUNK_BYTES, S_BUCKETS } from '../protocol/constants.ts';
import { decodeSectorMetadata, encodeSectorMetadata } from '../protocol/sector-metadata.ts';
import { RECORD_METADATA_BYTES, SECTOR_METADATA_BYTES, sectorLayout } from '../protocol/sector.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import { SectorFile, sectorFileName, sectorOfFileName } from './sector-file.ts';
import { named, plotContext, RULES } from './test-support.ts';

const plotted = new MemoryDirectory();
await plotSector(planSector(named('farmer', 32), 0, 3n, 2, RULES), plotContext({ directory: plotted }));
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

  it('gives every chunk once by s-buckets, and a record’s in their order', async () => {
    const file = await SectorFile.open(holding(FILE), 0, true);
    const map = await file.readContentsMap();
    const { recordChunks, recordMetadata } = sectorLayout(2);
    const read: Uint8Array[] = [];
    const ofRecord: Uint8Array[][] = [[], []];
    for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
      const chunks = await file.readSBucket(sBucket);
      read.push(chunks);
      map.recordsIn(sBucket).forEach((record, at) => {
        ofRecord[record]!.push(chunks.subarray(CHUNK_BYTES * at, CHUNK_BYTES * (at + 1)));
      });
    }
    expect(equal(concat(...read), FILE.subarray(recordChunks, recordMetadata))).toBe(true);
    for (const record of [0, 1]) {
      expect(equal(await file.readRecordChunks(map, record), concat(...ofRecord[record]!))).toBe(true);
      const from = recordMetadata + RECORD_METADATA_BYTES * record;
      expect(await file.readRecordMetadata(record)).toEqual(FILE.slice(from, from + RECORD_METADATA_BYTES));
    }
  });

  it.each([true, false])(
    'is open as long as it should be, and no longer (kept open: %s)',
    async (keepOpen) => {
      const directory = holding(FILE);
      let opened = 0;
      let read = (): Promise<void> => Promise.resolve();
      const open = directory.open.bind(directory);
      directory.open = async (name) => {
        const handle = await open(name);
        opened += 1;
        return {
          ...handle,
          read: (...where) => read().then(() => handle.read(...where)),
          close: async () => void (opened -= 1),
        };
      };
      const kept = Number(keepOpen);
      const file = await SectorFile.open(directory, 0, keepOpen);
      expect(opened).toBe(kept);
      await file.readRecordMetadata(0);
      expect(opened).toBe(kept);
      let go: () => void = () => undefined;
      const late = new Promise<void>((done) => (go = done));
      read = () => late;
      const reading = file.readRecordMetadata(1);
      let closed = false;
      const closing = file.close().then(() => (closed = true));
      await new Promise((done) => setTimeout(done, 5));
      expect([opened, closed]).toEqual([1, !keepOpen]);
      go();
      await Promise.all([reading, closing]);
      expect(opened).toBe(0);
      directory.files.set(sectorFileName(0), FILE.subarray(1));
      await expect(SectorFile.open(directory, 0, keepOpen)).rejects.toThrow('expected');
      expect(opened).toBe(0);
    },
  );

  it('is replaced once nothing holds it any more', async () => {
    const file = await SectorFile.open(holding(FILE), 0, false);
    await expect(file.released()).resolves.toBeUndefined();
    const releases = [file.hold(), file.hold()];
    let free = false;
    const released = file.released().then(() => (free = true));
    releases[0]!();
    await new Promise((done) => setTimeout(done, 1));
    expect(free).toBe(false);
    releases[1]!();
    await released;
    expect(free).toBe(true);
  });

  it('has a name that no other number has', () => {
    expect(['sector-0.bin', 'sector-65535.bin'].map(sectorOfFileName)).toEqual([0, 65_535]);
    for (const name of ['sector-00.bin', 'sector-01.bin', 'sector-.bin', 'sector-1.bin.tmp', 'asector-1.bin'])
      expect(sectorOfFileName(name)).toBeNull();
  });
});
