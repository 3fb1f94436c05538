/** What becomes of a farm whose place fails it, and of what was known of its sectors. */
import { afterEach, describe, expect, it } from 'vitest';
import type { PlaceWatch } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { discardPartialSector } from './partial-sector.ts';
import { plotSector } from './plotter.ts';
import { bytesOfSectors } from './sectors.ts';
import { sectorFileName } from './sector-file.ts';
import { openFarm, PIECES, plottedFarm, SECTORS, stopFarms, type World } from './test-farm.ts';
import { FakeSource, slotAt, until } from './test-support.ts';

afterEach(stopFarms);

/** A folder that fails as the test says, and tells who holds it what the test says. */
class Place extends MemoryDirectory {
  failure: StorageError | null = null;
  watch: PlaceWatch | undefined;

  override async open(name: string) {
    if (this.failure !== null) throw this.failure;
    return super.open(name);
  }

  override async write(...what: Parameters<MemoryDirectory['write']>): Promise<void> {
    if (this.failure !== null) throw this.failure;
    return super.write(...what);
  }

  override async lock(watch?: PlaceWatch) {
    this.watch = watch;
    return super.lock();
  }
}

const states = ({ snapshot }: World): string[] => snapshot().sectors.map(({ state }) => state);

describe('a farm', () => {
  it.each(['no-permission', 'place-lost'] as const)(
    'whose place fails it (%s) while it plots does not say that it plots, and plots all of it afterwards',
    async (code) => {
      const directory = new Place();
      // A plotter elsewhere leaves nothing in the folder that would tell of the sector.
      const world = await openFarm({
        directory,
        plotter: (plan, context) =>
          plotSector(plan, context).finally(() => discardPartialSector(context.directory)),
      });
      const { farm, snapshot, plotted } = world;
      let failed = false;
      farm.onChange(() => {
        if (failed || snapshot().plotting?.sector !== 1) return;
        failed = true;
        directory.failure = new StorageError(code, 'farm', 'gone');
      });
      farm.start();
      await until(() => snapshot().cause !== null, 'a cause');
      await until(() => snapshot().phase !== 'plotting', 'the end of plotting');
      expect(snapshot()).toMatchObject({ plotting: null, cause: { code } });
      expect(states(world)).not.toContain('writing');
      directory.failure = null;
      farm.resume();
      expect(snapshot().cause).toBeNull();
      await until(plotted, 'plotting');
    },
  );

  it('that audits while another program may not be kept away says so, until it can be again', async () => {
    const directory = new Place();
    const { node, snapshot } = await plottedFarm({ directory });
    directory.watch!.reached(new StorageError('no-permission', 'farm', 'the permission is prompt'));
    expect(snapshot()).toMatchObject({ phase: 'farming', cause: { code: 'no-permission' } });
    node.announce(slotAt(1));
    await until(() => snapshot().slots.audited === 1, 'an audit');
    expect(snapshot().cause).toMatchObject({ code: 'no-permission' });
    directory.watch!.reached(null);
    expect(snapshot().cause).toBeNull();
  });

  it('remembers which sector is damaged when its plotting fails, and when it is paused', async () => {
    let pieces = true;
    const world = await plottedFarm({
      pieces: new FakeSource(() => {
        if (!pieces) world.farm.pause();
        return null;
      }),
      directory: await plottedFolder(),
    });
    const { farm, directory, plotted, pool } = world;
    pieces = false;
    directory.files.get(sectorFileName(1))![100_000]! ^= 1;
    await farm.scrub();
    await until(() => world.snapshot().phase === 'paused' && world.snapshot().plotting === null, 'a pause');
    await farm.quietly(async () => undefined);
    expect(states(world)).toEqual(['plotted', 'broken']);
    expect(plotted()).toBe(false);
    expect(await farm.scrub({ dryRun: true })).toEqual({ verified: 1, broken: [] });
    expect(pool.calls['record.encode']).toBeUndefined();
  });

  it('whose sector cannot be read while it is checked does not take it for damaged', async () => {
    const { farm, plotted, pool } = await plottedFarm();
    const encoded = pool.calls['record.encode'];
    const failure = new StorageError('input-output', sectorFileName(1), 'unreadable');
    Object.assign(farm.sector(1)!, { verify: () => Promise.reject(failure) });
    await expect(farm.scrub()).rejects.toBe(failure);
    expect(plotted()).toBe(true);
    expect(pool.calls['record.encode']).toBe(encoded);
  });

  it('that cannot write down how large it is now stays as large as it was', async () => {
    const directory = new Place();
    const world = await plottedFarm({ directory });
    const { farm, snapshot } = world;
    directory.failure = new StorageError('read-only', 'farm.json', 'read-only');
    await expect(farm.setAllocation(bytesOfSectors(1, PIECES))).rejects.toMatchObject({ code: 'read-only' });
    expect(snapshot()).toMatchObject({ allocatedBytes: bytesOfSectors(SECTORS, PIECES) });
    expect(states(world)).toEqual(['plotted', 'plotted']);
    expect(directory.files.has(sectorFileName(1))).toBe(true);
  });
});

/** The folder of a farm whose sectors are plotted. */
async function plottedFolder(): Promise<MemoryDirectory> {
  const { farm, directory } = await plottedFarm();
  await farm.stop();
  return directory;
}
