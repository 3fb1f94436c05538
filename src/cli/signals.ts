import { endAtOnce, onEnding } from '../network/ending-node.ts';

/** What is open has so long to be closed. */
const CLOSING_MS = 10_000;

/**
 * Aborted, with an error that says `why`, once the program is told to end. Ten seconds later it ends whatever is still
 * open; told again, at once.
 */
export function endSignal(why: string): AbortSignal {
  const ending = new AbortController();
  onEnding((again) => {
    if (again) return endAtOnce();
    setTimeout(endAtOnce, CLOSING_MS).unref();
    ending.abort(new DOMException(why, 'AbortError'));
  });
  return ending.signal;
}
