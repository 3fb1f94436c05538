/**
 * Looks through all of history for an object, newest segment first. It needs nobody's index and makes one of its own:
 * half of every segment is downloaded once, whatever is searched for later, by whoever has time. Pieces are looked
 * through as they come and checked by the dozen meanwhile; what was seen counts once they turn out to be right.
 */
import { abortWith, onAbort } from '../async/on-abort.ts';
import { Wakeup } from '../async/wakeup.ts';
import { nodesIn } from '../crypto/record-nodes.ts';
import { SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { nextSourcePiece, pieceAt, previousSourcePiece, segmentOfPiece } from '../protocol/segment.ts';
import type { GlobalObject, PieceIndex, SegmentIndex } from '../protocol/types.ts';
import { Borders } from './borders.ts';
import type { HistoryIndex } from './history-index.ts';
import { keyOf } from './tree.ts';
import type { PieceAccess } from './window.ts';

/** Pieces asked for together, and under way at once. */
const BATCH = 16;
const UNDER_WAY = 64;
/** Pieces looked through until what was seen is written to disk. */
const SAVE_EVERY = 64;
/** Times that a wrong piece is asked for again: who sent one is not asked any more. */
const MAX_TRIES = 8;

/** How far a search is. */
export interface SearchProgress {
  /** Source pieces of history up to the newest segment. */
  total: number;
  /** Those that were looked through, now or earlier. */
  done: number;
  /** Those of them that an earlier search looked through. */
  known: number;
  /** Pieces that nobody gave: what lies in them was not seen. */
  absent: number;
}

export interface SearchOptions {
  source: PieceAccess;
  index: HistoryIndex;
  /** The segment to begin with. */
  newest: SegmentIndex;
  /** Told after every few pieces. */
  moved(progress: SearchProgress): void;
}

/**
 * Searches for an object (32-byte hash). Pieces are not rebuilt.
 *
 * @returns Where the object lies; null when all of history that was to be had was looked through.
 * @throws The signal's reason.
 */
export async function searchHistory(
  hash: Uint8Array,
  options: SearchOptions,
  signal: AbortSignal,
): Promise<GlobalObject | null> {
  const stop = new AbortController();
  const leave = abortWith(signal, stop);
  const search = new HistorySearch(hash, options, stop.signal);
  try {
    return await search.run();
  } finally {
    leave();
    stop.abort(new DOMException('the search is over', 'AbortError'));
    await search.save();
  }
}

type Place = Pick<GlobalObject, 'hash' | 'offset'>;

/** A piece that came. */
interface Look {
  /** Null: it is not checked yet. */
  valid: boolean | null;
  /** The nodes in it; null: it was not looked through yet. */
  nodes: Place[] | null;
}

class HistorySearch {
  private readonly key: string;
  private readonly total: number;
  private readonly known: number;
  private done: number;
  private readonly absent = new Set<PieceIndex>();
  private readonly looks = new Map<PieceIndex, Look>();
  /** Nodes across the borders that were looked across, by the piece before, until both pieces are right. */
  private readonly across = new Map<PieceIndex, Place[]>();
  private readonly borders = new Borders((before) => void this.across.set(before, []));
  private readonly wrong: PieceIndex[] = [];
  private unchecked = 0;
  private unsaved = 0;
  private found: GlobalObject | null = null;
  private readonly wakeup = new Wakeup();

  constructor(
    private readonly hash: Uint8Array,
    private readonly options: SearchOptions,
    private readonly signal: AbortSignal,
  ) {
    this.key = keyOf(hash);
    this.total = sourcePiecesUpTo(options.newest);
    this.known = this.pieces((index) => options.index.hasLooked(index)).length;
    this.done = this.known;
    onAbort(signal, () => this.wakeup.wake());
  }

  async run(): Promise<GlobalObject | null> {
    const { index, newest } = this.options;
    this.moved();
    const tried = new Set<PieceIndex>();
    for (const { pieceIndex } of index.find(this.hash)) {
      if (tried.has(pieceIndex)) continue;
      tried.add(pieceIndex);
      // An entry is the beginning of a hash, and maybe of a history that ended here.
      const next = nextSourcePiece(pieceIndex);
      await this.lookThrough(segmentOfPiece(next) > newest ? [pieceIndex] : [pieceIndex, next]);
      if (this.found !== null) return this.found;
    }
    await this.lookThrough(this.pieces((piece) => !index.hasLooked(piece)));
    if (this.found !== null) return this.found;
    // The two sides of a border may have come in different searches.
    const open = this.pieces((before) => {
      const both = index.hasLooked(before) && index.hasLooked(nextSourcePiece(before));
      return both && !index.hasLookedAcross(before);
    });
    await this.lookThrough([...new Set(open.flatMap((before) => [before, nextSourcePiece(before)]))]);
    return this.found;
  }

  /** Source pieces of history, the newest segment first. */
  private pieces(which: (index: PieceIndex) => boolean): PieceIndex[] {
    const found: PieceIndex[] = [];
    for (let segment = this.options.newest; segment >= 0n; segment -= 1n) {
      for (let number = 0; number < SOURCE_PIECES_IN_SEGMENT; number += 1) {
        const index = pieceAt(segment, 2 * number);
        if (which(index)) found.push(index);
      }
    }
    return found;
  }

  /** Until the object is found, or all these pieces were looked through and are known to be right. */
  private async lookThrough(pieces: readonly PieceIndex[]): Promise<void> {
    const tries = new Map<PieceIndex, number>();
    let next = 0;
    let underWay = 0;
    let failure: unknown = null;
    for (;;) {
      this.signal.throwIfAborted();
      if (failure !== null) throw failure;
      if (this.found !== null) return;
      const again: PieceIndex[] = [];
      for (const index of this.wrong.splice(0)) {
        const tried = (tries.get(index) ?? 0) + 1;
        tries.set(index, tried);
        if (tried < MAX_TRIES) again.push(index);
        else this.absent.add(index);
      }
      const fresh = underWay <= UNDER_WAY - BATCH ? pieces.slice(next, next + BATCH) : [];
      next += fresh.length;
      for (const index of [...again, ...fresh]) {
        underWay += 1;
        const look = this.look(index).catch((error: unknown) => (failure = error));
        void look.finally(() => {
          underWay -= 1;
          this.wakeup.wake();
        });
      }
      if (underWay + this.unchecked === 0 && next === pieces.length) return;
      await this.wakeup.wait(null);
    }
  }

  private async look(index: PieceIndex): Promise<void> {
    const { source } = this.options;
    const { signal } = this;
    const look: Look = { valid: null, nodes: null };
    const verdict = (_: PieceIndex, valid: boolean): void => this.judge(index, look, valid);
    const [piece = null] = await source.pieces([index], signal, { quick: true, speculative: true, verdict });
    if (piece === null) {
      this.absent.add(index);
      this.moved();
      return;
    }
    this.looks.set(index, look);
    if (look.valid === null) this.unchecked += 1;
    const found = await nodesIn(piece);
    if (look.valid === false) return;
    look.nodes = (found?.nodes ?? []).map((node) => this.see(index, node));
    for (const { place } of found === null ? [] : this.borders.nodesAt(index, found)) {
      const { pieceIndex } = place;
      this.across.set(pieceIndex, [...(this.across.get(pieceIndex) ?? []), this.see(pieceIndex, place)]);
    }
    this.count(index);
  }

  private see(index: PieceIndex, { hash, offset }: Place): Place {
    if (keyOf(hash) === this.key) this.found ??= { hash: this.hash, pieceIndex: index, offset };
    return { hash, offset };
  }

  private judge(index: PieceIndex, look: Look, valid: boolean): void {
    look.valid = valid;
    if (this.looks.get(index) === look) this.unchecked -= 1;
    if (valid) this.count(index);
    else {
      const before = previousSourcePiece(index);
      for (const border of before === null ? [index] : [before, index]) this.across.delete(border);
      this.borders.forget(index);
      this.wrong.push(index);
    }
    this.wakeup.wake();
    // What was on its way when the search ended counts, too.
    if (this.signal.aborted && this.unchecked === 0) void this.save();
  }

  /** Writes down what was seen. A full disk costs what is remembered, not the search. */
  async save(): Promise<void> {
    this.unsaved = 0;
    await this.options.index.save().catch(() => undefined);
  }

  private isRight(index: PieceIndex): boolean {
    const look = this.looks.get(index);
    return look?.valid === true && look.nodes !== null;
  }

  /** Takes what is known to be right into the index. */
  private count(index: PieceIndex): void {
    const own = this.options.index;
    const look = this.looks.get(index);
    if (look?.valid !== true || look.nodes === null) return;
    if (!own.hasLooked(index)) {
      own.look(index, look.nodes);
      this.done += 1;
      this.moved();
    }
    look.nodes = [];
    const previous = previousSourcePiece(index);
    for (const before of previous === null ? [index] : [previous, index]) {
      const nodes = this.across.get(before);
      if (nodes === undefined || !this.isRight(before) || !this.isRight(nextSourcePiece(before))) continue;
      own.lookAcross(before, nodes);
      this.across.delete(before);
    }
    this.unsaved += 1;
    if (this.unsaved >= SAVE_EVERY) void this.save();
  }

  private moved(): void {
    const { total, done, known, absent } = this;
    this.options.moved({ total, done, known, absent: absent.size });
  }
}

/** Source pieces of history up to a segment. */
export function sourcePiecesUpTo(newest: SegmentIndex): number {
  return (Number(newest) + 1) * SOURCE_PIECES_IN_SEGMENT;
}
