import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import type { SectorPlottingDetails } from '../protocol/cluster/values.ts';
import { ClusterRoster } from './roster.ts';
import { FakeConnection } from './testing-connection.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let fake: FakeConnection;
let roster: ClusterRoster;
let changes: number;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  fake = new FakeConnection();
  changes = 0;
  roster = new ClusterRoster(fake.connection, () => void (changes += 1));
  roster.start();
});
afterEach(() => {
  roster.stop();
  vi.useRealTimers();
});

const turn = () => vi.advanceTimersByTimeAsync(0);
const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const cache = (id: string) => fake.say(messages.pieceCacheIdentify, { pieceCacheId: id, maxNumElements: 5 });
const farm = (id: string) => fake.say(messages.farmIdentify, { farmId: id, totalSectorsCount: 3 });
const slot = (slotNumber: bigint, instance = 'one') =>
  fake.say(messages.slotInfo, { slotInfo: { slotNumber }, instance });
const plotting = (details: SectorPlottingDetails, sectorIndex = 0, farmId = 'f') =>
  fake.say(messages.sectorUpdate, { farmId, sectorIndex, update: { kind: 'plotting', details } });
const news = (notification: object) => fake.say(messages.farmingNotification, { farmId: 'f', notification });
const nanoseconds = (ms: number) => BigInt(ms) * 1_000_000n;
const finished = (seconds: number, replaced: boolean): SectorPlottingDetails => ({
  kind: 'finished',
  plottedSector: null as never,
  oldPlottedSector: replaced ? ({} as never) : null,
  time: nanoseconds(seconds * SECOND),
});

