/**
 * A farming cluster on one machine, over a real NATS server: sectors with one, two and three plotters of one thread
 * each, what they cost all members together, with all records checked by the farmer or one, and what the delivery of a
 * sector alone carries. Seconds of a processor tell what limits a cluster where the clock tells what else ran.
 */
import type { ComputePool } from '../src/crypto/jobs.ts';
import { commitSegment } from '../src/crypto/kzg.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { randomBytes } from '../src/crypto/random.ts';
import { loadSrs } from '../src/crypto/srs.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { Controller, type ControllerNode } from '../src/cluster/controller.ts';
import { FarmerMember } from '../src/cluster/farmer.ts';
import { ClusterHistory } from '../src/cluster/history.ts';
import { ClusterPieces } from '../src/cluster/pieces.ts';
import { PlotterMember } from '../src/cluster/plotter.ts';
import { TestCluster } from '../src/cluster/testing.ts';
import { Farm } from '../src/farm/farm.ts';
import { identityFromEntropy } from '../src/farm/identity.ts';
import { bytesOfSectors } from '../src/farm/sectors.ts';
import { clusterMessages } from '../src/protocol/cluster/messages.ts';
import { concat } from '../src/protocol/bytes.ts';
import { POINT_BYTES, RECORD_BYTES } from '../src/protocol/constants.ts';
import { positionOfPiece } from '../src/protocol/segment.ts';
import type { FarmerAppInfo, PieceIndex, SegmentHeader } from '../src/protocol/types.ts';
import { MemoryDirectory } from '../src/storage/memory-directory.ts';
import type { Benchmark, BenchmarkResult } from './types.ts';

const PIECES = 4;
const SECTORS = 4;
const SECONDS_IN_HOUR = 3_600;
const INFINITY_BYTE = 0xc0;

const protocolInfo = {
  historySize: 1n,
  maxPiecesInSector: PIECES,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n] as [bigint, bigint],
  minSectorLifetime: 4n,
};

/** A node of one segment of empty records, whose commitments are the point at infinity. */
async function emptySegment(): Promise<ControllerNode> {
  await loadWasm();
  await loadSrs();
  const sources = new Uint8Array(128 * POINT_BYTES);
  for (let record = 0; record < 128; record += 1) sources[record * POINT_BYTES] = INFINITY_BYTE;
  const { segmentCommitment, recordCommitments, recordWitnesses } = commitSegment(sources);
  const header: SegmentHeader = {
    segmentIndex: 0n,
    segmentCommitment,
    prevSegmentHeaderHash: new Uint8Array(32),
    lastArchivedBlock: { number: 0, partialArchived: null },
  };
  const info: FarmerAppInfo = {
    genesisHash: new Uint8Array(32),
    dsnBootstrapNodes: [],
    syncing: false,
    farmingTimeoutMs: 4_000,
    protocolInfo,
  };
  const nothing = () => () => undefined;
  const point = (points: Uint8Array, index: PieceIndex) => {
    const at = positionOfPiece(index) * POINT_BYTES;
    return points.subarray(at, at + POINT_BYTES);
  };
  return {
    appInfo: async () => info,
    onSlot: nothing,
    onRewardSigning: nothing,
    onArchivedSegmentHeader: nothing,
    acknowledgeSegmentHeader: async () => undefined,
    submitSolution: async () => undefined,
    submitRewardSignature: async () => undefined,
    segmentHeaders: async (segments) => segments.map((segment) => (segment === 0n ? header : null)),
    piece: async (index) =>
      concat(new Uint8Array(RECORD_BYTES), point(recordCommitments, index), point(recordWitnesses, index)),
  };
}

interface Measured {
  seconds: number;
  /** Of a processor, of all threads; the NATS server is another process. */
  cpuSeconds: number;
}

