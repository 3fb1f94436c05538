/**
 * Proof of time: the walks of a tab in Chromium and under Node.js, the native helper over its socket, and, in the same
 * run, a plain loop of AES instructions on one lane. One thread's figures are of CPU time where the system tells it.
 */
import { execFileSync, type ExecFileSyncOptionsWithStringEncoding } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { helperIsBuilt, startHelper } from '../devnet/helper-program.ts';
import { HelperWalker } from '../devnet/helper-walker.ts';
import { wasmWalker, webCryptoWalker } from '../src/crypto/pot.ts';
import { tuneWebCrypto } from '../src/crypto/pot-webcrypto.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { HelperClient } from '../src/network/helper-client.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { once, openBenchPage, rendererWithWorkers, workerSeconds } from './browser-page.ts';
import { medianCpu, medianOf, medianWall, processCpuSeconds } from './measure.ts';
import { median, RUNS } from './statistics.ts';
import type { PotPage } from './pot-page/page.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

declare const potPage: PotPage;

/** Iterations of a slot on the main network at its genesis. */
const MAIN_NETWORK = 206_557_520;
const ITERATIONS = 32_000_000;
const SEED = new Uint8Array(16);
const CORES = availableParallelism();
const LANE = 'plain native AES lane, same run';

/** Iterations a second of a plain loop of AES instructions; null without Rust or such instructions. */
const nativeLane = once(async () => {
  const crate = ['--manifest-path', join(import.meta.dirname, '../wasm/Cargo.toml'), '-p', 'allotment-aes'];
  try {
    const arguments_ = ['run', '--quiet', '--release', ...crate, '--example', 'rates'];
    const options: ExecFileSyncOptionsWithStringEncoding = {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    };
    return (JSON.parse(execFileSync('cargo', arguments_, options)) as { lane: number | null }).lane;
  } catch {
    return null;
  }
});

async function againstLane(value: number): Promise<Pick<BenchmarkResult, 'value' | 'peer' | 'ratio'>> {
  const lane = await nativeLane();
  return { value, peer: LANE, ratio: lane === null ? null : value / lane };
}

/** The benchmarks' page in Chromium; its renderer's process. */
const openPage = once(async () => {
  const page = await openBenchPage('pot-page', 'potPage');
  await page.evaluate((cores) => potPage.start(cores), CORES);
  return { page, renderer: rendererWithWorkers() };
});

/** Iterations a second of one worker in Chromium. */
function workerRate(what: 'webcrypto' | 'wasm'): () => Promise<number> {
  return once(async () => {
    const { page, renderer } = await openPage();
    const iterations = ITERATIONS;
    const work = () => page.evaluate((asked) => potPage.work(1, asked), { what, iterations });
    const seconds =
      renderer === null ? await medianWall(work) : await medianOf(() => workerSeconds(renderer), work);
    return iterations / seconds;
  });
}

/** Iterations a second, by the clock, of as many workers in Chromium as there are cores. */
async function workersRate(what: 'webcrypto' | 'wasm'): Promise<number> {
  const { page } = await openPage();
  const asked = { cores: CORES, work: { what, iterations: ITERATIONS } };
  return (
    (CORES * ITERATIONS) /
    (await medianWall(() => page.evaluate(({ cores, work }) => potPage.work(cores, work), asked)))
  );
}

const inChromium = { webcrypto: workerRate('webcrypto'), wasm: workerRate('wasm') };

const nodeWebCrypto = once(async () => {
  await tuneWebCrypto();
  return ITERATIONS / (await medianCpu(() => webCryptoWalker.prove(SEED, ITERATIONS)));
});

const nodeWasm = once(async () => {
  await loadWasm();
  const nothing = new Uint8Array(128);
  return ITERATIONS / (await medianCpu(() => wasmWalker.verify(SEED, ITERATIONS, nothing)));
});

/** Seconds to verify a slot of the main network by all workers of a tab. */
async function slotSeconds(): Promise<number> {
  const { page } = await openPage();
  const checkpoints = [...(await webCryptoWalker.prove(SEED, MAIN_NETWORK))];
  return median(
    await page.evaluate(
      ([cores, bytes, iterations, runs]) => potPage.verifySlot(cores, bytes, iterations, runs),
      [CORES, checkpoints, MAIN_NETWORK, RUNS] as const,
    ),
  );
}

interface HelperFigures {
  prove: number;
  verify: number;
  /** Seconds to verify a slot of the main network on all cores. */
  slot: number;
}