describe('who is in a cluster', () => {
  it('is here, late, gone, and forgotten after a quarter of an hour', async () => {
    cache('c');
    farm('f');
    const presence = () => {
      const { caches, farms } = roster.view();
      return [caches[0]?.presence ?? null, farms[0]?.presence ?? null];
    };
    expect(presence()).toEqual(['here', 'here']);
    await passes(40 * SECOND);
    expect(presence()).toEqual(['here', 'here']);
    await passes(1);
    expect(presence()).toEqual(['quiet', 'here']);
    await passes(20 * SECOND);
    expect(presence()).toEqual(['gone', 'here']);
    await passes(20 * SECOND);
    expect(presence()).toEqual(['gone', 'quiet']);
    cache('c');
    await passes(15 * MINUTE);
    expect(roster.view().caches).toHaveLength(1);
    expect(roster.view().farms).toEqual([]);
    await passes(10 * SECOND);
    expect(roster.view().caches).toEqual([]);
  });

  it('is here by no clock that a person may set', async () => {
    cache('c');
    plotting({ kind: 'encoding' });
    slot(1n);
    await passes(SECOND);
    vi.setSystemTime(Date.now() + 60 * MINUTE);
    slot(2n);
    const { caches, farms, controllers, slotMs } = roster.view();
    expect([caches[0]!.presence, farms[0]!.presence, slotMs]).toEqual(['here', 'here', SECOND]);
    // What a screen shows is by the clock beside it.
    expect(Date.now() - caches[0]!.lastSeen).toBe(SECOND);
    expect(Date.now() - farms[0]!.sectors[0]!.since).toBe(SECOND);
    expect(controllers[0]!.lastSeen).toBe(Date.now());
    vi.setSystemTime(0);
    await passes(15 * MINUTE);
    expect(roster.view().caches[0]!.presence).toBe('gone');
    await passes(20 * SECOND);
    expect(roster.view().caches).toEqual([]);
  });

  it('is asked what belongs to it once, and again while that is nothing', async () => {
    let details: object[] = [];
    fake.answer(messages.farmDetails, () => details);
    const farmer = async () => {
      fake.say(messages.farmerIdentify, 'a');
      await turn();
    };
    await farmer();
    details = [{ farmId: 'f', totalSectorsCount: 7 }];
    await farmer();
    await farmer();
    expect(fake.asked.get(messages.farmDetails)).toEqual(['a', 'a']);
    expect(roster.view().farms).toMatchObject([{ id: 'f', farmer: 'a', total: 7, presence: 'here' }]);
    await passes(50 * SECOND);
    expect(roster.view().farms[0]!.presence).toBe('quiet');
    await farmer();
    expect(roster.view().farms[0]!.presence).toBe('here');
    farm('f');
    expect(roster.view().farms[0]).toMatchObject({ farmer: 'a', total: 3 });
  });

  it('is asked again where it did not answer, but not while it is asked', async () => {
    const program = () => fake.say(messages.cacheIdentify, 'p');
    program();
    await turn();
    fake.answer(messages.cacheDetails, () => [{ pieceCacheId: 'c', maxNumElements: 9 }]);
    program();
    program();
    await turn();
    expect(fake.asked.get(messages.cacheDetails)).toEqual(['p', 'p']);
    expect(roster.view().caches).toMatchObject([{ id: 'c', capacity: 9, presence: 'here' }]);
    await passes(50 * SECOND);
    expect(roster.view().caches[0]!.presence).toBe('quiet');
    program();
    expect(roster.view().caches[0]!.presence).toBe('here');
  });

  it('is told to who watches, whatever is heard', async () => {
    await turn();
    for (const hear of [
      () => slot(1n),
      () => cache('c'),
      () => farm('f'),
      () => plotting({ kind: 'encoding' }),
      () => news({ kind: 'proving', result: 'success', time: 0n }),
      () => fake.say(messages.solutionResponse, { farmId: 'f' }),
    ]) {
      const before = changes;
      hear();
      expect(changes).toBe(before + 1);
    }
    const before = changes;
    await passes(10 * SECOND);
    expect(changes).toBe(before + 1);
  });

  it('is here as long as anything of it is heard', async () => {
    farm('f');
    for (let minutes = 0; minutes < 5; minutes += 1) {
      await passes(MINUTE);
      news({ kind: 'proving', result: 'success', time: 0n });
      expect(roster.view().farms[0]!.presence).toBe('here');
    }
  });

  it('never fills the memory of who watches', () => {
    for (let at = 0; at < 2_010; at += 1) cache(`c${at}`);
    cache('c0');
    expect(roster.view().caches).toHaveLength(2_000);
    slot(1n, 'x'.repeat(1_000));
    expect(roster.view().controllers[0]!.id).toHaveLength(100);
    for (let sector = 0; sector < 300; sector += 1) plotting({ kind: 'encoding' }, sector);
    plotting({ kind: 'writing' }, 0);
    const { sectors } = roster.view().farms[0]!;
    expect([sectors.length, sectors[0]!.stage]).toEqual([200, 'writing']);
    for (const [text, tell] of [
      ['a', () => plotting({ kind: 'error', error: 'a'.repeat(1_000) })],
      ['b', () => news({ kind: 'nonFatalError', error: 'b'.repeat(1_000), isFatal: false })],
    ] as const) {
      tell();
      expect(roster.view().farms[0]!.error).toBe(text.repeat(300));
    }
  });

  it('asks plotters every ten seconds, and shows those that were free', async () => {
    await turn();
    expect(roster.view().plotters).toEqual([]);
    fake.answer(messages.freePlotter, () => 'p');
    await passes(10 * SECOND);
    expect(roster.view().plotters).toEqual([{ id: 'p', lastSeen: Date.now() }]);
    expect(fake.asked.get(messages.freePlotter)).toHaveLength(2);
    expect(fake.published).toEqual([messages.identifyFarmers]);
    roster.stop();
    await passes(MINUTE);
    expect([fake.asked.get(messages.freePlotter)!.length, fake.listening]).toEqual([2, 0]);
  });
});

