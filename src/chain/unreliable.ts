import { within } from '../async/within.ts';

/** Milliseconds that a source may take for a batch of blocks, or for the answers to one question. */
export const PATIENCE_MS = 45_000;

/** A source that said one thing and then did another, or withholds what it says it has; not a block's fault. */
export class UnreliableSource extends Error {
  constructor(readonly sentence: string) {
    super(sentence);
    this.name = 'UnreliableSource';
  }
}

/**
 * Asks a source for what it should have within `patienceMs` milliseconds.
 *
 * @param late What is said of a source that takes longer.
 * @throws UnreliableSource for one; what `work` throws; the signal's reason.
 */
export function inPatience<T>(
  patienceMs: number,
  signal: AbortSignal | undefined,
  late: string,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  return within(patienceMs, signal, async (limit) => {
    try {
      return await work(limit);
    } catch (error) {
      if (limit.aborted && signal?.aborted !== true) throw new UnreliableSource(late);
      throw error;
    }
  });
}
