/**
 * Plots with the person's own native helper while it is there, and with this tab's workers while it is not. The helper
 * encodes records; pieces are fetched and verified here, encoded records kept here, so that whatever happens to it costs
 * no more than the records under way. What it encoded is checked by a sample before a sector is whole, whoever ends it.
 */
import type {
  ComputePool,
  EncodedRecord,
  JobInput,
  JobName,
  JobOptions,
  JobOutput,
  PoolStatus,
} from '../crypto/jobs.ts';
import { recordMetadataOf, recordOf } from '../crypto/piece.ts';
import { FarmError } from '../farm/errors.ts';
import {
  encodeSector,
  writeSector,
  type EncodeContext,
  type SectorEncoder,
  type SectorPlotter,
} from '../farm/plotter.ts';
import { Turns } from '../farm/turns.ts';
import { HelperError } from '../network/helper-error.ts';
import type { HelperPlotter } from '../network/helper-plotter.ts';
import type { Journal } from './journal.ts';

/** What encodes records elsewhere. */
export type RecordEncoder = Pick<
  HelperPlotter,
  'plots' | 'encodings' | 'concurrency' | 'encode' | 'distrust'
>;

export class HelperPlotting {
  private encoder: RecordEncoder | null = null;

  constructor(private readonly journal: Pick<Journal, 'notify'>) {}

  /** Encodes with this helper from now on; null: with none. */
  use(encoder: RecordEncoder | null): void {
    this.encoder = encoder;
  }

  /** The pool with the helper's encodings in it, where there is one; nothing checks them. */
  assist(pool: ComputePool): ComputePool {
    return new AssistedPool(pool, () => this.encoder);
  }

  /** The plotter of all farms on this machine. */
  readonly plot: SectorPlotter = (plan, context) =>
    this.encode(plan, context, (sector) => writeSector(plan, sector, context));

  readonly encode: SectorEncoder = async (plan, context, use) => {
    try {
      return await encodeSector(plan, this.assisted(context), use);
    } catch (error) {
      if (!(error instanceof FarmError && error.code === 'wrong-encoding')) throw error;
      this.encoder?.distrust(error.message);
      this.journal.notify(
        'error',
        'farm',
        `The helper encoded sector ${plan.sectorIndex} wrongly. Nothing of it was kept; it is plotted anew here.`,
      );
      return encodeSector(plan, context, use);
    }
  };

  private assisted(context: EncodeContext): EncodeContext {
    const encoder = (): RecordEncoder | null => this.encoder;
    return {
      ...context,
      pool: new AssistedPool(context.pool, encoder, () => context.concurrency),
      get concurrency() {
        const helper = encoder();
        if (helper?.plots !== true) return context.concurrency;
        return Math.min(helper.concurrency, context.lentAtOnce ?? Infinity);
      },
    };
  }
}

/** Lets a helper encode records, and the pool where it does not; everything else is the pool's. */
class AssistedPool implements ComputePool {
  /** Records that a helper gave up come all at once. */
  private readonly turns: Turns;

  /** `ownAtOnce`: records that the pool encodes at once. */
  constructor(
    private readonly pool: ComputePool,
    private readonly encoder: () => RecordEncoder | null,
    ownAtOnce: () => number = () => Infinity,
  ) {
    this.turns = new Turns(ownAtOnce);
  }

  run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    if (job !== 'record.encode') return this.pool.run(job, input, options);
    return this.encode(input as JobInput<'record.encode'>, options) as Promise<JobOutput<J>>;
  }

  private async encode(input: JobInput<'record.encode'>, options: JobOptions): Promise<EncodedRecord> {
    const { evaluationSeed, piece } = input;
    const encoder = this.encoder();
    if (encoder?.plots === true && options.own !== true) {
      try {
        const encoding = await encoder.encode(evaluationSeed, recordOf(piece), options.signal);
        return { ...encoding, metadata: recordMetadataOf(piece), unchecked: true };
      } catch (error) {
        if (!(error instanceof HelperError)) throw error;
      }
    }
    const pass = await this.turns.take(options.signal ?? new AbortController().signal);
    try {
      return await this.pool.run('record.encode', input, options);
    } finally {
      pass();
    }
  }

  resize(workers: number): void {
    this.pool.resize(workers);
  }

  /** As many workers as encode at once. */
  status(): PoolStatus {
    const encoder = this.encoder();
    const status = this.pool.status();
    return encoder?.plots === true
      ? { ...status, workers: encoder.encodings, encodings: encoder.encodings, helper: true }
      : status;
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
