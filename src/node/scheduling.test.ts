/** Proofs go before audits and audits before plotting, whoever makes tables and encodes records. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { JobPriority, type ComputePool, type JobInput } from '../crypto/jobs.ts';
import { WorkerPool } from '../crypto/pool/pool.ts';
import { Workshop } from '../crypto/pool/testing.ts';
import type { TableMaker } from '../crypto/table-maker.ts';
import { TablePool } from '../crypto/table-pool.ts';
import { HelperError } from '../network/helper-error.ts';
import { CHUNK_BYTES, PIECE_BYTES, RECORD_CHUNKS } from '../protocol/constants.ts';
import { HelperPlotting, type RecordEncoder } from './helper-plotting.ts';

const WORKERS = 2;
const plot = { priority: JobPriority.plot };
const prove = { priority: JobPriority.prove };
const won: JobInput<'solution.prove'> = {
  evaluationSeed: new Uint8Array(32),
  sBucket: 0,
  bitfield: new Uint8Array(),
  chunks: new Uint8Array(),
};
const slot = { globalChallenge: new Uint8Array(), solutionRange: 1n, sBuckets: [] };

let shop: Workshop;
let pool: ComputePool;

const record = (fill = 0) => ({
  evaluationSeed: new Uint8Array(32).fill(fill),
  piece: new Uint8Array(PIECE_BYTES),
});
const encode = (by: ComputePool, count: number): void => {
  for (let fill = 0; fill < count; fill += 1)
    by.run('record.encode', record(fill), plot).catch(() => undefined);
};
const begun = (name: string): number => shop.started().filter((other) => other === name).length;
/** Lets promises that are settled go on. */
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));

/** Ends the running job of that name, on whichever worker it runs. */
async function end(name: string, output: object): Promise<void> {
  const at = shop.workers.findIndex(
    ({ jobs, idle, terminated }) => !idle && !terminated && jobs.at(-1)?.name === name,
  );
  expect(at, `${name} runs`).toBeGreaterThanOrEqual(0);
  shop.end(at, { kind: 'done', output } as never);
  await settle();
}

/** Names of the jobs that run now. */
const running = (): string[] =>
  shop.workers.filter(({ idle, terminated }) => !idle && !terminated).map(({ jobs }) => jobs.at(-1)!.name);

/** Goes through a proof, whose parts have all workers whenever there are as many. */
async function goThroughProof(proof: Promise<unknown>): Promise<void> {
  await end('record.unmask', {
    shards: new Uint8Array(),
    present: new Uint8Array(),
    proofOfSpace: won.chunks,
  });
  await end('record.locate', { locator: new Uint8Array() });
  const quotient = new Uint8Array(RECORD_CHUNKS * CHUNK_BYTES);
  await end('record.quotient', { chunk: new Uint8Array(), quotient });
  expect(running().filter((name) => name === 'kzg.commitPart')).toHaveLength(WORKERS);
  expect(running()).not.toContain('record.encode');
  for (let part = 0; part < WORKERS; part += 1) await end('kzg.commitPart', { point: new Uint8Array(48) });
  await end('kzg.sum', { point: new Uint8Array(48) });
  await proof;
}

beforeEach(() => {
  shop = new Workshop();
  pool = new WorkerPool(shop.spawn, WORKERS, null);
});

describe('a proof while a graphics processor makes tables', () => {
  let tables: TablePool;
  const masks = vi.fn<TableMaker['masks']>(async () => ({ masks: new Uint8Array(), samples: [] }));

  beforeEach(async () => {
    masks.mockClear();
    const maker = { adapter: 'a card', masks, distrust: () => undefined, close: () => undefined };
    tables = new TablePool(pool, { open: async () => maker, compared: () => false });
    const ready = tables.ready();
    await settle();
    // By masks twice, then without, which takes longer: the graphics processor is worth it.
    const encoded = { bitfield: new Uint8Array(), chunks: new Uint8Array(), metadata: new Uint8Array() };
    await end('record.encode', encoded);
    await end('record.encode', encoded);
    await new Promise((done) => setTimeout(done, 50));
    await end('record.encode', encoded);
    await ready;
  });

  it('begins at once on a worker, and lets nothing be plotted before it is done', async () => {
    expect(tables.view().state).toBe('used');
    expect(tables.status().encodings).toBe(WORKERS + 1);
    encode(tables, WORKERS + 3);
    await settle();
    expect(begun('record.encode')).toBe(3 + WORKERS);
    const made = masks.mock.calls.length;
    const proof = tables.run('solution.prove', won, prove);
    void tables.run('sector.audit', slot, { priority: JobPriority.audit });
    expect(begun('record.unmask')).toBe(1);
    expect(begun('record.locate')).toBe(1);
    expect(begun('sector.audit')).toBe(1);
    // The records under way are given up for it.
    expect(shop.workers.filter(({ terminated }) => terminated)).toHaveLength(WORKERS);
    expect(running()).not.toContain('record.encode');
    await end('sector.audit', { winners: [] });
    await goThroughProof(proof);
    expect(masks.mock.calls.length).toBe(made);
    expect(running()).toEqual(Array.from({ length: WORKERS }, () => 'record.encode'));
  });
});

describe('a proof while a helper encodes', () => {
  let fail: ((error: Error) => void)[];
  let plotting: HelperPlotting;

  beforeEach(() => {
    fail = [];
    const encoder: RecordEncoder = {
      plots: true,
      encodings: 4,
      concurrency: 4,
      encode: () => new Promise((_, refused) => fail.push(refused)),
      distrust: () => undefined,
    };
    plotting = new HelperPlotting({ notify: () => undefined });
    plotting.use(encoder);
  });

  it('has all workers, also when the helper goes meanwhile and leaves its records to them', async () => {
    const assisted = plotting.assist(pool);
    encode(assisted, 4);
    expect(shop.started()).toEqual([]);
    const proof = pool.run('solution.prove', won, prove);
    expect(shop.started()).toEqual(['record.unmask', 'record.locate']);
    for (const refuse of fail) refuse(new HelperError('disconnected', 9955, 'gone'));
    await settle();
    expect(begun('record.encode')).toBe(0);
    await goThroughProof(proof);
    expect(running()).toEqual(Array.from({ length: WORKERS }, () => 'record.encode'));
  });

  it('never leaves the workers of this program for its table', async () => {
    const proof = plotting.assist(pool).run('solution.prove', won, prove);
    expect(shop.started()).toEqual(['record.unmask', 'record.locate']);
    expect(fail).toHaveLength(0);
    await goThroughProof(proof);
  });
});
