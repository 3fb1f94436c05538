import { onAbort } from './on-abort.ts';

/**
 * Does work that is given up after `ms` milliseconds (with a DOMException `TimeoutError`), or when `signal` aborts: the
 * signal that `work` is given aborts then, and stays as it is once the work has ended.
 *
 * Its clock cannot be lost: Node 20 lets a garbage collection take the composite of a signal and a timeout, whoever
 * listens to it.
 */
export async function within<T>(
  ms: number,
  signal: AbortSignal | undefined,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new DOMException(`not done in ${ms} ms`, 'TimeoutError')), ms);
  const leave = onAbort(signal, () => limit.abort(signal?.reason));
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
    leave();
  }
}
