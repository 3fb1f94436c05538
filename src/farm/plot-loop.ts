import { backOff } from '../async/back-off.ts';
import { InOrder } from '../async/in-order.ts';
import { abortWith } from '../async/on-abort.ts';
import { Wakeup } from '../async/wakeup.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { equal } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { sectorId } from '../protocol/sector.ts';
import type { FarmerProtocolInfo, HistorySize, SectorIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { requireFarmThere } from './description.ts';
import { discardPartialSector, findPartialSector } from './partial-sector.ts';
import { planSector } from './plan.ts';
import { plotSector } from './plotter.ts';
import type { PlotProgress, SectorPlotter } from './plotter.ts';
import type { FarmReports } from './reports.ts';
import type { SectorTable } from './sectors.ts';
import type { PlottingSnapshot } from './snapshot.ts';
import type { PieceSource, VerifiedHistory } from './source.ts';
import { RecentMedian } from './statistics.ts';
import type { Turns } from './turns.ts';

/** Wait after a sector failed, doubled with every failure in a row. */
const RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
const SECTORS_IN_ESTIMATE = 10;

interface Work {
  index: SectorIndex;
  historySize: HistorySize;
}

interface Plotting {
  sector: SectorIndex;
  startedAt: number;
  /** Records that were there when it began. */
  before: number;
  progress: PlotProgress;
}

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
  /** Who plots; this machine when left out. */
  plotter?: SectorPlotter;
  /** Sectors under way at once; 1 when left out. */
  sectorsAtOnce?: number;
  /** Shared by loops of which only one plots at a time. */
  turns?: Turns;
  sectors: SectorTable;
  reports: FarmReports;
}

function encodingsAtOnce(pool: ComputePool): number {
  const { workers, encodings } = pool.status();
  return encodings ?? workers;
}

/** Plots whatever the farm's sectors need until stopped. */
export class PlotLoop {
  private readonly stopping = new AbortController();
  private readonly sectorSeconds = new RecentMedian(SECTORS_IN_ESTIMATE);
  private readonly plotting = new Map<SectorIndex, Plotting>();
  private readonly current = new Set<{ abort: AbortController; done: Promise<void> }>();
  /** Sectors chosen and not yet given back. */
  private readonly taken = new Set<SectorIndex>();
  private readonly choosing = new InOrder();
  private running: Promise<unknown> = Promise.resolve();
  /** Woken whenever there may be work that a search under way did not see. */
  private readonly wakeup = new Wakeup();
  private pausedNow = false;
  private heldFor: string | null = null;
  /** Searches for work that failed and are tried again after a while. */
  private failing = 0;
  /** Changes of the farm under way during which nothing is plotted. */
  private holds = 0;

  constructor(private readonly options: PlotLoopOptions) {}

  get paused(): boolean {
    return this.pausedNow;
  }

  isPlotting(index: SectorIndex): boolean {
    return this.plotting.has(index);
  }

  /** Why plotting waits, though nobody paused it; null when it does not. */
  get held(): string | null {
    return this.heldFor;
  }

  /** Whether nothing is plotted because something failed. */
  get hindered(): boolean {
    return this.failing > 0 && this.plotting.size === 0;
  }

  start(): void {
    const { sectorsAtOnce = 1 } = this.options;
    this.running = Promise.all(Array.from({ length: sectorsAtOnce }, () => this.run()));
  }

  /** Stops at once; what is encoded of the sector under way is kept. */
  pause(): void {
    this.pausedNow = true;
    void this.interrupt();
  }

  resume(): void {
    this.pausedNow = false;
    this.wake();
  }

  /** Stops like a pause for as long as there is a reason, a sentence. */
  hold(reason: string | null): void {
    const before = this.heldFor;
    this.heldFor = reason;
    if (reason !== null) void this.interrupt();
    else if (before !== null) this.wake();
  }

  /** Looks for work now instead of later. */
  wake(): void {
    this.wakeup.wake();
  }

  /** Interrupts plotting while `change` changes what is to be plotted. */
  async aside(change: () => Promise<void>): Promise<void> {
    this.holds += 1;
    try {
      await this.interrupt();
      await change();
    } finally {
      this.holds -= 1;
      this.wake();
    }
  }

  /** Stops the sectors under way; resolves when that is done. */
  private async interrupt(): Promise<void> {
    const interrupted = [...this.current];
    for (const { abort } of interrupted)
      abort.abort(new DOMException('plotting is interrupted', 'AbortError'));
    await Promise.all(interrupted.map(({ done }) => done));
  }

  async stop(): Promise<void> {
    this.stopping.abort(new DOMException('the farm is stopped', 'AbortError'));
    this.wake();
    await this.running;
  }

  /** Of the sector that was begun first. */
  snapshot(): PlottingSnapshot | null {
    const first = this.plotting.values().next().value;
    if (first === undefined) return null;
    const { sector, progress, startedAt, before } = first;
    const seconds = (performance.now() - startedAt) / 1000;
    const encoded = progress.piecesDone - before;
    return {
      sector,
      stage: progress.stage,
      by: progress.by,
      piecesPerMinute: encoded > 0 ? (60 * encoded) / seconds : null,
      piecesDone: progress.piecesDone,
      piecesTotal: progress.piecesTotal,
      bytesPerSecond: seconds > 0 ? Math.round(progress.bytesDownloaded / seconds) : 0,
      secondsPerSector: this.sectorSeconds.median(),
      etaSeconds: this.secondsToGo(first, seconds),
    };
  }

