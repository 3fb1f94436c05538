/**
 * Objects over the storage network on loopback, from a peer in a process of its own. What is compared with is the
 * same stored bytes from the same peer, over the same transport and by the same search, with nothing verified: pieces
 * are unpacked as they come and the parts cut out of them, whose places the reader is told. An encrypted file stays
 * encrypted there.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ComputePool } from '../src/crypto/jobs.ts';
import { recordOf } from '../src/crypto/piece.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { loadWasm, wasm, wasmBytes } from '../src/crypto/wasm.ts';
import { DsnPeer } from '../src/dsn/peer.ts';
import { PieceCache } from '../src/dsn/piece-cache.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import type { PieceArrived } from '../src/dsn/provider.ts';
import { peerCaches } from '../src/dsn/search.ts';
import { PieceSupply } from '../src/dsn/supply.ts';
import type { SegmentCommitments } from '../src/dsn/verifier.ts';
import { HistoryIndex } from '../src/objects/history-index.ts';
import { searchHistory } from '../src/objects/history-search.ts';
import { ObjectService } from '../src/objects/service.ts';
import { concat, fromHex } from '../src/protocol/bytes.ts';
import { RAW_RECORD_BYTES } from '../src/protocol/constants.ts';
import type { PieceIndex } from '../src/protocol/types.ts';
import { MemoryDirectory } from '../src/storage/memory-directory.ts';
import type { GiverOrder, GiverReady } from './dsn-giver/messages.ts';
import { cpuSeconds, median, RUNS } from './measure.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

const GENESIS = new Uint8Array(32).fill(1);
const FILE_BYTES = 16 * 2 ** 20;
/** More than one level of inner nodes takes. */
const LARGE_FILE_BYTES = 106_000_000;
const PASSWORD = 'correct horse';
const MEGA = 1e6;
const MEBI = 2 ** 20;
/**
 * Workers with what they need to check pieces take some 150 MiB; then there are 160 pieces on their way or unchecked, 96
 * of them copied for the check, 16 in use, nodes, and garbage.
 */
const MEMORY_BOUND_MIB = 512;
const SAMPLE_MS = 20;
const SEARCHES = 2;
/** Runs of one kind in a row. */
const TOGETHER = 5;
/** Rounds of a small file, and of others, which take longer: single runs differ by half. */
const SMALL_ROUNDS = 9;
const ROUNDS = 3;
const BETWEEN_CONNECTIONS_MS = 1_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const { signal } = new AbortController();

/** A stored file, and all that it takes to fetch it. */
interface Setting {
  file: GiverReady;
  order: GiverOrder;
  pool: ComputePool;
  asker: DsnPeer;
}

interface Giver {
  process: ChildProcess;
  file: GiverReady;
}

const givers = new Map<string, Promise<Giver>>();

/** The peer that stores such a file: one for all that measure with it, until the program ends. */
function giverOf(order: GiverOrder): Promise<Giver> {
  const key = JSON.stringify(order);
  const start = async (): Promise<Giver> => {
    const program = fileURLToPath(new URL('dsn-giver/giver.ts', import.meta.url));
    const giver = fork(program, [key], { execArgv: process.execArgv });
    process.once('exit', () => giver.kill());
    const [file] = (await once(giver, 'message')) as [GiverReady];
    return { process: giver, file };
  };
  const known = givers.get(key) ?? start();
  givers.set(key, known);
  return known;
}

async function withGiver<T>(order: GiverOrder, work: (setting: Setting) => Promise<T>): Promise<T> {
  const { file } = await giverOf(order);
  await loadWasm();
  const pool = createNodePool(availableParallelism());
  const asker = await newAsker();
  try {
    await asker.connect(file.addresses);
    return await work({ file, order, pool, asker });
  } finally {
    await asker.stop();
    await pool.close();
  }
}

/**
 * Median seconds of retrievals and of what is compared with them: a few of the one, then a few of the other, so that each
 * pays for its own garbage, `rounds` times. What a retrieval leaves to be done later is done before the next one begins.
 */