/** Plots all sectors with so many plotters; `sample` records of each are encoded again to check it. */
async function plotAll(plotters: number, sample: number): Promise<Measured> {
  const node = await emptySegment();
  const cluster = await TestCluster.start();
  const stops: (() => unknown)[] = [() => cluster.stop()];
  const pools: ComputePool[] = [];
  const pool = (): ComputePool => {
    pools.push(createNodePool(1));
    return pools.at(-1)!;
  };
  try {
    const controller = new Controller({ connection: await cluster.connect(), node, valid: async () => true });
    await controller.start();
    stops.push(() => controller.stop());
    for (let number = 0; number < plotters; number += 1) {
      const connection = await cluster.connect();
      const history = new ClusterHistory(connection);
      await history.follow();
      const pieces = new ClusterPieces(connection);
      const directory = new MemoryDirectory();
      const member = new PlotterMember({ connection, pool: pool(), directory, pieces, history });
      await member.start();
      stops.push(() => member.stop());
    }
    const connection = await cluster.connect();
    const history = new ClusterHistory(connection);
    await history.follow();
    const own = pool();
    const farmer = new FarmerMember({ connection, pool: own, history, plotWith: 'cluster', sample });
    await farmer.start();
    const identity = await identityFromEntropy(randomBytes(32));
    const seat = farmer.seat(identity.publicKey);
    const farm = await Farm.open({
      ...seat.options,
      directory: new MemoryDirectory(),
      pool: own,
      identity,
      rewardAddress: identity.publicKey,
      allocatedBytes: bytesOfSectors(SECTORS, PIECES),
    });
    stops.push(() => farm.stop());
    const begun = performance.now();
    const before = process.cpuUsage();
    const done = new Promise<void>((resolve) => {
      farm.onChange(() => {
        if (farm.snapshot().sectors.every(({ state }) => state === 'plotted')) resolve();
      });
    });
    farm.start();
    await done;
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - begun) / 1_000, cpuSeconds: (user + system) / 1e6 };
  } finally {
    for (const stop of stops.toReversed()) await stop();
    await Promise.all(pools.map((one) => one.close()));
  }
}

/** MB a second of a sector's bytes from a plotter to a farmer, acknowledgements included. */
async function delivery(): Promise<BenchmarkResult> {
  const cluster = await TestCluster.start();
  try {
    const [plotter, farmer] = [await cluster.connect(), await cluster.connect()];
    const messages = 64;
    const value = new Uint8Array(1_800_000);
    plotter.respondStream(
      clusterMessages.plotSector,
      { instance: 'p', queue: 'p' },
      async function* chunks() {
        for (let sent = 0; sent < messages; sent += 1)
          yield { kind: 'sectorChunk' as const, chunk: { ok: true as const, value } };
      },
    );
    await plotter.flush();
    const request = { publicKey: new Uint8Array(32), sectorIndex: 0, protocolInfo, piecesInSector: PIECES };
    const begun = performance.now();
    let bytes = 0;
    for await (const item of farmer.stream(clusterMessages.plotSector, request, { instance: 'p' }))
      if (item.kind === 'sectorChunk' && item.chunk.ok) bytes += item.chunk.value.length;
    return { value: bytes / 1e3 / (performance.now() - begun), runs: messages };
  } finally {
    await cluster.stop();
  }
}

async function sectorsAnHour(plotters: number): Promise<BenchmarkResult> {
  const { seconds } = await plotAll(plotters, 1);
  return { value: (SECTORS * SECONDS_IN_HOUR) / seconds, runs: SECTORS };
}

/** Seconds of a processor for one record of a sector. */
async function cpuARecord(sample: number): Promise<BenchmarkResult> {
  const { cpuSeconds } = await plotAll(1, sample);
  return { value: cpuSeconds / SECTORS / PIECES, runs: SECTORS };
}

const sectors = (plotters: number): Benchmark => ({
  group: 'cluster',
  name: `cluster.sectors.${plotters}`,
  unit: 'sectors/h',
  better: 'higher',
  run: () => sectorsAnHour(plotters),
});

export const benchmarks: Benchmark[] = [
  sectors(1),
  sectors(2),
  sectors(3),
  { group: 'cluster', name: 'cluster.cpu', unit: 's/record', better: 'lower', run: () => cpuARecord(1) },
  {
    group: 'cluster',
    name: 'cluster.cpu.checked',
    unit: 's/record',
    better: 'lower',
    run: () => cpuARecord(PIECES),
  },
  { group: 'cluster', name: 'cluster.delivery', unit: 'MB/s', better: 'higher', run: delivery },
];
