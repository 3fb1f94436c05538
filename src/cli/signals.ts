import { onEnding } from '../network/ending-node.ts';

/** As a shell reports a program that was interrupted. */
const INTERRUPTED = 130;

/** Aborted, with an error that says `why`, once the program is told to end; told again, it ends at once. */
export function endSignal(why: string): AbortSignal {
  const ending = new AbortController();
  onEnding((again) => {
    if (again) process.exit(INTERRUPTED);
    ending.abort(new DOMException(why, 'AbortError'));
  });
  return ending.signal;
}
