/** The farms of a node: each in a place of its own, with a size and, but for the first, a key of its own. */
import type { FarmSeat } from '../cluster/farmer.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { describeFolder, requireFarmThere, type FolderContents } from '../farm/description.ts';
import { Farm } from '../farm/farm.ts';
import {
  encodeIdentityFile,
  exportIdentity,
  identityFromEntropy,
  loadOrCreateFolderEntropy,
  type FarmerIdentity,
} from '../farm/identity.ts';
import type { SectorPlotter } from '../farm/plotter.ts';
import type { AuthoringNode, PieceSource, VerifiedHistory } from '../farm/source.ts';
import { NativeDirectory } from '../farm/native-directory.ts';
import { Turns } from '../farm/turns.ts';
import { createUlid } from '../farm/ulid.ts';
import { toHex } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { FarmRecord } from '../storage/store.ts';
import type { Cause, FarmPlace, FarmView } from './api.ts';
import { causeOf } from './causes.ts';
import { isPlaceOf, recordAt, requireRoom } from './farm-places.ts';
import { removeFarmOf, type Task } from './farm-tasks.ts';
import { viewOf } from './farm-view.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

/** Why nothing is plotted in a farm of the native farmer. */
const ONLY_READ = 'Sectors of the native farmer are farmed as they are; nothing is plotted here.';
/** Wait before a farm that could not start is tried again. */
const RETRY_MS = 10_000;

/** What farms need of the node that runs them. */
export interface FarmWorld {
  pool: ComputePool;
  history: VerifiedHistory;
  node: AuthoringNode;
  pieces: PieceSource;
  /** 32 bytes of the network's genesis hash. */
  genesisHash: Uint8Array;
  /** Key of the farm that has none of its own. */
  identity: FarmerIdentity;
  /** 32 bytes: the account that all farms are paid to. */
  rewardAccount: Uint8Array;
  /** A seat in the farming cluster for a farm of that key (32 bytes), or null. */
  seat(publicKey: Uint8Array): FarmSeat | null;
  /** Who plots for farms without a seat; this program when left out. */
  plotter?: SectorPlotter;
}

/** One farm that the person set up, at work or not. */
export interface Entry {
  record: FarmRecord;
  farm: Farm | null;
  seat: FarmSeat | null;
  identity: FarmerIdentity | null;
  cause: Cause | null;
  task: Task | null;
  retry: ReturnType<typeof setTimeout> | null;
  /** Opening, changing and stopping a farm happen one after the other. */
  tail: Promise<unknown>;
}

/**
 * Two farms never share a key: sector ids follow from key and index, so that farms of one key would hold the same
 * sectors twice. The first farm has the key of the browser; every other one keeps its own in its folder.
 */
export class Farms {
  private readonly entries = new Map<string, Entry>();
  private readonly turns = new Turns();
  private world: FarmWorld | null = null;
  private held: string | null = null;

  constructor(
    readonly platform: NodePlatform,
    readonly journal: Journal,
    /** Called when the views may have changed. */
    readonly changed: () => void,
    /** Called with the public keys (hex) of all farms that are known. */
    private readonly keysChanged: (keys: ReadonlySet<string>) => void,
  ) {}

  /** Reads which farms there are. */
  async load(): Promise<void> {
    for (const record of await this.platform.store.farms()) this.put(record);
  }

  private put(record: FarmRecord): Entry {
    const entry: Entry = {
      record,
      farm: null,
      seat: null,
      identity: null,
      cause: null,
      task: null,
      retry: null,
      tail: Promise.resolve(),
    };
    this.entries.set(record.id, entry);
    return entry;
  }

  get running(): boolean {
    return this.world !== null;
  }

  /** Whether the farm with the browser's key is there. */
  get hasFirst(): boolean {
    return this.first() !== undefined;
  }

  /** Bytes given to the farm with the browser's key. */
  get firstBytes(): number {
    return this.first()?.record.allocatedBytes ?? 0;
  }

  /** Bytes given to all farms. */
  allocatedBytes(): number {
    return [...this.entries.values()].reduce((sum, { record }) => sum + record.allocatedBytes, 0);
  }

