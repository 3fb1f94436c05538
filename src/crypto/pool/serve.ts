import type { PieceAt } from '../piece.ts';
import { packError } from './errors.ts';
import { runJob, setupWasm } from './jobs-impl.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** The side of a worker's channel that the worker holds. */
export interface WorkerScope {
  post(message: FromWorker, transfer: ArrayBuffer[]): void;
  listen(listener: (message: ToWorker) => void): void;
}

/** Serves jobs on a worker's channel, one after the other, until the worker is terminated. */
export function serveJobs(scope: WorkerScope): void {
  let ready: Promise<void> = Promise.resolve();
  let take: (piece: Uint8Array) => void = () => undefined;
  scope.listen((message) => {
    if (message.kind === 'piece') {
      take(message.piece);
      return;
    }
    if (message.kind === 'setup') {
      ready = setupWasm(message.module);
      // Reported by the first job that needs it.
      ready.catch(() => undefined);
      return;
    }
    const { id, job, input } = message;
    const pieceAt: PieceAt = (index) =>
      new Promise((resolve) => {
        take = resolve;
        scope.post({ kind: 'ask', id, index }, []);
      });
    ready
      .then(() => runJob(job, input, pieceAt))
      .then(
        (output) => scope.post({ kind: 'done', id, output }, buffersOf(output)),
        (error: unknown) => {
          const broken = error instanceof WebAssembly.RuntimeError;
          scope.post({ kind: 'failed', id, error: packError(error), broken }, []);
        },
      );
  });
}

/** The buffers of an output that its views fill completely, so that handing them over moves nothing else. */
function buffersOf(value: unknown, found: Set<ArrayBuffer> = new Set()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) found.add(buffer);
  } else if (Array.isArray(value)) {
    for (const item of value) buffersOf(item, found);
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) buffersOf(item, found);
  }
  return [...found];
}
