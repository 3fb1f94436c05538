/** A farm at work: plots its sectors, audits every slot, proves, submits, signs rewards. */
import { duration } from '../async/duration.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { toHex } from '../protocol/bytes.ts';
import type { FarmerAppInfo, PieceIndex, SectorIndex } from '../protocol/types.ts';
import type { DirectoryLock, FarmDirectory } from '../storage/directory.ts';
import type { StorageError } from '../storage/errors.ts';
import { Ageing } from './ageing.ts';
import { Damage, type ScrubOptions, type ScrubResult } from './damage.ts';
import { claimFolder, readDescription, removeFarmFiles } from './description.ts';
import type { FarmDescription } from './description.ts';
import type { FarmerIdentity } from './identity.ts';
import { discardPartialSector } from './partial-sector.ts';
import { PlotLoop } from './plot-loop.ts';
import { PlottedPieces } from './plotted-pieces.ts';
import type { SectorPlotter } from './plotter.ts';
import { FarmReports } from './reports.ts';
import { requireSectors, SectorTable } from './sectors.ts';
import { sectorFileSize, type SectorFile } from './sector-file.ts';
import { SlotLoop } from './slot-loop.ts';
import {
  noCounts,
  type FarmCause,
  type FarmCounts,
  type FarmNotice,
  type FarmPhase,
  type FarmSnapshot,
  type SlotOutcome,
} from './snapshot.ts';
import { requireRules, type AuthoringNode, type PieceSource, type VerifiedHistory } from './source.ts';
import { SleepDetector, sleptAgain } from './statistics.ts';
import type { Turns } from './turns.ts';

export interface FarmOptions {
  directory: FarmDirectory;
  pool: ComputePool;
  pieces: PieceSource;
  history: VerifiedHistory;
  node: AuthoringNode;
  identity: FarmerIdentity;
  /** 32 bytes. */
  rewardAddress: Uint8Array;
  allocatedBytes: number;
  /** Pieces in a sector of a new farm; the network's maximum when left out. */
  piecesInSector?: number;
  /** Encodings under way at once; the pool's workers when left out. */
  plotConcurrency?: number;
  /** Who plots the farm's sectors; this machine when left out. */
  plotter?: SectorPlotter;
  /** Sectors that are plotted side by side, by a plotter that can; 1 when left out. */
  sectorsAtOnce?: number;
  /** Called when somebody else took the folder and the farm has stopped itself. */
  lost?(reason: StorageError): void;
  /** Shared by farms of which only one plots at a time. */
  turns?: Turns;
  /** Is counted on; from nothing when left out. */
  counts?: FarmCounts;
  /** Milliseconds from a segment to the replotting of what it lets expire; drawn at random when left out. */
  replotDelay?(): number;
}

/** Wait between looks whether slots still come, milliseconds. */
const LOOK_MS = 10_000;

/**
 * Trouble with disk, node or sectors does not end a farm: it becomes the `cause` in its snapshot, and the farm
 * goes on as soon as it can. `open` takes the folder's lock, `stop` gives it back.
 */
export class Farm {
  private readonly plots: PlotLoop;
  private readonly slots: SlotLoop;
  private readonly plotted: PlottedPieces;
  private readonly damage: Damage;
  private readonly ageing: Ageing;
  private readonly unsubscribe: (() => void)[] = [];
  private readonly sleepDetector = new SleepDetector((gap) => this.slots.awoke(gap));
  private sleep: FarmSnapshot['sleep'] = null;
  private running = false;
  private stopped: Promise<void> | null = null;

