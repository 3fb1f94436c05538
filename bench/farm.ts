/**
 * Plotting, auditing and proving from files, as the farm does them: under Node.js, in Chromium (`….chromium`), and, where
 * it is built, by the native helper (`….native`). The work of one thread is measured by CPU time where the system tells it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { helperIsBuilt, HELPER_PROGRAM, startHelper } from '../devnet/helper-program.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import type { SectorPlotter } from '../src/farm/plotter.ts';
import { HelperPlotter } from '../src/network/helper-plotter.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { HelperPlotting } from '../src/node/helper-plotting.ts';
import { NodeDirectory } from '../src/storage/node-directory.ts';
import { once, openBenchPage, OWN_CARD, rendererWithWorkers, workerSeconds } from './browser-page.ts';
import type { FarmPage } from './farm-page/page.ts';
import { FarmWork, PLOTTED_PIECES, VERIFIED_PIECES, type FarmWorkName } from './farm-work.ts';
import { cpuSeconds, medianOf, processCpuSeconds } from './measure.ts';
import { median, RUNS } from './statistics.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

declare const farmPage: FarmPage;

const SOURCES = fileURLToPath(new URL('..', import.meta.url));
const VECTORS = join(SOURCES, 'tests/vectors');

const nodeWork = once(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return new FarmWork({
    vector: async (name) => new Uint8Array(await readFile(join(VECTORS, name))),
    directory: async (name) => NodeDirectory.at(join(folder, name)),
    pool: () => createNodePool(2),
    async writeSparse(directory, name, size, end) {
      await mkdir(join(folder, directory), { recursive: true });
      const file = await open(join(folder, directory, name), 'w');
      await file.truncate(size);
      await file.write(end, 0, end.length, size - end.length);
      await file.close();
    },
    auditedFiles: 100,
  });
});

const page = once(async () => {
  const page = await openBenchPage('farm-page', 'farmPage', { vectors: VECTORS });
  await page.evaluate(() => farmPage.work('table'));
  return { page, renderer: rendererWithWorkers() };
});

/** Seconds of one thread's work: CPU time, or by the clock where the system does not tell. */
type Measure = (what: FarmWorkName) => Promise<number>;

const cpuInNode: Measure = async (what) => {
  const work = await nodeWork();
  return medianOf(cpuSeconds, () => work[what]());
};

const cpuInChromium: Measure = async (what) => {
  const { page: opened, renderer } = await page();
  const clock = () => (renderer === null ? performance.now() / 1000 : workerSeconds(renderer));
  return medianOf(clock, () => opened.evaluate((asked) => farmPage.work(asked), what));
};

/** Seconds by the clock of the part that counts. */
const wallInNode: Measure = async (what) => {
  const work = await nodeWork();
  return medianReported(() => work[what]());
};

const wallInChromium: Measure = async (what) => {
  const { page: opened } = await page();
  return medianReported(() => opened.evaluate((asked) => farmPage.work(asked), what));
};

async function medianReported(work: () => Promise<number>): Promise<number> {
  await work();
  const seconds: number[] = [];
  for (let run = 0; run < RUNS; run += 1) seconds.push(await work());
  return median(seconds);
}

/** What `allotment-helper bench` measures, by name. */
const native = once(async () => {
  const lines = execFileSync(HELPER_PROGRAM, ['bench', SOURCES], { encoding: 'utf8' }).trim().split('\n');
  return new Map(
    lines.map((line) => {
      const { name, value } = JSON.parse(line) as { name: string; value: number };
      return [name, value] as const;
    }),
  );
});

/**
 * Seconds of CPU time a piece of a sector that the helper encodes for this program, of both programs together. Without the
 * sample of encodings that is checked: one in 64 pieces of a large sector, a quarter of this small one.
 */
