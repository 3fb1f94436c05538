import { Worker } from 'node:worker_threads';
import type { ComputePool } from '../jobs.ts';
import type { FromWorker, SpawnWorker } from './messages.ts';
import { WorkerPool } from './pool.ts';

const spawn: SpawnWorker = (events) => {
  const worker = new Worker(new URL('./node-worker.mjs', import.meta.url));
  worker.on('message', (message: FromWorker) => events.message(message));
  worker.on('error', (error) => events.crash(error.message));
  worker.on('messageerror', (error) => events.crash(error.message));
  worker.on('exit', (code) => events.crash(`the thread ended with code ${code}`));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => void worker.terminate(),
  };
};

/** A pool of Node.js threads that run the same jobs as a browser's workers. */
export function createNodePool(workers: number, module: WebAssembly.Module | null = null): ComputePool {
  return new WorkerPool(spawn, workers, module);
}