async function medians(
  setting: Setting,
  rounds: number,
  verified: () => Promise<PieceSupply>,
): Promise<{ verified: number; unverified: number }> {
  const some = async (work: () => Promise<PieceSupply | void>): Promise<number> => {
    let seconds = 0;
    for (let run = 0; run < TOGETHER; run += 1) {
      const started = performance.now();
      const supply = await work();
      seconds += (performance.now() - started) / 1000;
      await supply?.settled();
    }
    return seconds / TOGETHER;
  };
  const all = { verified: [] as number[], unverified: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const seconds = { verified: await some(verified), unverified: await some(() => readUnverified(setting)) };
    // The first one warms up.
    if (round === 0) continue;
    all.verified.push(seconds.verified);
    all.unverified.push(seconds.unverified);
  }
  return { verified: median(all.verified), unverified: median(all.unverified) };
}

function newAsker(): Promise<DsnPeer> {
  return DsnPeer.start({ ...nodePlatform(), genesisHash: GENESIS });
}

function commitmentsOf(file: GiverReady): SegmentCommitments {
  const commitment = fromHex(file.segmentCommitment);
  return { segmentCommitment: (segment) => (segment === 0n ? commitment : null) };
}

/** A supply that has fetched nothing yet. It keeps pieces where a cache is given. */
function newSupply({ file, pool }: Setting, asker: DsnPeer, cache: PieceCache | null = null): PieceSupply {
  const providers = [peerCaches(asker)];
  return new PieceSupply({ pool, commitments: commitmentsOf(file), cache, providers, reconstruct: false });
}

function linkOf({ cid, pieceIndex, offset }: GiverReady) {
  return { cid, hints: [{ pieceIndex: BigInt(pieceIndex), offset }] };
}

/** Reads the whole file, verified, from nothing but its identifier and the place of its head. Resolves to the supply. */
async function read(setting: Setting, supply = newSupply(setting, setting.asker)): Promise<PieceSupply> {
  const service = new ObjectService({ pieces: supply, locators: [] });
  const object = await service.open(linkOf(setting.file), signal);
  let bytes = 0;
  const password = setting.order.password ?? undefined;
  for await (const part of service.read(object, signal, { password })) bytes += part.length;
  if (bytes !== setting.order.bytes) throw new Error(`${bytes} bytes`);
  return supply;
}

function indicesOf({ pieces }: GiverReady): PieceIndex[] {
  return Array.from({ length: pieces }, (_, number) => BigInt(2 * number));
}

/** The raw record of a piece, as fast as the reader of objects unpacks it. */
function unpacked(piece: Uint8Array): Uint8Array {
  const record = new wasm.RawRecord(recordOf(piece));
  const raw = wasmBytes(record.pointer(), RAW_RECORD_BYTES).slice();
  record.free();
  return raw;
}

/** Reads the stored bytes out of the file's pieces and believes them. Each part is there once the pieces up to it are. */
async function readUnverified({ file, order, asker }: Setting): Promise<void> {
  const raw: (Uint8Array | undefined)[] = [];
  let next = 0;
  let bytes = 0;
  const cut = (from: number, to: number): Uint8Array | null => {
    const [first, last] = [Math.floor(from / RAW_RECORD_BYTES), Math.floor((to - 1) / RAW_RECORD_BYTES)];
    const [begin, end] = [raw[first], raw[last]];
    if (begin === undefined || end === undefined) return null;
    const start = from - first * RAW_RECORD_BYTES;
    if (first === last) return begin.subarray(start, start + to - from);
    return concat(begin.subarray(start), end.subarray(0, to - last * RAW_RECORD_BYTES));
  };
  const arrived: PieceArrived = (index, piece) => {
    raw[Number(index / 2n)] = unpacked(piece);
    for (; next < file.parts.length; next += 1) {
      const { at, length } = file.parts[next]!;
      const part = cut(at, at + length);
      if (part === null) break;
      bytes += part.length;
      for (let used = Math.floor(at / RAW_RECORD_BYTES) - 1; raw[used] !== undefined; used -= 1)
        delete raw[used];
    }
    return Promise.resolve(true);
  };
  await peerCaches(asker).find(indicesOf(file), arrived, signal);
  if (order.password === null && bytes !== order.bytes) throw new Error(`${bytes} bytes`);
}