/** The helper over its socket: by its CPU time, and a slot by the clock. */
const helperFigures = once(async (): Promise<HelperFigures> => {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-pot-'));
  const helper = await startHelper(['--code-file', join(folder, 'code')], 0);
  const fallback = (): Promise<never> => Promise.reject(new Error('the helper ended'));
  const walker = await HelperWalker.start({
    find: () => Promise.resolve(helper),
    fallback,
    log: () => undefined,
  });
  const client = new HelperClient({
    openSocket: openNodeSocket,
    port: Number(new URL(helper.url).port),
    code: helper.code,
  });
  try {
    await new Promise<void>((ready) => {
      client.onChange(() => client.state === 'ready' && ready());
    });
    const seconds = (work: () => unknown): Promise<number> => {
      const clock = () => processCpuSeconds(helper.pid) ?? performance.now() / 1000;
      return medianOf(clock, work);
    };
    const proved = 4 * ITERATIONS;
    const prove = proved / (await seconds(() => walker.walk(SEED, proved)));
    const claim = (checkpoints: Uint8Array, iterations: number) => ({ seed: SEED, iterations, checkpoints });
    const slots = Array.from({ length: 64 }, () => claim(new Uint8Array(128), ITERATIONS));
    const verify = (slots.length * ITERATIONS) / (await seconds(() => client.verify(slots)));
    const whole = claim(await walker.walk(SEED, MAIN_NETWORK), MAIN_NETWORK);
    const batch = Array.from({ length: CORES }, () => whole);
    const slot = (await medianWall(() => client.verify(batch))) / batch.length;
    return { prove, verify, slot };
  } finally {
    client.close();
    walker.close();
    helper.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

type Figure = Omit<BenchmarkResult, 'runs'>;

function rate(
  name: string,
  where: Benchmark['where'],
  goal: string,
  measured: () => Promise<Figure>,
): Benchmark {
  const run = async () => ({ ...(await measured()), runs: RUNS });
  return { group: 'pot', name, unit: 'iterations/s', better: 'higher', where, goal, run };
}

/** Buffers of WebCrypto by their KiB, each a benchmark of its own for a report of what the choice is among. */
function bufferRate(kibibytes: number): Benchmark {
  return rate(`pot.webcrypto.buffer.${kibibytes}`, 'chromium', 'report', async () => {
    const { page } = await openPage();
    const values: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const rates = new Map(await page.evaluate(() => potPage.tune()));
      values.push(rates.get(64 * kibibytes)!);
    }
    return { value: median(values) };
  });
}

const ofHelper = [
  rate('pot.helper.prove', 'native', '≥ 0.95', async () => againstLane((await helperFigures()).prove)),
  rate('pot.helper.verify', 'native', '≥ 8', async () => {
    const { prove, verify } = await helperFigures();
    return { value: verify, peer: 'pot.helper.prove, same run', ratio: verify / prove };
  }),
];

export const benchmarks: Benchmark[] = [
  rate('pot.webcrypto', 'chromium', '≥ 0.8', async () => againstLane(await inChromium.webcrypto())),
  rate('pot.webcrypto.all', 'chromium', 'report', async () => againstLane(await workersRate('webcrypto'))),
  rate('pot.webcrypto.node', 'node', '≥ 0.8', async () => againstLane(await nodeWebCrypto())),
  ...[64, 128, 256, 512, 1024].map(bufferRate),
  rate('pot.bitslice', 'chromium', '≥ 0.5', async () => {
    const peer = await inChromium.webcrypto();
    const value = await inChromium.wasm();
    return { value, peer: 'pot.webcrypto, same run', ratio: value / peer };
  }),
  rate('pot.bitslice.all', 'chromium', 'report', async () => againstLane(await workersRate('wasm'))),
  rate('pot.bitslice.node', 'node', '≥ 0.5', async () => {
    const peer = await nodeWebCrypto();
    const value = await nodeWasm();
    return { value, peer: 'pot.webcrypto.node, same run', ratio: value / peer };
  }),
  {
    group: 'pot',
    name: 'pot.verify.slot',
    unit: 's',
    better: 'lower',
    where: 'chromium',
    goal: 'report',
    async run() {
      const value = await slotSeconds();
      const ratio = helperIsBuilt() ? (await helperFigures()).slot / value : null;
      return { value, peer: 'helper, all cores, same run', ratio, runs: RUNS };
    },
  },
  // Without the helper there is nothing to measure; the README says how to build it.
  ...(helperIsBuilt() ? ofHelper : []),
];