  /** Until every sector is plotted, at the pace of whole sectors or, before the first, of the pieces so far. */
  private secondsToGo({ progress, before }: Plotting, elapsed: number): number | null {
    const { piecesDone, piecesTotal } = progress;
    const measured = this.sectorSeconds.median();
    const encoded = piecesDone - before;
    const perPiece = measured !== null ? measured / piecesTotal : encoded > 0 ? elapsed / encoded : null;
    if (perPiece === null) return null;
    const pieces = this.options.sectors.remaining() * piecesTotal - piecesDone;
    return Math.max(0, Math.round((perPiece * pieces) / this.plotting.size));
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let failures = 0;
    while (!signal.aborted) {
      const { wakes } = this.wakeup;
      const outcome = await this.step();
      if (outcome === 'failed') {
        this.failing += 1;
        this.options.reports.changed();
        await this.wakeup.wait(backOff(failures, RETRY_MS, MAX_RETRY_MS), wakes);
        this.failing -= 1;
        failures += 1;
      } else {
        failures = 0;
        if (outcome === 'nothing') await this.wakeup.wait(null, wakes);
      }
    }
  }

  private async step(): Promise<'done' | 'failed' | 'nothing'> {
    let pass: (() => void) | undefined;
    try {
      if (this.halted()) return 'nothing';
      pass = await this.options.turns?.take(this.stopping.signal);
      const work = this.halted() ? null : await this.choose();
      if (work === null) return 'nothing';
      try {
        // It may have been halted while the folder was looked at.
        if (this.halted()) return 'nothing';
        return (await this.plotOne(work)) ? 'done' : 'failed';
      } finally {
        this.taken.delete(work.index);
      }
    } catch (error) {
      if (this.stopping.signal.aborted) return 'nothing';
      this.options.reports.setCause('plot', error);
      return 'failed';
    } finally {
      pass?.();
    }
  }

  private halted(): boolean {
    return this.pausedNow || this.heldFor !== null || this.holds > 0;
  }

  /** Takes what is to be plotted next; one choice after the other. */
  private choose(): Promise<Work | null> {
    return this.choosing.run(async () => {
      const work = await this.nextWork();
      if (work !== null) this.taken.add(work.index);
      return work;
    });
  }

  /** The sector to plot, and the history size to plot it at: first one that was begun and is still worth it. */
  private async nextWork(): Promise<Work | null> {
    const { directory, sectors, history, piecesInSector, publicKey } = this.options;
    // The records in the folder belong to a sector under way, if there is one.
    const begun = this.taken.size === 0 ? await findPartialSector(directory) : null;
    if (begun !== null) {
      const { sectorIndex, historySize } = begun;
      const own = equal(begun.sectorId, sectorId(publicKey, sectorIndex, historySize));
      const fits = own && begun.pieces === piecesInSector && historySize <= history.historySize();
      if (fits && sectors.wants(sectorIndex, historySize)) return { index: sectorIndex, historySize };
      await discardPartialSector(directory);
    }
    const index = sectors.nextToPlot(this.taken);
    return index === null ? null : { index, historySize: history.historySize() };
  }

  /** Returns whether to go on at once. */
  private async plotOne(work: Work): Promise<boolean> {
    const abort = new AbortController();
    const leave = abortWith(this.stopping.signal, abort);
    const result = this.tryPlot(work, abort.signal);
    const current = { abort, done: result.then(() => undefined) };
    this.current.add(current);
    const goOn = await result;
    this.current.delete(current);
    leave();
    return goOn;
  }

  private async tryPlot(work: Work, interrupted: AbortSignal): Promise<boolean> {
    const { sectors, reports } = this.options;
    const { index } = work;
    try {
      await this.plot(work, interrupted);
      reports.succeeded('plot');
      reports.notify('success', 'farm', `Sector ${index} is plotted.`);
      return true;
    } catch (error) {
      const stopped = interrupted.aborted;
      if (!stopped) reports.setCause('plot', error);
      if (index < sectors.length) await this.restore(index, stopped ? null : sentenceOf(error));
      return stopped;
    } finally {
      this.plotting.delete(index);
      reports.changed();
    }
  }

  private async plot({ index, historySize }: Work, signal: AbortSignal): Promise<void> {
    const { publicKey, piecesInSector, rules, history, sectors, reports, ...context } = this.options;
    const asked = context.concurrency;
    const startedAt = performance.now();
    const plan = planSector(publicKey, index, historySize, piecesInSector, rules);
    let before: number | null = null;
    await requireFarmThere(this.options.directory);
    reports.placeReached();
    await (this.options.plotter ?? plotSector)(plan, {
      ...context,
      history,
      signal,
      get concurrency() {
        return asked ?? encodingsAtOnce(context.pool);
      },
      progress: (progress) => {
        before ??= progress.piecesDone;
        this.plotting.set(index, { sector: index, startedAt, before, progress });
        sectors.setPlotting(index, progress.stage, progress.piecesDone / progress.piecesTotal);
        reports.changed();
      },
      badPiece: (source, piece) =>
        reports.notify('warning', 'farm', `${source} sent a wrong piece ${piece}.`),
      beforeReplace: async () => {
        await requireFarmThere(this.options.directory);
        await sectors.giveWay(index);
      },
    });
    await sectors.reload(index);
    // Of a sector that was begun in an earlier run the time is not known.
    if (before === 0) this.sectorSeconds.add((performance.now() - startedAt) / 1000);
  }

  /** Shows again what is on disk. */
  private async restore(index: SectorIndex, reason: string | null): Promise<void> {
    try {
      await this.options.sectors.plotFailed(index, reason);
    } catch (error) {
      this.options.reports.setCause('plot', error);
    }
  }
}
