import { Worker } from 'node:worker_threads';

/** Starts a module of this folder as a thread, e.g. `./walker-thread.ts`; it finds `data` in its `workerData`. */
export function startThread(module: string, data: Record<string, unknown> = {}): Worker {
  return new Worker(new URL('./threads.mjs', import.meta.url), { workerData: { ...data, module } });
}
