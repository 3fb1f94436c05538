import { afterEach, describe, expect, it } from 'vitest';
import { concat, equal, toHex } from '../protocol/bytes.ts';
import { RECORD_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { pieceIndexOf, sectorId } from '../protocol/sector.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { drawReplotDelay } from './ageing.ts';
import { claimFolder, readDescription } from './description.ts';
import { FarmError } from './errors.ts';
import { bytesOfSectors } from './sectors.ts';
import { sectorFileName, sectorFileSize } from './sector-file.ts';
import { farmingPool, openFarm, PIECES, plottedFarm, SECTORS, stopFarms } from './test-farm.ts';
import {
  fakeEncoding,
  fakeIdentity,
  fakePiece,
  FakeHistory,
  FakeNode,
  FakePool,
  GENESIS,
  named,
  plottingPool,
  RULES,
  until,
} from './test-support.ts';

afterEach(stopFarms);

describe('a farm', () => {
  it('plots, is opened again with what it has, and leaves the folder to others when it stops', async () => {
    const { farm, directory, node, snapshot } = await plottedFarm();
    expect(snapshot()).toMatchObject({
      phase: 'farming',
      cause: null,
      plotting: null,
      usedBytes: SECTORS * sectorFileSize(PIECES),
    });
    await expect(openFarm({ directory })).rejects.toMatchObject({ code: 'in-use' });
    await farm.stop();
    expect(node.listeners).toBe(0);
    const pool = farmingPool();
    const again = await openFarm({ directory, pool });
    expect(again.plotted()).toBe(true);
    expect(pool.calls['record.encode']).toBeUndefined();
  });

  it('keeps the size of its sectors, whatever the network’s is by now', async () => {
    const allocatedBytes = bytesOfSectors(SECTORS, 1);
    const { farm, directory } = await openFarm({ piecesInSector: 1, allocatedBytes });
    await farm.stop();
    const again = await openFarm({ directory, allocatedBytes });
    expect(again.snapshot().piecesInSector).toBe(1);
    expect(again.snapshot().sectors).toHaveLength(SECTORS);
  });

  it('removes what a write that was interrupted left, once the folder is its own', async () => {
    let locked = false;
    let cleaned = false;
    class Folder extends MemoryDirectory {
      override async lock() {
        locked = true;
        return super.lock();
      }

      override async clean() {
        cleaned = locked;
        return [];
      }
    }
    await openFarm({ directory: new Folder() });
    expect(cleaned).toBe(true);
  });

  it('keeps what is encoded when it is paused', async () => {
    const world = await openFarm();
    let seen = 0;
    world.farm.onChange(() => {
      const done = world.snapshot().plotting?.piecesDone ?? 0;
      if (done === 1 && seen++ === 0) world.farm.pause();
    });
    world.farm.start();
    await until(() => seen > 0 && world.snapshot().plotting === null, 'the pause');
    expect(world.snapshot().phase).toBe('paused');
    expect(world.directory.scratches.size).toBe(1);
    world.farm.resume();
    await until(world.plotted, 'plotting');
    expect(world.directory.scratches.size).toBe(0);
  });

  it('shrinks and grows', async () => {
    const { farm, directory, snapshot, plotted } = await plottedFarm();
    await farm.setAllocation(bytesOfSectors(1, PIECES));
    expect(snapshot().sectors).toHaveLength(1);
    expect(directory.files.has(sectorFileName(1))).toBe(false);
    await expect(farm.setAllocation(bytesOfSectors(1, PIECES) - 1)).rejects.toMatchObject({
      code: 'too-small',
    });
    await farm.setAllocation(bytesOfSectors(SECTORS, PIECES));
    await until(plotted, 'plotting');
    expect(snapshot().sectors).toHaveLength(SECTORS);
  });

  it('leaves nothing when it is removed', async () => {
    const { farm, directory, snapshot } = await openFarm({ plotConcurrency: 1 });
    const halfDone = new Promise<void>((done) => {
      farm.onChange(() => {
        const { plotting } = snapshot();
        if (plotting?.sector === 1 && plotting.piecesDone === 1) done();
      });
    });
    farm.start();
    await halfDone;
    await farm.remove();
    expect(directory.files.size).toBe(0);
    expect(directory.scratches.size).toBe(0);
  });

  it('waits for room on a full disk, and says so', async () => {
    const directory = new MemoryDirectory(2_200_000);
    const { farm, snapshot } = await openFarm({ directory });
    farm.start();
    await until(() => snapshot().cause !== null, 'a cause');
    expect(snapshot()).toMatchObject({ phase: 'failed', cause: { code: 'disk-full' } });
    expect(snapshot().cause!.action).not.toBeNull();
    expect(snapshot().sectors[0]!.state).toBe('planned');
  });

  it('finds a damaged sector and plots it again', async () => {
    const { farm, directory, pool, plotted, snapshot } = await plottedFarm();
    const encoded = pool.calls['record.encode']!;
    directory.files.get(sectorFileName(1))![100_000]! ^= 1;
    expect(await farm.scrub()).toEqual({ verified: 1, broken: [1] });
    await until(plotted, 'plotting');
    expect(pool.calls['record.encode']).toBe(encoded + PIECES);
    expect(await farm.scrub()).toEqual({ verified: SECTORS, broken: [] });
    expect(snapshot().phase).toBe('farming');
  });

  it.each([
    ['cut off', (file: Uint8Array) => file.subarray(0, 1_000_000)],
    ['empty', () => new Uint8Array(0)],
    [
      'of wrong metadata',
      (file: Uint8Array) => {
        file[file.length - 40]! ^= 1;
        return file;
      },
    ],
    [
      'another sector’s',
      (_: Uint8Array, directory: MemoryDirectory) => directory.files.get(sectorFileName(1))!,
    ],
  ])('plots a sector again whose file is %s', async (_, damage) => {
    const { farm, directory } = await plottedFarm();
    await farm.stop();
    const name = sectorFileName(0);
    directory.files.set(name, damage(directory.files.get(name)!.slice(), directory));
    const again = await openFarm({ directory });
    expect(again.snapshot().sectors.map(({ state }) => state)).toEqual(['broken', 'plotted']);
    again.farm.start();
    await until(again.plotted, 'plotting');
  });

  it('plots sectors again, in place, before they expire', async () => {
    const { history, snapshot } = await plottedFarm({ replotDelay: () => 0 });
    // With every segment the chance grows; at four times the history and the lifetime it is certain.
    for (let size = 7n; size <= 17n; size += 1n) {
      history.grow(size);
      await until(() => snapshot().plotting === null && snapshot().phase === 'farming', 'replotting');
      for (const { state } of snapshot().sectors) expect(state).toBe('plotted');
    }
    expect(snapshot().sectors.every(({ historySize }) => BigInt(historySize!) > 3n)).toBe(true);
  });

  it('waits a while before it plots again what still wins', async () => {
    let delay = 60_000;
    const { farm, history, snapshot, pool, plotted } = await plottedFarm({ replotDelay: () => delay });
    const encoded = pool.calls['record.encode'];
    const states = (): string[] => snapshot().sectors.map(({ state }) => state);
    for (let size = 7n; !states().includes('expiring'); size += 1n) history.grow(size);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(states()).toContain('expiring');
    expect(pool.calls['record.encode']).toBe(encoded);
    expect(snapshot().phase).toBe('farming');
    // The next segment lets them expire: there is nothing left to wait for.
    delay = 20;
    for (let size = history.historySize() + 1n; !states().includes('expired'); size += 1n) history.grow(size);
    await until(() => plotted(), 'replotting');
    expect(pool.calls['record.encode']).toBeGreaterThan(encoded!);
    await farm.stop();
  });

  it('draws that while as the network’s farmer does: one minute to ten', () => {
    const drawn = Array.from({ length: 1000 }, drawReplotDelay);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(60_000);
    expect(Math.max(...drawn)).toBeLessThan(600_000);
    expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(400_000);
  });
});

describe('a folder', () => {
  const own = {
    genesisHash: GENESIS,
    publicKey: named('farmer', 32),
    piecesInSector: 2,
    allocatedSpace: 1_000,
  };

  it('belongs to one network and one farmer', async () => {
    const directory = new MemoryDirectory();
    const made = await claimFolder(directory, own);
    expect(await claimFolder(directory, { ...own, allocatedSpace: 2_000 })).toEqual({
      ...made,
      allocatedSpace: 2_000,
    });
    expect(await readDescription(directory)).toEqual({ ...made, allocatedSpace: 2_000 });
    await expect(claimFolder(directory, { ...own, genesisHash: named('other', 32) })).rejects.toMatchObject({
      code: 'other-network',
    });
    await expect(claimFolder(directory, { ...own, publicKey: named('other', 32) })).rejects.toMatchObject({
      code: 'other-farmer',
    });
    await directory.write('farm.json', [new TextEncoder().encode('{"v0":{}}')]);
    await expect(claimFolder(directory, own)).rejects.toThrow(FarmError);
  });

  it('is not plotted by a node’s word that the verified chain contradicts', async () => {
    const history = new FakeHistory();
    history.constants = () => ({ ...RULES, maxPiecesInSector: 1000 });
    const directory = new MemoryDirectory();
    const refusal = await openFarm({ directory, history }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'other-rules' });
    expect((refusal as FarmError).sentence).toContain('maxPiecesInSector 2, not 1000');
    history.constants = () => RULES;
    await openFarm({ directory, history });
  });

  it('that is too small is left as it was, and unlocked', async () => {
    const directory = new MemoryDirectory();
    await expect(openFarm({ directory, allocatedBytes: 1_000 })).rejects.toMatchObject({ code: 'too-small' });
    expect(directory.files.size).toBe(0);
    await openFarm({ directory });
  });
});