async function speed(
  setting: Setting,
  rounds: number,
  work: () => Promise<PieceSupply>,
): Promise<BenchmarkResult> {
  const { verified, unverified } = await medians(setting, rounds, work);
  const value = setting.order.bytes / MEGA / verified;
  return { value, runs: rounds * TOGETHER, peer: 'the same bytes unverified', ratio: unverified / verified };
}

/** Until every byte was handed out, each verified by its hash. */
function objectSpeed(order: GiverOrder, rounds: number): () => Promise<BenchmarkResult> {
  return () => withGiver(order, (setting) => speed(setting, rounds, () => read(setting)));
}

/** Until every piece is checked against the segment's commitment and kept, too. */
function keptSpeed(order: GiverOrder, rounds: number): () => Promise<BenchmarkResult> {
  return () =>
    withGiver(order, (setting) =>
      speed(setting, rounds, async () => {
        const cache = await PieceCache.open(new MemoryDirectory(), 2 ** 30);
        const supply = newSupply(setting, setting.asker, cache);
        await read(setting, supply);
        await supply.settled();
        if (cache.size !== setting.file.pieces) throw new Error(`${cache.size} pieces`);
        return supply;
      }),
    );
}

/** What a retrieval adds to the process's memory at its peak, workers included. */
function memory(): Promise<BenchmarkResult> {
  return withGiver({ bytes: LARGE_FILE_BYTES, password: null }, async (setting) => {
    const before = process.memoryUsage().rss;
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), SAMPLE_MS);
    await read(setting);
    clearInterval(sampling);
    const value = (peak - before) / MEBI;
    const peer = `bound of ${MEMORY_BOUND_MIB} MiB`;
    return { value, runs: 1, peer, ratio: MEMORY_BOUND_MIB / value };
  });
}

function firstByte(): Promise<BenchmarkResult> {
  return withGiver({ bytes: FILE_BYTES, password: null }, async (setting) => {
    const seconds: number[] = [];
    for (let run = 0; run <= RUNS; run += 1) {
      // Peers refuse a host that connects too often in a second.
      await pause(BETWEEN_CONNECTIONS_MS);
      const started = performance.now();
      const asker = await newAsker();
      await asker.connect(setting.file.addresses);
      const service = new ObjectService({ pieces: newSupply(setting, asker), locators: [] });
      const object = await service.open(linkOf(setting.file), signal);
      await service.read(object, signal).next();
      // The first one warms up.
      if (run > 0) seconds.push((performance.now() - started) / 1000);
      await asker.stop();
    }
    const value = median(seconds);
    return { value, runs: RUNS, peer: 'budget 2 s', ratio: 2 / value };
  });
}

/** A segment looked through in vain, every piece verified; the CPU time of both ends' transfer is this side's only. */
function search(): Promise<BenchmarkResult> {
  return withGiver({ bytes: 1_000_000, password: null, filled: true }, async (setting) => {
    const seconds: number[] = [];
    for (let run = 0; run <= SEARCHES; run += 1) {
      const index = await HistoryIndex.open(new MemoryDirectory(), commitmentsOf(setting.file));
      const source = newSupply(setting, setting.asker);
      const started = cpuSeconds();
      const options = { source, index, newest: 0n, moved: () => undefined };
      const place = await searchHistory(new Uint8Array(32), options, signal);
      if (place !== null || !index.hasLooked(254n)) throw new Error('not what was searched');
      if (run > 0) seconds.push(cpuSeconds() - started);
    }
    return { value: median(seconds), runs: SEARCHES };
  });
}

const plain: GiverOrder = { bytes: FILE_BYTES, password: null };
const large: GiverOrder = { bytes: LARGE_FILE_BYTES, password: null };
const locked: GiverOrder = { bytes: 2 * FILE_BYTES, password: PASSWORD };

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
  { name: 'dsn.first-byte', unit: 's', better: 'lower', goal: '≥ 1', run: firstByte },
].map((benchmark) => ({ ...benchmark, group: 'dsn' }) as Benchmark);
