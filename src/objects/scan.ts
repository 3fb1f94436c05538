/**
 * Finds nodes by looking through history itself, near where another part of the same object lies: what is uploaded
 * together is archived together. It needs nobody's index.
 */
import { onAbort } from '../async/on-abort.ts';
import { pause } from '../async/pause.ts';
import { nodesIn } from '../crypto/record-nodes.ts';
import { RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { MAX_NODE_BYTES } from '../protocol/dag.ts';
import type { PieceWish } from '../dsn/supply.ts';
import { nextSourcePiece, previousSourcePiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { Borders } from './borders.ts';
import { MAX_PLACES, OTHERS_KNEW, type Locator } from './locate.ts';
import { keyOf } from './tree.ts';
import type { PieceAccess } from './window.ts';

/** Pieces looked through on each side of a known place before the search gives up. */
const REACH = 64;
/** Looked through around every known place before any is looked around further. */
const NEAR = 2;
/** Pieces on their way at once: a few while it is not known whether anything is found there, more where there is. */
const FIRST_PIECES = 2;
const MOST_PIECES = 8;
/**
 * As many at first where so many nodes are expected, if the last piece came so quickly, in milliseconds: on a slow line the
 * first of them would be later for the others.
 */
const EXPECTED_PIECES = 4;
const QUICK_MS = 250;
/** Whole nodes that fit into a piece. */
const NODES_IN_PIECE = Math.floor(RAW_RECORD_BYTES / MAX_NODE_BYTES);
/** How far apart they may lie: every second index is a source piece. */
const STRIDE = 2n * BigInt(MOST_PIECES);
/** Verified ones at once: they are checked together. */
const CHECKED_PIECES = 16;
/** Places near which is looked. */
const MAX_ANCHORS = 4;
const MAX_READERS = 4;
/** Bytes of history that a byte of a file takes, with what lies between its parts; rather too many than too few. */
const SPREAD = 1.003;

interface Phase {
  where: 'ahead' | 'near' | 'far';
  wish: PieceWish;
}

/**
 * What is looked through, one after the other: where the next part should be, around known parts, far away. What is not
 * found in pieces as they arrive may have been kept back by who sent them, so that they are checked before the search
 * goes far; then those that are near are rebuilt, too.
 */
const PHASES: readonly Phase[] = [
  { where: 'ahead', wish: { quick: true, speculative: true } },
  { where: 'near', wish: { quick: true, speculative: true } },
  { where: 'near', wish: {} },
  { where: 'far', wish: { quick: true, speculative: true, passing: true } },
  { where: 'far', wish: { speculative: true, passing: true } },
];

export interface NeighbourOptions {
  /** Takes a node that the search came across; its bytes are its own. */
  came?(place: GlobalObject, bytes: Uint8Array): void;
  /** Told of every piece that was looked through. */
  looked?(piece: PieceIndex): void;
  /** Milliseconds that others have to tell the place before history is searched through. */
  headStartMs?: number;
}

interface Search {
  /** Keys of what is looked for and not found yet. */
  missing: Set<string>;
  end(): void;
  fail(reason: unknown): void;
}

/** A part of history that is read from front to back. */
interface Reader {
  /** Where something wanted was found last, or is expected. */
  at: PieceIndex;
  /** Where what is wanted ends; null where that is not known. */
  last: PieceIndex | null;
}

/** Looks where parts of the object are expected, and outwards from where others are known to lie. */
export class NeighbourLocator implements Locator {
  readonly name = 'the history around it';
  /** Where parts of the object lie, the newest first. */
  private anchors: PieceIndex[] = [];
  /** Where readers are, the newest first. */
  private readers: Reader[] = [];
  private width = FIRST_PIECES;
  /** How long the last piece took to come, in milliseconds. */
  private tookMs = Infinity;
  /** Whether what is looked for next lies where it is expected, and would come quickly. */
  private expecting = false;
  private readonly found = new Map<string, GlobalObject>();
  private readonly borders = new Borders();
  /** Pieces looked through, and those of them that were verified. */
  private readonly scanned = new Set<PieceIndex>();
  private readonly checked = new Set<PieceIndex>();
  /** Pieces that were not to be had. */
  private readonly absent = new Set<PieceIndex>();
  /** Pieces on their way, with the number of their phase. */
  private readonly under = new Map<PieceIndex, { phase: number; done: Promise<void> }>();
  /** Pieces that somebody looks at who knows a place in them. */
  private readonly looking = new Map<PieceIndex, Promise<void>>();
  private readonly searches = new Set<Search>();
  /** Who looks for what, by its key. */
  private readonly wanted = new Map<string, Set<Search>>();
  private running: AbortController | null = null;

  constructor(
    private readonly source: PieceAccess,
    private readonly options: NeighbourOptions = {},
  ) {}

  /** Tells a place near which to look. */
  near(piece: PieceIndex): void {
    if (this.anchors[0] === piece) return;
    this.anchors = [piece, ...this.anchors.filter((other) => other !== piece)].slice(0, MAX_ANCHORS);
  }

  /** Tells where the parts that are wanted next begin: so many bytes of content before a place. */
  expect({ pieceIndex, offset }: Pick<GlobalObject, 'pieceIndex' | 'offset'>, bytesBefore: number): void {
    const count = Math.max(0, Math.ceil((bytesBefore * SPREAD - offset) / RAW_RECORD_BYTES));
    const at = pieceIndex - 2n * BigInt(count);
    this.addReader({ at: at < 0n ? 0n : at, last: pieceIndex });
    this.width = FIRST_PIECES;
    this.expecting = this.tookMs <= QUICK_MS;
  }

  private addReader(reader: Reader): void {
    this.readers = [reader, ...this.readers].slice(0, MAX_READERS);
  }

  /** Something wanted was found. Pieces come out of order: the reader whose piece it is may be further on. */
  private follow(piece: PieceIndex): void {
    const reader = this.readers.find(({ at }) => at - STRIDE <= piece && piece <= at + STRIDE);
    if (reader === undefined) this.addReader({ at: piece, last: null });
    else if (piece > reader.at) reader.at = piece;
  }

  async locate(hashes: Uint8Array[], signal: AbortSignal): Promise<GlobalObject[]> {
    const known = this.placesOf(hashes);
    const lost = this.anchors.length + this.readers.length === 0;
    if (known.length === hashes.length || lost) return known;
    // Where something is expected is looked at once: little is lost if somebody knows better.
    const { headStartMs = 0 } = this.options;
    if (headStartMs > 0 && this.readers.length === 0) await pause(headStartMs, signal);
    await this.search(hashes, signal);
    return this.placesOf(hashes);
  }

  private placesOf(hashes: readonly Uint8Array[]): GlobalObject[] {
    const places: GlobalObject[] = [];
    for (const hash of hashes) {
      const place = this.found.get(keyOf(hash));
      if (place !== undefined) places.push(place);
    }
    return places;
  }

  private search(hashes: Uint8Array[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const missing = new Set<string>();
      for (const key of hashes.map(keyOf)) if (!this.found.has(key)) missing.add(key);
      if (missing.size === 0) return resolve();
      const leave = (): void => {
        deaf();
        this.searches.delete(search);
        for (const key of missing) this.unwanted(key, search);
      };
      const deaf = onAbort(signal, () => {
        leave();
        // Pieces on their way are wanted by whoever knows better, too.
        const goesOn = this.searches.size > 0 || signal.reason === OTHERS_KNEW;
        if (!goesOn) this.running?.abort(signal.reason);
        reject(signal.reason);
      });
      const search: Search = {
        missing,
        end: () => {
          leave();
          resolve();
        },
        fail: (reason) => {
          leave();
          reject(reason);
        },
      };
      this.searches.add(search);
      for (const key of missing) this.wanted.set(key, (this.wanted.get(key) ?? new Set()).add(search));
      if (this.expecting)
        this.width = Math.min(EXPECTED_PIECES, FIRST_PIECES + Math.floor(missing.size / NODES_IN_PIECE));
      this.expecting = false;
      if (this.running === null || this.running.signal.aborted) void this.run();
    });
  }

  private unwanted(key: string, search: Search): void {
    const others = this.wanted.get(key);
    others?.delete(search);
    if (others?.size === 0) this.wanted.delete(key);
  }

  /** Looks through history as long as somebody searches and there is something left to look through. */
  private async run(): Promise<void> {
    const stop = new AbortController();
    this.running = stop;
    try {
      await this.lookThrough(stop.signal);
      for (const search of this.searches) search.end();
    } catch (error) {
      if (!stop.signal.aborted) for (const search of this.searches) search.fail(error);
    }
    if (this.running === stop) this.running = null;
    if (this.found.size > MAX_PLACES) {
      for (const all of [this.found, this.scanned, this.checked]) all.clear();
    }
    // What is missing now may be had later.
    for (const piece of this.absent) {
      this.scanned.delete(piece);
      this.checked.delete(piece);
    }
    this.absent.clear();
  }

  private async lookThrough(signal: AbortSignal): Promise<void> {
    let failure: unknown = null;
    while (this.searches.size > 0) {
      const { phase, pieces } = this.next();
      const earlier = [...this.under.values()].some((other) => other.phase < phase);
      for (const index of earlier ? [] : pieces) {
        const done = this.scan(index, PHASES[phase]!.wish, signal)
          .catch((error: unknown) => {
            if (!signal.aborted) failure = error;
          })
          .finally(() => this.under.delete(index));
        this.under.set(index, { phase, done });
      }
      if (this.under.size === 0) return;
      await Promise.race([...this.under.values()].map(({ done }) => done));
      signal.throwIfAborted();
      if (failure !== null) throw failure;
    }
  }

  /** The pieces to look through next. They are asked for a few at a time: who has one has others, too. */
  private next(): { phase: number; pieces: PieceIndex[] } {
    for (const [phase, { where, wish }] of PHASES.entries()) {
      const done = wish.quick ? this.scanned : this.checked;
      const width = wish.quick ? this.width : CHECKED_PIECES;
      const pieces = new Set<PieceIndex>();
      for (const piece of this.order(where)) {
        if (pieces.size + this.under.size >= width) break;
        if (!done.has(piece) && !this.under.has(piece)) pieces.add(piece);
      }
      if (pieces.size > 0) return { phase, pieces: this.under.size <= width / 2 ? [...pieces] : [] };
      if (this.under.size >= width) break;
    }
    return { phase: 0, pieces: [] };
  }

  /** Pieces from the likeliest to the least likely: parts follow each other, the head after what is below it. */
  private *order(where: Phase['where']): Generator<PieceIndex> {
    for (const { at, last } of this.readers) {
      if (where === 'far') yield* outwards(at, REACH);
      else {
        for (const piece of steps(at, nextSourcePiece, MOST_PIECES)) {
          if (where === 'near' || last === null || piece <= last) yield piece;
        }
      }
    }
    if (where === 'ahead') return;
    for (const anchor of this.anchors) yield* outwards(anchor, where === 'far' ? REACH : NEAR);
  }

  /**
   * Looks through the piece, or the two pieces, that a node may lie in. Resolves to whether the first is to be had.
   */
  async look({ pieceIndex, offset }: GlobalObject, signal: AbortSignal): Promise<boolean> {
    const crosses = offset + MAX_NODE_BYTES > RAW_RECORD_BYTES;
    // Whether the node reaches into the second one is not known: that one is not rebuilt for it.
    const second = crosses ? this.lookAt(nextSourcePiece(pieceIndex), true, signal) : null;
    second?.catch(() => undefined);
    const there = await this.lookAt(pieceIndex, false, signal);
    await second;
    return there;
  }

  /** Resolves to whether the piece is to be had; one that was missing may be had now. */
  private async lookAt(piece: PieceIndex, speculative: boolean, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (this.scanned.has(piece) && !this.absent.has(piece)) return true;
      const looking = this.looking.get(piece) ?? this.scan(piece, { quick: true, speculative }, signal);
      this.looking.set(piece, looking);
      try {
        await looking;
        return !this.absent.has(piece);
      } catch (error) {
        // Somebody else may have given up.
        signal.throwIfAborted();
        if (!(error instanceof DOMException) || error.name !== 'AbortError') throw error;
      } finally {
        if (this.looking.get(piece) === looking) this.looking.delete(piece);
      }
    }
  }

  private async scan(index: PieceIndex, wish: PieceWish, signal: AbortSignal): Promise<void> {
    const asked = performance.now();
    const [piece] = await this.source.pieces([index], signal, wish);
    this.tookMs = performance.now() - asked;
    const found = piece ? await nodesIn(piece) : null;
    this.scanned.add(index);
    if (wish.quick !== true) this.checked.add(index);
    let hit = false;
    if (piece) {
      this.absent.delete(index);
      this.options.looked?.(index);
    } else this.absent.add(index);
    if (found !== null) {
      for (const { offset, hash, bytes } of found.nodes)
        if (this.take({ hash, pieceIndex: index, offset }, bytes)) hit = true;
      for (const { place, bytes } of this.borders.nodesAt(index, found))
        if (this.take(place, bytes)) hit = true;
    }
    if (hit) {
      this.follow(index);
      if (wish.passing === true) this.stays(index, signal);
    }
    this.width = hit ? MOST_PIECES : Math.min(MOST_PIECES, this.width + 1);
  }

  /** What was only looked through turned out to hold what is wanted. */
  private stays(index: PieceIndex, signal: AbortSignal): void {
    this.source.pieces([index], signal, { quick: true, speculative: true }).catch(() => undefined);
  }

  /** Whether somebody looks for it. */
  private take(place: GlobalObject, bytes: Uint8Array): boolean {
    const key = keyOf(place.hash);
    this.found.set(key, place);
    const searches = this.wanted.get(key);
    this.wanted.delete(key);
    for (const search of searches ?? []) {
      search.missing.delete(key);
      if (search.missing.size === 0) search.end();
    }
    this.options.came?.(place, bytes);
    return searches !== undefined && searches.size > 0;
  }
}

/** A piece and those on one side of it, `count` at most. */
function* steps(
  first: PieceIndex,
  step: (piece: PieceIndex) => PieceIndex | null,
  count: number,
): Generator<PieceIndex> {
  let piece: PieceIndex | null = first;
  for (let left = count; left > 0 && piece !== null; left -= 1) {
    yield piece;
    piece = step(piece);
  }
}

/** A source piece, then those around it, two before for one after: heads are stored after what is below them. */
function* outwards(anchor: PieceIndex, reach: number): Generator<PieceIndex> {
  const before = steps(anchor, previousSourcePiece, reach + 1);
  const after = steps(anchor, nextSourcePiece, reach + 1);
  after.next();
  yield* taken(before, 1);
  for (let round = 0; round < reach; round += 1) {
    yield* taken(before, 2);
    yield* taken(after, 1);
  }
}

function* taken<T>(items: Iterator<T>, count: number): Generator<T> {
  for (let left = count; left > 0; left -= 1) {
    const next = items.next();
    if (next.done === true) return;
    yield next.value;
  }
}
