import type { ComputePool } from '../jobs.ts';
import type { FromWorker, SpawnWorker, ToWorker } from './messages.ts';
import { WorkerPool } from './pool.ts';
import { serveJobs } from './serve.ts';

/** A worker that is none: it runs its jobs on the caller's thread, between the caller's own steps. */
const spawn: SpawnWorker = (events) => {
  let terminated = false;
  let toWorker: (message: ToWorker) => void = () => undefined;
  serveJobs({
    post: (message: FromWorker) => {
      if (!terminated) queueMicrotask(() => events.message(message));
    },
    listen: (listener) => {
      toWorker = listener;
    },
  });
  return {
    post: (message) => toWorker(message),
    terminate: () => {
      terminated = true;
    },
  };
};

/** A pool without threads, for programs that need one result and for tests. */
export function createInlinePool(): ComputePool {
  return new WorkerPool(spawn, 1, null);
}
