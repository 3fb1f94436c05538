/** What a plotter tells of a sector, and when, without a server. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterMessages as messages, type PlotSector } from '../protocol/cluster/messages.ts';
import type { SectorPlottingProgress } from '../protocol/cluster/values.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { sectorLayout } from '../protocol/sector.ts';
import { findPartialSector } from '../farm/partial-sector.ts';
import { planSector } from '../farm/plan.ts';
import type { PlotProgress, SectorEncoder } from '../farm/plotter.ts';
import { FakeHistory, fakePiece, named, plottingPool, RULES } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { PlotterMember, type PlotterOptions } from './plotter.ts';
import { FakeConnection } from './testing-connection.ts';

const MIB = 1024 * 1024;
const SECOND = 1_000_000_000n;
const order: PlotSector = {
  publicKey: named('farmer', 32),
  sectorIndex: 3,
  protocolInfo: RULES,
  piecesInSector: 2,
};
const plan = planSector(order.publicKey, 3, 3n, 2, RULES);
const metadata = {
  sectorIndex: 3,
  piecesInSector: 2,
  sBucketSizes: new Uint16Array(65_536),
  historySize: 3n,
};

let fake: FakeConnection;
let plotter: PlotterMember | null;
let reached: bigint[];
let lines: string[];

beforeEach(() => {
  vi.useFakeTimers();
  fake = new FakeConnection();
  [plotter, reached, lines] = [null, [], []];
});
afterEach(async () => {
  await plotter?.stop();
  vi.useRealTimers();
});

async function start(options: Partial<PlotterOptions> = {}): Promise<PlotterMember> {
  const history = Object.assign(new FakeHistory(), {
    reach: async (size: bigint) => void reached.push(size),
  });
  plotter = new PlotterMember({
    connection: fake.connection,
    pool: plottingPool(),
    directory: new MemoryDirectory(),
    pieces: { name: 'the test', piece: async (index) => fakePiece(index) },
    history,
    log: (line) => lines.push(line),
    ...options,
  });
  await plotter.start();
  return plotter;
}

const ask = (change: Partial<PlotSector> = {}, gone?: AbortController) =>
  fake.ask(messages.plotSector, { ...order, ...change }, gone) as AsyncGenerator<SectorPlottingProgress>;

/** Everything that is told, as it comes. */
function follow(items: AsyncIterable<SectorPlottingProgress>) {
  const told: SectorPlottingProgress[] = [];
  const ended = (async () => {
    for await (const item of items) told.push(item);
  })();
  ended.catch(() => undefined);
  return { told, ended, kinds: () => told.map(({ kind }) => kind) };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Downloads for 12 s, encodes for 23 s, then hands over the parts. */
const encoder =
  (parts: () => AsyncIterable<Uint8Array>): SectorEncoder =>
  async (_, { progress, signal }, use) => {
    const say = (change: Partial<PlotProgress>): void =>
      progress({
        stage: 'encoding',
        by: 'tab',
        piecesDone: 0,
        piecesTotal: 2,
        bytesDownloaded: 0,
        ...change,
      });
    say({ stage: 'downloading', bytesDownloaded: 2 * PIECE_BYTES - 1 });
    await sleep(12_000);
    signal.throwIfAborted();
    say({ bytesDownloaded: 2 * PIECE_BYTES });
    await sleep(23_000);
    signal.throwIfAborted();
    say({ stage: 'writing', piecesDone: 2, bytesDownloaded: 2 * PIECE_BYTES });
    return use({ metadata, parts: parts() });
  };

async function* whole(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(5_000_000);
  yield new Uint8Array(7);
}

describe('what a plotter tells', () => {
  it('is every stage with its time, and every ten seconds that it is there', async () => {
    await start({ encode: encoder(whole) });
    const { told, kinds, ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(0);
    expect(kinds()).toEqual(['downloading', 'ping']);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(kinds()).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(kinds().slice(2)).toEqual(['ping']);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told.slice(3)).toEqual([{ kind: 'downloaded', time: 12n * SECOND }, { kind: 'encoding' }]);
    expect(plotter!.snapshot().sector).toEqual({
      publicKey: order.publicKey,
      index: 3,
      stage: 'encoding',
      by: 'tab',
      piecesDone: 0,
      piecesTotal: 2,
    });
    await vi.advanceTimersByTimeAsync(23_000);
    await ended;
    expect(kinds().slice(5)).toEqual([
      'ping',
      'ping',
      'encoded',
      'finished',
      ...Array(4).fill('sectorChunk'),
    ]);
    expect(told[7]).toEqual({ kind: 'encoded', time: 23n * SECOND });
    expect(told[8]).toEqual({
      kind: 'finished',
      plottedSector: {
        sectorId: plan.sectorId,
        sectorIndex: 3,
        metadata,
        pieceIndexes: plan.pieces.map(({ index }) => index),
      },
      time: 35n * SECOND,
    });
    expect(reached).toEqual([3n]);
    expect(plotter!.snapshot()).toMatchObject({ sector: null, done: 1, failed: 0, lastSeconds: 35 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    [2 * MIB, [1_887_436, 1_887_436, 5_000_000 - 2 * 1_887_436, 7]],
    [64 * MIB, [3_774_873, 5_000_000 - 3_774_873, 7]],
  ])(
    'are parts of nine tenths of a message where the server carries %i bytes',
    async (maxPayload, lengths) => {
      fake.maxPayload = maxPayload;
      await start({ encode: encoder(whole) });
      const { told, ended } = follow(ask());
      await vi.advanceTimersByTimeAsync(60_000);
      await ended;
      expect(
        told.flatMap((item) =>
          item.kind === 'sectorChunk' && item.chunk.ok ? [item.chunk.value.length] : [],
        ),
      ).toEqual(lengths);
    },
  );

  it('is in the sector’s place why it does not come, once it was finished', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(5);
      throw new Error('the disk is gone');
    }
    await start({ encode: encoder(broken) });
    const { told, ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(60_000);
    await ended;
    expect(told.slice(-2)).toEqual([
      { kind: 'sectorChunk', chunk: { ok: true, value: new Uint8Array(5) } },
      { kind: 'sectorChunk', chunk: { ok: false, error: 'the disk is gone' } },
    ]);
    expect(plotter!.snapshot()).toMatchObject({ done: 0, failed: 1 });
    expect(lines).toEqual(['Sector 3 was not finished: the disk is gone']);
  });

  it.each([
    ['no pieces', { piecesInSector: 0 }, 'A sector of 0 pieces is none of this network.'],
    ['too many pieces', { piecesInSector: 3 }, 'A sector of 3 pieces is none of this network.'],
  ])('is what is wrong with an order of %s', async (_, change, error) => {
    await start();
    const { told, ended } = follow(ask(change));
    await vi.advanceTimersByTimeAsync(0);
    await ended;
    expect(told).toEqual([{ kind: 'downloading' }, { kind: 'ping' }, { kind: 'error', error }]);
    expect(reached).toEqual([]);
  });

  it('is that its own history is behind', async () => {
    const history = Object.assign(new FakeHistory(), {
      reach: async () => {
        throw new Error('behind');
      },
    });
    await start({ history });
    const { told, ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(0);
    await ended;
    expect(told.at(-1)).toEqual({ kind: 'error', error: 'behind' });
  });

  it('is nothing more of a sector than is taken', async () => {
    let given = 0;
    async function* many(): AsyncGenerator<Uint8Array> {
      for (; given < 50; given += 1) yield new Uint8Array(1_000);
    }
    await start({ encode: encoder(many) });
    const taken: string[] = [];
    let take: () => void = () => undefined;
    const ended = (async () => {
      for await (const { kind } of ask()) {
        taken.push(kind);
        if (kind === 'sectorChunk') await new Promise<void>((resolve) => (take = resolve));
      }
    })();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(taken.filter((kind) => kind === 'sectorChunk')).toHaveLength(1);
    // One is taken, two wait.
    expect(given).toBeLessThanOrEqual(3);
    for (let count = 0; count < 50; count += 1) {
      take();
      await vi.advanceTimersByTimeAsync(0);
    }
    await ended;
    expect(given).toBe(50);
  });

  it('is that a sector’s pieces are there once those are that an earlier run did not encode', async () => {
    const resumed: SectorEncoder = async (_, { progress }, use) => {
      for (const [piecesDone, pieces] of [
        [1, 0],
        [1, 1],
        [2, 1],
      ] as const) {
        await sleep(1_000);
        const bytesDownloaded = pieces * PIECE_BYTES;
        progress({ stage: 'encoding', by: 'tab', piecesDone, piecesTotal: 2, bytesDownloaded });
      }
      return use({ metadata, parts: whole() });
    };
    await start({ encode: resumed });
    const { told, ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(3_000);
    await ended;
    expect(told.slice(2, 5)).toEqual([
      { kind: 'downloaded', time: 2n * SECOND },
      { kind: 'encoding' },
      { kind: 'encoded', time: 1n * SECOND },
    ]);
  });

  it('leaves out no stage, though nothing is heard of the pieces', async () => {
    await start({ encode: (_, __, use) => use({ metadata, parts: whole() }) });
    const { kinds, ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(0);
    await ended;
    expect(kinds().slice(2, 6)).toEqual(['downloaded', 'encoding', 'encoded', 'finished']);
  });

  it('is on its own side who sent wrong pieces, and every change', async () => {
    let changes = 0;
    const wrong: SectorEncoder = async (...[sector, context, use]) => {
      context.badPiece('the test', 7n);
      return encoder(whole)(sector, context, use);
    };
    await start({ encode: wrong, changed: () => (changes += 1) });
    const { ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(60_000);
    await ended;
    expect(lines).toEqual(['the test sent a wrong piece 7.', 'Sector 3 was plotted and delivered.']);
    // Three of encoding, one when it is free again.
    expect(changes).toBe(4);
  });

  it.each([
    ['its pool’s workers', {}, { concurrency: 2, piecesAtOnce: 32 }],
    ['what it was told', { concurrency: 3 }, { concurrency: 3, piecesAtOnce: 32 }],
    ['what fits half a GiB', { concurrency: 99 }, { concurrency: 7, piecesAtOnce: 32 }],
    ['what fits less', { concurrency: 99, memoryBytes: 64 * MIB }, { concurrency: 1, piecesAtOnce: 1 }],
  ])('follows from how much it does at once: %s', async (_, options, limits) => {
    const contexts: unknown[] = [];
    const looking: SectorEncoder = async (sector, context, use) => {
      contexts.push(context);
      return encoder(whole)(sector, context, use);
    };
    await start({ encode: looking, ...options });
    const { ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(60_000);
    await ended;
    // What is encoded stays, should delivery fail.
    expect(contexts).toEqual([expect.objectContaining({ ...limits, keep: true })]);
  });

  it('is a whole sector where it really encodes one', async () => {
    vi.useRealTimers();
    const directory = new MemoryDirectory();
    await start({ directory });
    const { told, ended } = follow(ask());
    await ended;
    const bytes = told.reduce(
      (sum, item) => sum + (item.kind === 'sectorChunk' && item.chunk.ok ? item.chunk.value.length : 0),
      0,
    );
    expect(bytes).toBe(sectorLayout(2).checksum + 32);
    expect(await findPartialSector(directory)).not.toBeNull();
    await plotter!.stop();
    // Nobody comes for it any more.
    expect(await findPartialSector(directory)).toBeNull();
  });
});

describe('a plotter offers itself', () => {
  const offers = () => fake.ask(messages.freePlotter, null) as Promise<string> | undefined;

  it('in the queue groups of the protocol, from a folder that is its own', async () => {
    const directory = new MemoryDirectory();
    const first = await start({ directory });
    const { id } = first;
    expect([...fake.subscribed]).toEqual([
      { of: messages.plotSector, instance: id, queue: id },
      { of: messages.freePlotter, queue: 'subspace.plotter' },
    ]);
    await expect(start({ directory })).rejects.toMatchObject({ code: 'in-use' });
    await expect(start({ memoryBytes: 64 * MIB - 1 })).rejects.toMatchObject({ code: 'memory' });
    await first.stop();
    expect(fake.subscribed.size).toBe(0);
    await start({ directory });
  });

  it('while it has nothing to do, and not once it has stopped', async () => {
    const { id } = await start({ encode: encoder(whole) });
    expect(await offers()).toBe(id);
    const { ended } = follow(ask());
    await vi.advanceTimersByTimeAsync(0);
    expect(offers()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(60_000);
    await ended;
    expect(await offers()).toBe(id);
    const second = follow(ask());
    await vi.advanceTimersByTimeAsync(0);
    const stopping = plotter!.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    await stopping;
    await expect(second.ended).rejects.toMatchObject({ name: 'AbortError' });
    expect([offers(), ask()]).toEqual([undefined, undefined]);
    expect(vi.getTimerCount()).toBe(0);
    plotter = null;
  });

  it('again when nobody takes the sector any more', async () => {
    const { id } = await start({ encode: encoder(whole) });
    const gone = new AbortController();
    const { ended, kinds } = follow(ask({}, gone));
    await vi.advanceTimersByTimeAsync(5_000);
    gone.abort(new Error('no acknowledgement'));
    await vi.advanceTimersByTimeAsync(1_000);
    // What was under way still uses the folder.
    expect(offers()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(60_000);
    await expect(ended).rejects.toThrow('no acknowledgement');
    expect(kinds()).not.toContain('finished');
    expect(plotter!.snapshot()).toMatchObject({ sector: null, done: 0, failed: 1 });
    expect(await offers()).toBe(id);
  });

  it('again when what it tells is read no further', async () => {
    const { id } = await start({ encode: encoder(whole) });
    const items = ask();
    await items.next();
    const left = items.return(undefined);
    await vi.advanceTimersByTimeAsync(12_000);
    await left;
    expect(plotter!.snapshot()).toMatchObject({ sector: null, done: 0, failed: 1 });
    expect(await offers()).toBe(id);
  });

  it.each([
    ['another sector', { sectorIndex: 4 }],
    ['a sector of another size', { piecesInSector: 1 }],
    ['a sector of another history', { protocolInfo: { ...RULES, historySize: 2n } }],
    ['a sector of another farm', { publicKey: named('other', 32) }],
  ])('to nobody else meanwhile: %s is refused at once', async (_, change) => {
    await start({ encode: encoder(whole) });
    const first = follow(ask());
    await vi.advanceTimersByTimeAsync(1_000);
    const second = follow(ask(change));
    await vi.advanceTimersByTimeAsync(0);
    await second.ended;
    expect(second.told).toEqual([{ kind: 'occupied' }]);
    await vi.advanceTimersByTimeAsync(60_000);
    await first.ended;
    expect(first.kinds().at(-1)).toBe('sectorChunk');
  });

  it('to the same farmer, who gives up the first order with the same one', async () => {
    await start({ encode: encoder(whole) });
    const gone = new AbortController();
    const first = follow(ask({}, gone));
    await vi.advanceTimersByTimeAsync(1_000);
    const second = follow(ask());
    await vi.advanceTimersByTimeAsync(60_000);
    await second.ended;
    expect(second.kinds().at(-1)).toBe('sectorChunk');
    await expect(first.ended).rejects.toMatchObject({ name: 'AbortError' });
    // Its stream is given up as well, lest it wait for acknowledgements.
    expect(gone.signal.aborted).toBe(true);
  });
});
