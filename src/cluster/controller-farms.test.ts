import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterMessages as messages } from '../protocol/cluster/messages.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { ControllerFarms } from './controller-farms.ts';
import { FakeConnection } from './testing-connection.ts';

const turn = () => vi.advanceTimersByTimeAsync(0);

let fake: FakeConnection;
let farms: ControllerFarms;
let lines: string[];
/** The pieces of every farm's sectors, by farm and sector. */
let plotted: Record<string, Record<number, PieceIndex[]>>;

const sector = (sectorIndex: number, pieceIndexes: PieceIndex[]) => ({ sectorIndex, pieceIndexes });

beforeEach(() => {
  vi.useFakeTimers();
  fake = new FakeConnection();
  [lines, plotted] = [[], {}];
  fake.answer(messages.plottedSectors, (_, farm) => {
    const sectors = plotted[farm!];
    if (sectors === undefined) throw new Error('nobody answers');
    return Object.entries(sectors).map(([at, pieces]) => ({ ok: true, value: sector(Number(at), pieces) }));
  });
  // A piece tells which farm it is from, which sector and which place there.
  fake.answer(messages.readFarmPiece, (value, farm) => {
    const [at, offset] = value as [number, number];
    return { ok: true, value: Uint8Array.of(farm!.charCodeAt(0), at, offset) };
  });
  farms = new ControllerFarms(fake.connection, (line) => lines.push(line));
  farms.start();
});
afterEach(() => {
  farms.stop();
  vi.useRealTimers();
});

async function announces(farm: string, sectors = Object.keys(plotted[farm] ?? {}).length): Promise<void> {
  fake.say(messages.farmIdentify, { farmId: farm, totalSectorsCount: sectors });
  await turn();
}

const finishes = (farm: string, sectorIndex: number, pieces: PieceIndex[]): void =>
  fake.say(messages.sectorUpdate, {
    farmId: farm,
    update: { kind: 'plotting', details: { kind: 'finished', plottedSector: sector(sectorIndex, pieces) } },
  });

const read = (): number => fake.asked.get(messages.plottedSectors)?.length ?? 0;
const place = async (index: PieceIndex) => {
  const piece = await farms.piece(index);
  return piece && [String.fromCharCode(piece[0]!), piece[1], piece[2]];
};

