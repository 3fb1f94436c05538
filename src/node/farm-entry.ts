/** One farm of a node: opened in its place, tried again while it cannot be, stopped. */
import { InOrder } from '../async/in-order.ts';
import type { FarmSeat } from '../cluster/farmer.ts';
import { removeFarmFiles, requireFarmThere } from '../farm/description.ts';
import { Farm } from '../farm/farm.ts';
import { identityFromEntropy, loadOrCreateFolderEntropy, type FarmerIdentity } from '../farm/identity.ts';
import { NativeDirectory } from '../farm/native-directory.ts';
import { discardPartialSector } from '../farm/partial-sector.ts';
import { noCounts } from '../farm/snapshot.ts';
import type { Turns } from '../farm/turns.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { FarmRecord } from '../storage/store.ts';
import type { FarmTaskView } from './api.ts';
import { causeOf, type Cause } from './causes.ts';
import type { FarmWorld } from './farm-world.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

/** Why nothing is plotted in a farm of the native farmer. */
const ONLY_READ = 'Sectors of the native farmer are farmed as they are; nothing is plotted here.';
/** Wait before a farm that could not start is tried again. */
const RETRY_MS = 10_000;

/** Work that takes minutes, how far it is, and what stops it. */
export interface FarmTask {
  view: FarmTaskView;
  abort: AbortController;
}

/** What the farms of a node have in common. */
export interface FarmCompany {
  readonly platform: NodePlatform;
  readonly journal: Journal;
  readonly turns: Turns;
  /** What farms run in, or null while they do not. */
  readonly world: FarmWorld | null;
  /** Why no farm plots at the moment, a sentence, or null. */
  readonly held: string | null;
  /** Whether the farm is one of them still. */
  has(entry: FarmEntry): boolean;
  /** The views may have changed. */
  changed(): void;
  /** The key of a farm became known. */
  keyKnown(): void;
}

/** One farm that the person set up, at work or not. */
export class FarmEntry {
  farm: Farm | null = null;
  identity: FarmerIdentity | null = null;
  cause: Cause | null = null;
  task: FarmTask | null = null;
  /** Since the program was started, however often the farm was opened. */
  readonly counts = noCounts();
  private seat: FarmSeat | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  /** Opening, changing and stopping happen one after the other. */
  private readonly changes = new InOrder();

  constructor(
    public record: FarmRecord,
    private readonly company: FarmCompany,
  ) {}

  /** Opens the farm if it is not open; trouble becomes its cause, and it is tried again after a while. */
  async open(): Promise<void> {
    const { world } = this.company;
    // A farm whose place was lost may have been removed before it is tried again.
    if (world === null || !this.company.has(this)) return;
    try {
      await this.tryOpen(world);
    } catch (error) {
      if (this.company.world !== world || !this.company.has(this)) return;
      this.failed(error);
    } finally {
      this.company.changed();
    }
  }

  /** Opens the farm; rejects with what hinders it. */
  tryOpen(world: FarmWorld): Promise<void> {
    return this.changes.run(async () => {
      if (this.farm !== null || this.company.world !== world) return;
      const { record } = this;
      const directory = await this.directory();
      if (record.begun === true) await requireFarmThere(directory);
      this.identity = await this.identityIn(directory, world);
      const seat = world.seat(this.identity.publicKey);
      const opening = Farm.open({
        directory,
        pool: world.pool,
        pieces: world.pieces,
        history: world.history,
        node: world.node,
        identity: this.identity,
        rewardAddress: world.rewardAccount,
        // The native farmer may have plotted more meanwhile.
        allocatedBytes:
          directory instanceof NativeDirectory ? directory.allocatedBytes : record.allocatedBytes,
        counts: this.counts,
        lost: (reason) => this.lost(reason),
        // Others plot for farms of a cluster, which need not take turns then.
        ...(seat === null ? { turns: this.company.turns, plotter: world.plotter } : seat.options),
      });
      opening.catch(() => seat?.leave());
      const farm = await opening;
      if (this.company.world !== world) {
        seat?.leave();
        return farm.stop();
      }
      this.farm = farm;
      this.seat = seat;
      seat?.attach(farm);
      this.cause = null;
      if (record.begun !== true && record.ownKey === true) await this.remember({ begun: true });
      this.company.keyKnown();
      this.begin(farm);
    });
  }

  private begin(farm: Farm): void {
    const { company, record } = this;
    farm.onChange(() => company.changed());
    farm.onNotice(({ level, category, text }) => company.journal.notify(level, category, text));
    farm.onOutcome((outcome) => company.journal.record(record.id, outcome));
    if (record.paused === true) farm.pause();
    farm.hold(record.readOnly === true ? ONLY_READ : company.held);
    farm.start();
  }

  /** Stops the farm and gives its folder back. */
  close(): Promise<void> {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.cause = null;
    this.task?.abort.abort(new DOMException('the farm is stopped', 'AbortError'));
    return this.changes.run(async () => {
      const { farm, seat } = this;
      this.farm = null;
      this.seat = null;
      seat?.leave();
      await farm?.stop();
    });
  }

  /** Gives the farm so many bytes, at work or not. Throws FarmError `too-small`. */
  async resize(allocatedBytes: number): Promise<void> {
    await this.changes.run(async () => this.farm?.setAllocation(allocatedBytes));
    await this.remember({ allocatedBytes });
    if (this.farm === null) await this.open();
  }

  /** Lets plotting wait for a reason, a sentence; null ends that. */
  hold(reason: string | null): void {
    if (this.record.readOnly !== true) this.farm?.hold(reason);
  }

  /** Changes what is kept of the farm. */
  async remember(part: Partial<FarmRecord>): Promise<void> {
    this.record = { ...this.record, ...part };
    await this.company.platform.store.putFarm(this.record);
  }

  /** The place of the farm. */
  async directory(): Promise<FarmDirectory> {
    const { platform } = this.company;
    if (this.record.readOnly !== true) return platform.openFarmDirectory(this.record);
    return NativeDirectory.at(await platform.openFarmDirectory(this.record, 'read'));
  }

  /** Deletes the farm's files, once it is stopped. Throws StorageError. */
  async removeFiles(): Promise<void> {
    const directory = await this.directory();
    const lock = await directory.lock();
    try {
      await removeFarmFiles(directory);
      await discardPartialSector(directory);
    } finally {
      await lock.release();
    }
  }

  private async identityIn(directory: FarmDirectory, world: FarmWorld): Promise<FarmerIdentity> {
    if (this.record.ownKey !== true) return world.identity;
    return identityFromEntropy(await loadOrCreateFolderEntropy(directory));
  }

  /** The farm that was open has stopped itself. Trouble that it told of already keeps its time. */
  private lost(reason: unknown): void {
    const told = this.farm?.cause ?? null;
    void this.close().then(() => {
      this.cause = told;
      this.failed(reason);
    });
  }

  /** Shows what is wrong with the farm that is not open, and tries again after a while. */
  private failed(error: unknown): void {
    const cause = causeOf(error, 'Try again');
    if (this.cause?.code === cause.code) cause.since = this.cause.since;
    else this.company.journal.notify('error', 'farm', sentenceOf(error));
    this.cause = cause;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.open(), RETRY_MS);
    this.company.changed();
  }
}
