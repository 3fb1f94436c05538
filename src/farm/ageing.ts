/** Sectors that the history lets expire: told of, and plotted again before or after. */
import type { PlotLoop } from './plot-loop.ts';
import type { FarmReports } from './reports.ts';
import type { SectorTable } from './sectors.ts';

/** A segment tells every farmer of the network at once which sectors expire: they ask for pieces one by one. */
const REPLOT_DELAY_MS: [number, number] = [60_000, 600_000];

/** A delay as the network's farmer draws it, in milliseconds. */
export function drawReplotDelay(): number {
  const [least, most] = REPLOT_DELAY_MS;
  return least + Math.random() * (most - least);
}

export interface AgeingOptions {
  sectors: SectorTable;
  plots: PlotLoop;
  reports: FarmReports;
  /** Milliseconds from a segment to the replotting of what it lets expire; drawn at random when left out. */
  replotDelay?(): number;
}

export class Ageing {
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(private readonly options: AgeingOptions) {}

  /** Compares the sectors' ages with the history; to be called whenever that has changed. */
  look(): void {
    const { sectors, plots, reports, replotDelay = drawReplotDelay } = this.options;
    const delay = replotDelay();
    const aged = sectors.updateExpiry(delay);
    for (const { index, state } of aged) {
      const what = state === 'expired' ? 'has expired' : 'is about to expire';
      reports.notify('info', 'farm', `Sector ${index} ${what} and will be plotted again.`);
    }
    if (aged.some(({ state }) => state === 'expiring')) this.replotAfter(delay);
    plots.wake();
    reports.changed();
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private replotAfter(ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.options.plots.wake();
      this.options.reports.changed();
    }, ms + 1);
    this.timers.add(timer);
  }
}
