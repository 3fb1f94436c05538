/**
 * A pool that has proof-of-space tables of records made on the graphics processor where that is sooner done. Whether it
 * is, is measured when the first record is to be encoded.
 */
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { ProtocolError, messageOf } from '../protocol/errors.ts';
import { GpuError, TableTooLargeError } from './gpu/device.ts';
import {
  JobPriority,
  type ComputePool,
  type EncodedRecord,
  type JobInput,
  type JobName,
  type JobOptions,
  type JobOutput,
  type PoolStatus,
} from './jobs.ts';
import type { RecordMasks, TableMaker } from './table-maker.ts';

/** One record in so many, drawn at random, is encoded by a worker as well and compared. */
const COMPARED = 64;
/** Weight of the newest table in the mean time of one. */
const NEWEST = 0.2;

/** Without a table for so long, the memory of the graphics processor is given back; the next record measures anew. */
const IDLE_MS = 5 * 60_000;

/** Who makes tables of records, and how fast. */
export interface TablesView {
  /**
   * `untried`: nothing was encoded yet; `none`: there is no graphics processor; `slower`: workers are faster than it;
   * `used`: it makes tables; `failed`: it was lost or miscalculates.
   */
  state: 'untried' | 'measuring' | 'none' | 'slower' | 'used' | 'failed';
  /** What the graphics processor is, as far as the browser tells. */
  adapter: string | null;
  /** Seconds that a table takes there, and on a worker. */
  gpuSeconds: number | null;
  workerSeconds: number | null;
  /** Why it failed. */
  reason: string | null;
}

/** Before anything was encoded. */
export const NO_TABLES: TablesView = {
  state: 'untried',
  adapter: null,
  gpuSeconds: null,
  workerSeconds: null,
  reason: null,
};

/** Where the graphics processor comes from, and who is told. */
export interface TablePoolOptions {
  /** Opens the graphics processor; null: there is none. Left out: there never is. */
  open?(): Promise<TableMaker | null>;
  /** Called when the view changed. */
  changed?(view: TablesView): void;
  /** Whether the next record is compared; by chance when left out. */
  compared?(): boolean;
}

