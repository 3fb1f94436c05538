/**
 * The search of one object through all of history, which goes on where it was when the node starts again: what was
 * looked through is remembered, for every object.
 */
import type { HistoryIndex } from '../objects/history-index.ts';
import { searchHistory, sourcePiecesUpTo, type SearchProgress } from '../objects/history-search.ts';
import { objectPath, parseObjectLink } from '../objects/link.ts';
import type { PieceAccess } from '../objects/window.ts';
import { hashOfCid } from '../protocol/cid.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { GlobalObject, HistorySize } from '../protocol/types.ts';
import type { NodeStore } from '../storage/store.ts';
import { Pace } from './pace.ts';

export interface SearchView {
  cid: string;
  state: 'running' | 'paused' | 'found' | 'absent' | 'failed';
  /** Pieces that were looked through, those of them in earlier searches, and all there are. */
  pieces: number;
  knownPieces: number;
  totalPieces: number;
  /** Pieces that nobody gave: what lies in them was not seen. */
  missingPieces: number;
  /** Until all are looked through at the pace of the last minute; null: not known yet, or not running. */
  secondsLeft: number | null;
  /** Path that opens it, once it was found. */
  path: string | null;
  /** The sentence of a failure. */
  error: string | null;
}

interface Saved extends SearchProgress {
  cid: string;
  state: SearchView['state'];
  path: string | null;
}

export interface SearchesOptions {
  store: NodeStore;
  pieces: PieceAccess;
  /** What is remembered of earlier searches. */
  openIndex(): Promise<HistoryIndex>;
  historySize(): HistorySize;
  /** Is told where the object lies. */
  found(place: GlobalObject): void;
}

const SETTING = 'object-search';
/** Progress is written down no more often. */
const SAVE_MS = 2_000;

export class Searches {
  /** What is being looked for, if anything. */
  private under: { cid: string; stop: AbortController; work: Promise<GlobalObject | null> } | null = null;
  private error: string | null = null;
  private readonly pace = new Pace();

  private constructor(
    private readonly options: SearchesOptions,
    private saved: Saved | null,
  ) {}

  /** Opens with what an earlier run was looking for; it stays paused until it is gone on with. */
  static async open(options: SearchesOptions): Promise<Searches> {
    let saved = await options.store.setting<Saved>(SETTING);
    if (typeof saved?.total !== 'number') saved = null;
    if (saved?.state === 'running') saved.state = 'paused';
    return new Searches(options, saved);
  }

  view(): SearchView | null {
    const { saved, error } = this;
    if (saved === null) return null;
    const { cid, state, path, known: knownPieces, total: totalPieces, absent: missingPieces } = saved;
    const pieces = saved.done + missingPieces;
    const secondsLeft = state === 'running' ? this.pace.secondsFor(totalPieces - pieces) : null;
    return { cid, state, pieces, knownPieces, totalPieces, missingPieces, secondsLeft, path, error };
  }

  /**
   * Searches for an object, or goes on with it; one at a time. Resolves to where it lies, null: nowhere in what was to be
   * had.
   *
   * @throws DecodeError for what is no identifier; the reason that it was stopped for.
   */
  async search(link: string): Promise<GlobalObject | null> {
    return this.begin(parseObjectLink(link).cid);
  }

  private begin(cid: string): Promise<GlobalObject | null> {
    const before = this.under;
    if (before?.cid === cid && !before.stop.signal.aborted) return before.work;
    this.pause();
    const stop = new AbortController();
    const ended = Promise.resolve(before?.work).catch(() => undefined);
    const work = ended
      .then(() => this.run(cid, stop.signal))
      .finally(() => {
        if (this.under?.stop === stop) this.under = null;
      });
    this.under = { cid, stop, work };
    return work;
  }

  private async run(cid: string, signal: AbortSignal): Promise<GlobalObject | null> {
    const { pieces, openIndex, historySize, found, store } = this.options;
    const newest = historySize() - 1n;
    const total = sourcePiecesUpTo(newest);
    const saved: Saved = { cid, total, done: 0, known: 0, absent: 0, state: 'running', path: null };
    const save = (): Promise<void> =>
      this.saved === saved ? store.putSetting(SETTING, saved) : Promise.resolve();
    this.saved = saved;
    this.error = null;
    this.pace.begin();
    let savedAt = performance.now();
    const moved = (progress: SearchProgress): void => {
      Object.assign(saved, progress);
      this.pace.note(progress.done + progress.absent - progress.known);
      if (performance.now() - savedAt < SAVE_MS) return;
      savedAt = performance.now();
      void save().catch(() => undefined);
    };
    try {
      await save();
      const index = await openIndex();
      const options = { source: pieces, index, newest, moved };
      const place = await searchHistory(hashOfCid(cid), options, signal);
      saved.state = place === null ? 'absent' : 'found';
      if (place !== null) {
        found(place);
        saved.path = objectPath({ cid, hints: [place] });
      }
      return place;
    } catch (error) {
      saved.state = signal.aborted ? 'paused' : 'failed';
      this.error = signal.aborted ? null : sentenceOf(error);
      throw error;
    } finally {
      await save();
    }
  }

  pause(): void {
    this.under?.stop.abort(new DOMException('the search was paused', 'AbortError'));
  }

  async forget(): Promise<void> {
    this.pause();
    this.saved = null;
    await this.options.store.putSetting(SETTING, null);
  }
}
