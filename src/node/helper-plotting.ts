/**
 * Plots with the person's own native helper while it is there, and with this tab's workers while it is not. The helper
 * encodes records; pieces are fetched and verified here, encoded records kept here, so that whatever happens to it costs
 * no more than the records under way. A sector that it had a part in is written only after the checks that a sector of a
 * farming cluster passes.
 */
import { ClusterError } from '../cluster/errors.ts';
import { checkedSector } from '../cluster/sector-check.ts';
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
import { discardPartialSector } from '../farm/partial-sector.ts';
import type { SectorPlan } from '../farm/plan.ts';
import {
  encodeSector,
  plotSector,
  writeSector,
  type PlotContext,
  type SectorPlotter,
} from '../farm/plotter.ts';
import type { PlottedBy } from '../farm/snapshot.ts';
import { HelperError } from '../network/helper-error.ts';
import type { HelperPlotter } from '../network/helper-plotter.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Journal } from './journal.ts';

/** What encodes records elsewhere. */
export type RecordEncoder = Pick<
  HelperPlotter,
  'plots' | 'encodings' | 'concurrency' | 'encode' | 'distrust'
>;

export class HelperPlotting {
  private encoder: RecordEncoder | null = null;
  /** Ids of unfinished sectors that hold records of a helper. */
  private readonly lent = new Set<string>();

  /** `sample`: records of a sector that are encoded again; as of a cluster's when left out. */
  constructor(
    private readonly journal: Pick<Journal, 'notify'>,
    private readonly sample?: number,
  ) {}

  /** Encodes with this helper from now on; null: with none. */
  use(encoder: RecordEncoder | null): void {
    this.encoder = encoder;
  }

  /** The pool with the helper's encodings in it, where there is one; nothing checks them. */
  assist(pool: ComputePool): ComputePool {
    return new AssistedPool(pool, () => this.encoder);
  }

  /** The plotter of all farms on this machine. */
  readonly plot: SectorPlotter = async (plan, context) => {
    const id = toHex(plan.sectorId);
    if (this.encoder === null && !this.lent.has(id)) return plotSector(plan, context);
    try {
      await this.plotChecked(id, plan, context);
    } catch (error) {
      if (!(error instanceof ClusterError && error.code === 'wrong-sector')) throw error;
      this.encoder?.distrust(error.message);
      this.journal.notify(
        'error',
        'farm',
        `The helper encoded sector ${plan.sectorIndex} wrongly. Nothing of it was kept; this tab plots it anew.`,
      );
      await discardPartialSector(context.directory);
      await plotSector(plan, context);
    }
    this.lent.delete(id);
  };

  private async plotChecked(id: string, plan: SectorPlan, context: PlotContext): Promise<void> {
    const { sample } = this;
    const { pool, pieces, history, signal } = context;
    // Of records that lie there from before it is not known who encoded them.
    let untried = true;
    const concurrency = (): number =>
      this.encoder?.plots === true ? this.encoder.concurrency : context.concurrency;
    const by = (): PlottedBy => (this.encoder?.plots === true ? 'helper' : 'tab');
    const assisted = new AssistedPool(
      pool,
      () => this.encoder,
      () => this.lent.add(id),
    );
    const encoding: PlotContext = {
      ...context,
      pool: assisted,
      get concurrency() {
        return concurrency();
      },
      progress: (progress) => {
        if (untried && progress.piecesDone > 0) this.lent.add(id);
        untried = false;
        context.progress({ ...progress, by: by() });
      },
    };
    await encodeSector(plan, encoding, ({ metadata, parts }) => {
      const { sectorId, sectorIndex } = plan;
      const pieceIndexes = plan.pieces.map(({ index }) => index);
      const plotted = { sectorId, sectorIndex, metadata, pieceIndexes };
      const checked = this.lent.has(id)
        ? checkedSector(parts, plotted, plan, { pool, history, pieces, sample, signal })
        : parts;
      return writeSector(plan, { metadata, parts: checked }, context);
    });
  }
}

/** Lets a helper encode records, and the pool where it does not; everything else is the pool's. */
class AssistedPool implements ComputePool {
  constructor(
    private readonly pool: ComputePool,
    private readonly encoder: () => RecordEncoder | null,
    private readonly lent: () => void = () => undefined,
  ) {}

  run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    if (job !== 'record.encode') return this.pool.run(job, input, options);
    return this.encode(input as JobInput<'record.encode'>, options) as Promise<JobOutput<J>>;
  }

  private async encode(input: JobInput<'record.encode'>, options: JobOptions): Promise<EncodedRecord> {
    const { evaluationSeed, piece } = input;
    const encoder = this.encoder();
    if (encoder?.plots === true) {
      try {
        const encoding = await encoder.encode(evaluationSeed, recordOf(piece), options.signal);
        this.lent();
        return { ...encoding, metadata: recordMetadataOf(piece) };
      } catch (error) {
        if (!(error instanceof HelperError)) throw error;
      }
    }
    return this.pool.run('record.encode', input, options);
  }

  resize(workers: number): void {
    this.pool.resize(workers);
  }

  /** As many workers as encode at once. */
  status(): PoolStatus {
    const encoder = this.encoder();
    const status = this.pool.status();
    return encoder?.plots === true ? { ...status, workers: encoder.encodings } : status;
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
