import type { ErrorMessage } from './errors.ts';

/** Pool to worker. `setup` comes first and once; `piece` answers `ask`. */
export type ToWorker =
  | { kind: 'setup'; module: WebAssembly.Module | null }
  | { kind: 'run'; id: number; job: string; input: unknown }
  | { kind: 'piece'; id: number; piece: Uint8Array };

/**
 * Worker to pool. `ask`: for one of the pieces of the running job's input, by its index; the next follows the answer.
 * `broken`: the worker's memory is not to be trusted any more, replace it.
 */
export type FromWorker =
  | { kind: 'ask'; id: number; index: number }
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