  private constructor(
    private readonly options: FarmOptions,
    private readonly lock: DirectoryLock,
    private description: FarmDescription,
    private readonly sectors: SectorTable,
    private readonly reports: FarmReports,
    info: FarmerAppInfo,
  ) {
    const { directory, pool, pieces, history, node, identity } = options;
    this.plots = new PlotLoop({
      directory,
      pool,
      pieces,
      history,
      publicKey: identity.publicKey,
      piecesInSector: description.piecesInSector,
      rules: info.protocolInfo,
      concurrency: options.plotConcurrency,
      plotter: options.plotter,
      sectorsAtOnce: options.sectorsAtOnce,
      turns: options.turns,
      sectors,
      reports,
    });
    this.plotted = new PlottedPieces({
      sectors,
      publicKey: identity.publicKey,
      rules: info.protocolInfo,
      pool,
    });
    const { plots } = this;
    this.damage = new Damage({ directory, sectors, plots, reports });
    this.ageing = new Ageing({ sectors, plots, reports, replotDelay: options.replotDelay });
    this.slots = new SlotLoop({
      pool,
      node,
      identity,
      rewardAddress: () => this.options.rewardAddress,
      farmingTimeoutMs: info.farmingTimeoutMs,
      sectors,
      reports,
      counts: options.counts ?? noCounts(),
      sectorBroke: (index, error) => this.damage.found(index, error),
      slept: (gapMs, skipped) => this.slept(gapMs, skipped),
      clockWasSet: () =>
        reports.notify(
          'info',
          'device',
          'The clock of this computer was set forward. No slot was missed for that.',
        ),
    });
  }

