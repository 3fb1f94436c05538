/** The search of one object through all of history, which goes on where it was when the node starts again. */
import type { ComputePool } from '../crypto/jobs.ts';
import { piecesToSearch, searchHistory, type SearchPlace } from '../objects/history-search.ts';
import { objectPath, parseObjectLink } from '../objects/link.ts';
import type { PieceAccess } from '../objects/window.ts';
import { hashOfCid } from '../protocol/cid.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type { GlobalObject, HistorySize } from '../protocol/types.ts';
import type { NodeStore } from '../storage/store.ts';

export interface SearchView {
  cid: string;
  state: 'running' | 'paused' | 'found' | 'absent' | 'failed';
  /** Pieces that were looked through, and all there are. */
  pieces: number;
  totalPieces: number;
  /** Pieces that nobody gave: what lies in them was not seen. */
  missingPieces: number;
  /** Path that opens it, once it was found. */
  path: string | null;
  /** The sentence of a failure. */
  error: string | null;
}

interface Saved {
  cid: string;
  newest: string;
  done: number;
  absent: number;
  state: SearchView['state'];
  path: string | null;
}

export interface SearchesOptions {
  store: NodeStore;
  pieces: PieceAccess;
  pool: ComputePool;
  historySize(): HistorySize;
  /** Is told where the object lies. */
  found(place: GlobalObject): void;
}

const SETTING = 'object-search';

export class Searches {
  /** What is being looked for, if anything. */
  private under: { cid: string; stop: AbortController; work: Promise<GlobalObject | null> } | null = null;
  private error: string | null = null;

  private constructor(
    private readonly options: SearchesOptions,
    private saved: Saved | null,
  ) {}

  /** Opens with what an earlier run was looking for; it stays paused until it is gone on with. */
  static async open(options: SearchesOptions): Promise<Searches> {
    const saved = await options.store.setting<Saved>(SETTING);
    if (saved?.state === 'running') saved.state = 'paused';
    return new Searches(options, saved);
  }

  view(): SearchView | null {
    const { saved, error } = this;
    if (saved === null) return null;
    const place = placeOf(saved);
    const { cid, state, path } = saved;
    const [pieces, totalPieces] = [place.done, piecesToSearch(place)];
    return { cid, state, pieces, totalPieces, missingPieces: place.absent, path, error };
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
    const { pieces, pool, historySize, found, store } = this.options;
    const goesOn = this.saved?.cid === cid && this.saved.path === null && this.saved.state !== 'absent';
    const newest = String(historySize() - 1n);
    const saved: Saved = goesOn
      ? this.saved!
      : { cid, newest, done: 0, absent: 0, state: 'running', path: null };
    const save = (): Promise<void> =>
      this.saved === saved ? store.putSetting(SETTING, saved) : Promise.resolve();
    this.saved = saved;
    saved.state = 'running';
    this.error = null;
    const moved = ({ done, absent }: SearchPlace): void => {
      Object.assign(saved, { done, absent });
      void save().catch(() => undefined);
    };
    try {
      await save();
      const place = await searchHistory(pieces, hashOfCid(cid), placeOf(saved), moved, signal, pool);
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

function placeOf({ newest, done, absent }: Saved): SearchPlace {
  return { newest: BigInt(newest), done, absent };
}