describe('the farms of a cluster', () => {
  it('are read once when they are heard of, and give the pieces of their sectors', async () => {
    plotted = { a: { 0: [5n, 6n], 3: [7n, 5n] } };
    await announces('a');
    await announces('a');
    expect([farms.summary, read(), lines]).toEqual([
      { farms: 1, sectors: 2 },
      1,
      ['Farm a joined: 2 sectors.'],
    ]);
    expect([await place(6n), await place(7n), await place(5n)]).toEqual([
      ['a', 0, 1],
      ['a', 3, 0],
      ['a', 0, 0],
    ]);
    expect(await place(8n)).toBeNull();
  });

  it('are asked one after the other for a piece that one cannot give', async () => {
    plotted = { a: { 0: [5n] }, b: { 0: [5n] }, c: { 0: [5n] }, d: { 0: [5n] } };
    for (const farm of ['a', 'b', 'c', 'd']) await announces(farm);
    fake.answer(messages.readFarmPiece, (_, farm) => {
      if (farm === 'a') throw new Error('away');
      if (farm === 'b') return { ok: false, error: 'damaged' };
      return { ok: true, value: farm === 'c' ? null : Uint8Array.of(100, 0, 0) };
    });
    expect(await place(5n)).toEqual(['d', 0, 0]);
    expect(fake.asked.get(messages.readFarmPiece)).toEqual(['a', 'b', 'c', 'd']);
    // A farm that is gone is not waited for, a busy one is.
    expect(fake.wishes.get(messages.readFarmPiece)).toMatchObject({ retryMs: 0, timeoutMs: 60_000 });
    const gone = AbortSignal.abort(new Error('nobody waits'));
    await expect(farms.piece(5n, gone)).rejects.toThrow('nobody waits');
  });

  it('tell of sectors as they are plotted, each in place of the one before', async () => {
    plotted = { a: { 0: [5n, 6n] } };
    finishes('a', 0, [9n]);
    await announces('a');
    finishes('a', 0, [6n, 7n]);
    finishes('a', 1, [8n]);
    fake.say(messages.sectorUpdate, {
      farmId: 'a',
      update: { kind: 'plotting', details: { kind: 'starting' } },
    });
    expect(farms.summary).toEqual({ farms: 1, sectors: 2 });
    expect([await place(5n), await place(6n), await place(7n), await place(8n), await place(9n)]).toEqual([
      null,
      ['a', 0, 0],
      ['a', 0, 1],
      ['a', 1, 0],
      null,
    ]);
  });

  it('have a piece in more than one sector, and still in the others when one is plotted anew', async () => {
    plotted = { a: { 0: [5n], 1: [6n, 5n] } };
    await announces('a');
    expect(await place(5n)).toEqual(['a', 0, 0]);
    finishes('a', 0, [7n]);
    expect(await place(5n)).toEqual(['a', 1, 1]);
  });

  it('have no pieces that are told once they are forgotten', async () => {
    let tell: (sectors: unknown[]) => void = () => undefined;
    fake.answer(messages.plottedSectors, () => new Promise((resolve) => (tell = resolve)));
    await announces('a', 1);
    await vi.advanceTimersByTimeAsync(150_000);
    expect(farms.summary.farms).toBe(0);
    tell([{ ok: true, value: sector(0, [5n]) }]);
    await turn();
    expect([farms.summary.sectors, await place(5n)]).toEqual([0, null]);
  });

  it('are read again after the server was away, when their size changed, and where they could not be read', async () => {
    plotted = { a: { 0: [5n], 1: [6n] } };
    await announces('a');
    fake.change('connected');
    expect(read()).toBe(1);
    plotted['a'] = { 1: [7n] };
    await announces('a', 2);
    expect([read(), farms.summary.sectors, await place(5n), await place(6n), await place(7n)]).toEqual([
      2,
      1,
      null,
      null,
      ['a', 1, 0],
    ]);
    await announces('a', 3);
    await announces('a', 3);
    expect(read()).toBe(3);
    delete plotted['a'];
    await announces('a', 4);
    // What it could not say stays as it was known.
    expect([read(), await place(7n)]).toEqual([4, ['a', 1, 0]]);
    plotted['a'] = {};
    await announces('a', 4);
    expect([read(), farms.summary.sectors]).toEqual([5, 0]);
  });

  it('are known as far as they can be read', async () => {
    fake.answer(messages.plottedSectors, () => [
      { ok: true, value: sector(0, [5n]) },
      { ok: false, error: 'damaged' },
      { ok: true, value: sector(2, [6n]) },
    ]);
    await announces('a', 3);
    expect([farms.summary.sectors, await place(5n), await place(6n)]).toEqual([2, ['a', 0, 0], ['a', 2, 0]]);
  });

  it('that announce themselves are forgotten with their pieces once nothing was heard of them', async () => {
    plotted = { a: { 0: [5n] }, b: { 0: [5n] } };
    await announces('a');
    await announces('b');
    await vi.advanceTimersByTimeAsync(119_000);
    // Its news count as well.
    finishes('b', 1, [6n]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([farms.summary, await place(5n)]).toEqual([{ farms: 1, sectors: 2 }, ['b', 0, 0]]);
    expect(lines.at(-1)).toMatch(/^Farm a has not been heard of for \d+ min\.$/);
    await announces('a');
    expect([farms.summary.farms, read()]).toEqual([2, 3]);
  });
});

describe('a farmer', () => {
  const details = (...ids: string[]) => ids.map((farmId) => ({ farmId, totalSectorsCount: 1 }));
  const speaks = async (farmer: string) => {
    fake.say(messages.farmerIdentify, farmer);
    await turn();
  };
  const asked = () => fake.asked.get(messages.farmDetails) ?? [];

  it('is asked for its farms once, and keeps them there by being there', async () => {
    plotted = { a: { 0: [5n] } };
    await speaks('f');
    fake.answer(messages.farmDetails, () => []);
    await speaks('f');
    fake.answer(messages.farmDetails, () => details('a'));
    for (let times = 0; times < 4; times += 1) {
      await speaks('f');
      await vi.advanceTimersByTimeAsync(30_000);
    }
    expect([asked(), farms.summary, read()]).toEqual([['f', 'f', 'f'], { farms: 1, sectors: 1 }, 1]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([farms.summary, await place(5n)]).toEqual([{ farms: 0, sectors: 0 }, null]);
    await speaks('f');
    expect([asked().length, farms.summary.farms]).toEqual([4, 1]);
  });

  it('that says twice that it is there is asked once, and a farm of it that says so too is still its own', async () => {
    plotted = { a: { 0: [5n] } };
    await announces('a');
    fake.answer(messages.farmDetails, () => details('a'));
    fake.say(messages.farmerIdentify, 'f');
    await speaks('f');
    expect([asked(), read()]).toEqual([['f'], 1]);
    await announces('a');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(farms.summary.farms).toBe(0);
  });

  it('that was started anew has its farms read again, and two that claim one are named', async () => {
    plotted = { a: { 0: [5n] } };
    fake.answer(messages.farmDetails, () => details('a'));
    await speaks('f');
    plotted['a'] = { 0: [6n] };
    await speaks('g');
    expect([read(), await place(5n), await place(6n)]).toEqual([2, null, ['a', 0, 0]]);
    expect(lines).toHaveLength(1);
    await speaks('f');
    expect(lines.at(-1)).toBe('Farmers g and f both say that farm a is theirs.');
    await speaks('g');
    expect([lines.length, read()]).toEqual([2, 2]);
  });

  it('is heard no more once the controller has stopped', async () => {
    fake.answer(messages.farmDetails, () => details('a'));
    await announces('a', 1);
    farms.stop();
    // What is being told is heard no more either.
    expect(fake.wishes.get(messages.plottedSectors)?.signal?.aborted).toBe(true);
    expect([fake.listening, vi.getTimerCount()]).toEqual([0, 0]);
    await speaks('f');
    expect([asked(), farms.summary.farms]).toEqual([[], 1]);
  });
});
