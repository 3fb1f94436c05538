/** The farms of a node: each in a place of its own, with a size and, but for the first, a key of its own. */
import { describeFolder, type FolderContents } from '../farm/description.ts';
import { encodeIdentityFile, exportIdentity, loadOrCreateFolderEntropy } from '../farm/identity.ts';
import { NativeDirectory } from '../farm/native-directory.ts';
import { Turns } from '../farm/turns.ts';
import { createUlid } from '../farm/ulid.ts';
import { toHex } from '../protocol/bytes.ts';
import type { PieceIndex } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { FarmRecord } from '../storage/store.ts';
import type { FarmPlace, FarmView } from './api.ts';
import { NodeError } from './errors.ts';
import { FarmEntry, type FarmCompany } from './farm-entry.ts';
import { isPlaceOf, recordAt, requireRoom } from './farm-places.ts';
import { viewOf } from './farm-view.ts';
import type { FarmWorld } from './farm-world.ts';
import type { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

/**
 * Two farms never share a key: sector ids follow from key and index, so that farms of one key would hold the same
 * sectors twice. The first farm has the key of the browser; every other one keeps its own in its folder.
 */
export class Farms implements FarmCompany {
  private readonly entries = new Map<string, FarmEntry>();
  readonly turns = new Turns();
  world: FarmWorld | null = null;
  held: string | null = null;

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

  private put(record: FarmRecord): FarmEntry {
    const entry = new FarmEntry(record, this);
    this.entries.set(record.id, entry);
    return entry;
  }

  has(entry: FarmEntry): boolean {
    return this.entries.get(entry.record.id) === entry;
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

  private first(): FarmEntry | undefined {
    return [...this.entries.values()].find(({ record }) => record.ownKey !== true);
  }

  /** Opens all farms and lets them work. */
  start(world: FarmWorld): void {
    this.world = world;
    for (const entry of this.entries.values()) void entry.open();
  }

  /** Stops all farms and gives their folders back. */
  async halt(): Promise<void> {
    this.world = null;
    await Promise.all([...this.entries.values()].map((entry) => entry.close()));
  }

  keyKnown(): void {
    this.keysChanged(this.keys());
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
    await this.put(record).open();
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
   * @throws FarmError, StorageError, NodeError `occupied` when the folder is a farm's already.
   */
  async add(place: FarmPlace, allocatedBytes: number): Promise<string> {
    await this.requireNew(place);
    const record = this.recordOf(place, allocatedBytes);
    return this.adopt(record, async (entry) => {
      await requireRoom(await entry.directory(), allocatedBytes);
      if (this.world !== null) await entry.tryOpen(this.world);
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
    const record: FarmRecord = { ...this.recordOf(place, 0), readOnly: true };
    const inner = await this.platform.openFarmDirectory(record, 'read');
    record.allocatedBytes = (await NativeDirectory.at(inner)).allocatedBytes;
    return this.adopt(record, (entry) => entry.tryOpen(world));
  }

  private recordOf(place: FarmPlace, allocatedBytes: number): FarmRecord {
    return { ...recordAt(this.platform, place, createUlid(), allocatedBytes), ownKey: true };
  }

  /** Remembers a farm that `open` succeeds for and forgets one that it does not. Returns its id. */
  private async adopt(record: FarmRecord, open: (entry: FarmEntry) => Promise<void>): Promise<string> {
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

  /** Throws NodeError `occupied` when a farm has that place already. */
  async requireNew(place: FarmPlace): Promise<void> {
    for (const { record } of this.entries.values()) {
      if (await isPlaceOf(place, record))
        throw new NodeError('occupied', 'There is a farm in that folder already. Choose another one.');
    }
  }

  /** Makes room for a farm that `work` fills before it is opened. */
  async found(
    place: FarmPlace,
    allocatedBytes: number,
    work: (entry: FarmEntry, directory: FarmDirectory) => Promise<void>,
  ): Promise<string> {
    await this.requireNew(place);
    const record = this.recordOf(place, allocatedBytes);
    return this.adopt(record, async (entry) => work(entry, await entry.directory()));
  }

  /** The farm of that id; null: the one with the browser's key, or else the oldest. Throws NodeError `unknown`. */
  entry(id: string | null): FarmEntry {
    const entry = id === null ? (this.first() ?? this.entries.values().next().value) : this.entries.get(id);
    if (entry === undefined) throw new NodeError('unknown', 'There is no such farm.');
    return entry;
  }

  /** The world that farms run in. Throws NodeError `too-early`. */
  requireWorld(): FarmWorld {
    if (this.world === null)
      throw new NodeError('too-early', 'Wait until the chain is verified up to its head.');
    return this.world;
  }

  /** Throws FarmError `too-small`. */
  async resize(id: string, allocatedBytes: number): Promise<void> {
    const entry = this.entry(id);
    if (entry.record.allocatedBytes === allocatedBytes) return;
    if (allocatedBytes > entry.record.allocatedBytes)
      await requireRoom(await entry.directory(), allocatedBytes);
    await entry.resize(allocatedBytes);
    this.changed();
  }

  async pause(id: string | null): Promise<void> {
    for (const entry of this.chosen(id)) {
      await entry.remember({ paused: true });
      entry.farm?.pause();
    }
  }

  /** Lets a farm plot again; one that could not be opened is tried at once. */
  async resume(id: string | null): Promise<void> {
    for (const entry of this.chosen(id)) {
      await entry.remember({ paused: false });
      if (entry.farm === null) await entry.open();
      entry.farm?.resume();
    }
    this.changed();
  }

  private chosen(id: string | null): FarmEntry[] {
    return id === null ? [...this.entries.values()] : [this.entry(id)];
  }

  /** Lets plotting of all farms wait for a reason, a sentence; null ends that. */
  hold(reason: string | null): void {
    if (reason === this.held) return;
    this.held = reason;
    for (const entry of this.entries.values()) entry.hold(reason);
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
    await entry.close();
    try {
      if (!keepFiles && entry.record.readOnly !== true) await entry.removeFiles();
    } catch (error) {
      await entry.open();
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
    const entry = id === null ? null : this.entry(id);
    if (entry?.record.ownKey !== true) return exportIdentity(this.platform.store);
    return encodeIdentityFile(await loadOrCreateFolderEntropy(await entry.directory()));
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
