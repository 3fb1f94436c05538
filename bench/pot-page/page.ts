/** What the benchmarks of proof of time run inside the browser's page, on workers. */
import { JobPriority } from '../../src/crypto/jobs.ts';
import { createWebPool } from '../../src/crypto/pool/web.ts';
import { PotVerifier } from '../../src/crypto/pot-verifier.ts';
import type { PotWork } from './worker.ts';

const workers: Worker[] = [];

function ask<T>(worker: Worker, work: PotWork): Promise<T> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<T>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(work);
  });
}

const page = {
  /** Starts so many workers, each with its walkers ready. */
  async start(count: number): Promise<void> {
    while (workers.length < count) {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
      await ask(worker, { what: 'tune' });
      workers.push(worker);
    }
  },

  /** The same work on the first `count` workers side by side. */
  async work(count: number, work: PotWork): Promise<void> {
    await Promise.all(workers.slice(0, count).map((worker) => ask(worker, work)));
  },

  /** Iterations a second of WebCrypto by the blocks of a call, on the first worker. */
  tune(): Promise<[number, number][]> {
    return ask(workers[0]!, { what: 'tune' });
  },

  /** Seconds that the compute pool takes to verify one slot, so many times. */
  async verifySlot(
    cores: number,
    checkpoints: number[],
    iterations: number,
    runs: number,
  ): Promise<number[]> {
    const pool = createWebPool(cores, null);
    const seconds: number[] = [];
    for (let run = 0; run <= runs; run += 1) {
      const verifier = new PotVerifier(pool, { mode: 'full' });
      const slot = {
        slot: 1n,
        seed: new Uint8Array(16),
        iterations,
        checkpoints: Uint8Array.from(checkpoints),
      };
      const started = performance.now();
      await verifier.verify([slot], { priority: JobPriority.verifyHead });
      if (run > 0) seconds.push((performance.now() - started) / 1000);
    }
    await pool.close();
    return seconds;
  },
};

export type PotPage = typeof page;
Object.assign(globalThis, { potPage: page });
