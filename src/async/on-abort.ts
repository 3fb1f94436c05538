interface Waiters {
  callbacks: Set<{ react: () => void }>;
  /** Takes the one listener off the signal. */
  deafen: () => void;
}

const WAITING = new WeakMap<AbortSignal, Waiters>();

/**
 * Calls `react`, which must not throw, once when the signal aborts; not for a signal that has aborted already. Returns
 * what ends the wait: until then the signal holds `react`.
 *
 * Any number may wait for one signal, and leave nothing behind on it: they share one listener. Of more than ten,
 * Node.js warns as of a leak; and each `AbortSignal.any` of a signal does leave a trace on it, for as long as it lives.
 */
export function onAbort(signal: AbortSignal | undefined, react: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const { callbacks, deafen } = WAITING.get(signal) ?? listen(signal);
  const own = { react };
  callbacks.add(own);
  return () => {
    if (callbacks.delete(own) && callbacks.size === 0) deafen();
  };
}

/**
 * Has `stop` abort with the signal, for its reason: at once where it has aborted already. Returns what ends that. For
 * work that can be given up in two ways; `AbortSignal.any` would leave a trace on a signal that outlives the work.
 */
export function abortWith(signal: AbortSignal | undefined, stop: AbortController): () => void {
  const abort = (): void => stop.abort(signal?.reason);
  if (signal?.aborted === true) abort();
  return onAbort(signal, abort);
}

function listen(signal: AbortSignal): Waiters {
  const callbacks: Waiters['callbacks'] = new Set();
  const tell = (): void => {
    WAITING.delete(signal);
    // Whoever leaves while others are told is not told.
    for (const one of callbacks) if (callbacks.delete(one)) one.react();
  };
  const deafen = (): void => {
    signal.removeEventListener('abort', tell);
    WAITING.delete(signal);
  };
  signal.addEventListener('abort', tell, { once: true });
  const waiters = { callbacks, deafen };
  WAITING.set(signal, waiters);
  return waiters;
}