  /** A piece of history (1 048 672 bytes) out of a plotted sector of any farm, or null. */
  async plottedPiece(index: PieceIndex): Promise<Uint8Array | null> {
    for (const { farm } of this.entries.values()) {
      const piece = (await farm?.plottedPiece(index)) ?? null;
      if (piece !== null) return piece;
    }
    return null;
  }

  private first(): Entry | undefined {
    return [...this.entries.values()].find(({ record }) => record.ownKey !== true);
  }

  /** Opens all farms and lets them work. */
  start(world: FarmWorld): void {
    this.world = world;
    for (const entry of this.entries.values()) void this.open(entry);
  }

  /** Stops all farms and gives their folders back. */
  async halt(): Promise<void> {
    this.world = null;
    await Promise.all([...this.entries.values()].map((entry) => this.close(entry)));
  }

  /** Stops a farm and gives its folder back. */
  close(entry: Entry): Promise<void> {
    if (entry.retry !== null) clearTimeout(entry.retry);
    entry.retry = null;
    entry.cause = null;
    entry.task?.abort.abort(new DOMException('the farm is stopped', 'AbortError'));
    return this.inOrder(entry, async () => {
      const { farm } = entry;
      entry.farm = null;
      entry.seat?.leave();
      entry.seat = null;
      await farm?.stop();
    });
  }

