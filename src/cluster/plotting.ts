/** Plots a farm's sectors with the plotters of the cluster, or on this machine where there are none. */
import type { ComputePool } from '../crypto/jobs.ts';
import { pause } from '../async/pause.ts';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { SILENCE_MS } from '../protocol/cluster/times.ts';
import type { PlottedSector, SectorPlottingProgress } from '../protocol/cluster/values.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { encodeSectorMetadata } from '../protocol/sector-metadata.ts';
import { sectorLayout } from '../protocol/sector.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import type { FarmerProtocolInfo } from '../protocol/types.ts';
import type { SectorPlan } from '../farm/plan.ts';
import { plotSector, type PlotContext, type PlotProgress, type SectorPlotter } from '../farm/plotter.ts';
import { sectorFileName } from '../farm/sector-file.ts';
import type { ClusterConnection } from './connection.ts';
import { ClusterError } from './errors.ts';
import { checkedSector, requirePlanned } from './sector-check.ts';

/** `cluster`: only others plot; `self`: only this machine; `both`: this machine where nobody else offers. */
export type PlotWith = 'cluster' | 'self' | 'both';

export interface PlottingOptions {
  connection: ClusterConnection;
  pool: ComputePool;
  /** 32 bytes. */
  publicKey: Uint8Array;
  rules(): FarmerProtocolInfo;
  plotWith: PlotWith;
  /** Plots on this machine; this program when left out. */
  plotHere?: SectorPlotter;
  /** Records of a delivered sector that are encoded again to check it; see `sector-check.ts`. */
  sample?: number;
  /** Milliseconds without a word from a plotter after which it counts as gone. */
  silenceMs?: number;
  /** Milliseconds without an offer after which this machine plots by itself, where it may. */
  patienceMs?: number;
  log?: (line: string) => void;
}

/** In place of a plotter's id. */
const SELF = 'self';
const ASK_TIMEOUT_MS = 5_000;
/** Wait before a plotter is looked for again, while all are busy. */
const BUSY_MS = 2_000;
/** With nobody offering for so long, this machine plots by itself. */
const PATIENCE_MS = 10_000;
/** One that delivered a wrong sector is not asked for so long. */
const DISTRUST_MS = 3_600_000;
const RETRY_MS = 2_000;

export class ClusterPlotting {
  private readonly distrusted = new Map<string, number>();
  private plottingHere = false;
  private lastOffer = performance.now();

  constructor(private readonly options: PlottingOptions) {}

  /** The farm's plotter. Goes on with the same plan, from one plotter to the next, until the sector is there. */
  readonly plot: SectorPlotter = async (plan, context) => {
    const { signal } = context;
    // A plotter that was lost may come back, with what it has encoded: it is asked once more.
    let lost: string | null = null;
    for (;;) {
      signal.throwIfAborted();
      const plotter: string | null = lost ?? (await this.findPlotter(signal));
      if (plotter === SELF) return this.plotHere(plan, context);
      if (plotter === null) {
        await pause(BUSY_MS, signal);
        continue;
      }
      try {
        return await this.plotWith(plotter, plan, context);
      } catch (error) {
        signal.throwIfAborted();
        lost = this.plotterFailed(plotter, plan, error) && lost === null ? plotter : null;
        await pause(RETRY_MS, signal);
      }
    }
  };

