import type { ComputePool } from '../jobs.ts';
import type { FromWorker, SpawnWorker } from './messages.ts';
import { WorkerPool } from './pool.ts';

const spawn: SpawnWorker = (events) => {
  const worker = new Worker(new URL('../../../workers/compute.ts', import.meta.url), { type: 'module' });
  worker.onmessage = (event: MessageEvent<FromWorker>) => events.message(event.data);
  worker.onerror = (event) =>
    events.crash(event.message === '' ? 'the worker failed to start' : event.message);
  worker.onmessageerror = () => events.crash('a message did not arrive whole');
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => worker.terminate(),
  };
};

/** A pool of Web Workers. `module`: the compiled WebAssembly, shared by all of them. */
export function createWebPool(workers: number, module: WebAssembly.Module | null): ComputePool {
  return new WorkerPool(spawn, workers, module);
}
