import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuditWinner } from '../crypto/jobs.ts';
import { concat, equal, toHex } from '../protocol/bytes.ts';
import { RECORD_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { pieceIndexOf, sectorId } from '../protocol/sector.ts';
import { StorageError } from '../storage/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { claimFolder, readDescription } from './description.ts';
import { FarmError } from './errors.ts';
import { bytesOfSectors, drawReplotDelay } from './sectors.ts';
import { sectorFileName } from './sector-file.ts';
import { farmingPool, openFarm, PIECES, plottedFarm, SECTORS, stopFarms, type World } from './test-farm.ts';
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
  slotAt,
  until,
} from './test-support.ts';

afterEach(stopFarms);

describe('a farm', () => {
  it('plots, is opened again with what it has, and leaves the folder to others when it stops', async () => {
    const { farm, directory, node, snapshot } = await plottedFarm();
    expect(snapshot()).toMatchObject({ phase: 'farming', cause: null, plotting: null });
    await expect(openFarm({ directory })).rejects.toMatchObject({ code: 'in-use' });
    await farm.stop();
    expect(node.listeners).toBe(0);
    const pool = farmingPool();
    const again = await openFarm({ directory, pool });
    expect(again.plotted()).toBe(true);
    expect(pool.calls['record.encode']).toBeUndefined();
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
    const { farm, directory } = await plottedFarm();
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

describe('slots', () => {
  const winner: AuditWinner = { sBucket: 0, chunk: 0, distance: 1n };

  async function farming(winners: AuditWinner[] = [winner]): Promise<World> {
    return plottedFarm({ pool: farmingPool(() => winners) });
  }

  /** Announces slots until one finds chunks in its s-bucket, all of which are said to win; returns its number. */
  async function announceWinning({ node, pool, snapshot }: World): Promise<number> {
    for (let slot = 10; ; slot += 1) {
      node.announce(slotAt(slot));
      await until(() => snapshot().slots.audited === slot - 9, 'an audit');
      if (pool.calls['sector.audit'] !== undefined) return slot;
    }
  }

  it('that win end in a solution, a signature and a reward', async () => {
    const world = await farming();
    const { node, snapshot } = world;
    const slot = await announceWinning(world);
    await until(() => node.solutions.length > 0, 'a solution');
    expect(node.solutions[0]).toMatchObject({ slot: BigInt(slot), solution: { historySize: 3n } });
    const hash = named('block', 32);
    node.askToSign({ hash, publicKey: named('somebody else', 32) });
    node.askToSign({ hash, publicKey: fakeIdentity().publicKey });
    await until(() => snapshot().rewards.blocks > 0, 'a reward');
    expect(node.signatures).toHaveLength(1);
    expect(snapshot()).toMatchObject({
      proofs: { underWay: 0, made: 1, accepted: 1, late: 0 },
      rewards: { blocks: 1, votes: 0 },
    });
    expect(snapshot().history[0]).toMatchObject({ slot: String(slot), outcome: 'won-block' });
  });

  it('are proven from the sector that won, though a newer one is about to replace it', async () => {
    let prove: () => void = () => undefined;
    const asked = new Promise<void>((done) => (prove = done));
    const pool = farmingPool(() => [winner]);
    const proven = pool.handlers['solution.prove']!;
    pool.handlers['solution.prove'] = async (input, options) => {
      options.signal?.addEventListener('abort', prove);
      await asked;
      return proven(input, options);
    };
    let provenSector: number | null = null;
    const audit = pool.handlers['sector.audit']!;
    pool.handlers['sector.audit'] = (input, options) => {
      const ids = [0, 1].map((sector) => sectorId(fakeIdentity().publicKey, sector, 3n));
      provenSector = ids.findIndex((id) => equal(id, input.sBuckets[0]!.sectorId));
      return audit(input, options);
    };
    const world = await plottedFarm({ pool, replotDelay: () => 0 });
    const { node, history, directory, snapshot, plotted } = world;
    const slot = await announceWinning(world);
    await until(() => pool.calls['solution.prove'] === 1, 'a proof under way');
    const files = (): (Uint8Array | undefined)[] =>
      [0, 1].map((index) => directory.files.get(sectorFileName(index)));
    const before = files();
    const index = provenSector!;
    // At four times the history and the lifetime every sector expires.
    history.grow(17n);
    await until(
      () => snapshot().plotting?.sector === index && snapshot().plotting?.stage === 'writing',
      'a plot',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(files()[index]).toBe(before[index]);
    expect(snapshot().proofs.underWay).toBe(1);
    prove();
    await until(() => node.solutions.length > 0, 'a solution');
    expect(node.solutions[0]).toMatchObject({ slot: BigInt(slot), solution: { historySize: 3n } });
    await until(plotted, 'replotting');
    expect(snapshot().sectors.every(({ historySize }) => historySize === '17')).toBe(true);
    expect(snapshot().proofs).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it('within the voting range only are votes', async () => {
    const world = await farming([{ ...winner, distance: 1n << 55n }]);
    const { node, snapshot } = world;
    await announceWinning(world);
    await until(() => node.solutions.length > 0, 'a solution');
    node.askToSign({ hash: named('vote', 32), publicKey: fakeIdentity().publicKey });
    await until(() => snapshot().rewards.votes > 0, 'a reward');
    expect(snapshot().rewards).toEqual({ blocks: 0, votes: 1 });
  });

  it.each([
    ['late', { code: 9001 }, { outcome: 'missed' }, 1],
    ['rejected', { code: -32_000 }, { outcome: 'rejected', reason: 'no' }, 0],
  ])('whose solution is %s are recorded as such', async (_, properties, outcome, late) => {
    const world = await farming();
    const { node, snapshot } = world;
    node.refuse = () => {
      throw Object.assign(new Error('no'), properties);
    };
    await announceWinning(world);
    await until(() => snapshot().history.length > 0 && snapshot().history[0]!.reason !== null, 'an outcome');
    expect(snapshot().history[0]).toMatchObject(outcome);
    expect(snapshot().proofs).toMatchObject({ made: 1, accepted: 0, late });
  });

  it('whose own proof does not verify cost the sector, not the farmer', async () => {
    const pool = farmingPool(() => [winner]);
    pool.handlers['solution.check'] = () => {
      throw new Error('outside the solution range');
    };
    const world = await plottedFarm({ pool });
    const { node, snapshot, plotted } = world;
    const encoded = pool.calls['record.encode']!;
    await announceWinning(world);
    await until(() => snapshot().history[0]?.outcome === 'rejected', 'the refusal');
    expect(node.solutions).toHaveLength(0);
    await until(() => plotted() && pool.calls['record.encode'] === encoded + PIECES, 'replotting');
  });

  it.each(['place-lost', 'no-permission'] as const)(
    'in which no sector can be read (%s) are not called farming, and change no sector',
    async (code) => {
      let away = false;
      const directory = new MemoryDirectory();
      const openFile = directory.open.bind(directory);
      directory.open = async (name) => {
        const { read, ...file } = await openFile(name);
        return {
          ...file,
          read: async (...where) => {
            if (away) throw new StorageError(code, name, 'gone');
            return read(...where);
          },
        };
      };
      const { node, snapshot, plotted } = await plottedFarm({ directory });
      node.announce(slotAt(1));
      await until(() => snapshot().slots.audited === 1, 'an audit');
      away = true;
      for (let slot = 2; snapshot().cause === null; slot += 1) {
        node.announce(slotAt(slot));
        await until(() => snapshot().slots.audited === slot, 'an audit');
      }
      expect(snapshot()).toMatchObject({ phase: 'failed', cause: { code } });
      expect(plotted()).toBe(true);
      away = false;
      const { audited } = snapshot().slots;
      for (let slot = audited + 1; snapshot().cause !== null; slot += 1) {
        node.announce(slotAt(slot));
        await until(() => snapshot().slots.audited === slot, 'an audit');
      }
      expect(snapshot()).toMatchObject({ phase: 'farming', cause: null });
    },
  );

  it('audited in a folder that is suddenly empty break no sector, and nothing is written there', async () => {
    const { node, snapshot, farm, directory, pool, plotted } = await plottedFarm();
    const encoded = pool.calls['record.encode'];
    // What was open is not there any more either.
    for (const index of [0, 1]) {
      const gone = (): Promise<never> =>
        Promise.reject(new StorageError('not-found', sectorFileName(index), 'gone'));
      Object.assign(farm.sector(index)!, { readSBucket: gone, verify: gone });
    }
    directory.files.clear();
    node.announce(slotAt(1));
    await until(() => snapshot().cause !== null, 'a cause');
    expect(snapshot()).toMatchObject({ phase: 'failed', cause: { code: 'place-lost' } });
    await expect(farm.scrub()).rejects.toMatchObject({ code: 'place-lost' });
    expect(plotted()).toBe(true);
    expect(directory.files.size).toBe(0);
    expect(pool.calls['record.encode']).toBe(encoded);
  });

  it('that contradict themselves or come again change nothing', async () => {
    const { node, snapshot } = await farming([]);
    const audited = (): number => snapshot().slots.audited;
    node.announce(slotAt(10));
    await until(() => audited() === 1, 'an audit');
    node.announce(slotAt(10));
    node.announce(slotAt(9));
    node.announce(slotAt(11, { solutionRange: 0n }));
    node.announce(slotAt(11, { votingSolutionRange: 1n }));
    node.announce(slotAt(11, { globalChallenge: new Uint8Array(31) }));
    expect(snapshot().cause).toMatchObject({ code: 'impossible-slot' });
    expect(audited()).toBe(1);
    node.announce(slotAt(13));
    await until(() => audited() === 2, 'an audit');
    expect(snapshot()).toMatchObject({ cause: null, slots: { audited: 2, missed: 2 } });
  });
});

describe('slots that cease to come', () => {
  afterEach(() => void vi.useRealTimers());

  it('are missed in words until one comes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    const { farm, node, snapshot } = await plottedFarm();
    const notices: string[] = [];
    farm.onNotice(({ text }) => notices.push(text));
    node.announce(slotAt(5));
    await until(() => snapshot().slots.audited === 1, 'the audit');
    vi.advanceTimersByTime(50_000);
    expect(snapshot().cause).toBe(null);
    vi.advanceTimersByTime(30_000);
    expect(snapshot().cause).toMatchObject({ code: 'no-slots' });
    vi.advanceTimersByTime(30_000);
    expect(notices.length).toBe(1);
    node.announce(slotAt(6));
    await until(() => snapshot().cause === null, 'the next audit');
  });
});

describe('a clock that goes forward at once', () => {
  afterEach(() => void vi.useRealTimers());

  it('was set where no slots went by, and else the farm was asleep', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    const { farm, node, snapshot } = await plottedFarm();
    const notices: string[] = [];
    farm.onNotice(({ text }) => notices.push(text));
    const forward = async (ms: number, slot: number): Promise<void> => {
      vi.setSystemTime(Date.now() + ms);
      vi.advanceTimersByTime(1_000);
      const { audited } = snapshot().slots;
      node.announce(slotAt(slot));
      await until(() => snapshot().slots.audited > audited, 'an audit');
    };
    await forward(0, 5);
    await forward(3 * 3_600_000, 7);
    expect(snapshot().sleep).toBeNull();
    expect(notices).toEqual([expect.stringContaining('set forward')]);
    await forward(100_000, 58);
    expect(snapshot().sleep).toMatchObject({ times: 1, totalMs: 100_000, missed: 50 });
    await forward(0, 60);
    expect(snapshot().sleep).toMatchObject({ times: 1, missed: 50 });
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
