/**
 * Objects over the storage network on loopback, from a peer in a process of its own: under Node.js, as `….far` over a
 * line that takes its time, and as `….chromium` in a worker of a tab, as the app's node is.
 */
import { availableParallelism } from 'node:os';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { PieceCache } from '../src/dsn/piece-cache.ts';
import { HistoryIndex } from '../src/objects/history-index.ts';
import { searchHistory } from '../src/objects/history-search.ts';
import { MemoryDirectory } from '../src/storage/memory-directory.ts';
import { once, openBenchPage } from './browser-page.ts';
import type { GiverOrder } from './dsn-giver/messages.ts';
import { startGiver } from './dsn-giver/start.ts';
import { farAddresses } from './far-line.ts';
import { cpuSeconds } from './measure.ts';
import { ObjectReading, TOGETHER, type BothWays } from './object-reading.ts';
import type { ObjectsPage } from './objects-page/page.ts';
import { median, RUNS } from './statistics.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

declare const objectsPage: ObjectsPage;

const FILE_BYTES = 16 * 2 ** 20;
/** More than one level of inner nodes takes. */
const LARGE_FILE_BYTES = 106_000_000;
const PASSWORD = 'correct horse';
const MEGA = 1e6;
const MEBI = 2 ** 20;
/**
 * Workers with what they need to check pieces take some 150 MiB; then there are 160 pieces on their way or unchecked, 16
 * in use, nodes, and garbage.
 */
const MEMORY_BOUND_MIB = 512;
const SAMPLE_MS = 20;
const SEARCHES = 2;
/** Rounds of a small file, and of others, which take longer: single runs differ by half. */
const SMALL_ROUNDS = 9;
const ROUNDS = 3;
/** To a peer on the same continent and back: 50 ms. */
const FAR_MS = 25;

const plain: GiverOrder = { bytes: FILE_BYTES, password: null };
const large: GiverOrder = { bytes: LARGE_FILE_BYTES, password: null };
const locked: GiverOrder = { bytes: 2 * FILE_BYTES, password: PASSWORD };

const page = once(() => openBenchPage('objects-page', 'objectsPage'));

async function withReading<T>(
  order: GiverOrder,
  work: (reading: ObjectReading) => Promise<T>,
  delayMs = 0,
): Promise<T> {
  await loadWasm();
  const near = await startGiver(order);
  const file = delayMs === 0 ? near : { ...near, addresses: await farAddresses(near.addresses, delayMs) };
  const pool = createNodePool(availableParallelism());
  const reading = await ObjectReading.start(order, file, nodePlatform, pool);
  try {
    return await work(reading);
  } finally {
    await reading.stop();
  }
}

function speed(order: GiverOrder, rounds: number, { verified, unverified }: BothWays): BenchmarkResult {
  const value = order.bytes / MEGA / verified;
  const ratio = unverified / verified;
  return { value, runs: rounds * TOGETHER, peer: 'the same bytes unverified', ratio };
}

/** Until every byte was handed out, each verified by its hash. */
function objectSpeed(order: GiverOrder, rounds: number, delayMs = 0): () => Promise<BenchmarkResult> {
  const measure = async (reading: ObjectReading) => speed(order, rounds, await reading.bothWays(rounds));
  return () => withReading(order, measure, delayMs);
}

function objectSpeedInTab(order: GiverOrder, rounds: number): () => Promise<BenchmarkResult> {
  return async () => {
    const file = await startGiver(order);
    const opened = await page();
    const input = { order, file, rounds };
    const seconds = await opened.evaluate((asked) => objectsPage.bothWays(asked), input);
    return speed(order, rounds, seconds);
  };
}

/** Until every piece is checked against the segment's commitment and kept, too. */
function keptSpeed(order: GiverOrder, rounds: number): () => Promise<BenchmarkResult> {
  return () =>
    withReading(order, async (reading) => {
      const kept = async () => {
        const cache = await PieceCache.open(new MemoryDirectory(), 2 ** 30);
        const supply = await reading.read(reading.supply(cache));
        await supply.settled();
        if (cache.size !== reading.file.pieces) throw new Error(`${cache.size} pieces`);
        return supply;
      };
      return speed(order, rounds, await reading.bothWays(rounds, kept));
    });
}

