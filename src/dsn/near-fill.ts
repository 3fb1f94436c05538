/** Fetches the pieces that belong to a cache of near pieces, a few at a time, as history grows. */
import { Wakeup } from '../async/wakeup.ts';
import type { HistorySize, PieceIndex } from '../protocol/types.ts';
import { StorageError } from '../storage/errors.ts';
import type { NearCache } from './near-cache.ts';

/** Pieces fetched at once: there is no hurry, and others want the line, too. */
const AT_ONCE = 8;
/** Wait before pieces that nobody had are looked for again. */
const RETRY_MS = 60_000;

export interface NearFillOptions {
  cache: NearCache;
  /** Verified pieces, null for those that nobody has. */
  pieces(indices: readonly PieceIndex[], signal: AbortSignal): Promise<(Uint8Array | null)[]>;
  /** Segments of the verified history. */
  historySize(): HistorySize;
  /** Calls `listener` when history may have grown; returns what stops that. */
  onChange(listener: () => void): () => void;
  /** Bytes that the cache may take at the moment. */
  limitBytes(): number;
}

export class NearFill {
  private readonly stopping = new AbortController();
  private readonly ends: (() => void)[];
  private readonly wakeup = new Wakeup();
  private limit: number;
  private size = 0n;

  /** Begins at once. `limitBytes`: what the cache was opened with. */
  constructor(
    private readonly options: NearFillOptions,
    limitBytes: number,
  ) {
    this.limit = limitBytes;
    this.ends = [
      options.onChange(() => {
        if (options.historySize() !== this.size || options.limitBytes() !== this.limit) this.look();
      }),
      options.cache.onLoss(() => this.look()),
    ];
    void this.run(this.stopping.signal);
  }

  stop(): void {
    for (const end of this.ends) end();
    this.stopping.abort(new DOMException('the cache is closed', 'AbortError'));
    this.wakeup.close();
  }

  /** Looks now at what has changed. */
  look(): void {
    this.wakeup.wake();
  }

  private async run(signal: AbortSignal): Promise<void> {
    const absent = new Set<PieceIndex>();
    while (!signal.aborted) {
      const { wakes } = this.wakeup;
      try {
        await this.adapt();
        const { cache, pieces } = this.options;
        const next = cache.missing().filter((index) => !absent.has(index));
        if (next.length === 0) {
          await this.wakeup.wait(absent.size === 0 ? null : RETRY_MS, wakes);
          absent.clear();
          continue;
        }
        const found = await pieces(next.slice(0, AT_ONCE), signal);
        for (const [position, piece] of found.entries()) {
          if (piece === null) absent.add(next[position]!);
          else await cache.put(next[position]!, piece);
        }
      } catch (error) {
        // A disk that is full or away may have room again later.
        if (!signal.aborted && !(error instanceof StorageError)) throw error;
        await this.wakeup.wait(RETRY_MS);
      }
    }
  }

  private async adapt(): Promise<void> {
    const { cache, historySize, limitBytes } = this.options;
    const limit = limitBytes();
    if (limit !== this.limit) await cache.resize(limit);
    this.limit = limit;
    this.size = historySize();
    await cache.grow(this.size);
  }
}
