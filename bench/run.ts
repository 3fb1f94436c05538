/**
 * `npm run bench`: measures what the files beside this one name, one after the other, and prints each value with its
 * goal and its ratio to a peer (higher is better).
 */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { Benchmark } from './types.ts';

const USAGE = `Usage: npm run bench -- [name…] [--browser] [--json]

A name is a group, such as pot, or a benchmark, such as farm.audit, with those below it; none: all.

  --browser  only what is measured in Chromium
  --json     one JSON object a line
`;

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

function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

function readArguments() {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ allowPositionals: true, options: { json: flag, browser: flag, help: flag } });
  } catch (error) {
    return refuse(`${(error as Error).message}\n\n${USAGE}`);
  }
}

const { values: options, positionals: wanted } = readArguments();
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const processor = cpus()[0]?.model ?? 'unknown processor';
const cores = cpus().length;

async function report(benchmark: Benchmark): Promise<void> {
  const result = await benchmark.run();
  const { name, unit, better, where = 'node' } = benchmark;
  if (options.json) {
    const { value, runs } = result;
    const peer = { peer: result.peer ?? null, ratio: result.ratio ?? null };
    process.stdout.write(`${JSON.stringify({ name, value, unit, better, ...peer, runs, where, cores })}\n`);
    return;
  }
  const value = `${Number(result.value.toPrecision(4))} ${unit}`;
  const ratio = result.ratio == null ? '' : `  ratio ${result.ratio.toFixed(2)} to ${result.peer}`;
  const goal = benchmark.goal === undefined ? '' : `  (goal ${benchmark.goal})`;
  process.stdout.write(`${name.padEnd(26)} ${value.padStart(16)}${ratio}${goal}\n`);
}

const all = (await allBenchmarks()).filter(({ where }) => !options.browser || where === 'chromium');
const unknown = wanted.filter((name) => !all.some((benchmark) => selects(name, benchmark)));
if (unknown.length > 0) {
  const groups = [...new Set(all.map(({ group }) => group))].sort();
  const place = options.browser ? ' in Chromium' : '';
  refuse(`There is no benchmark ${unknown.join(', ')}${place}; the groups are ${groups.join(', ')}.`);
}
if (!options.json) process.stdout.write(`${processor}, ${cores} cores, Node.js ${process.version}\n\n`);
const chosen = all.filter(
  (benchmark) => wanted.length === 0 || wanted.some((name) => selects(name, benchmark)),
);
let failed = false;
for (const benchmark of chosen) {
  try {
    await report(benchmark);
  } catch (error) {
    // What cannot be measured on one machine keeps nothing else from being measured.
    failed = true;
    process.stderr.write(`${benchmark.name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
process.exit(failed ? 1 : 0);