  /** A plotter's id, `SELF` when this machine is to plot and `plotHere` is to be called, null while all are busy. */
  private async findPlotter(signal: AbortSignal): Promise<string | null> {
    const { connection, plotWith, patienceMs = PATIENCE_MS } = this.options;
    if (plotWith !== 'self') {
      try {
        const options = { signal, retryMs: 0, timeoutMs: ASK_TIMEOUT_MS };
        const plotter = await connection.request(clusterMessages.freePlotter, null, options);
        if (plotter !== null && (this.distrusted.get(plotter) ?? 0) < performance.now()) {
          this.lastOffer = performance.now();
          return plotter;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ClusterError)) throw error;
      }
      if (plotWith === 'cluster' || performance.now() - this.lastOffer < patienceMs) return null;
    }
    if (this.plottingHere) return null;
    // At once: two sectors may ask in the same breath.
    this.plottingHere = true;
    return SELF;
  }

  /** One sector after the other: they share the folder's encoded records. */
  private async plotHere(plan: SectorPlan, context: PlotContext): Promise<void> {
    try {
      await (this.options.plotHere ?? plotSector)(plan, context);
    } finally {
      this.plottingHere = false;
    }
  }

  /** Returns whether the plotter is worth another try. Throws what is no fault of the plotter. */
  private plotterFailed(plotter: string, plan: SectorPlan, error: unknown): boolean {
    const code = error instanceof ClusterError ? error.code : null;
    if (code === null || code === 'failed' || code === 'closed') throw error;
    if (code === 'wrong-sector') this.distrusted.set(plotter, performance.now() + DISTRUST_MS);
    if (code !== 'occupied')
      this.options.log?.(`Sector ${plan.sectorIndex} on plotter ${plotter}: ${sentenceOf(error)}`);
    return code === 'silence' || code === 'malformed';
  }

  private async plotWith(plotter: string, plan: SectorPlan, context: PlotContext): Promise<void> {
    const { connection, publicKey, rules, silenceMs = SILENCE_MS } = this.options;
    const { directory, signal } = context;
    const request = {
      publicKey,
      sectorIndex: plan.sectorIndex,
      protocolInfo: { ...rules(), historySize: plan.historySize },
      piecesInSector: plan.pieces.length,
    };
    const options = { instance: plotter, signal, idleMs: silenceMs };
    const items = connection.stream(clusterMessages.plotSector, request, options);
    const report = reporter(plan, context);
    try {
      const plotted = await untilFinished(items, report);
      requirePlanned(plotted, plan);
      await directory.write(
        sectorFileName(plan.sectorIndex),
        this.parts(items, plotted, plan, context, report),
        async () => {
          signal.throwIfAborted();
          await context.beforeReplace();
        },
      );
    } finally {
      await items.return();
    }
  }

  private async *parts(
    items: AsyncIterable<SectorPlottingProgress>,
    plotted: PlottedSector,
    plan: SectorPlan,
    context: PlotContext,
    report: Report,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { pool, sample } = this.options;
    const { history, pieces, signal } = context;
    report('writing', plan.pieces.length);
    yield* checkedSector(chunksOf(items, plan), plotted, plan, { pool, history, pieces, sample, signal });
    yield encodeSectorMetadata(plotted.metadata);
  }
}

type Report = (stage: PlotProgress['stage'], piecesDone: number) => void;

function reporter({ pieces }: SectorPlan, { progress }: PlotContext): Report {
  const piecesTotal = pieces.length;
  return (stage, piecesDone) =>
    progress({ stage, by: 'cluster', piecesDone, piecesTotal, bytesDownloaded: piecesDone * PIECE_BYTES });
}

/** Reads a plotter's progress until the sector is encoded. */
async function untilFinished(
  items: AsyncGenerator<SectorPlottingProgress, void, void>,
  report: Report,
): Promise<PlottedSector> {
  report('downloading', 0);
  // Not `for await`, which would end the stream with the loop.
  for (;;) {
    const { value: item, done } = await items.next();
    if (done === true)
      throw new ClusterError(
        'malformed',
        'the stream ended early',
        'A plotter stopped before its sector was done.',
      );
    switch (item.kind) {
      case 'occupied':
        throw new ClusterError('occupied', 'the plotter is busy', 'The plotter is busy with another sector.');
      case 'error':
        throw new ClusterError('silence', item.error, `The plotter says: ${item.error}`);
      case 'encoding':
        report('encoding', 0);
        break;
      case 'finished':
        return item.plottedSector;
      case 'sectorChunk':
        throw new ClusterError(
          'malformed',
          'bytes before the end',
          'A plotter sent a sector before it was done.',
        );
      default:
        break;
    }
  }
}

async function* chunksOf(
  items: AsyncIterable<SectorPlottingProgress>,
  plan: SectorPlan,
): AsyncGenerator<Uint8Array, void, void> {
  let missing = sectorLayout(plan.pieces.length).checksum + 32;
  for await (const item of items) {
    if (item.kind === 'error')
      throw new ClusterError('silence', item.error, `The plotter says: ${item.error}`);
    if (item.kind !== 'sectorChunk') continue;
    if (!item.chunk.ok)
      throw new ClusterError('silence', item.chunk.error, `The plotter says: ${item.chunk.error}`);
    missing -= item.chunk.value.length;
    yield item.chunk.value;
  }
  if (missing > 0)
    throw new ClusterError(
      'malformed',
      `${missing} bytes are missing`,
      'A plotter stopped while it delivered.',
    );
}