describe('how farms in a cluster do', () => {
  it('is how far their sectors are', async () => {
    farm('f');
    const stages = () => roster.view().farms[0]!.sectors.map(({ stage }) => stage);
    const begun = Date.now();
    for (const [kind, stage] of [
      ['starting', 'downloading'],
      ['downloading', 'downloading'],
      ['downloaded', 'encoding'],
      ['encoding', 'encoding'],
      ['encoded', 'writing'],
      ['writing', 'writing'],
      ['written', 'writing'],
    ] as const) {
      plotting({ kind } as SectorPlottingDetails);
      expect(stages()).toEqual([stage]);
      await passes(SECOND);
    }
    expect(roster.view().farms[0]!.sectors[0]!.since).toBe(begun);
    plotting({ kind: 'starting', progress: 0, replotting: false, lastQueued: false });
    expect(roster.view().farms[0]!.sectors[0]!.since).toBe(Date.now());
    fake.say(messages.sectorUpdate, {
      farmId: 'f',
      sectorIndex: 9,
      update: { kind: 'expiration', details: { kind: 'expired' } },
    });
    expect(stages()).toHaveLength(1);
    plotting({ kind: 'error', error: 'no piece' });
    expect([stages(), roster.view().farms[0]!.error]).toEqual([[], 'no piece']);
  });

  it('counts what they plotted once they told how much that is', () => {
    plotting(finished(4, false));
    expect(roster.view().farms[0]!.plotted).toBeNull();
    news({ kind: 'auditing', sectors: 2, time: nanoseconds(3) });
    plotting({ kind: 'error', error: 'no piece' });
    plotting({ kind: 'writing' });
    plotting(finished(6, false));
    plotting(finished(8, true));
    const view = roster.view();
    expect(view.farms[0]).toMatchObject({ plotted: 3, auditMs: 3, error: null, sectors: [] });
    expect(view.sectorSeconds).toBe(6);
  });

  it('is slow where audits, proofs or sectors are', async () => {
    const slow = () => roster.view().farms[0]!.slow;
    slot(1n);
    await passes(1_000);
    slot(2n);
    // Told again, or by a controller that is behind, a slot says nothing of how long slots are.
    await passes(10);
    slot(2n);
    slot(1n, 'another');
    expect(roster.view().slotMs).toBe(1_000);
    expect(roster.view().controllers.map(({ id, slot: last }) => [id, last])).toEqual([
      ['one', '2'],
      ['another', '1'],
    ]);
    news({ kind: 'auditing', sectors: 2, time: nanoseconds(500) });
    expect(slow()).toEqual([]);
    news({ kind: 'auditing', sectors: 2, time: nanoseconds(501) });
    expect(slow()).toEqual(['Its audits take more than half a slot.']);
    news({ kind: 'auditing', sectors: 2, time: nanoseconds(1) });
    for (const result of ['success', 'timeout', 'failed', 'rejected'])
      news({ kind: 'proving', result, time: 0n });
    expect(roster.view().farms[0]!.proofs).toEqual({ good: 1, late: 1, failed: 2 });
    expect(slow()).toEqual([]);
    news({ kind: 'proving', result: 'timeout', time: 0n });
    expect(slow()).toEqual(['More of its proofs come too late than in time.']);
    news({ kind: 'proving', result: 'success', time: 0n });
    plotting(finished(5, false));
    plotting({ kind: 'encoding' }, 1);
    await passes(20 * SECOND);
    expect(slow()).toEqual([]);
    await passes(1);
    expect(slow()).toEqual(['A sector takes twice as long as usual.']);
    expect(roster.view().farms[0]!.sectors).toMatchObject([{ index: 1, slow: true }]);
  });

  it.each(['before', 'after'])(
    'is held to slots as most controllers tell them, %s one that tells others',
    async (when) => {
      const liar = () => slot(2n ** 64n - 1n, 'liar');
      if (when === 'before') liar();
      for (let at = 1n; at <= 5n; at += 1n) {
        slot(at);
        await passes(10);
        slot(at, 'another');
        await passes(990);
        for (let often = 0n; often < 50n; often += 1n) slot(1_000n * at + often, 'hurried');
        if (when === 'after') liar();
      }
      expect(roster.view().slotMs).toBe(1_000);
    },
  );

  it('counts the solutions that they sent', () => {
    for (let times = 0; times < 2; times += 1) fake.say(messages.solutionResponse, { farmId: 'f' });
    expect(roster.view().farms).toMatchObject([{ id: 'f', solutions: 2 }]);
  });

  it('is measured by the middle of the last twenty', () => {
    for (let seconds = 1; seconds <= 30; seconds += 1) plotting(finished(seconds, true));
    expect(roster.view().sectorSeconds).toBe(21);
  });
});
