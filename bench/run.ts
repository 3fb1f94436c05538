/**
 * `npm run bench -- [group…] [--json] [--browser]`: measures what `benchmarks` of each group file names, one
 * after the other, and prints each value with its goal and its ratio to a peer (higher is better).
 */
import { cpus } from 'node:os';
import type { Benchmark } from './types.ts';

const groups: Record<string, () => Promise<{ benchmarks: Benchmark[] }>> = {
  farm: () => import('./farm.ts'),
  chain: () => import('./chain.ts'),
  pot: () => import('./pot.ts'),
};

const args = process.argv.slice(2);
const json = args.includes('--json');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const unknown = wanted.filter((name) => !(name in groups));
if (unknown.length > 0) {
  process.stderr.write(`Unknown group ${unknown.join(', ')}; there are ${Object.keys(groups).join(', ')}.\n`);
  process.exit(2);
}

const processor = cpus()[0]?.model ?? 'unknown processor';
const cores = cpus().length;
if (!json) process.stdout.write(`${processor}, ${cores} cores, Node.js ${process.version}\n\n`);
for (const [group, load] of Object.entries(groups)) {
  if (wanted.length > 0 && !wanted.includes(group)) continue;
  const { benchmarks } = await load();
  for (const benchmark of benchmarks) await report(benchmark);
}

async function report(benchmark: Benchmark): Promise<void> {
  const result = await benchmark.run();
  const { name, unit, better } = benchmark;
  if (json) {
    const line = {
      name,
      value: result.value,
      unit,
      better,
      peer: result.peer ?? null,
      ratio: result.ratio ?? null,
    };
    process.stdout.write(
      `${JSON.stringify({ ...line, runs: result.runs, where: result.where ?? 'node', cores })}\n`,
    );
    return;
  }
  const value = `${Number(result.value.toPrecision(4))} ${unit}`;
  const ratio = result.ratio == null ? '' : `  ratio ${result.ratio.toFixed(2)} to ${result.peer}`;
  const goal = benchmark.goal === undefined ? '' : `  (goal ${benchmark.goal})`;
  process.stdout.write(`${name.padEnd(26)} ${value.padStart(16)}${ratio}${goal}\n`);
}
