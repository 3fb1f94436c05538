import { abortWith } from './on-abort.ts';

/**
 * Does work that is given up after `ms` milliseconds, for the reason that `late` gives (else a DOMException
 * `TimeoutError`), or when `signal` aborts: the signal that `work` is given aborts then, and stays as it is once the
 * work has ended.
 *
 * Its clock cannot be lost: Node 20 lets a garbage collection take the composite of a signal and a timeout, whoever
 * listens to it.
 */
export async function within<T>(
  ms: number,
  signal: AbortSignal | undefined,
  work: (limit: AbortSignal) => Promise<T>,
  late: (ms: number) => Error = overdue,
): Promise<T> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(late(ms)), ms);
  const leave = abortWith(signal, limit);
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
    leave();
  }
}

function overdue(ms: number): Error {
  return new DOMException(`not done in ${ms} ms`, 'TimeoutError');
}
