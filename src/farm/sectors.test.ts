import { describe, expect, it } from 'vitest';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { partialSectorBytes } from './partial-sector.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import { sectorFileName, sectorFileSize } from './sector-file.ts';
import { bytesOfSectors, MAX_SECTORS, sectorsIn, SectorTable, type SectorTableOptions } from './sectors.ts';
import { FakeHistory, named, plotContext, RULES } from './test-support.ts';

const PIECES = 2;
const publicKey = named('farmer', 32);

/** A folder with these sectors, plotted at history size 3. */
async function plotted(...sectors: number[]): Promise<MemoryDirectory> {
  const directory = new MemoryDirectory();
  for (const index of sectors)
    await plotSector(planSector(publicKey, index, 3n, PIECES, RULES), plotContext({ directory }));
  return directory;
}

const load = (directory: MemoryDirectory, change: Partial<SectorTableOptions> = {}) =>
  SectorTable.load({
    directory,
    publicKey,
    piecesInSector: PIECES,
    minSectorLifetime: 4n,
    history: new FakeHistory(),
    count: 2,
    ...change,
  });
const statesOf = (table: SectorTable) => table.snapshots().map(({ state }) => state);

it('a sector is not given up while an audit may still have to read it', async () => {
  const table = await load(new MemoryDirectory());
  let over: () => void = () => undefined;
  table.usedBy(new Promise<void>((done) => (over = done)));
  let smaller = false;
  const resized = table.resize(1).then(() => (smaller = true));
  await new Promise((done) => setTimeout(done, 10));
  expect(smaller).toBe(false);
  over();
  await resized;
  expect(table.length).toBe(1);
});

it('a farm has as many sectors as there is room for beside the one that is plotted, and indices for', () => {
  const exact = bytesOfSectors(3, PIECES);
  expect([exact, exact - 1].map((bytes) => sectorsIn(bytes, PIECES))).toEqual([3, 2]);
  expect(sectorsIn(2 ** 60, PIECES)).toBe(MAX_SECTORS);
  expect(sectorsIn(0, PIECES)).toBe(0);
  expect(bytesOfSectors(1, PIECES)).toBeGreaterThan(2 * sectorFileSize(PIECES) + partialSectorBytes(PIECES));
});

describe('what lies in a farm’s folder', () => {
  it('is audited where it is a sector of the farm, and removed where the farm is smaller', async () => {
    const directory = await plotted(0, 2);
    const table = await load(directory);
    expect(statesOf(table)).toEqual(['plotted', 'planned']);
    expect(table.auditable().map(({ sectorIndex }) => sectorIndex)).toEqual([0]);
    expect([...directory.files.keys()]).toEqual([sectorFileName(0)]);
  });

  it('is no sector of the farm with another number of pieces', async () => {
    const table = await load(await plotted(0), { piecesInSector: 1 });
    expect(statesOf(table)).toEqual(['broken', 'planned']);
    expect(table.auditable()).toEqual([]);
    expect(table.nextToPlot()).toBe(0);
  });

  it('is kept open as far as the folder can keep files open', async () => {
    const directory = await plotted(0, 1);
    let opened = 0;
    const open = directory.open.bind(directory);
    directory.open = async (name) => {
      const handle = await open(name);
      opened += 1;
      return { ...handle, read: handle.read.bind(handle), close: async () => void (opened -= 1) };
    };
    Object.assign(directory, { maxOpenFiles: 1 });
    const table = await load(directory);
    expect([table.onDisk(), opened]).toEqual([2, 1]);
  });
});

describe('what is plotted next', () => {
  it('is what is damaged, before what is new, and nothing that others plot already', async () => {
    const table = await load(await plotted(0, 1), { count: 3 });
    expect(table.nextToPlot()).toBe(2);
    const [audited] = table.auditable();
    expect(table.isCurrent(audited!)).toBe(true);
    await table.markBroken(1, 'damaged');
    expect(table.nextToPlot()).toBe(1);
    expect(table.nextToPlot(new Set([1]))).toBe(2);
    expect(table.nextToPlot(new Set([1, 2]))).toBeNull();
    await table.markBroken(0, 'damaged');
    expect(table.isCurrent(audited!)).toBe(false);
    await table.plotFailed(0, null);
    expect(table.snapshots()[0]).toMatchObject({ state: 'broken', error: 'damaged' });
  });

  it('is wanted where it is not there, or newer than what is', async () => {
    const table = await load(await plotted(0));
    expect([0, 1, 2].map((index) => table.wants(index, 3n))).toEqual([false, true, false]);
  });

  it('is a sector too old to win, which is audited no more, by one that is not as old', async () => {
    const history = new FakeHistory();
    const table = await load(await plotted(0), { history });
    history.grow(100n);
    expect(table.updateExpiry()).toEqual([{ index: 0, state: 'expired' }]);
    expect([table.auditable(), table.nextToPlot()]).toEqual([[], 0]);
    expect([0, 1].map((index) => table.wants(index, 3n))).toEqual([false, false]);
    expect([0, 1].map((index) => table.wants(index, 100n))).toEqual([true, true]);
  });
});