  /**
   * Takes the folder, checks that it belongs to this network and farmer, removes what an interrupted plot left
   * and looks over the sectors.
   *
   * @throws FarmError `other-network`, `other-rules`, `other-farmer`, `not-a-farm`, `too-small`; StorageError.
   */
  static async open(options: FarmOptions): Promise<Farm> {
    const { directory, identity, allocatedBytes, history } = options;
    const reports = new FarmReports();
    let farm: Farm | null = null;
    const lock = await directory.lock({
      lost: (reason) => void farm?.stop().then(() => options.lost?.(reason)),
      reached: (hindrance) => {
        if (hindrance !== null) reports.setCause('hold-place', hindrance);
        else if (reports.placeReached()) farm?.plots.wake();
      },
    });
    try {
      const info = await options.node.appInfo();
      requireRules(info.protocolInfo, history);
      const found = await readDescription(directory);
      const piecesInSector =
        found?.piecesInSector ?? options.piecesInSector ?? info.protocolInfo.maxPiecesInSector;
      const count = requireSectors(allocatedBytes, piecesInSector);
      const description = await claimFolder(directory, {
        genesisHash: info.genesisHash,
        publicKey: identity.publicKey,
        piecesInSector,
        allocatedSpace: allocatedBytes,
      });
      await directory.clean();
      const sectors = await SectorTable.load({
        directory,
        publicKey: identity.publicKey,
        piecesInSector,
        minSectorLifetime: info.protocolInfo.minSectorLifetime,
        history,
        count,
      });
      farm = new Farm(options, lock, description, sectors, reports, info);
      return farm;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Begins to plot and farm. */
  start(): void {
    if (this.running) return;
    this.running = true;
    const { node, history } = this.options;
    this.unsubscribe.push(
      node.onSlot((slot) => {
        this.sleepDetector.beat();
        void this.slots.onSlot(slot, performance.now());
      }),
      node.onRewardSigning((request) => void this.slots.onRewardSigning(request)),
      history.onChange(() => this.ageing.look()),
    );
    this.sleepDetector.start();
    const timer = setInterval(() => this.lookForSlots(), LOOK_MS);
    this.unsubscribe.push(() => clearInterval(timer));
    this.ageing.look();
    this.plots.start();
  }

  /** Stops plotting at once; what is encoded of the sector under way is kept. Farming goes on. */
  pause(): void {
    this.plots.pause();
    this.reports.changed();
  }

  /** Plots again, at once; what was wrong with the farm's place is taken for over until it shows again. */
  resume(): void {
    this.reports.placeReached();
    this.plots.resume();
    this.reports.changed();
  }

  /** Lets plotting wait for a reason that is not the farm's, a sentence; null ends that. Farming goes on. */
  hold(reason: string | null): void {
    this.plots.hold(reason);
    this.reports.changed();
  }

  /** Gives the farm more or less space; sectors that no longer fit are deleted. Throws FarmError `too-small`, StorageError. */
  async setAllocation(allocatedBytes: number): Promise<void> {
    const count = requireSectors(allocatedBytes, this.description.piecesInSector);
    await this.plots.aside(async () => {
      this.description = await claimFolder(this.options.directory, {
        ...this.description,
        allocatedSpace: allocatedBytes,
      });
      await this.sectors.resize(count);
    });
    this.reports.changed();
  }

  /** `rewardAddress`: 32 bytes. */
  setRewardAddress(rewardAddress: Uint8Array): void {
    this.options.rewardAddress = rewardAddress;
  }

  /** Verifies every byte of every sector; see `Damage`. */
  scrub(options?: ScrubOptions): Promise<ScrubResult> {
    return this.damage.scrub(options);
  }

  /** Does `work`, during which nothing is plotted. */
  quietly(work: () => Promise<void>): Promise<void> {
    return this.plots.aside(work);
  }

  /** What is wrong, or null. */
  get cause(): FarmCause | null {
    return this.reports.cause;
  }

  /** The description that lies in the folder. */
  get farmDescription(): FarmDescription {
    return this.description;
  }

  /** ULID that the farm's folder carries. */
  get id(): string {
    return this.description.id;
  }

  get sectorCount(): number {
    return this.sectors.length;
  }

  /** The file of a sector on disk; null for any other. */
  sector(index: SectorIndex): SectorFile | null {
    return index < this.sectors.length ? this.sectors.file(index) : null;
  }

  /** A piece of history (1 048 672 bytes) out of a plotted sector, or null; see `PlottedPieces`. */
  plottedPiece(index: PieceIndex): Promise<Uint8Array | null> {
    return this.plotted.read(index);
  }

  /** Calls `listener` whenever the snapshot may have changed; many times a second while plotting. */
  onChange(listener: () => void): void {
    this.reports.onChange(listener);
  }

  onNotice(listener: (notice: FarmNotice) => void): void {
    this.reports.onNotice(listener);
  }

  /** Calls `listener` with every slot whose outcome is decided. */
  onOutcome(listener: (outcome: SlotOutcome) => void): void {
    this.reports.onOutcome(listener);
  }

  /** Stops everything and gives the folder back. Finished sectors stay. */
  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<void> {
    this.running = false;
    for (const unsubscribe of this.unsubscribe.splice(0)) unsubscribe();
    this.sleepDetector.stop();
    this.ageing.stop();
    await Promise.all([this.plots.stop(), this.slots.stop()]);
    await this.sectors.close();
    await this.lock.release();
  }

  /** Stops and deletes the farm's files. */
  async remove(): Promise<void> {
    await this.stop();
    const { directory } = this.options;
    await removeFarmFiles(directory);
    await discardPartialSector(directory);
  }

  snapshot(): FarmSnapshot {
    const { piecesInSector, allocatedSpace } = this.description;
    return {
      phase: this.phase(),
      cause: this.reports.cause,
      publicKey: toHex(this.options.identity.publicKey),
      place: this.options.directory.place,
      allocatedBytes: allocatedSpace,
      usedBytes: this.sectors.onDisk() * sectorFileSize(piecesInSector),
      piecesInSector,
      sectors: this.sectors.snapshots(),
      plotting: this.plots.snapshot(),
      held: this.plots.held,
      ...this.slots.snapshot(),
      sleep: this.sleep,
    };
  }

  private phase(): FarmPhase {
    // Sectors that nobody can read, or that are not there, farm nothing.
    const unreadable = this.slots.blind || this.sectors.onDisk() === 0;
    if (this.reports.cause !== null && this.reports.cause.action !== null && unreadable) return 'failed';
    if (this.plots.paused) return 'paused';
    if (!this.running) return 'starting';
    if (this.sectors.remaining() === 0) return 'farming';
    return this.plots.held === null && !this.plots.hindered ? 'plotting' : 'waiting';
  }

  private lookForSlots(): void {
    // Slots that nobody could hear were not withheld.
    this.sleepDetector.beat();
    this.slots.lookForSlots();
  }

  /** So many slots were skipped in a gap. */
  private slept(gapMs: number, skipped: number): void {
    this.sleep = sleptAgain(this.sleep, gapMs, skipped, Date.now());
    this.reports.notify(
      'warning',
      'device',
      `This tab or the computer was asleep for ${duration(gapMs)}; slots in that time were missed.`,
    );
  }
}
