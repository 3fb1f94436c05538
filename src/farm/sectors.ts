/** The sectors of a farm: what is on disk, what state each is in, which to plot next. */
import { sectorId } from '../protocol/sector.ts';
import type { HistorySize, SectorIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import type { AuditedSector } from './auditor.ts';
import { FarmError } from './errors.ts';
import { sectorExpiry } from './plan.ts';
import { SectorFile, sectorFileName, sectorFileSize, sectorOfFileName } from './sector-file.ts';
import type { SectorSnapshot, SectorState } from './snapshot.ts';
import type { VerifiedHistory } from './source.ts';

/** The protocol's sector indices are 16 bits; the network's farmer keeps one value free. */
export const MAX_SECTORS = 65_534;
/** Space left for the farm's description and the file system's own needs, in bytes. */
const FIXED_BYTES = 1024 * 1024;

/** Sectors' worth of room that replotting takes: the encoded records and the new file beside the old one. */
const WORKING_SECTORS = 2;

/** Sectors that fit an allocation, the room for plotting one of them anew included. */
export function sectorsIn(allocatedBytes: number, piecesInSector: number): number {
  const size = sectorFileSize(piecesInSector);
  const count = Math.floor((allocatedBytes - FIXED_BYTES) / size) - WORKING_SECTORS;
  return Math.max(0, Math.min(MAX_SECTORS, count));
}

/** Bytes that a farm of so many sectors takes at most. */
export function bytesOfSectors(sectors: number, piecesInSector: number): number {
  return FIXED_BYTES + (sectors + WORKING_SECTORS) * sectorFileSize(piecesInSector);
}

/** Sectors that fit an allocation as `sectorsIn` has it. Throws FarmError `too-small` for less than one. */
export function requireSectors(allocatedBytes: number, piecesInSector: number): number {
  const count = sectorsIn(allocatedBytes, piecesInSector);
  if (count > 0) return count;
  const needed = bytesOfSectors(1, piecesInSector);
  throw new FarmError({
    code: 'too-small',
    message: `${allocatedBytes} bytes allocated, ${needed} needed for one sector`,
    sentence: `This farm needs at least ${Math.ceil(needed / 1e6)} MB on this network.`,
    action: 'Give the farm more space',
  });
}

interface Sector {
  file: SectorFile | null;
  state: SectorState;
  /** Whether the sector on disk is too old to win; also while it is being replaced. */
  expired: boolean;
  progress: number;
  error: string | null;
  /** What is wrong with its bytes on disk, a sentence, until it is plotted again; null: nothing that is known. */
  damage: string | null;
  /** From when it may be replotted before it expires, by `performance.now()`. */
  replotFrom: number;
}

export interface SectorTableOptions {
  directory: FarmDirectory;
  publicKey: Uint8Array;
  piecesInSector: number;
  minSectorLifetime: HistorySize;
  history: VerifiedHistory;
  count: number;
}

export class SectorTable {
  private readonly sectors: Sector[] = [];
  private readonly audited = new Map<SectorIndex, AuditedSector>();
  private readonly audits = new Set<Promise<unknown>>();

  private constructor(private readonly options: SectorTableOptions) {}

  /** Reads what is in the folder; sectors whose file does not hold what it should are `broken`. */
  static async load(options: SectorTableOptions): Promise<SectorTable> {
    const table = new SectorTable(options);
    table.setCount(options.count);
    const entries = await options.directory.list();
    for (const { name } of entries) {
      const index = sectorOfFileName(name);
      if (index === null) continue;
      if (index < table.sectors.length) await table.reload(index);
      else await options.directory.remove(name);
    }
    return table;
  }

  get length(): number {
    return this.sectors.length;
  }

  private setCount(count: number): void {
    while (this.sectors.length < count) {
      this.sectors.push({
        file: null,
        state: 'planned',
        expired: false,
        progress: 0,
        error: null,
        damage: null,
        replotFrom: 0,
      });
    }
  }

  /** Changes how many sectors the farm has; those that no longer fit are deleted. */
  async resize(count: number): Promise<void> {
    for (let index = this.sectors.length - 1; index >= count; index -= 1) {
      await this.retire(index);
      await this.options.directory.remove(sectorFileName(index));
      this.sectors.pop();
    }
    this.setCount(count);
  }

  /** Opens a sector's file and sets its state by what is found. Throws when the place itself fails. */
  async reload(index: SectorIndex): Promise<void> {
    const sector = this.at(index);
    await this.retire(index);
    try {
      const keepOpen = this.audited.size < this.options.directory.maxOpenFiles;
      const file = await SectorFile.open(this.options.directory, index, keepOpen);
      this.accept(index, sector, file);
    } catch (error) {
      if (error instanceof FarmError || (error instanceof StorageError && error.code === 'too-short')) {
        Object.assign(sector, { state: 'broken', error: error.sentence, progress: 0 });
      } else if (error instanceof StorageError && error.code === 'not-found') {
        Object.assign(sector, { state: 'planned', error: null, progress: 0 });
      } else {
        throw error;
      }
    }
  }

  private accept(index: SectorIndex, sector: Sector, file: SectorFile): void {
    const { piecesInSector, historySize } = file.metadata;
    if (piecesInSector !== this.options.piecesInSector) {
      void file.close();
      const error = `Sector ${index} has ${piecesInSector} pieces, this farm’s have ${this.options.piecesInSector}.`;
      Object.assign(sector, { state: 'broken', error, progress: 0 });
      return;
    }
    Object.assign(sector, { file, state: 'plotted', error: null, damage: null, progress: 1 });
    const id = sectorId(this.options.publicKey, index, historySize);
    this.audited.set(index, { sectorIndex: index, sectorId: id, file });
    this.updateAge(index, sector);
  }

  private at(index: SectorIndex): Sector {
    const sector = this.sectors[index];
    if (sector === undefined) throw new RangeError(`sector ${index} of ${this.sectors.length}`);
    return sector;
  }

  /** Closes a sector's file and leaves it out of audits. */
  async retire(index: SectorIndex): Promise<void> {
    const sector = this.at(index);
    this.audited.delete(index);
    const { file } = sector;
    sector.file = null;
    await Promise.allSettled(this.audits);
    await file?.close();
  }

  /** Retires a sector that a newer one replaces: proofs from the old one end first, and it is audited until then. */
  async giveWay(index: SectorIndex): Promise<void> {
    await this.at(index).file?.released();
    await this.retire(index);
  }

  /** Keeps all files open until an audit is over. */
  usedBy(audit: Promise<unknown>): void {
    this.audits.add(audit);
    const over = (): void => void this.audits.delete(audit);
    audit.then(over, over);
  }

  /** Whether that is still the sector on disk, and not one that was replaced or given up. */
  isCurrent(sector: AuditedSector): boolean {
    return this.audited.get(sector.sectorIndex) === sector;
  }

  /** Marks a sector as damaged, with a sentence that says how. */
  async markBroken(index: SectorIndex, error: string): Promise<void> {
    await this.retire(index);
    Object.assign(this.at(index), { state: 'broken', error, damage: error, progress: 0 });
  }

  /** Shows what plotting does with a sector. */
  setPlotting(index: SectorIndex, state: 'downloading' | 'encoding' | 'writing', progress: number): void {
    Object.assign(this.at(index), { state, progress, error: null });
  }

  /**
   * Back to what it was, after plotting failed; the reason stays visible. Damage that is known stays known, and a place
   * that cannot be reached leaves the sector to be plotted.
   */
  async plotFailed(index: SectorIndex, reason: string | null): Promise<void> {
    const sector = this.at(index);
    const { damage } = sector;
    if (damage !== null) {
      Object.assign(sector, { state: 'broken', error: damage, progress: 0 });
    } else if (sector.file !== null) {
      Object.assign(sector, { state: 'plotted', error: null, progress: 1 });
      this.updateAge(index, sector);
    } else {
      Object.assign(sector, { state: 'planned', error: null, progress: 0 });
      await this.reload(index);
    }
    if (reason !== null) sector.error = reason;
  }

  /**
   * Compares the sectors' ages with the history; returns those that began to expire since the last call. Those that
   * still win are replotted after `delayMs`.
   */
  updateExpiry(delayMs = 0): { index: SectorIndex; state: 'expiring' | 'expired' }[] {
    const changed: { index: SectorIndex; state: 'expiring' | 'expired' }[] = [];
    this.sectors.forEach((sector, index) => {
      const state = this.updateAge(index, sector);
      if (state === 'expiring') sector.replotFrom = performance.now() + delayMs;
      if (state === 'expiring' || state === 'expired') changed.push({ index, state });
    });
    return changed;
  }

  /** Brings a sector's state up to its age; returns the state if it is a new one. */
  private updateAge(index: SectorIndex, sector: Sector): SectorState | null {
    if (sector.file === null) return null;
    const { publicKey, minSectorLifetime, history } = this.options;
    const { historySize } = sector.file.metadata;
    const { state } = sectorExpiry(publicKey, index, historySize, minSectorLifetime, history);
    const next = state === 'expired' || state === 'expiring' ? state : 'plotted';
    sector.expired = next === 'expired';
    if (next === sector.state || !isOnDisk(sector.state)) return null;
    sector.state = next;
    return next;
  }

  /**
   * The sector to plot next, or null when none needs it: those about to expire first, which still win until their
   * successors replace them, then broken, expired and new ones. Those in `taken` are left out.
   */
  nextToPlot(taken?: ReadonlySet<SectorIndex>): SectorIndex | null {
    for (const state of ['expiring', 'broken', 'expired', 'planned'] as const) {
      const index = this.sectors.findIndex(
        (sector, candidate) => sector.state === state && isDue(sector) && taken?.has(candidate) !== true,
      );
      if (index >= 0) return index;
    }
    return null;
  }

  /** Whether a sector is to be plotted and one plotted at that history size would not have expired already. */
  wants(index: SectorIndex, historySize: HistorySize): boolean {
    const sector = this.sectors[index];
    if (sector === undefined || sector.state === 'plotted') return false;
    if (sector.file !== null && sector.file.metadata.historySize >= historySize) return false;
    const { publicKey, minSectorLifetime, history } = this.options;
    const { state } = sectorExpiry(publicKey, index, historySize, minSectorLifetime, history);
    return state === 'unknown' || state === 'fresh';
  }

  /** Sectors that can win: on disk and not expired. */
  auditable(): AuditedSector[] {
    const found: AuditedSector[] = [];
    for (const sector of this.audited.values()) {
      if (this.sectors[sector.sectorIndex]?.expired === false) found.push(sector);
    }
    return found;
  }

  /** The open file of a sector on disk; null for any other. */
  file(index: SectorIndex): SectorFile | null {
    return this.at(index).file;
  }

  /** Sectors to be plotted by now, the one under way included. */
  remaining(): number {
    return this.sectors.filter((sector) => sector.state !== 'plotted' && isDue(sector)).length;
  }

  onDisk(): number {
    return this.audited.size;
  }

  snapshots(): SectorSnapshot[] {
    return this.sectors.map((sector, index) => ({
      index,
      state: sector.state,
      progress: sector.progress,
      historySize: sector.file?.metadata.historySize.toString() ?? null,
      pieces: this.options.piecesInSector,
      error: sector.error,
    }));
  }

  async close(): Promise<void> {
    for (const index of this.audited.keys()) await this.retire(index);
  }
}

function isDue({ state, replotFrom }: Sector): boolean {
  return state !== 'expiring' || replotFrom <= performance.now();
}

function isOnDisk(state: SectorState): boolean {
  return state === 'plotted' || state === 'expiring' || state === 'expired';
}
