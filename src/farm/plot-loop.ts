import type { FarmerProtocolInfo, SectorIndex } from '../protocol/types.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import type { PlotProgress } from './plotter.ts';
import type { FarmReports } from './reports.ts';
import { sentenceOf } from './reports.ts';
import type { SectorTable } from './sectors.ts';
import type { PlottingSnapshot } from './snapshot.ts';
import type { PieceSource, VerifiedHistory } from './source.ts';
import { RecentMedian } from './statistics.ts';

const RETRY_MS = 5_000;
const SECTORS_IN_ESTIMATE = 10;

export interface PlotLoopOptions {
  directory: FarmDirectory;
  pool: ComputePool;
  pieces: PieceSource;
  history: VerifiedHistory;
  /** 32 bytes. */
  publicKey: Uint8Array;
  piecesInSector: number;
  rules: FarmerProtocolInfo;
  /** Encodings under way at once; the pool's workers when left out. */
  concurrency?: number;
  sectors: SectorTable;
  reports: FarmReports;
}

/** Plots whatever the farm's sectors need, one sector after the other, until stopped. */
export class PlotLoop {
  private readonly stopping = new AbortController();
  private readonly sectorSeconds = new RecentMedian(SECTORS_IN_ESTIMATE);
  private plotting: { sector: SectorIndex; startedAt: number; progress: PlotProgress } | null = null;
  private current: AbortController | null = null;
  private running: Promise<void> = Promise.resolve();
  private wakeUp: () => void = () => undefined;
  private pausedNow = false;

  constructor(private readonly options: PlotLoopOptions) {}

  get paused(): boolean {
    return this.pausedNow;
  }

  /** The sector being plotted, or null. */
  get sector(): SectorIndex | null {
    return this.plotting?.sector ?? null;
  }

  start(): void {
    this.running = this.run();
  }

  /** Gives the sector under way up. */
  pause(): void {
    this.pausedNow = true;
    this.abandon();
  }

  resume(): void {
    this.pausedNow = false;
    this.wake();
  }

  /** Looks for work now instead of later. */
  wake(): void {
    this.wakeUp();
  }

  /** Gives the sector under way up and begins with the next one. */
  abandon(): void {
    this.current?.abort(new DOMException('the sector is given up', 'AbortError'));
  }

  async stop(): Promise<void> {
    this.stopping.abort(new DOMException('the farm is stopped', 'AbortError'));
    this.wake();
    await this.running;
  }

  snapshot(): PlottingSnapshot | null {
    if (this.plotting === null) return null;
    const { sector, progress, startedAt } = this.plotting;
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      sector,
      stage: progress.stage,
      piecesDone: progress.piecesDone,
      piecesTotal: progress.piecesTotal,
      bytesPerSecond: seconds > 0 ? Math.round(progress.bytesDownloaded / seconds) : 0,
      etaSeconds: this.secondsToGo(progress, seconds),
    };
  }

  private secondsToGo({ piecesDone, piecesTotal }: PlotProgress, elapsed: number): number | null {
    const measured = this.sectorSeconds.median();
    const perSector = measured ?? (piecesDone > 0 ? (elapsed / piecesDone) * piecesTotal : null);
    if (perSector === null) return null;
    return Math.max(0, Math.round(perSector * this.options.sectors.remaining() - elapsed));
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const index = this.pausedNow ? null : this.options.sectors.nextToPlot();
      if (index === null) await this.untilWoken(null);
      else if (!(await this.plotOne(index))) await this.untilWoken(RETRY_MS);
    }
  }

  private untilWoken(limitMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = limitMs === null ? null : setTimeout(resolve, limitMs);
      this.wakeUp = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Returns whether to go on at once. */
  private async plotOne(index: SectorIndex): Promise<boolean> {
    const { sectors, reports } = this.options;
    const current = new AbortController();
    this.current = current;
    try {
      await this.plot(index, AbortSignal.any([current.signal, this.stopping.signal]));
      reports.clearCause();
      reports.notify('success', 'farm', `Sector ${index} is plotted.`);
      return true;
    } catch (error) {
      const givenUp = current.signal.aborted || this.stopping.signal.aborted;
      if (!givenUp) reports.setCause(error);
      if (index < sectors.length) await this.restore(index, givenUp ? null : sentenceOf(error));
      return givenUp;
    } finally {
      this.plotting = null;
      this.current = null;
      reports.changed();
    }
  }

  private async plot(index: SectorIndex, signal: AbortSignal): Promise<void> {
    const { publicKey, piecesInSector, rules, history, sectors, reports, ...context } = this.options;
    const startedAt = performance.now();
    const plan = planSector(publicKey, index, history.historySize(), piecesInSector, rules);
    await plotSector(plan, {
      ...context,
      history,
      signal,
      concurrency: this.options.concurrency ?? this.options.pool.status().workers,
      progress: (progress) => {
        this.plotting = { sector: index, startedAt, progress };
        sectors.setPlotting(index, progress.stage, progress.piecesDone / progress.piecesTotal);
        reports.changed();
      },
      badPiece: (source, piece) =>
        reports.notify('warning', 'farm', `${source} sent a wrong piece ${piece}.`),
      beforeReplace: () => sectors.retire(index),
    });
    await sectors.reload(index);
    this.sectorSeconds.add((performance.now() - startedAt) / 1000);
  }

  /** Shows again what is on disk. */
  private async restore(index: SectorIndex, reason: string | null): Promise<void> {
    try {
      await this.options.sectors.plotFailed(index, reason);
    } catch (error) {
      this.options.reports.setCause(error);
    }
  }
}
