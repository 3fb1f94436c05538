/** What was fetched and stays in this browser: the cache of pieces, and the objects that the person keeps in it. */
import { PieceCache } from '../dsn/piece-cache.ts';
import { CACHED_PIECE_BYTES, type PieceCheck } from '../dsn/piece-files.ts';
import { objectPath, type ObjectLink } from '../objects/link.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { NodeError } from './errors.ts';

/** An object that the person keeps in this browser. */
export interface KeptObject {
  cid: string;
  path: string;
  name: string;
  kind: 'file' | 'folder' | 'metadata';
  bytes: number;
  /** Whether its pieces stay whatever the cache's size. */
  pinned: boolean;
  /** Indices of the pieces that it lies in. */
  pieces: string[];
}

export interface KeptView extends KeptObject {
  /** How many of its pieces are here still. */
  here: number;
}

interface Settings {
  cacheBytes: number;
  kept: KeptObject[];
}

const SETTINGS = 'objects';
const DEFAULT_CACHE_BYTES = 512 * 2 ** 20;
const DEFAULTS: Settings = { cacheBytes: DEFAULT_CACHE_BYTES, kept: [] };
const MIN_CACHE_BYTES = 16 * 2 ** 20;
const MAX_KEPT = 200;

export class KeptObjects {
  private constructor(
    private readonly store: NodeStore,
    private readonly settings: Settings,
    readonly cache: PieceCache | null,
  ) {}

  /** `pieces`: where pieces are kept; null keeps none. Throws StorageError. */
  static async open(store: NodeStore, pieces: FarmDirectory | null): Promise<KeptObjects> {
    const settings: Settings = { ...DEFAULTS, ...(await store.setting<Partial<Settings>>(SETTINGS)) };
    const pinned = settings.kept.filter((one) => one.pinned).flatMap((one) => one.pieces.map(BigInt));
    const cache = pieces === null ? null : await PieceCache.open(pieces, settings.cacheBytes, pinned);
    return new KeptObjects(store, settings, cache);
  }

  views(): KeptView[] {
    return this.settings.kept.map((kept) => ({ ...kept, here: this.countHere(kept.pieces) }));
  }

  /** How many of these pieces are kept, once everything on its way to the disk is there. */
  async settledHere(pieces: readonly string[]): Promise<number> {
    await this.cache?.settled();
    return this.countHere(pieces);
  }

  private countHere(pieces: readonly string[]): number {
    return pieces.filter((index) => this.cache?.has(BigInt(index))).length;
  }

  /** How many pieces of an object can be kept beside what is pinned of others. */
  roomFor(cid: string): number {
    const others = this.settings.kept.filter((one) => one.pinned && one.cid !== cid);
    const taken = new Set(others.flatMap((one) => one.pieces));
    return Math.max(0, Math.floor(this.settings.cacheBytes / CACHED_PIECE_BYTES) - taken.size);
  }

  cacheView(): { pieces: number; usedBytes: number; pinnedBytes: number; limitBytes: number } {
    return {
      pieces: this.cache?.size ?? 0,
      usedBytes: this.cache?.usedBytes ?? 0,
      pinnedBytes: this.cache?.pinnedBytes ?? 0,
      limitBytes: this.settings.cacheBytes,
    };
  }

  /** Lists an object that was fetched, with the pieces that it lies in. */
  add(
    { cid, name, kind, bytes }: Pick<KeptObject, 'cid' | 'name' | 'kind' | 'bytes'>,
    link: ObjectLink,
    pieces: string[],
  ): void {
    const before = this.settings.kept.find((one) => one.cid === cid);
    if (before?.pinned === true) this.cache?.release(before.pieces.map(BigInt));
    const pinned = before?.pinned ?? false;
    if (pinned) this.cache?.pin(pieces.map(BigInt));
    const kept = { cid, path: objectPath(link), name, kind, bytes, pinned, pieces };
    const others = this.settings.kept.filter((one) => one.cid !== cid);
    this.settings.kept = [kept, ...others];
    const oldest = this.settings.kept.findLast((one) => !one.pinned);
    // What is pinned does not leave the list by itself, or nobody could let it go.
    if (this.settings.kept.length > MAX_KEPT && oldest !== undefined)
      this.settings.kept = this.settings.kept.filter((one) => one !== oldest);
    void this.save();
  }

  /** Keeps an object's pieces whatever else is fetched, or lets them go with the oldest. */
  async pin(cid: string, pinned: boolean): Promise<void> {
    const kept = this.settings.kept.find((one) => one.cid === cid);
    if (kept === undefined || kept.pinned === pinned) return;
    kept.pinned = pinned;
    const pieces = kept.pieces.map(BigInt);
    if (pinned) this.cache?.pin(pieces);
    else this.cache?.release(pieces);
    await this.save();
  }

  /** Takes an object off the list; its pieces go when the cache needs their space. */
  async forget(cid: string): Promise<void> {
    await this.pin(cid, false);
    this.settings.kept = this.settings.kept.filter((one) => one.cid !== cid);
    await this.save();
  }

  /** Gives the cache more or less space. */
  async resize(bytes: number): Promise<void> {
    if (!Number.isSafeInteger(bytes) || bytes < MIN_CACHE_BYTES)
      throw new NodeError('choice', 'The cache takes at least 16 MB.');
    this.settings.cacheBytes = bytes;
    await this.cache?.resize(bytes);
    await this.save();
  }

  /** Reads every piece; damaged ones are removed unless it is a dry run. Throws StorageError. */
  async check(dryRun: boolean): Promise<PieceCheck> {
    return (await this.cache?.check(dryRun)) ?? { whole: 0, damaged: [] };
  }

  private save(): Promise<void> {
    return this.store.putSetting(SETTINGS, this.settings);
  }
}
