/** When a program under Node.js is told to end. */

/** npm passes an interrupt on to programs that the keyboard told already; within this time it is the same one. */
const SAME_MS = 1_000;
const PARENT_POLL_MS = 500;

/** As shells report the end by SIGTERM. */
const TERMINATED = 143;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Ends the program by SIGTERM itself, at once: `process.exit` waits for threads, of which one that compiles or encrypts
 * hears nothing until it is done.
 */
export function endAtOnce(): void {
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  // Who ends programs of its own with this one listens to that.
  process.emit('exit', TERMINATED);
  process.kill(process.pid, 'SIGTERM');
}

/**
 * Calls `listener` each time the program is told to end: by SIGINT or SIGTERM, or by the end of the shell that npm
 * started it in, which takes npm's SIGTERM for itself. `again` says whether it was told before. Keeps no program
 * running.
 *
 * @returns What stops listening.
 */
export function onEnding(listener: (again: boolean) => void): () => void {
  let told: number | null = null;
  const tell = (): void => {
    if (told !== null && performance.now() - told < SAME_MS) return;
    const again = told !== null;
    told ??= performance.now();
    listener(again);
  };
  for (const signal of SIGNALS) process.on(signal, tell);
  const { ppid } = process;
  const orphaned = (): void => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    tell();
  };
  const underNpm = process.env['npm_lifecycle_event'] !== undefined;
  const timer = underNpm ? setInterval(orphaned, PARENT_POLL_MS).unref() : undefined;
  return () => {
    clearInterval(timer);
    for (const signal of SIGNALS) process.off(signal, tell);
  };
}
