import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, equal, fromHex } from '../protocol/bytes.ts';
import { SECTOR_METADATA_BYTES, sectorBytes } from '../protocol/sector.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { encodeDescription, type FarmDescription } from './description.ts';
import { encodeIdentityFile } from './identity.ts';
import { exportNativeFarm, importNativeFarm, readNativeFarm } from './native-farm.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import { sectorFileName } from './sector-file.ts';
import { createUlid } from './ulid.ts';
import { FakeHistory, FakeSource, GENESIS, named, plottingPool, RULES } from './test-support.ts';

const PIECES = 2;
const SIZE = sectorBytes(PIECES);
const MIB = 1024 * 1024;
const entropy = named('entropy', 32);
const description: FarmDescription = {
  id: createUlid(),
  genesisHash: GENESIS,
  publicKey: named('farmer', 32),
  piecesInSector: PIECES,
  allocatedSpace: 10_000_000,
};

const own = new MemoryDirectory();

beforeAll(async () => {
  for (const index of [0, 1, 2]) {
    await plotSector(planSector(description.publicKey, index, 3n, PIECES, RULES), {
      pool: plottingPool(),
      pieces: new FakeSource(),
      history: new FakeHistory(),
      directory: own,
      concurrency: 2,
      signal: new AbortController().signal,
      progress: () => undefined,
      badPiece: () => undefined,
      beforeReplace: async () => undefined,
    });
  }
});

function sameSector(a: MemoryDirectory, b: MemoryDirectory, index: number): boolean {
  return equal(a.files.get(sectorFileName(index))!, b.files.get(sectorFileName(index))!);
}

describe('a native farm', () => {
  it('is exported as its farmer lays it out, and imported as it was', async () => {
    const native = new MemoryDirectory();
    const exported = await exportNativeFarm(own, native, description, entropy, 3);
    expect(exported).toEqual({ sectors: [0, 1, 2], leftOut: [] });
    const plot = native.files.get('plot.bin')!;
    const metadata = native.files.get('metadata.bin')!;
    expect([plot.length % 4096, metadata.length % 4096]).toEqual([0, 0]);
    expect([...metadata.subarray(0, 3)]).toEqual([0, 3, 0]);
    for (const index of [0, 1, 2]) {
      const file = own.files.get(sectorFileName(index))!;
      const at = MIB + index * SECTOR_METADATA_BYTES;
      expect(equal(plot.subarray(index * SIZE, (index + 1) * SIZE), file.subarray(0, SIZE))).toBe(true);
      expect(equal(metadata.subarray(at, at + SECTOR_METADATA_BYTES), file.subarray(SIZE))).toBe(true);
    }
    expect(await readNativeFarm(native)).toEqual({ description, entropy, sectors: 3 });

    const back = new MemoryDirectory();
    const steps: string[] = [];
    const imported = await importNativeFarm(native, back, {
      progress: (done, all) => steps.push(`${done}/${all}`),
    });
    expect(imported).toEqual({ sectors: [0, 1, 2], leftOut: [] });
    expect(steps).toEqual(['1/3', '2/3', '3/3']);
    for (const index of [0, 1, 2]) expect(sameSector(own, back, index)).toBe(true);
  });

  it('of the reference is imported byte for byte', async () => {
    const vectors = new URL('../../tests/vectors/', import.meta.url);
    const inflate = (name: string) => new Uint8Array(gunzipSync(readFileSync(new URL(name, vectors))));
    const { sectors } = JSON.parse(readFileSync(new URL('sectors.json', vectors), 'utf8')) as {
      sectors: { public_key: string; sector_file: string; sector_metadata_file: string }[];
    };
    const [recorded] = sectors as [(typeof sectors)[number]];
    const sector = inflate(recorded.sector_file);
    const metadata = inflate(recorded.sector_metadata_file);
    const native = new MemoryDirectory();
    await native.write('plot.bin', [sector]);
    const header = new Uint8Array(MIB);
    header[1] = 1;
    await native.write('metadata.bin', [header, metadata]);
    await native.write('identity.bin', [encodeIdentityFile(entropy)]);
    const publicKey = fromHex(recorded.public_key);
    await native.write('single_disk_farm.json', [encodeDescription({ ...description, publicKey })]);
    const back = new MemoryDirectory();
    expect(await importNativeFarm(native, back)).toEqual({ sectors: [0], leftOut: [] });
    expect(equal(back.files.get(sectorFileName(0))!, concat(sector, metadata))).toBe(true);
    const again = new MemoryDirectory();
    await exportNativeFarm(back, again, { ...description, publicKey }, entropy, 1);
    expect(equal(again.files.get('plot.bin')!.subarray(0, sector.length), sector)).toBe(true);
  });

  it('gives what is whole when a sector is damaged', async () => {
    const native = new MemoryDirectory();
    await exportNativeFarm(own, native, description, entropy, 3);
    native.files.get('plot.bin')![SIZE + 100_000]! ^= 1;
    const back = new MemoryDirectory();
    const imported = await importNativeFarm(native, back);
    expect(imported.sectors).toEqual([0, 2]);
    expect(imported.leftOut.map(({ sectorIndex }) => sectorIndex)).toEqual([1]);
    expect([...back.files.keys()]).toEqual([sectorFileName(0), sectorFileName(2)]);

    // The native farmer has no gaps: the sector behind the missing one stays here.
    const exported = await exportNativeFarm(back, new MemoryDirectory(), description, entropy, 3);
    expect(exported.sectors).toEqual([0]);
    expect(exported.leftOut.map(({ sectorIndex }) => sectorIndex)).toEqual([1, 2]);
  });

  it.each([
    ['no description', 'single_disk_farm.json', null],
    ['a description that is no JSON', 'single_disk_farm.json', named('noise', 40)],
    ['metadata of another version', 'metadata.bin', Uint8Array.of(1, 0, 0)],
    ['an identity of another length', 'identity.bin', Uint8Array.of(4, 1)],
  ])('is refused with %s', async (_, name, bytes) => {
    const native = new MemoryDirectory();
    await exportNativeFarm(own, native, description, entropy, 0);
    if (bytes === null) native.files.delete(name);
    else native.files.set(name, bytes);
    await expect(readNativeFarm(native)).rejects.toMatchObject({ name: 'FarmError', code: 'not-a-farm' });
  });
});
