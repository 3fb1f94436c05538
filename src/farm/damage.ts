/** Sectors whose bytes are not what was written: looked for, named, and plotted again. */
import { sentenceOf } from '../protocol/errors.ts';
import type { SectorIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { requireFarmThere } from './description.ts';
import type { PlotLoop } from './plot-loop.ts';
import { isDamage, type FarmReports } from './reports.ts';
import type { SectorTable } from './sectors.ts';

export interface DamageOptions {
  directory: FarmDirectory;
  sectors: SectorTable;
  plots: PlotLoop;
  reports: FarmReports;
}

export interface ScrubOptions {
  /** Whether damaged sectors are named only. */
  dryRun?: boolean;
  signal?: AbortSignal;
  progress?(sectorsDone: number, sectors: number): void;
}

export interface ScrubResult {
  /** How many sectors are whole. */
  verified: number;
  broken: SectorIndex[];
}

export class Damage {
  constructor(private readonly options: DamageOptions) {}

  /** A sector was found damaged. In a folder that is suddenly empty none is: it is not the farm's any more. */
  async found(index: SectorIndex, error: unknown): Promise<void> {
    const { directory, sectors, plots, reports } = this.options;
    const sentence = sentenceOf(error);
    try {
      await requireFarmThere(directory);
    } catch (lost) {
      reports.setCause('audit', lost);
      return;
    }
    await sectors.markBroken(index, sentence);
    reports.notify('error', 'storage', sentence);
    plots.wake();
  }

  /**
   * Verifies every byte of every sector; damaged ones are named and, unless it is a dry run, plotted again.
   *
   * @throws StorageError when the place itself fails, or the signal's reason.
   */
  async scrub({ signal, dryRun = false, progress }: ScrubOptions = {}): Promise<ScrubResult> {
    const { directory, sectors, plots, reports } = this.options;
    const broken: SectorIndex[] = [];
    let verified = 0;
    for (let index = 0; index < sectors.length; index += 1) {
      signal?.throwIfAborted();
      const file = sectors.file(index);
      if (file !== null && !plots.isPlotting(index)) {
        try {
          await file.verify(signal);
          verified += 1;
        } catch (error) {
          if (!isDamage(error)) throw error;
          await requireFarmThere(directory);
          broken.push(index);
          if (!dryRun) await this.found(index, error);
        }
      }
      progress?.(index + 1, sectors.length);
      reports.changed();
    }
    reports.notify('info', 'farm', `Scrub: ${verified} sectors verified, ${broken.length} damaged.`);
    return { verified, broken };
  }
}
