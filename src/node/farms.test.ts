import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeIdentityFile, identityFromEntropy } from '../farm/identity.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import {
  FakeHistory,
  FakeNode,
  FakeSource,
  fakeIdentity,
  GENESIS,
  named,
  plottingPool,
  slotAt,
  until,
} from '../farm/test-support.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { blake3Hash } from '../protocol/hash.ts';
import type { FarmDirectory, PlaceWatch } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import type { FarmPlace, FarmView } from './api.ts';
import { beginExport, beginImport, moveFarm, beginScrub } from './farm-tasks.ts';
import type { FarmWorld } from './farm-world.ts';
import { Farms } from './farms.ts';
import { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

const PIECES = 2;
const size = (sectors: number): number => bytesOfSectors(sectors, PIECES);
const at = (path: string): FarmPlace => ({ kind: 'folder', path });

let folder: string;
let store: NodeStore;
let directories: Map<string, MemoryDirectory>;
let refused: Set<string>;
let keys: ReadonlySet<string>;
const running: Farms[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-farms-'));
  store = await openNodeStore(folder);
  directories = new Map();
  refused = new Set();
  keys = new Set();
});
afterEach(async () => {
  for (const farms of running.splice(0)) await farms.halt();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

function directory(name: string): MemoryDirectory {
  const found = directories.get(name) ?? new MemoryDirectory();
  directories.set(name, found);
  return found;
}

/** Who is told what becomes of a folder, from when it is locked on. */
function watched(name: string): { watch?: PlaceWatch } {
  const told: { watch?: PlaceWatch } = {};
  const drive: FarmDirectory = directory(name);
  const lock = drive.lock.bind(drive);
  drive.lock = (watch) => {
    if (watch !== undefined) told.watch = watch;
    return lock();
  };
  return told;
}

async function farmsOfStore(): Promise<Farms> {
  const platform = {
    store,
    defaultFarm: { kind: 'folder', name: 'first' },
    openFarmDirectory: async ({ name }) => {
      if (refused.has(name)) throw new StorageError('no-permission', name, 'the permission is prompt');
      return directory(name);
    },
  } satisfies Pick<NodePlatform, 'store' | 'defaultFarm' | 'openFarmDirectory'>;
  const journal = new Journal(store, () => undefined);
  const told = (all: ReadonlySet<string>): void => void (keys = all);
  const farms = new Farms(platform as unknown as NodePlatform, journal, () => undefined, told);
  await farms.load();
  running.push(farms);
  return farms;
}

function world(change: Partial<FarmWorld> = {}): FarmWorld {
  return {
    pool: plottingPool(),
    history: new FakeHistory(),
    node: new FakeNode(),
    pieces: new FakeSource(),
    genesisHash: GENESIS,
    identity: fakeIdentity(),
    seat: () => null,
    rewardAccount: named('rewards', 32),
    ...change,
  };
}

async function started(): Promise<Farms> {
  const farms = await farmsOfStore();
  await farms.give(size(1));
  farms.start(world());
  await plotted(farms, 'first');
  return farms;
}

function view(farms: Farms, name: string): FarmView {
  const found = farms.views().find((farm) => farm.name === name);
  if (found === undefined) throw new Error(`no farm ${name}`);
  return found;
}

async function plotted(farms: Farms, name: string): Promise<void> {
  const whole = ({ sectors }: FarmView): boolean =>
    sectors.length > 0 && sectors.every(({ state }) => state === 'plotted');
  await until(() => whole(view(farms, name)), `plotting in ${name}`);
}

describe('farms', () => {
  it('have keys of their own, but for the first, and are the same at the next start', async () => {
    const farms = await started();
    await farms.add(at('drive'), size(2));
    await plotted(farms, 'drive');
    expect(view(farms, 'first').publicKey).toBe(toHex(fakeIdentity().publicKey));
    const entropy = decodeIdentityFile(directory('drive').files.get('identity.bin')!);
    const own = toHex((await identityFromEntropy(entropy)).publicKey);
    expect(view(farms, 'drive').publicKey).toBe(own);
    expect([...keys].sort()).toEqual([own, view(farms, 'first').publicKey].sort());
    expect(directory('first').files.has('identity.bin')).toBe(false);
    await farms.halt();
    const again = await farmsOfStore();
    const { pool } = world();
    again.start(world({ pool }));
    await plotted(again, 'drive');
    expect(again.views().map(({ publicKey }) => publicKey)).toEqual(farms.views().map((f) => f.publicKey));
    expect((pool as ReturnType<typeof plottingPool>).calls['record.encode']).toBeUndefined();
  });

  it('are not given a new key where one is missing or damaged', async () => {
    const farms = await started();
    const id = await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    const { files } = directory('drive');
    for (const [damage, sentence] of [
      [() => files.delete('identity.bin'), 'is missing in'],
      [() => files.set('identity.bin', Uint8Array.of(1, 2)), 'is damaged'],
    ] as const) {
      await farms.halt();
      damage();
      farms.start(world());
      await until(() => view(farms, 'drive').cause !== null, 'a cause');
      expect(view(farms, 'drive').cause).toMatchObject({ code: 'identity' });
      expect(view(farms, 'drive').cause!.sentence).toContain(sentence);
    }
    await farms.remove(id);
    expect(files.size).toBe(0);
  });

  it('plot one after the other', async () => {
    const farms = await farmsOfStore();
    await farms.give(size(3));
    let busy = 0;
    let most = 0;
    const pool = plottingPool();
    const encode = pool.handlers['record.encode']!;
    const places = new Set<string>();
    pool.handlers['record.encode'] = async (input, options) => {
      for (const { plotting, name } of farms.views()) if (plotting !== null) places.add(name);
      busy = farms.views().filter(({ plotting }) => plotting !== null).length;
      most = Math.max(most, busy);
      return encode(input, options);
    };
    farms.start(world({ pool }));
    await farms.add(at('drive'), size(3));
    await plotted(farms, 'first');
    await plotted(farms, 'drive');
    expect(most).toBe(1);
    expect([...places].sort()).toEqual(['drive', 'first']);
  });

  it.each([
    ['of another network', { genesisHash: named('elsewhere', 32) }, 'belongs to another network'],
    ['too small', {}, 'needs at least'],
  ])('that are %s are refused and forgotten', async (_, change, sentence) => {
    const farms = await started();
    const elsewhere = await farmsOfStore();
    const node = new FakeNode();
    node.info = { ...node.info, ...change };
    elsewhere.start(world({ node: Object.assign(node, new FakeSource(), { piece: async () => null }) }));
    await elsewhere.add(at('drive'), size(1));
    await elsewhere.halt();
    const bytes = sentence.includes('least') ? 1_000 : size(1);
    await expect(farms.add(at('drive'), bytes)).rejects.toMatchObject({
      sentence: expect.stringContaining(sentence) as string,
    });
    expect(farms.views()).toHaveLength(1);
    expect((await store.farms()).map(({ name }) => name)).not.toContain('nowhere');
  });

  it('that are open elsewhere, or here already, are refused', async () => {
    const farms = await started();
    const lock = await directory('drive').lock();
    await expect(farms.add(at('drive'), size(1))).rejects.toMatchObject({ code: 'in-use' });
    await lock.release();
    await farms.add(at('drive'), size(1));
    await expect(farms.add(at('drive'), size(1))).rejects.toThrow('There is a farm in that folder already');
  });

  it('whose folder needs access say so, and go on once it is given', async () => {
    const farms = await started();
    const id = await farms.add(at('drive'), size(1));
    await farms.halt();
    refused.add('drive');
    farms.start(world());
    await until(() => view(farms, 'drive').cause !== null, 'a cause');
    expect(view(farms, 'drive')).toMatchObject({ phase: 'failed', cause: { code: 'no-permission' } });
    expect(view(farms, 'first').cause).toBeNull();
    refused.clear();
    await farms.resume(id);
    expect(view(farms, 'drive').cause).toBeNull();
    await plotted(farms, 'drive');
  });

  it('that somebody else took meanwhile stop, say so, and come back when they can, with what they counted', async () => {
    const farms = await farmsOfStore();
    const drive = watched('drive');
    const node = new FakeNode();
    farms.start(world({ node }));
    const id = await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    node.announce(slotAt(1));
    node.announce(slotAt(4));
    await until(() => view(farms, 'drive').slots.missed >= 2, 'slots');
    const { slots } = view(farms, 'drive');
    drive.watch?.lost(new StorageError('in-use', 'drive', 'taken'));
    await until(() => view(farms, 'drive').phase === 'failed', 'the end');
    expect(view(farms, 'drive')).toMatchObject({
      cause: { code: 'in-use' },
      slots: { missed: slots.missed },
    });
    await farms.resume(id);
    await plotted(farms, 'drive');
    expect(view(farms, 'drive').slots.missed).toBe(slots.missed);
  });

  it('whose place is lost say since when, though they stopped later', async () => {
    const farms = await farmsOfStore();
    const drive = watched('drive');
    farms.start(world());
    await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    const away = new StorageError('place-lost', 'drive', 'gone');
    drive.watch?.reached(away);
    const { since } = view(farms, 'drive').cause!;
    await new Promise((resolve) => setTimeout(resolve, 20));
    drive.watch?.lost(away);
    await until(() => view(farms, 'drive').sectors.length === 0, 'the end');
    await until(() => view(farms, 'drive').phase === 'failed', 'the cause');
    expect(view(farms, 'drive').cause).toMatchObject({ code: 'place-lost', since });
  });

  it('whose folder is suddenly empty are waited for, and no other farm begins there', async () => {
    const farms = await started();
    await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    const key = view(farms, 'drive').publicKey;
    await farms.halt();
    const drive = directory('drive');
    // What is there when the drive is not mounted.
    directories.set('drive', new MemoryDirectory());
    const again = await farmsOfStore();
    again.start(world());
    await until(() => view(again, 'drive').cause !== null, 'a cause');
    expect(view(again, 'drive')).toMatchObject({ phase: 'failed', cause: { code: 'place-lost' } });
    expect(directory('drive').files.size).toBe(0);
    directories.set('drive', drive);
    await again.resume(view(again, 'drive').id);
    await plotted(again, 'drive');
    expect(view(again, 'drive').publicKey).toBe(key);
  });

  it('whose folder lies elsewhere now go on there, and nowhere else', async () => {
    const farms = await started();
    const id = await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    const key = view(farms, 'drive').publicKey;
    directory('empty');
    await expect(moveFarm(farms, id, at('empty'))).rejects.toThrow('lies no such farm');
    await expect(moveFarm(farms, id, at('first'))).rejects.toThrow('There is a farm in that folder already');
    await farms.halt();
    refused.add('drive');
    farms.start(world());
    await until(() => view(farms, 'drive').cause !== null, 'a cause');
    // The drive comes under another name.
    directories.set('other drive', directory('drive'));
    await moveFarm(farms, id, at('other drive'));
    await plotted(farms, 'other drive');
    expect(view(farms, 'other drive')).toMatchObject({ id, publicKey: key, cause: null });
    expect((await store.farms()).map(({ name }) => name)).toEqual(['first', 'other drive']);
  });

  it('larger than their place are refused', async () => {
    const farms = await started();
    directories.set('stick', new MemoryDirectory(size(2)));
    await expect(farms.add(at('stick'), size(3))).rejects.toMatchObject({ code: 'too-large' });
    const id = await farms.add(at('stick'), size(2));
    await plotted(farms, 'stick');
    await expect(farms.resize(id, size(3))).rejects.toMatchObject({ code: 'too-large' });
    expect(view(farms, 'stick').allocatedBytes).toBe(size(2));
  });

  it('stay paused over a restart, and wait for a reason that is given', async () => {
    const farms = await started();
    const [{ id }] = farms.views() as [FarmView];
    await farms.pause(id);
    await farms.resize(id, size(2));
    await farms.halt();
    const again = await farmsOfStore();
    again.start(world());
    await until(() => view(again, 'first').sectors.length === 2, 'the farm');
    expect(view(again, 'first').phase).toBe('paused');
    again.hold('It is day.');
    await again.resume(null);
    expect(view(again, 'first')).toMatchObject({ phase: 'waiting', held: 'It is day.' });
    again.hold(null);
    await plotted(again, 'first');
  });

  it('leave other files of a folder alone when they are removed', async () => {
    const farms = await started();
    const holiday = Uint8Array.of(1);
    directory('drive').files.set('holiday.jpg', holiday);
    const kept = await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    await farms.remove(kept, true);
    expect(directory('drive').files.has('sector-0.bin')).toBe(true);
    const again = await farms.add(at('drive'), size(1));
    await plotted(farms, 'drive');
    await farms.remove(again);
    expect([...directory('drive').files]).toEqual([['holiday.jpg', holiday]]);
    expect(farms.views()).toHaveLength(1);
  });

  it('are checked without a repair, and with one', async () => {
    const farms = await started();
    directory('first').files.get('sector-0.bin')![99_999]! ^= 1;
    beginScrub(farms, null, true);
    expect(() => beginScrub(farms, null, true)).toThrow('Wait until the other work');
    await until(() => view(farms, 'first').task?.outcome != null, 'the check');
    expect(view(farms, 'first').task).toMatchObject({ done: 1, total: 1, failed: false });
    expect(view(farms, 'first').task!.outcome).toBe('0 sectors are whole; 1 is damaged: 0.');
    expect(view(farms, 'first').sectors[0]!.state).toBe('plotted');
    beginScrub(farms, null, false);
    await until(() => view(farms, 'first').task?.outcome?.includes('plotted again') === true, 'the repair');
    await plotted(farms, 'first');
    beginScrub(farms, null, true);
    await until(() => view(farms, 'first').task?.outcome === 'The sector is whole.', 'the check');
  });
});

describe('files of the native farmer', () => {
  async function exported(): Promise<Farms> {
    const farms = await started();
    const id = await farms.add(at('drive'), size(2));
    await plotted(farms, 'drive');
    await beginExport(farms, id, at('native'));
    await until(() => view(farms, 'drive').task?.outcome != null, 'the export');
    expect(view(farms, 'drive').task!.outcome).toContain('2 sectors were verified and written.');
    return farms;
  }

  it('become a farm with the same key and sectors', async () => {
    const farms = await exported();
    const { publicKey } = view(farms, 'drive');
    await beginImport(farms, at('native'), at('copy'));
    await until(() => view(farms, 'copy').task?.outcome != null, 'the import');
    await plotted(farms, 'copy');
    expect(view(farms, 'copy')).toMatchObject({ publicKey, task: { failed: false, done: 2, total: 2 } });
    for (const name of ['sector-0.bin', 'sector-1.bin'])
      expect(equal(directory('copy').files.get(name)!, directory('drive').files.get(name)!)).toBe(true);
    expect((await store.farms()).map(({ name }) => name)).toContain('copy');
  });

  it('are farmed where they lie, and only read', async () => {
    const farms = await exported();
    const { files } = directory('native');
    const digests = (): string[] => [...files].map(([name, bytes]) => `${name} ${toHex(blake3Hash(bytes))}`);
    const before = digests();
    const { publicKey } = view(farms, 'drive');
    const id = await farms.addNative(at('native'));
    expect(view(farms, 'native')).toMatchObject({ publicKey, readOnly: true, phase: 'farming' });
    await plotted(farms, 'native');
    beginScrub(farms, id, true);
    await until(() => view(farms, 'native').task?.outcome === 'All 2 sectors are whole.', 'the check');
    await farms.halt();
    const again = await farmsOfStore();
    again.start(world());
    await plotted(again, 'native');
    await again.remove(id);
    expect(digests()).toEqual(before);
    files.get('plot.bin')![1_000] = 1;
    files.delete('identity.bin');
    await expect(again.addNative(at('native'))).rejects.toMatchObject({ code: 'identity' });
    expect(again.views()).toHaveLength(2);
  });

  it('are neither overwritten nor taken for a farm', async () => {
    const farms = await exported();
    await expect(beginExport(farms, null, at('native'))).rejects.toMatchObject({ code: 'not-a-farm' });
    await expect(farms.add(at('native'), size(1))).rejects.toMatchObject({ code: 'not-a-farm' });
    await expect(farms.inspect(at('native'))).resolves.toMatchObject({ kind: 'native' });
    await expect(beginImport(farms, at('native'), at('drive'))).rejects.toThrow('There is a farm in');
  });

  it.each<[string, (files: Map<string, Uint8Array>) => void, string]>([
    ['without a key', (files) => files.delete('identity.bin'), 'identity.bin is missing'],
    [
      'with another key',
      (files) => files.get('identity.bin')!.fill(7, 1),
      'not the one that its sectors were plotted with',
    ],
    ['without a description', (files) => files.delete('single_disk_farm.json'), 'does not hold a farm'],
    [
      'with a description that is none',
      (files) => files.set('single_disk_farm.json', Uint8Array.of(123)),
      'does not hold a farm',
    ],
    [
      'with metadata of another version',
      (files) => (files.get('metadata.bin')![0] = 9),
      'does not hold a farm',
    ],
    [
      'of another network',
      (files) => {
        const text = new TextDecoder().decode(files.get('single_disk_farm.json'));
        const other = text.replace(toHex(GENESIS), toHex(named('elsewhere', 32)));
        files.set('single_disk_farm.json', new TextEncoder().encode(other));
      },
      'belongs to another network',
    ],
  ])('%s are refused in a sentence', async (_, damage, sentence) => {
    const farms = await exported();
    damage(directory('native').files);
    await expect(beginImport(farms, at('native'), at('copy'))).rejects.toMatchObject({
      sentence: expect.stringContaining(sentence) as string,
    });
    expect(directories.get('copy')?.files.size ?? 0).toBe(0);
    expect(farms.views()).toHaveLength(2);
  });

  it('are imported as far as they are whole', async () => {
    const farms = await exported();
    directory('native').files.get('plot.bin')![77]! ^= 1;
    await beginImport(farms, at('native'), at('copy'));
    await until(() => view(farms, 'copy').task?.outcome != null, 'the import');
    expect(view(farms, 'copy').task!.outcome).toContain('1 sector was verified and copied. 1 left out');
    await plotted(farms, 'copy');
  });
});
