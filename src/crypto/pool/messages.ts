import type { ErrorMessage } from './errors.ts';

/** Pool to worker. `setup` comes first and once. */
export type ToWorker =
  | { kind: 'setup'; module: WebAssembly.Module | null }
  | { kind: 'run'; id: number; job: string; input: unknown };

/** Worker to pool. `broken`: the worker's memory is not to be trusted any more, replace it. */
export type FromWorker =
  | { kind: 'done'; id: number; output: unknown }
  | { kind: 'failed'; id: number; error: ErrorMessage; broken: boolean };

/** One worker as the pool sees it, whatever platform it runs on. */
export interface WorkerPort {
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  terminate(): void;
}

/** What a worker lets the pool know. */
export interface WorkerEvents {
  message(message: FromWorker): void;
  /** The worker died; nothing more comes from it. */
  crash(reason: string): void;
}

/** Starts a worker, however the platform does. */
export type SpawnWorker = (events: WorkerEvents) => WorkerPort;
