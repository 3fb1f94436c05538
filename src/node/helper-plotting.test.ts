import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordMetadataOf } from '../crypto/piece.ts';
import { measureSecondsPerPiece } from '../farm/estimate.ts';
import { planSector } from '../farm/plan.ts';
import { plotSector, type PlotContext } from '../farm/plotter.ts';
import { sectorFileName } from '../farm/sector-file.ts';
import {
  fakeEncoding,
  fakePiece,
  type FakePool,
  FakeSource,
  named,
  plotContext,
  plottingPool,
  RULES,
} from '../farm/test-support.ts';
import { HelperError } from '../network/helper-error.ts';
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import { HelperPlotting, type RecordEncoder } from './helper-plotting.ts';
import { Journal } from './journal.ts';

const PIECES = 4;
/** Records of such a sector that are encoded again. */
const SAMPLE = 2;
const plan = planSector(named('farmer', 32), 0, 3n, PIECES, RULES);
const FILE = sectorFileName(0);

let folder: string;
let store: NodeStore;
let journal: Journal;
let plotting: HelperPlotting;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-helper-plotting-'));
  store = await openNodeStore(folder);
  journal = new Journal(store, () => undefined);
  plotting = new HelperPlotting(journal);
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const pool = () =>
  plottingPool({
    'record.encode': (input) => ({ ...fakeEncoding(input), metadata: recordMetadataOf(input.piece) }),
    'kzg.verify': () => ({ bad: [] }),
  });

interface World extends PlotContext {
  pool: FakePool;
  directory: MemoryDirectory;
}

function context(change: Partial<World> = {}): World {
  const own = { pool: pool(), directory: new MemoryDirectory() };
  return { ...plotContext({ concurrency: 1 }), ...own, ...change };
}

/** A helper that encodes as the pool does, until it does not. */
class FakeEncoder implements RecordEncoder {
  plots = true;
  readonly encodings = 2;
  readonly concurrency = 3;
  asked = 0;
  underWay = 0;
  mostUnderWay = 0;
  distrusted: string | null = null;

  constructor(private readonly spoil: (chunks: Uint8Array, count: number) => void = () => undefined) {}

  async encode(evaluationSeed: Uint8Array, record: Uint8Array) {
    const count = (this.asked += 1);
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const piece = new Uint8Array(PIECE_BYTES);
    piece.set(record);
    const { bitfield, chunks } = fakeEncoding({ evaluationSeed, piece });
    await new Promise((done) => setTimeout(done, 5));
    this.underWay -= 1;
    this.spoil(chunks, count);
    return { bitfield, chunks };
  }

  distrust(what: string): void {
    this.distrusted = what;
    this.plots = false;
  }
}

const expected = context();
await plotSector(plan, expected);

/** The sector's file is the one that is plotted without a helper. */
function expectWhole(directory: MemoryDirectory): void {
  expect(equal(directory.files.get(FILE)!, expected.directory.files.get(FILE)!)).toBe(true);
  expect(directory.scratches.size).toBe(0);
}

