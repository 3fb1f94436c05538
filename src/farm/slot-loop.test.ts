import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuditWinner } from '../crypto/jobs.ts';
import { equal } from '../protocol/bytes.ts';
import { sectorId } from '../protocol/sector.ts';
import { StorageError } from '../storage/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { sectorFileName } from './sector-file.ts';
import {
  announceWinning,
  farmingPool,
  PIECES,
  plottedFarm,
  stopFarms,
  WINNER,
  type World,
} from './test-farm.ts';
import { fakeIdentity, named, slotAt, until } from './test-support.ts';

afterEach(stopFarms);

describe('slots', () => {
  async function farming(winners: AuditWinner[] = [WINNER]): Promise<World> {
    return plottedFarm({ pool: farmingPool(() => winners) });
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
    const { lastAuditMs, medianAuditMs } = snapshot().slots;
    for (const ms of [lastAuditMs, medianAuditMs, snapshot().history[0]!.auditMs]) {
      expect(ms).toBeGreaterThan(0);
      expect(ms).toBeLessThan(60_000);
    }
  });

  it('are proven from the sector that won, though a newer one is about to replace it', async () => {
    let prove: () => void = () => undefined;
    const asked = new Promise<void>((done) => (prove = done));
    const pool = farmingPool(() => [WINNER]);
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
    const world = await farming([{ ...WINNER, distance: 1n << 55n }]);
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
    const pool = farmingPool(() => [WINNER]);
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
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

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
    vi.advanceTimersByTime(50_000);
    node.announce(slotAt(7));
    vi.advanceTimersByTime(50_000);
    expect(snapshot()).toMatchObject({ cause: null, sleep: null });
    expect(notices).toHaveLength(1);
    await farm.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('while the computer sleeps are not missed in words when it wakes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    const { node, snapshot } = await plottedFarm();
    node.announce(slotAt(5));
    await until(() => snapshot().slots.audited === 1, 'the audit');
    const asleep = 3_600_000;
    vi.setSystemTime(Date.now() + asleep);
    const { now } = performance;
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + asleep);
    vi.advanceTimersByTime(30_000);
    expect(snapshot().cause).toBe(null);
  });
});

describe('a clock that goes forward at once', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  async function watchedFarm() {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    const { farm, node, snapshot } = await plottedFarm();
    const notices: string[] = [];
    farm.onNotice(({ text }) => notices.push(text));
    const announce = async (slot: number, afterMs = 0): Promise<void> => {
      vi.advanceTimersByTime(afterMs);
      const { audited } = snapshot().slots;
      node.announce(slotAt(slot));
      await until(() => snapshot().slots.audited > audited, 'an audit');
    };
    const forward = (ms: number): void => void vi.setSystemTime(Date.now() + ms);
    await announce(5, 1_000);
    return { node, snapshot, notices, announce, forward };
  }

  it('was set where no slots went by', async () => {
    const { snapshot, notices, announce, forward } = await watchedFarm();
    forward(3 * 3_600_000);
    await announce(7, 1_000);
    expect(notices).toEqual([]);
    await announce(8, 10_000);
    await announce(9, 20_000);
    expect(snapshot().sleep).toBeNull();
    expect(notices).toEqual([expect.stringContaining('set forward')]);
  });

  it('shows that the device slept where slots went by, also behind one that had been announced before', async () => {
    const { node, snapshot, notices, announce, forward } = await watchedFarm();
    forward(100_000);
    await announce(56, 1_000);
    expect(snapshot().sleep).toMatchObject({ times: 1, totalMs: 100_000, missed: 50 });
    await announce(58, 1_000);
    expect(snapshot().sleep).toMatchObject({ times: 1, missed: 50 });
    forward(200_000);
    await announce(59, 1_000);
    await announce(160, 1_000);
    await announce(161, 10_000);
    expect(snapshot().sleep).toMatchObject({ times: 2, missed: 150 });
    // What wakes first may be the connection.
    forward(200_000);
    node.announce(slotAt(262));
    expect(snapshot().sleep).toMatchObject({ times: 3, missed: 250 });
    expect(notices).toEqual(Array.from({ length: 3 }, () => expect.stringContaining('asleep')));
  });

  it('is no news where the tab was too busy to notice, and missed no slot', async () => {
    const { snapshot, notices, announce, forward } = await watchedFarm();
    const { now } = performance;
    vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 30_000);
    forward(30_000);
    await announce(6, 1_000);
    await announce(7, 20_000);
    expect(snapshot().sleep).toBeNull();
    expect(notices).toEqual([]);
  });
});
