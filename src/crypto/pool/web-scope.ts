import type { ToWorker } from './messages.ts';
import type { WorkerScope } from './serve.ts';

/** The channel of the dedicated worker that this code runs in. */
export function webWorkerScope(scope: DedicatedWorkerGlobalScope): WorkerScope {
  return {
    post: (message, transfer) => scope.postMessage(message, transfer),
    listen: (listener) => {
      scope.onmessage = (event: MessageEvent<ToWorker>) => listener(event.data);
    },
  };
}