  private inOrder<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    const result = entry.tail.then(work);
    entry.tail = result.catch(() => undefined);
    return result;
  }

  /** Opens a farm; trouble becomes its cause, and it is tried again after a while. */
  private async open(entry: Entry): Promise<void> {
    const { world } = this;
    // A farm whose place was lost may have been removed before it is tried again.
    if (world === null || !this.entries.has(entry.record.id)) return;
    try {
      await this.tryOpen(entry, world);
    } catch (error) {
      if (this.world !== world || !this.entries.has(entry.record.id)) return;
      this.failed(entry, error);
    } finally {
      this.changed();
    }
  }

  /** Shows what is wrong with a farm that is not open, and tries again after a while. */
  private failed(entry: Entry, error: unknown): void {
    const cause = causeOf(error, 'Try again');
    if (entry.cause?.code === cause.code) cause.since = entry.cause.since;
    else this.journal.notify('error', 'farm', sentenceOf(error));
    entry.cause = cause;
    if (entry.retry !== null) clearTimeout(entry.retry);
    entry.retry = setTimeout(() => void this.open(entry), RETRY_MS);
    this.changed();
  }

  private tryOpen(entry: Entry, world: FarmWorld): Promise<void> {
    return this.inOrder(entry, async () => {
      if (entry.farm !== null || this.world !== world) return;
      const { record } = entry;
      const directory = await this.directory(record);
      if (record.begun === true) await requireFarmThere(directory);
      entry.identity = await this.identityOf(record, directory, world);
      const seat = world.seat(entry.identity.publicKey);
      const opening = Farm.open({
        directory,
        pool: world.pool,
        pieces: world.pieces,
        history: world.history,
        node: world.node,
        identity: entry.identity,
        rewardAddress: world.rewardAccount,
        // The native farmer may have plotted more meanwhile.
        allocatedBytes:
          directory instanceof NativeDirectory ? directory.allocatedBytes : record.allocatedBytes,
        lost: (reason) => void this.close(entry).then(() => this.failed(entry, reason)),
        // Others plot for farms of a cluster, which need not take turns then.
        ...(seat === null ? { turns: this.turns, plotter: world.plotter } : seat.options),
      });
      opening.catch(() => seat?.leave());
      const farm = await opening;
      if (this.world !== world) {
        seat?.leave();
        return farm.stop();
      }
      entry.farm = farm;
      entry.seat = seat;
      seat?.attach(farm);
      entry.cause = null;
      if (record.begun !== true && record.ownKey === true) await this.remember(entry, { begun: true });
      this.keysChanged(this.keys());
      farm.onChange(this.changed);
      farm.onNotice(({ level, category, text }) => this.journal.notify(level, category, text));
      farm.onOutcome((outcome) => this.journal.record(record.id, outcome));
      if (record.paused === true) farm.pause();
      farm.hold(record.readOnly === true ? ONLY_READ : this.held);
      farm.start();
    });
  }

  /** The place of a farm. */
  async directory(record: FarmRecord): Promise<FarmDirectory> {
    if (record.readOnly !== true) return this.platform.openFarmDirectory(record);
    return NativeDirectory.at(await this.platform.openFarmDirectory(record, 'read'));
  }

  private async identityOf(
    record: FarmRecord,
    directory: FarmDirectory,
    world: FarmWorld,
  ): Promise<FarmerIdentity> {
    if (record.ownKey !== true) return world.identity;
    return identityFromEntropy(await loadOrCreateFolderEntropy(directory));
  }

  private keys(): Set<string> {
    const keys = new Set<string>(this.world === null ? [] : [toHex(this.world.identity.publicKey)]);
    for (const { identity } of this.entries.values())
      if (identity !== null) keys.add(toHex(identity.publicKey));
    return keys;
  }

  /** Gives the first farm, in the platform's own place, so many bytes. Throws FarmError `too-small`. */
  async give(allocatedBytes: number): Promise<void> {
    const first = this.first();
    if (first !== undefined) return this.resize(first.record.id, allocatedBytes);
    const record = { id: createUlid(), ...this.platform.defaultFarm, allocatedBytes };
    await this.platform.store.putFarm(record);
    await this.open(this.put(record));
  }

  /** What lies in a folder that the person thinks of. Throws StorageError, FarmError. */
  async inspect(place: FarmPlace): Promise<FolderContents> {
    return describeFolder(
      await this.platform.openFarmDirectory(recordAt(this.platform, place, 'inspect', 0), 'read'),
    );
  }

  /**
   * Adds a farm in a folder and returns its id. A folder that cannot be farmed is refused and forgotten again.
   *
   * @throws FarmError, StorageError, or Error when the folder is a farm's already.
   */
  async add(place: FarmPlace, allocatedBytes: number): Promise<string> {
    await this.requireNew(place);
    const record: FarmRecord = {
      ...recordAt(this.platform, place, createUlid(), allocatedBytes),
      ownKey: true,
    };
    return this.adopt(record, async (entry) => {
      await requireRoom(await this.directory(record), allocatedBytes);
      if (this.world !== null) await this.tryOpen(entry, this.world);
    });
  }

  /**
   * Adds a farm of the native farmer where it lies; its files are only read. Returns its id.
   *
   * @throws FarmError `not-a-farm`, `other-network` and those of its key; StorageError.
   */
  async addNative(place: FarmPlace): Promise<string> {
    const world = this.requireWorld();
    await this.requireNew(place);
    const record: FarmRecord = {
      ...recordAt(this.platform, place, createUlid(), 0),
      ownKey: true,
      readOnly: true,
    };
    const inner = await this.platform.openFarmDirectory(record, 'read');
    record.allocatedBytes = (await NativeDirectory.at(inner)).allocatedBytes;
    return this.adopt(record, (entry) => this.tryOpen(entry, world));
  }

  /** Remembers a farm that `open` succeeds for and forgets one that it does not. Returns its id. */
  private async adopt(record: FarmRecord, open: (entry: Entry) => Promise<void>): Promise<string> {
    const entry = this.put(record);
    try {
      await open(entry);
      await this.platform.store.putFarm(entry.record);
    } catch (error) {
      this.entries.delete(record.id);
      throw error;
    } finally {
      this.changed();
    }
    return record.id;
  }

  /** Throws when a farm has that place already. */
  async requireNew(place: FarmPlace): Promise<void> {
    for (const { record } of this.entries.values()) {
      if (await isPlaceOf(place, record))
        throw new Error('There is a farm in that folder already. Choose another one.');
    }
  }

  /** Makes room for a farm that `work` fills before it is opened. */
  async found(
    place: FarmPlace,
    allocatedBytes: number,
    work: (entry: Entry, directory: FarmDirectory) => Promise<void>,
  ): Promise<string> {
    await this.requireNew(place);
    const record: FarmRecord = {
      ...recordAt(this.platform, place, createUlid(), allocatedBytes),
      ownKey: true,
    };
    const directory = await this.directory(record);
    return this.adopt(record, (entry) => work(entry, directory));
  }

  /** Opens a farm that is not open, now. */
  reopen(entry: Entry): Promise<void> {
    return this.open(entry);
  }

  /** The farm of that id; null: the one with the browser's key, or else the oldest. Throws when there is none. */
  entry(id: string | null): Entry {
    const entry = id === null ? (this.first() ?? this.entries.values().next().value) : this.entries.get(id);
    if (entry === undefined) throw new Error('There is no such farm.');
    return entry;
  }

  /** The world that farms run in. Throws while the chain is not being followed. */
  requireWorld(): FarmWorld {
    if (this.world === null) throw new Error('Wait until the chain is verified up to its head.');
    return this.world;
  }

  /** Throws FarmError `too-small`. */
  async resize(id: string, allocatedBytes: number): Promise<void> {
    const entry = this.entry(id);
    if (entry.record.allocatedBytes === allocatedBytes) return;
    if (allocatedBytes > entry.record.allocatedBytes)
      await requireRoom(await this.directory(entry.record), allocatedBytes);
    await this.inOrder(entry, async () => entry.farm?.setAllocation(allocatedBytes));
    await this.remember(entry, { allocatedBytes });
    if (entry.farm === null) await this.open(entry);
    this.changed();
  }

  /** Changes what is kept of a farm. */
  async remember(entry: Entry, part: Partial<FarmRecord>): Promise<void> {
    entry.record = { ...entry.record, ...part };
    await this.platform.store.putFarm(entry.record);
  }

  async pause(id: string | null): Promise<void> {
    for (const entry of this.chosen(id)) {
      await this.remember(entry, { paused: true });
      entry.farm?.pause();
    }
  }

  /** Lets a farm plot again; one that could not be opened is tried at once. */
  async resume(id: string | null): Promise<void> {
    for (const entry of this.chosen(id)) {
      await this.remember(entry, { paused: false });
      if (entry.farm === null) await this.open(entry);
      entry.farm?.resume();
    }
    this.changed();
  }

  private chosen(id: string | null): Entry[] {
    return id === null ? [...this.entries.values()] : [this.entry(id)];
  }

  /** Lets plotting of all farms wait for a reason, a sentence; null ends that. */
  hold(reason: string | null): void {
    if (reason === this.held) return;
    this.held = reason;
    for (const { farm, record } of this.entries.values()) if (record.readOnly !== true) farm?.hold(reason);
    this.changed();
  }

  /** 32 bytes: the account that all farms are paid to. */
  setRewardAccount(account: Uint8Array): void {
    if (this.world === null) return;
    this.world.rewardAccount = account;
    for (const { farm } of this.entries.values()) farm?.setRewardAddress(account);
  }

  /** Forgets a farm; its files go too unless they are to be kept. */
  async remove(id: string | null, keepFiles = false): Promise<void> {
    const entry = this.entry(id);
    await this.close(entry);
    try {
      if (!keepFiles && entry.record.readOnly !== true) await removeFarmOf(this, entry);
    } catch (error) {
      await this.open(entry);
      throw error;
    }
    this.entries.delete(entry.record.id);
    await this.platform.store.removeFarm(entry.record.id);
    this.journal.notify('info', 'farm', 'The farm was removed.');
    this.changed();
  }

  /** Forgets all farms. What lies in folders that the person picked stays there. */
  async removeAll(): Promise<void> {
    for (const { record } of this.entries.values())
      await this.remove(record.id, record.ownKey === true && record.kind !== 'opfs');
  }

  cancelTask(id: string): void {
    const { task } = this.entry(id);
    task?.abort.abort(new DOMException('You stopped it.', 'AbortError'));
  }

  /** `identity.bin` of a farm's key; of the browser's when no farm is named. Throws FarmError, StorageError. */
  async exportIdentity(id: string | null): Promise<Uint8Array> {
    const record = id === null ? null : this.entry(id).record;
    if (record?.ownKey !== true) return exportIdentity(this.platform.store);
    return encodeIdentityFile(await loadOrCreateFolderEntropy(await this.directory(record)));
  }

  /** Handle of a picked folder, with which the page asks for access; null for other places. */
  handle(id: string): FileSystemDirectoryHandle | null {
    return this.entry(id).record.handle ?? null;
  }

  /** `startsWhen`: what farms that do not run yet wait for, a sentence. */
  views(startsWhen: string | null = null): FarmView[] {
    const held = this.running ? null : startsWhen;
    return [...this.entries.values()].map((entry) => viewOf(entry, held));
  }
}
