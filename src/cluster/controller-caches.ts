/** The caches of a controller's group: which there are, what each holds, and filling them. */
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { Ulid } from '../protocol/cluster/values.ts';
import { FORGET_MS } from '../protocol/cluster/times.ts';
import { PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { firstPieceOfSegment } from '../protocol/segment.ts';
import type { HistorySize, PieceIndex } from '../protocol/types.ts';
import type { ClusterConnection } from './connection.ts';

interface Cache {
  id: Ulid;
  capacity: number;
  lastSeen: number;
  /** Null until its contents were read. */
  contents: Map<number, PieceIndex> | null;
}

interface Place {
  cache: Cache;
  offset: number;
}

export interface CachesOptions {
  connection: ClusterConnection;
  group: string;
  /** A piece for a cache, verified; null when nobody has it. */
  fetch(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null>;
  historySize(): HistorySize;
  log(line: string): void;
}

const FILLS_AT_ONCE = 4;
const WRITE_TIMEOUT_MS = 30_000;
/** A round that could not place everything is repeated after so long. */
const REFILL_MS = 60_000;
/** A piece that nobody had is not asked for again for so long. */
const UNAVAILABLE_MS = 5 * 60_000;
/** A round ends when so many pieces in a row are not to be had: a node gives those of recent history only. */
const FAILURES_IN_A_ROW = 32;

export class ControllerCaches {
  private readonly caches = new Map<Ulid, Cache>();
  /** Programs that told their caches, by when they were last heard of. */
  private readonly programs = new Map<Ulid, Ulid[]>();
  private readonly places = new Map<PieceIndex, { cache: Ulid; offset: number }>();
  /** Pieces that nobody had, and when they may be asked for again. */
  private readonly unavailable = new Map<PieceIndex, number>();
  private readonly stopping = new AbortController();
  private off: (() => void)[] = [];
  private filling: Promise<void> | null = null;
  private again = false;
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly options: CachesOptions) {}

  start(): void {
    const { connection, group } = this.options;
    this.off = [
      connection.listen(clusterMessages.cacheIdentify, (id) => void this.onProgram(id), { instance: group }),
      connection.listen(
        clusterMessages.pieceCacheIdentify,
        ({ pieceCacheId, maxNumElements }) => this.onCache(pieceCacheId, maxNumElements),
        { instance: group },
      ),
    ];
    this.timer = setInterval(() => {
      this.forget();
      this.fill();
    }, REFILL_MS / 2);
  }

  stop(): void {
    this.stopping.abort(new DOMException('the controller is stopped', 'AbortError'));
    for (const off of this.off.splice(0)) off();
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** Cache and place of a piece, or null. */
  find(index: PieceIndex): { cache: Ulid; offset: number } | null {
    return this.places.get(index) ?? null;
  }

  /** A piece out of a cache, unverified; null when no cache has it or the one that does fails. */
  async piece(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null> {
    const place = this.find(index);
    if (place === null) return null;
    const { connection } = this.options;
    const options = { instance: place.cache, signal, retryMs: 0, timeoutMs: WRITE_TIMEOUT_MS };
    const answer = await connection
      .request(clusterMessages.readPiece, place.offset, options)
      .catch(() => null);
    signal?.throwIfAborted();
    if (answer?.ok === true && answer.value !== null && answer.value[0] === index) return answer.value[1];
    this.forgetPlace(index);
    return null;
  }

  get summary(): { caches: number; pieces: number } {
    return { caches: this.caches.size, pieces: this.places.size };
  }

  /** Puts pieces that should be cached where there is room, beginning soon. */
  fill(): void {
    this.again = true;
    this.filling ??= this.fillUp().finally(() => {
      this.filling = null;
    });
  }

  private async onProgram(id: Ulid): Promise<void> {
    const known = this.programs.get(id);
    if (known !== undefined) {
      for (const cache of known) this.touch(cache);
      return;
    }
    this.programs.set(id, []);
    const found: Ulid[] = [];
    try {
      const options = { instance: id, signal: this.stopping.signal };
      for await (const details of this.options.connection.stream(
        clusterMessages.cacheDetails,
        null,
        options,
      )) {
        found.push(details.pieceCacheId);
        this.onCache(details.pieceCacheId, details.maxNumElements);
      }
      this.programs.set(id, found);
    } catch {
      // Asked again when it is heard of next.
      this.programs.delete(id);
    }
  }

  private onCache(id: Ulid, capacity: number): void {
    const known = this.caches.get(id);
    if (known !== undefined && known.capacity === capacity) {
      known.lastSeen = performance.now();
      return;
    }
    if (known !== undefined) this.drop(known);
    const cache: Cache = { id, capacity, lastSeen: performance.now(), contents: null };
    this.caches.set(id, cache);
    this.options.log(`Cache ${id} joined: room for ${capacity} pieces.`);
    void this.readContents(cache);
  }

  private touch(id: Ulid): void {
    const cache = this.caches.get(id);
    if (cache !== undefined) cache.lastSeen = performance.now();
  }

  private async readContents(cache: Cache): Promise<void> {
    const contents = new Map<number, PieceIndex>();
    try {
      const options = { instance: cache.id, signal: this.stopping.signal };
      for await (const entry of this.options.connection.stream(clusterMessages.contents, null, options)) {
        if (!entry.ok) continue;
        const [offset, index] = entry.value;
        if (offset < cache.capacity && index !== null) contents.set(offset, index);
      }
    } catch {
      // A cache that cannot say what it holds is asked again when it is heard of next.
      if (this.caches.get(cache.id) === cache) this.caches.delete(cache.id);
      return;
    }
    if (this.caches.get(cache.id) !== cache) return;
    cache.contents = contents;
    this.findAllIn(cache);
    this.fill();
  }

  private forget(): void {
    for (const cache of this.caches.values()) {
      if (performance.now() - cache.lastSeen <= FORGET_MS) continue;
      this.drop(cache);
      this.options.log(`Cache ${cache.id} has not been heard of for a minute.`);
    }
  }

  private drop(cache: Cache): void {
    this.caches.delete(cache.id);
    for (const [program, ids] of this.programs) if (ids.includes(cache.id)) this.programs.delete(program);
    for (const [index, place] of this.places) if (place.cache === cache.id) this.places.delete(index);
    // Others may have copies.
    for (const other of this.caches.values()) this.findAllIn(other);
  }

  /** Finds what a cache holds there from now on, but for what is found elsewhere already. */
  private findAllIn({ id, contents }: Cache): void {
    for (const [offset, index] of contents ?? [])
      if (!this.places.has(index)) this.places.set(index, { cache: id, offset });
  }

  /** Whether a piece is found at that place, and not in another copy. */
  private isAt(index: PieceIndex, cache: Cache, offset: number): boolean {
    const place = this.places.get(index);
    return place?.cache === cache.id && place.offset === offset;
  }

  /** There is another piece in that place, or none. */
  forgetPlace(index: PieceIndex): void {
    const place = this.places.get(index);
    if (place === undefined) return;
    this.places.delete(index);
    this.caches.get(place.cache)?.contents?.delete(place.offset);
  }

  private async fillUp(): Promise<void> {
    while (this.again && !this.stopping.signal.aborted) {
      this.again = false;
      const wanted = this.wanted();
      const missing = this.missing(wanted);
      const free = this.freePlaces(wanted, missing.length);
      const tasks = free.map((place, at) => ({ index: missing[at]!, place }));
      let failures = 0;
      const work = async (): Promise<void> => {
        for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
          if (this.stopping.signal.aborted || failures >= FAILURES_IN_A_ROW) return;
          failures = (await this.fillOne(task.index, task.place)) ? 0 : failures + 1;
        }
      };
      await Promise.all(Array.from({ length: FILLS_AT_ONCE }, work));
    }
  }

  private missing(wanted: ReadonlySet<PieceIndex>): PieceIndex[] {
    const now = performance.now();
    for (const [index, until] of this.unavailable)
      if (until <= now || !wanted.has(index)) this.unavailable.delete(index);
    return [...wanted].filter((index) => !this.places.has(index) && !this.unavailable.has(index));
  }

  /** The newest pieces, as many as all caches together hold: recent history is what new sectors need most. */
  private wanted(): Set<PieceIndex> {
    let room = 0;
    for (const { capacity, contents } of this.caches.values()) if (contents !== null) room += capacity;
    const wanted = new Set<PieceIndex>();
    for (let segment = this.options.historySize() - 1n; segment >= 0n && wanted.size < room; segment -= 1n) {
      const first = firstPieceOfSegment(segment);
      for (let position = 0; position < PIECES_IN_SEGMENT && wanted.size < room; position += 1)
        wanted.add(first + BigInt(position));
    }
    return wanted;
  }

  /** As many places as are needed that are empty or hold what is no longer wanted, caches in turn. */
  private freePlaces(wanted: ReadonlySet<PieceIndex>, needed: number): Place[] {
    const places: Place[] = [];
    let open = [...this.caches.values()].map((cache) => this.placesIn(cache, wanted));
    while (open.length > 0 && places.length < needed) {
      open = open.filter((left) => {
        const { value } = left.next();
        if (value !== undefined) places.push(value);
        return value !== undefined;
      });
    }
    return places;
  }

  /** One by one: a cache may say that it is larger than any list. */
  private *placesIn(cache: Cache, wanted: ReadonlySet<PieceIndex>): Generator<Place> {
    const { capacity, contents } = cache;
    if (contents === null) return;
    for (let offset = 0; offset < capacity; offset += 1) {
      const held = contents.get(offset);
      if (held === undefined || !wanted.has(held) || !this.isAt(held, cache, offset)) yield { cache, offset };
    }
  }

  /** Returns whether the piece was to be had. */
  private async fillOne(index: PieceIndex, { cache, offset }: Place): Promise<boolean> {
    const { connection, fetch } = this.options;
    const { signal } = this.stopping;
    const piece = await fetch(index, signal).catch(() => null);
    if (piece === null) {
      this.unavailable.set(index, performance.now() + UNAVAILABLE_MS);
      return false;
    }
    if (this.caches.get(cache.id) !== cache) return true;
    const replaced = cache.contents?.get(offset);
    const options = { instance: cache.id, signal, retryMs: 0, timeoutMs: WRITE_TIMEOUT_MS };
    const written = await connection
      .request(clusterMessages.writePiece, { offset, pieceIndex: index, piece }, options)
      .catch(() => null);
    if (written?.ok !== true) return true;
    if (replaced !== undefined && this.isAt(replaced, cache, offset)) this.places.delete(replaced);
    cache.contents?.set(offset, index);
    this.places.set(index, { cache: cache.id, offset });
    return true;
  }
}