describe('a farm asked for pieces', () => {
  /** A pool whose records can be taken out again. */
  function decodingPool(decoded: () => void): FakePool {
    const records = new Map<string, Uint8Array>();
    return plottingPool({
      'record.encode': (input) => {
        const { evaluationSeed, piece } = input;
        records.set(toHex(evaluationSeed), piece.slice(0, RECORD_BYTES));
        const metadata = concat(piece.subarray(RECORD_BYTES), blake3Hash(piece));
        return { ...fakeEncoding(input), metadata };
      },
      'record.decode': ({ evaluationSeed }) => {
        decoded();
        return { record: records.get(toHex(evaluationSeed))! };
      },
    });
  }

  it('gives those that its sectors hold, and no more at once than it can', async () => {
    let decoded = 0;
    const { farm, history } = await plottedFarm({ pool: decodingPool(() => (decoded += 1)) });
    const { publicKey } = fakeIdentity();
    const rules = new FakeNode().info.protocolInfo;
    const id = sectorId(publicKey, 1, history.historySize());
    const index = pieceIndexOf(id, 1, history.historySize(), rules);
    const piece = await farm.plottedPiece(index);
    expect(piece !== null && equal(piece, fakePiece(index))).toBe(true);
    expect(await farm.plottedPiece(10_000n)).toBeNull();
    expect(decoded).toBe(1);
    const many = await Promise.all(Array.from({ length: 9 }, () => farm.plottedPiece(index)));
    expect(many.filter((one) => one === null)).toHaveLength(5);
  });
});