/** What a retrieval adds to the process's memory at its peak, workers included. */
function memory(): Promise<BenchmarkResult> {
  return withReading(large, async (reading) => {
    const before = process.memoryUsage().rss;
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), SAMPLE_MS);
    await reading.read();
    clearInterval(sampling);
    const value = (peak - before) / MEBI;
    const peer = `bound of ${MEMORY_BOUND_MIB} MiB`;
    return { value, runs: 1, peer, ratio: MEMORY_BOUND_MIB / value };
  });
}

function withinBudget(value: number): BenchmarkResult {
  return { value, runs: RUNS, peer: 'budget 2 s', ratio: 2 / value };
}

function firstByte(delayMs: number): Promise<BenchmarkResult> {
  const measure = async (reading: ObjectReading) => withinBudget(await reading.firstByte(RUNS));
  return withReading(plain, measure, delayMs);
}

async function firstByteInTab(): Promise<BenchmarkResult> {
  const file = await startGiver(plain);
  const opened = await page();
  const input = { order: plain, file, rounds: RUNS };
  const seconds = await opened.evaluate((asked) => objectsPage.firstByte(asked), input);
  return withinBudget(seconds);
}

/** A segment looked through in vain, every piece verified; the CPU time of both ends' transfer is this side's only. */
function search(): Promise<BenchmarkResult> {
  return withReading({ bytes: 1_000_000, password: null, filled: true }, async (reading) => {
    const { signal } = new AbortController();
    const seconds: number[] = [];
    for (let run = 0; run <= SEARCHES; run += 1) {
      const index = await HistoryIndex.open(new MemoryDirectory(), reading.commitments);
      const started = cpuSeconds();
      const options = { source: reading.supply(), index, newest: 0n, moved: () => undefined };
      const place = await searchHistory(new Uint8Array(32), options, signal);
      if (place !== null || !index.hasLooked(254n)) throw new Error('not what was searched');
      if (run > 0) seconds.push(cpuSeconds() - started);
    }
    return { value: median(seconds), runs: SEARCHES };
  });
}

export const benchmarks: Benchmark[] = [
  // First: what others leave behind would hide what it takes.
  { name: 'dsn.object.memory', unit: 'MiB', better: 'lower', run: memory },
  {
    name: 'dsn.object',
    unit: 'MB/s',
    better: 'higher',
    goal: '≥ 0.8',
    run: objectSpeed(plain, SMALL_ROUNDS),
  },
  {
    name: 'dsn.object.large',
    unit: 'MB/s',
    better: 'higher',
    goal: '≥ 0.8',
    run: objectSpeed(large, ROUNDS),
  },
  { name: 'dsn.object.encrypted', unit: 'MB/s', better: 'higher', run: objectSpeed(locked, ROUNDS) },
  { name: 'dsn.object.kept', unit: 'MB/s', better: 'higher', run: keptSpeed(large, ROUNDS) },
  { name: 'dsn.search', unit: 's of CPU per segment', better: 'lower', run: search },
  {
    name: 'dsn.object.far',
    unit: 'MB/s',
    better: 'higher',
    run: objectSpeed(plain, ROUNDS, FAR_MS),
  },
  { name: 'dsn.first-byte', unit: 's', better: 'lower', goal: '≥ 1', run: () => firstByte(0) },
  { name: 'dsn.first-byte.far', unit: 's', better: 'lower', goal: '≥ 1', run: () => firstByte(FAR_MS) },
  {
    name: 'dsn.object.chromium',
    unit: 'MB/s',
    better: 'higher',
    where: 'chromium',
    goal: '≥ 0.8',
    run: objectSpeedInTab(plain, SMALL_ROUNDS),
  },
  {
    name: 'dsn.object.large.chromium',
    unit: 'MB/s',
    better: 'higher',
    where: 'chromium',
    goal: '≥ 0.8',
    run: objectSpeedInTab(large, ROUNDS),
  },
  {
    name: 'dsn.object.encrypted.chromium',
    unit: 'MB/s',
    better: 'higher',
    where: 'chromium',
    run: objectSpeedInTab(locked, ROUNDS),
  },
  {
    name: 'dsn.first-byte.chromium',
    unit: 's',
    better: 'lower',
    where: 'chromium',
    goal: '≥ 1',
    run: firstByteInTab,
  },
].map((benchmark) => ({ ...benchmark, group: 'dsn' }) as Benchmark);
