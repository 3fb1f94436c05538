/**
 * `npm run bench -- [name…] [--json]`: measures what the files beside this one name, one after the other, and prints
 * each value with its goal and its ratio to a peer (higher is better). A name selects a group (`pot`) or single
 * benchmarks (`farm.audit`).
 */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Benchmark } from './types.ts';

const args = process.argv.slice(2);
const json = args.includes('--json');
const wanted = args.filter((arg) => !arg.startsWith('--'));

async function allBenchmarks(): Promise<Benchmark[]> {
  const files = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const modules = await Promise.all(
    files
      .filter((name) => name !== 'run.ts')
      .map((name) => import(new URL(name, import.meta.url).href) as Promise<{ benchmarks?: Benchmark[] }>),
  );
  return modules.flatMap(({ benchmarks }) => benchmarks ?? []);
}

function selects(name: string, benchmark: Benchmark): boolean {
  return benchmark.group === name || benchmark.name === name || benchmark.name.startsWith(`${name}.`);
}

if (args.includes('--help')) {
  process.stdout.write(
    'Usage: npm run bench -- [name…] [--json]\n\nA name is a group, such as pot, or one benchmark, such as farm.audit; none: all.\n',
  );
  process.exit(0);
}

const processor = cpus()[0]?.model ?? 'unknown processor';
const cores = cpus().length;

async function report(benchmark: Benchmark): Promise<void> {
  const result = await benchmark.run();
  const { name, unit, better } = benchmark;
  if (json) {
    const { value, runs, where = 'node' } = result;
    const peer = { peer: result.peer ?? null, ratio: result.ratio ?? null };
    process.stdout.write(`${JSON.stringify({ name, value, unit, better, ...peer, runs, where, cores })}\n`);
    return;
  }
  const value = `${Number(result.value.toPrecision(4))} ${unit}`;
  const ratio = result.ratio == null ? '' : `  ratio ${result.ratio.toFixed(2)} to ${result.peer}`;
  const goal = benchmark.goal === undefined ? '' : `  (goal ${benchmark.goal})`;
  process.stdout.write(`${name.padEnd(26)} ${value.padStart(16)}${ratio}${goal}\n`);
}

const all = await allBenchmarks();
const unknown = wanted.filter((name) => !all.some((benchmark) => selects(name, benchmark)));
if (unknown.length > 0) {
  const groups = [...new Set(all.map(({ group }) => group))].sort();
  process.stderr.write(`There is no benchmark ${unknown.join(', ')}; the groups are ${groups.join(', ')}.\n`);
  process.exit(2);
}
if (!json) process.stdout.write(`${processor}, ${cores} cores, Node.js ${process.version}\n\n`);
for (const benchmark of all) {
  if (wanted.length === 0 || wanted.some((name) => selects(name, benchmark))) await report(benchmark);
}
process.exit(0);
