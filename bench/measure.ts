/** Ways to measure that the groups share. */
import { performance } from 'node:perf_hooks';

/** Runs of every benchmark that says nothing else, after one to warm up. */
export const RUNS = 5;

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Seconds of CPU time that this process has used. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Median seconds of CPU time of `work`, for work of one thread. */
export async function medianCpu(work: () => unknown, runs: number = RUNS): Promise<number> {
  return medianOf(cpuSeconds, work, runs);
}

/** Median seconds of wall time of `work`, for work of several threads. */
export async function medianWall(work: () => unknown, runs: number = RUNS): Promise<number> {
  return medianOf(() => performance.now() / 1000, work, runs);
}

async function medianOf(clock: () => number, work: () => unknown, runs: number): Promise<number> {
  await work();
  const seconds: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const started = clock();
    await work();
    seconds.push(clock() - started);
  }
  return median(seconds);
}
