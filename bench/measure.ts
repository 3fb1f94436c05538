/** Ways to measure that the groups share. */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { median, RUNS } from './statistics.ts';

/** Seconds of CPU time that this process has used. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/**
 * Seconds of CPU time that the living threads of another process whose name begins so have used. Null where the system
 * does not tell (anywhere but on Linux).
 */
export function threadsCpuSeconds(process: number, name: string): number | null {
  try {
    const folder = `/proc/${process}/task`;
    let nanoseconds = 0;
    for (const thread of readdirSync(folder)) {
      if (!readFileSync(`${folder}/${thread}/comm`, 'utf8').startsWith(name)) continue;
      nanoseconds += Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    return nanoseconds / 1e9;
  } catch {
    return null;
  }
}

/** Seconds of CPU time that another process has used, in hundredths; null where the system does not tell. */
export function processCpuSeconds(process: number): number | null {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
    // After the name, which may hold spaces: times in the kernel's ticks are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}

/** Median seconds of CPU time of `work`, for work of one thread. */
export async function medianCpu(work: () => unknown, runs: number = RUNS): Promise<number> {
  return medianOf(cpuSeconds, work, runs);
}

/** Median seconds of wall time of `work`, for work of several threads. */
export async function medianWall(work: () => unknown, runs: number = RUNS): Promise<number> {
  return medianOf(() => performance.now() / 1000, work, runs);
}

/** Median seconds by any clock, such as the CPU time of another process. */
export async function medianOf(
  clock: () => number,
  work: () => unknown,
  runs: number = RUNS,
): Promise<number> {
  await work();
  const seconds: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const started = clock();
    await work();
    seconds.push(clock() - started);
  }
  return median(seconds);
}
