/** Aborted, with an error that says `why`, once the program is told to end (SIGINT, SIGTERM). */
export function endSignal(why: string): AbortSignal {
  const ending = new AbortController();
  const end = (): void => ending.abort(new DOMException(why, 'AbortError'));
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  return ending.signal;
}
