/**
 * Replays a set of recorded vectors: `npm run conformance -- [DIR] [--jobs N] [--only SUITE] [--unread]`. DIR
 * defaults to the set of the repository; another one has the same names and other seeds, and may lack some. Every
 * file has to be claimed by a suite, and fields that no case read are told. `--unread` tells also what was read of some
 * records only, and notes. Exits with 1 if anything fails.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { SuiteMessage } from './run-child.ts';
import { listFiles } from './run-context.ts';
import { filesOf, loadSuites, nameInSet, type NamedSuite } from './run-suites.ts';
import type { CoverageByPath } from './run-unread.ts';

const USAGE = `Usage: npm run conformance -- [DIR] [--jobs N] [--only SUITE] [--unread]

DIR is a set of recorded vectors (default tests/vectors), SUITE the beginning of a suite's name. Recorded fields that no
case read are told; --unread tells also those read of some records only, and notes.`;
const PROGRESS_SECONDS = 30;
/** Fields that say where a recording is from, or what it is about. */
const NOTES = /\.(about|checked_against|label|name|note|set|source|t|what|why)$/;
/** Files that describe a set and state nothing to reproduce. */
const DOCUMENTS = new Set(['README.md', 'SHA256SUMS']);

interface Tally {
  passed: number;
  failed: number;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

function fail(tally: Tally, where: string, rule: string, what: string): void {
  tally.failed += 1;
  print(`FAIL ${where} [${rule}]: ${what}`);
}

/** Compares the files of a set with its list of digests; a set may leave listed files out. */
async function checkSums(dir: string, files: string[], tally: Tally): Promise<void> {
  for (const sums of files.filter((file) => basename(file) === 'SHA256SUMS')) {
    for (const line of (await readFile(join(dir, sums), 'utf8')).split('\n').filter(Boolean)) {
      const [, digest, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      if (!digest || !name) {
        fail(tally, sums, 'sha256', `not a line of digest and name: ${line}`);
        continue;
      }
      const path = join(dir, dirname(sums), name);
      if (!existsSync(path)) {
        print(`${name}: listed in ${sums}, not in this set`);
        continue;
      }
      const seen = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
      if (seen === digest) tally.passed += 1;
      else fail(tally, name, 'sha256', `listed as ${digest}, is ${seen}`);
    }
  }
}

function checkClaims(files: string[], suites: NamedSuite[], tally: Tally): void {
  const claimed = new Set(suites.flatMap(({ suite }) => filesOf(suite, files)));
  for (const file of files) {
    if (!claimed.has(file) && !DOCUMENTS.has(basename(file)))
      fail(tally, file, 'claimed', 'no suite consumes this file');
  }
}

/** Adds what one suite read to what others did: a value counts where any read the most. */
function addCoverage(all: CoverageByPath, more: CoverageByPath): void {
  for (const [path, { values, read }] of Object.entries(more)) {
    all[path] = { values, read: Math.max(read, all[path]?.read ?? 0) };
  }
}

/**
 * Tells which recorded fields no case read; with `all` also those read of some records only, and notes. Of a file that
 * a suite left out would have read, nothing is known.
 */
function printUnread(coverage: CoverageByPath, leftOut: string[], all: boolean): void {
  for (const [path, { values, read }] of Object.entries(coverage)) {
    if (leftOut.some((file) => path.startsWith(`${file}: `))) continue;
    if (all ? read < values : read === 0 && !NOTES.test(path))
      print(`unread ${path}: ${values - read} of ${values}`);
  }
}

function runSuite(
  dir: string,
  named: NamedSuite,
  files: string[],
  tally: Tally,
  coverage: CoverageByPath,
): Promise<void> {
  const own: Tally = { passed: 0, failed: 0 };
  const started = performance.now();
  const status = () =>
    `${own.passed} passed, ${own.failed} failed, ${((performance.now() - started) / 1000).toFixed(1)} s`;
  const child = fork(join(import.meta.dirname, 'run-child.ts'), [dir, named.module, named.key, ...files]);
  const progress = setInterval(() => print(`… ${named.name}: ${status()}`), PROGRESS_SECONDS * 1000);
  child.on('message', (message: SuiteMessage) => {
    if (message.kind === 'coverage') addCoverage(coverage, message.coverage);
    else if (message.kind === 'broken') fail(own, named.name, 'suite', message.error);
    else if (message.error === null) own.passed += 1;
    else fail(own, `${named.name}: ${message.name}`, message.rule, message.error);
  });
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      clearInterval(progress);
      if (code !== 0) fail(own, named.name, 'suite', `ended with ${signal ?? code}`);
      if (own.passed + own.failed === 0) fail(own, named.name, 'suite', `no cases in ${files.join(', ')}`);
      print(`${own.failed === 0 ? 'ok  ' : 'FAIL'} ${named.name}: ${status()}`);
      tally.passed += own.passed;
      tally.failed += own.failed;
      done();
    });
  });
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      jobs: { type: 'string' },
      only: { type: 'string' },
      unread: { type: 'boolean' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  if (values.help === true) {
    print(USAGE);
    return 0;
  }
  const dir = resolve(positionals[0] ?? join(import.meta.dirname, '../vectors'));
  const jobs = Math.max(1, Number(values.jobs ?? Math.min(2, availableParallelism())));
  const { suites, broken } = await loadSuites();
  const files = (await listFiles(dir)).map((file) => nameInSet(file, suites));
  const tally: Tally = { passed: 0, failed: 0 };
  const started = performance.now();
  print(`${files.length} files in ${dir}`);
  for (const [module, error] of broken) fail(tally, module, 'suite', `does not load: ${String(error)}`);
  await checkSums(dir, files, tally);
  checkClaims(files, suites, tally);

  const isWanted = ({ name }: NamedSuite) => !values.only || name.startsWith(values.only);
  const leftOut = suites.filter((named) => !isWanted(named)).flatMap(({ suite }) => filesOf(suite, files));
  const queue = suites
    .filter(isWanted)
    .map((named) => ({ named, files: filesOf(named.suite, files) }))
    .filter((entry) => entry.files.length > 0);
  const coverage: CoverageByPath = {};
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      await runSuite(dir, next.named, next.files, tally, coverage);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  printUnread(coverage, leftOut, values.unread === true);
  print(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  print(`${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