async function plotWithHelper(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-bench-'));
  const helper = await startHelper(['--code-file', join(folder, 'code')], 0);
  const port = Number(new URL(helper.url).port);
  const plotter = new HelperPlotter({ openSocket: openNodeSocket, port, code: helper.code });
  try {
    await new Promise<void>((ready) => {
      plotter.onChange(() => plotter.plots && ready());
    });
    const work = await nodeWork();
    const plotting = new HelperPlotting({ notify: () => undefined });
    plotting.use(plotter);
    const clock = () => cpuSeconds() + (processCpuSeconds(helper.pid) ?? 0);
    const unsampled: SectorPlotter = (plan, context) => plotting.plot(plan, { ...context, sample: 0 });
    return (await medianOf(clock, () => work.plot(unsampled))) / PLOTTED_PIECES;
  } finally {
    plotter.close();
    helper.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Row {
  group: string;
  name: string;
  unit: string;
  goal: string;
  peer: string;
  /** The peer's value in the same unit. */
  against: number;
  /** Values under Node.js, in Chromium, and by the helper. */
  node?: () => Promise<number>;
  chromium?: () => Promise<number>;
  native?: () => Promise<number>;
}

const ROWS: Row[] = [
  {
    group: 'space',
    name: 'space.table',
    unit: 's of CPU',
    goal: '≥ 2',
    peer: 'native reference, 2.03 s',
    against: 2.03,
    node: () => cpuInNode('table'),
    chromium: () => cpuInChromium('table'),
    native: async () => (await native()).get('space.table')!,
  },
  {
    group: 'farm',
    name: 'farm.encode',
    unit: 's of CPU',
    goal: 'report',
    peer: 'native reference, 2.6 s',
    against: 2.6,
    native: async () => (await native()).get('farm.encode')!,
  },
  {
    group: 'farm',
    name: 'farm.plot.piece',
    unit: 's of CPU',
    goal: '≥ 1.33',
    peer: 'native reference, 2.7 s',
    against: 2.7,
    node: async () => (await cpuInNode('plot')) / PLOTTED_PIECES,
    chromium: async () => (await cpuInChromium('plot')) / PLOTTED_PIECES,
    native: plotWithHelper,
  },
  {
    group: 'farm',
    name: 'piece.verify.batch',
    unit: 'ms',
    goal: '≥ 10',
    peer: 'native reference one by one, 427 ms',
    against: 427,
    chromium: async () => ((await cpuInChromium('verify')) * 1000) / VERIFIED_PIECES,
    native: async () => (await native()).get('piece.verify.batch')!,
  },
  {
    group: 'farm',
    name: 'farm.audit',
    unit: 'ms',
    goal: '≥ 1',
    peer: 'budget of 2,000 ms',
    against: 2_000,
    node: async () => (await wallInNode('audit')) * 1000,
    chromium: async () => (await wallInChromium('audit')) * 1000,
    native: async () => (await native()).get('farm.audit')!,
  },
  {
    group: 'farm',
    name: 'farm.prove',
    unit: 's',
    goal: '≥ 1',
    peer: 'budget of 2.5 s on 2 cores',
    against: 2.5,
    node: () => wallInNode('prove'),
    chromium: () => wallInChromium('prove'),
    native: async () => (await native()).get('farm.prove')!,
  },
];

const SUFFIX = { node: '', chromium: '.chromium', native: '.native' } as const;

function benchmarksOf(row: Row): Benchmark[] {
  const { group, name, unit, goal, peer, against } = row;
  return (['node', 'chromium', 'native'] as const).flatMap((where): Benchmark[] => {
    const measure = row[where];
    if (measure === undefined || (where === 'native' && !helperIsBuilt())) return [];
    const run = async (): Promise<BenchmarkResult> => {
      const value = await measure();
      return { value, peer, ratio: against / value, runs: RUNS };
    };
    return [{ group, name: name + SUFFIX[where], unit, better: 'lower', where, goal, run }];
  });
}

/** What a person sees of plotting, pieces at hand: all cores, and the graphics processor where that is faster. */
const pace: Benchmark = {
  group: 'farm',
  name: 'farm.plot.pace',
  unit: 's by the clock, per piece',
  better: 'lower',
  where: 'chromium',
  goal: 'report',
  async run() {
    const opened = await openBenchPage('farm-page', 'farmPage', { vectors: VECTORS }, OWN_CARD);
    const cores = await opened.evaluate(() => farmPage.work('pace.cores'));
    const value = await opened.evaluate(() => farmPage.work('pace'));
    return { value, peer: 'cores alone, same run', ratio: cores / value, runs: 1 };
  },
};

export const benchmarks: Benchmark[] = [...ROWS.flatMap(benchmarksOf), pace];