describe('HelperPlotting', () => {
  it('leaves encoding to the helper, and encodes a sample again', async () => {
    const encoder = new FakeEncoder();
    plotting.use(encoder);
    const by = new Set<string>();
    const world = context({ progress: (progress) => void by.add(progress.by) });
    await plotting.plot(plan, world);
    expectWhole(world.directory);
    expect(encoder.asked).toBe(PIECES);
    expect(encoder.mostUnderWay).toBe(encoder.concurrency);
    expect(world.pool.calls['record.encode']).toBe(SAMPLE);
    expect([...by]).toEqual(['helper']);
    expect(encoder.distrusted).toBeNull();
  });

  it('plots here without a helper, and encodes nothing twice', async () => {
    const gone = new FakeEncoder();
    gone.plots = false;
    for (const encoder of [null, gone]) {
      plotting.use(encoder);
      const world = context();
      await plotting.plot(plan, world);
      expectWhole(world.directory);
      expect(world.pool.calls['record.encode']).toBe(PIECES);
    }
    expect(gone.asked).toBe(0);
  });

  it('goes on here when the helper goes', async () => {
    const encoder = new FakeEncoder((_, count) => {
      if (count < 3) return;
      encoder.plots = false;
      throw new HelperError('disconnected', 9955, 'gone');
    });
    plotting.use(encoder);
    const world = context();
    await plotting.plot(plan, world);
    expectWhole(world.directory);
    expect(world.pool.calls['record.encode']).toBe(PIECES - 2 + SAMPLE);
  });

  it('keeps nothing of a helper that encodes wrongly', async () => {
    const encoder = new FakeEncoder((chunks) => void (chunks[12_345]! ^= 1));
    plotting.use(encoder);
    const world = context();
    await plotting.plot(plan, world);
    expectWhole(world.directory);
    expect(encoder.distrusted).toContain('encoded differently');
    expect(encoder.asked).toBe(PIECES);
    expect(journal.notices).toMatchObject([{ level: 'error', category: 'farm' }]);
  });

  it('checks a sector that a helper began, whoever ends it', async () => {
    const abort = new AbortController();
    const encoder = new FakeEncoder((chunks, count) => {
      chunks.fill(1);
      if (count === PIECES) abort.abort(new Error('paused'));
    });
    plotting.use(encoder);
    const directory = new MemoryDirectory();
    await expect(plotting.plot(plan, context({ directory, signal: abort.signal }))).rejects.toThrow('paused');
    expect(directory.files.has(FILE)).toBe(false);
    // The helper is forgotten and the page loaded again: nothing but the folder is left.
    plotting = new HelperPlotting(journal);
    const world = context({ directory });
    await plotting.plot(plan, world);
    expectWhole(directory);
    expect(journal.notices).toHaveLength(1);
  });

  it('checks the records of a helper and no others when it ends what a helper began', async () => {
    const encoder = new FakeEncoder((_, count) => {
      if (count > 1) throw new HelperError('disconnected', 9955, 'gone');
    });
    plotting.use(encoder);
    const abort = new AbortController();
    const begun = context({ signal: abort.signal });
    const { directory, pool: own } = begun;
    const encode = own.handlers['record.encode']!;
    own.handlers['record.encode'] = (input, options) => {
      if (own.calls['record.encode'] === PIECES - 1) abort.abort(new Error('paused'));
      return encode(input, options);
    };
    await expect(plotting.plot(plan, begun)).rejects.toThrow('paused');
    plotting = new HelperPlotting(journal);
    const world = context({ directory });
    await plotting.plot(plan, world);
    expectWhole(directory);
    // The one that was missing, and the one that the helper encoded.
    expect(world.pool.calls['record.encode']).toBe(2);
  });

  it('checks by decoding where nobody gives the piece any more', async () => {
    plotting.use(new FakeEncoder((chunks) => void (chunks[0]! ^= 1)));
    let given = 0;
    const pieces = new FakeSource((index) => ((given += 1) > PIECES ? null : fakePiece(index)));
    const world = context({ pieces });
    world.pool.handlers['record.decode'] = () => ({ record: new Uint8Array(RECORD_BYTES) });
    await expect(plotting.plot(plan, world)).rejects.toMatchObject({ code: 'piece-unavailable' });
    expect(journal.notices).toHaveLength(1);
    expect(world.directory.files.size).toBe(0);
  }, 30_000);

  it('measures with the helper how long plotting will take', async () => {
    const encoder = new FakeEncoder();
    plotting.use(encoder);
    const own = pool();
    expect(await measureSecondsPerPiece(plotting.assist(own))).toBeGreaterThan(0);
    expect(encoder.asked).toBe(encoder.encodings);
    expect(own.calls['record.encode']).toBeUndefined();
    encoder.plots = false;
    await measureSecondsPerPiece(plotting.assist(own));
    expect(own.calls['record.encode']).toBe(own.status().workers);
  });

  it('passes trouble that is not the helper’s on', async () => {
    plotting.use(new FakeEncoder());
    const stopped = new AbortController();
    stopped.abort(new Error('stopped'));
    await expect(plotting.plot(plan, context({ signal: stopped.signal }))).rejects.toThrow('stopped');
    expect(journal.notices).toHaveLength(0);
  });
});