/** A pool that lets the graphics processor make tables where that is sooner done. */
export class TablePool implements ComputePool {
  private seen: TablesView = NO_TABLES;
  private measured: Promise<void> | null = null;
  private maker: TableMaker | null = null;
  private closed = false;
  /** Records whose tables are made there or wait to be. */
  private waiting = 0;
  private lastDone = 0;
  private idle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly pool: ComputePool,
    private readonly options: TablePoolOptions,
  ) {}

  /** Who makes tables, and how fast. */
  view(): TablesView {
    return this.seen;
  }

  /** Resolves once it is known who makes tables. */
  ready(): Promise<void> {
    if (this.options.open === undefined) return Promise.resolve();
    return (this.measured ??= this.measure());
  }

  run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    if (job !== 'record.encode' || this.options.open === undefined || options.own === true)
      return this.pool.run(job, input, options);
    return this.encode(input as JobInput<'record.encode'>, options) as Promise<JobOutput<J>>;
  }

  resize(workers: number): void {
    this.pool.resize(workers);
  }

  status(): PoolStatus {
    const status = this.pool.status();
    return this.maker === null ? status : { ...status, encodings: status.workers + 1 };
  }

  close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.idle);
    this.maker?.close();
    this.maker = null;
    return this.pool.close();
  }

  private async encode(input: JobInput<'record.encode'>, options: JobOptions): Promise<EncodedRecord> {
    await this.ready();
    options.signal?.throwIfAborted();
    const { maker } = this;
    if (maker === null || !this.isSooner()) return this.pool.run('record.encode', input, options);
    const encoded = await this.encodeThere(maker, input, options);
    const compared = this.options.compared?.() ?? Math.random() * COMPARED < 1;
    if (encoded !== null && !compared) return encoded;
    const own = await this.pool.run('record.encode', input, options);
    if (encoded !== null && !same(encoded, own)) this.distrust(maker, 'it encodes records wrongly');
    return own;
  }

  /** Whether a table begun there now would be ready before one that a worker begins. */
  private isSooner(): boolean {
    const { gpuSeconds, workerSeconds } = this.seen;
    return (this.waiting + 1) * gpuSeconds! < workerSeconds!;
  }

  /** Null: it could not. */
  private async encodeThere(
    maker: TableMaker,
    input: JobInput<'record.encode'>,
    options: JobOptions,
  ): Promise<EncodedRecord | null> {
    try {
      const masks = await this.masksOf(maker, input.evaluationSeed, options.signal);
      return await this.pool.run('record.encode', { ...input, masks }, options);
    } catch (error) {
      if (error instanceof TableTooLargeError) return null;
      if (error instanceof GpuError) this.drop(maker, error.message);
      else if (error instanceof ProtocolError && error.code === 'wrong-masks')
        this.distrust(maker, error.message);
      else throw error;
      return null;
    }
  }

  private async masksOf(maker: TableMaker, seed: Uint8Array, signal?: AbortSignal): Promise<RecordMasks> {
    const asked = performance.now();
    this.waiting += 1;
    try {
      const masks = await maker.masks(seed, signal);
      const now = performance.now();
      const took = (now - Math.max(asked, this.lastDone)) / 1000;
      this.lastDone = now;
      const { gpuSeconds } = this.seen;
      if (this.maker === maker) this.show({ gpuSeconds: gpuSeconds! + NEWEST * (took - gpuSeconds!) });
      return masks;
    } finally {
      this.waiting -= 1;
      this.restLater();
    }
  }

  private restLater(): void {
    clearTimeout(this.idle);
    this.idle = this.maker === null ? undefined : setTimeout(() => this.rest(), IDLE_MS);
  }

  private rest(): void {
    if (this.maker === null || this.waiting > 0) return;
    this.maker.close();
    this.maker = null;
    this.measured = null;
    this.show(NO_TABLES);
  }

  private distrust(maker: TableMaker, why: string): void {
    maker.distrust(why);
    this.drop(maker, why);
  }

  private drop(maker: TableMaker, reason: string): void {
    if (this.maker !== maker) return;
    this.maker = null;
    maker.close();
    this.show({ state: 'failed', reason });
  }

  private show(change: Partial<TablesView>): void {
    this.seen = { ...this.seen, ...change };
    this.options.changed?.(this.seen);
  }

  /** Uses the graphics processor if it makes a table, and the right one, before a worker does. */
  private async measure(): Promise<void> {
    let maker: TableMaker | null = null;
    this.show({ state: 'measuring' });
    try {
      maker = await this.options.open!();
      if (maker === null) return this.show({ state: 'none' });
      const { gpuSeconds, workerSeconds } = await measureTables(maker, this.pool);
      const used = gpuSeconds < workerSeconds && !this.closed;
      const state = used ? 'used' : 'slower';
      if (used) this.maker = maker;
      else maker.close();
      this.restLater();
      this.show({ state, adapter: maker.adapter, gpuSeconds, workerSeconds });
    } catch (error) {
      maker?.close();
      const reason = messageOf(error);
      this.show({ state: 'failed', adapter: maker?.adapter ?? null, reason });
    }
  }
}

/**
 * Seconds of a table on the graphics processor and on a worker. Throws GpuError when a record encoded by the one is not
 * what the other makes of it, and what the pool throws.
 */
async function measureTables(
  maker: TableMaker,
  pool: ComputePool,
): Promise<{ gpuSeconds: number; workerSeconds: number }> {
  const evaluationSeed = crypto.getRandomValues(new Uint8Array(32));
  const input = { evaluationSeed, piece: new Uint8Array(PIECE_BYTES) };
  const options = { priority: JobPriority.plot };
  const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
    const started = performance.now();
    const done = await work();
    return [done, (performance.now() - started) / 1000];
  };
  // The first of each prepares shaders and memory.
  const first = await maker.masks(evaluationSeed);
  await pool.run('record.encode', { ...input, masks: first }, options);
  const [masks, gpuSeconds] = await timed(() => maker.masks(evaluationSeed));
  const [encoded, restSeconds] = await timed(() => pool.run('record.encode', { ...input, masks }, options));
  const [own, seconds] = await timed(() => pool.run('record.encode', input, options));
  if (!same(encoded, own)) throw new GpuError('it encodes records wrongly');
  return { gpuSeconds, workerSeconds: seconds - restSeconds };
}

function same(one: EncodedRecord, other: EncodedRecord): boolean {
  return equal(one.bitfield, other.bitfield) && equal(one.chunks, other.chunks);
}
