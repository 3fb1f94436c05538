/** The roles of a cluster together, on a real NATS server, with encodings that cost nothing. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { equal } from '../protocol/bytes.ts';
import { PIECE_BYTES, RECORD_CHUNKS } from '../protocol/constants.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { Farm } from '../farm/farm.ts';
import { plotSector, type SectorPlotter } from '../farm/plotter.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import { createUlid } from '../farm/ulid.ts';
import { fakeIdentity, fakePiece, fakeSolution, named, RULES, slotAt } from '../farm/test-support.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { CacheMember } from './cache.ts';
import { CacheStore } from './cache-store.ts';
import { Controller } from './controller.ts';
import { FarmerMember, type FarmerOptions, type FarmSeat } from './farmer.ts';
import { ClusterHistory } from './history.ts';
import { ClusterPieces } from './pieces.ts';
import { PlotterMember, type PlotterOptions } from './plotter.ts';
import { ClusterRoster } from './roster.ts';
import { Encodings, forever, openSeated, TestCluster, TestNode, until } from './testing.ts';
import { describeWithNats } from './testing-nats.ts';

describeWithNats('a cluster', () => {
  let cluster: TestCluster;
  let node: TestNode;
  let encodings: Encodings;
  let controller: Controller;
  let stops: (() => Promise<unknown> | unknown)[] = [];

  beforeEach(async () => {
    cluster = await TestCluster.start();
    node = new TestNode();
    encodings = new Encodings();
    controller = await startController();
  });

  afterEach(async () => {
    for (const stop of stops.toReversed()) await stop();
    stops = [];
    await cluster.stop();
  });

  const log = (line: string): void => void cluster.lines.push(line);

  async function startController(): Promise<Controller> {
    const connection = await cluster.connect();
    const started = new Controller({ connection, node, valid: async (_, piece) => piece[0] === 0, log });
    await started.start();
    await connection.flush();
    stops.push(() => started.stop());
    return started;
  }

  async function startCache(capacity: number, directory = new MemoryDirectory()): Promise<CacheMember> {
    const connection = await cluster.connect();
    const store = await CacheStore.open(directory, capacity);
    const member = new CacheMember({ connection, store, log });
    member.start();
    stops.push(() => member.stop());
    return member;
  }

  async function startPlotter(options: Partial<PlotterOptions> = {}) {
    const connection = await cluster.connect();
    const history = new ClusterHistory(connection);
    await history.follow();
    const pieces = new ClusterPieces(connection);
    const pool = encodings.pool();
    const directory = new MemoryDirectory();
    const member = new PlotterMember({ connection, pool, directory, pieces, history, log, ...options });
    await member.start();
    await connection.flush();
    stops.push(() => member.stop().catch(() => undefined));
    return { member, connection };
  }

  async function startFarm(sectors: number, options: Partial<FarmerOptions> = {}) {
    const connection = await cluster.connect();
    const history = new ClusterHistory(connection);
    await history.follow();
    // What a farmer encodes to check is not counted.
    const pool = encodings.pool(undefined, undefined, options.plotWith !== undefined);
    const member = new FarmerMember({ connection, pool, history, plotWith: 'cluster', log, ...options });
    await member.start();
    const directory = new MemoryDirectory();
    const { farm, seat } = await openSeated(member, {
      directory,
      pool,
      identity: fakeIdentity(),
      allocatedBytes: bytesOfSectors(sectors, RULES.maxPiecesInSector),
    });
    farm.start();
    stops.push(async () => {
      member.stop();
      await farm.stop();
    });
    return { farm, seat, directory, member };
  }

  const plotted = (farm: Farm): number =>
    farm.snapshot().sectors.filter(({ state }) => state === 'plotted').length;

  it('plots, shows its farms and reads pieces back', async () => {
    await startCache(8);
    await until(() => controller.caches.summary.pieces === 8, 'a full cache');
    await startPlotter();
    const { farm } = await startFarm(2);
    await until(() => plotted(farm) === 2, 'two sectors');
    await farm.scrub();
    expect(plotted(farm)).toBe(2);
    expect(encodings.encoded).toBe(4);
    await until(() => controller.farms.summary.sectors === 2, 'news of the sectors');
    expect(controller.farms.summary).toEqual({ farms: 1, sectors: 2 });
    const index = [...Array(768).keys()].map(BigInt).find((candidate) => controllerKnows(candidate))!;
    const piece = await controller.farms.piece(index);
    expect(piece !== null && equal(piece, fakePiece(index))).toBe(true);
  });

  function controllerKnows(index: PieceIndex): boolean {
    const { places } = controller.farms as unknown as { places: Map<PieceIndex, unknown> };
    return places.has(index);
  }

  it('takes pieces from its caches, which follow the history', async () => {
    await startCache(4);
    await until(() => controller.caches.summary.pieces === 4, 'a full cache');
    const connection = await cluster.connect();
    const pieces = new ClusterPieces(connection);
    const { given } = node;
    const signal = new AbortController().signal;
    const found = await Promise.all([512n, 515n].map((index) => pieces.piece(index, signal)));
    expect(found.map((piece) => piece && piece.length)).toEqual([PIECE_BYTES, PIECE_BYTES]);
    expect(node.given).toBe(given);
    expect(equal((await pieces.piece(3n, signal))!, fakePiece(3n))).toBe(true);
    node.archive();
    await until(() => controller.caches.find(768n) !== null, 'a piece of the new segment');
    expect(node.acknowledged).toEqual([3n]);
    expect(equal((await pieces.piece(768n, signal))!, fakePiece(768n))).toBe(true);
  });

  it('does not ask its node over and over for pieces that it does not have', async () => {
    node.give = async (index) => (index < 548n ? null : fakePiece(index));
    await startCache(40);
    const filled = (): boolean => controller.caches.summary.pieces === 4;
    await until(() => node.given >= 32, 'a round of pieces');
    await new Promise((resolve) => setTimeout(resolve, 200));
    // The round ended before those that are to be had.
    expect(node.given).toBeLessThan(36);
    controller.caches.fill();
    await until(filled, 'the others');
    await until(() => node.given === 40, 'the end of the round');
    controller.caches.fill();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(node.given).toBe(40);
  });

  it('knows a cache and what it holds after all is started anew', async () => {
    const directory = new MemoryDirectory();
    const cache = await startCache(3, directory);
    await until(() => controller.caches.summary.pieces === 3, 'a full cache');
    await cache.stop();
    await controller.stop();
    const { given } = node;
    await startCache(3, directory);
    controller = await startController();
    await until(() => controller.caches.summary.pieces === 3, 'the same cache');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(node.given).toBe(given);
  });

  it('hands solutions and signatures to the node', async () => {
    const { seat, farm } = await startFarm(1, { plotWith: 'self' });
    await until(() => plotted(farm) === 1, 'a sector');
    const heard = await slotsHeard(seat);
    node.announce(slotAt(7));
    await until(() => heard.includes(7n), 'the slot');
    const solution = fakeSolution(named('farmer', 32));
    await seat.options.node.submitSolution(7n, solution);
    await until(() => node.solutions.length === 1, 'the solution');
    expect(node.solutions[0]).toEqual({ slot: 7n, solution });
    const hash = named('hash', 32);
    node.askToSign({ hash, publicKey: named('farmer', 32) });
    await until(() => node.signatures.length === 1, 'the signature');
    expect(node.signatures[0]!.hash).toEqual(hash);
    // Nobody asked for this one.
    await seat.options.node.submitRewardSignature(named('other', 32), new Uint8Array(64));
    node.askToSign({ hash: named('third', 32), publicKey: named('farmer', 32) });
    await until(() => node.signatures.length === 2, 'the next signature');
    expect(node.signatures[1]!.hash).toEqual(named('third', 32));
  });

  async function slotsHeard({ options }: FarmSeat): Promise<bigint[]> {
    const heard: bigint[] = [];
    options.node.onSlot(({ slotNumber }) => heard.push(slotNumber));
    return heard;
  }

  it('says how large its farms are now, not how large they were', async () => {
    const { farm, seat } = await startFarm(2);
    const connection = await cluster.connect();
    const sizes = async (): Promise<number[]> => {
      const found: number[] = [];
      const asked = { instance: seat.farmerId };
      for await (const { totalSectorsCount } of connection.stream(clusterMessages.farmDetails, null, asked))
        found.push(totalSectorsCount);
      return found;
    };
    expect(await sizes()).toEqual([2]);
    await farm.setAllocation(bytesOfSectors(3, RULES.maxPiecesInSector));
    expect(await sizes()).toEqual([3]);
  });

  it('finishes a sector elsewhere when its plotter dies', async () => {
    const stuck = await startPlotter({ pool: encodings.pool(undefined, forever) });
    const { farm } = await startFarm(1, { silenceMs: 3_000 });
    await until(() => stuck.member.snapshot().sector !== null, 'a sector under way');
    await stuck.connection.close();
    const { member } = await startPlotter();
    await until(() => plotted(farm) === 1, 'the sector');
    expect(member.snapshot().done).toBe(1);
  });

  it('refuses a wrong sector before it is written, and whoever delivered it', async () => {
    const bad = await startPlotter({ pool: encodings.pool((chunks) => (chunks[RECORD_CHUNKS * 31]! ^= 1)) });
    const { farm, directory } = await startFarm(1);
    await until(() => bad.member.snapshot().done > 0, 'a delivered sector');
    await until(() => cluster.lines.some((line) => line.includes('wrong sector')), 'the refusal');
    expect([...directory.files.keys()].filter((name) => name.startsWith('sector'))).toEqual([]);
    expect(plotted(farm)).toBe(0);
    await startPlotter();
    await until(() => plotted(farm) === 1, 'the sector of another plotter');
    expect(bad.member.snapshot().done).toBe(1);
    await farm.scrub();
    expect(plotted(farm)).toBe(1);
  });

  it('goes on where it was when the NATS server is restarted', async () => {
    const release: (() => void)[] = [];
    let paused = true;
    const wait = (): Promise<void> =>
      paused ? new Promise((resolve) => void release.push(resolve)) : Promise.resolve();
    const { member } = await startPlotter({ pool: encodings.pool(undefined, wait) });
    const { farm } = await startFarm(1, { silenceMs: 3_000 });
    await until(() => release.length > 0, 'an encoding under way');
    await cluster.server.restart();
    paused = false;
    for (const resume of release) resume();
    await until(() => plotted(farm) === 1, 'the sector');
    // Nothing that was encoded is encoded again.
    expect(encodings.encoded).toBe(2);
    expect(member.snapshot().done).toBeGreaterThan(0);
  });

  it('outlives its controller in the middle of a sector', async () => {
    let asked = 0;
    const hold = new Promise<null>(() => undefined);
    node.give = async (index) => ((asked += 1) > 1 ? hold : fakePiece(index));
    const connection = await cluster.connect();
    await startPlotter({ pieces: new ClusterPieces(connection, { cache: 500, controller: 500 }) });
    const { farm } = await startFarm(1);
    await until(() => asked > 1, 'a piece that does not come');
    await controller.stop();
    node.give = async (index) => fakePiece(index);
    controller = await startController();
    await until(() => plotted(farm) === 1, 'the sector');
    expect(encodings.encoded).toBe(2);
  }, 120_000);

  it('gives a busy plotter no second sector', async () => {
    let under = 0;
    let most = 0;
    const wait = async (): Promise<void> => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setTimeout(resolve, 50));
      under -= 1;
    };
    await startPlotter({ pool: encodings.pool(undefined, wait), concurrency: 1 });
    const { farm } = await startFarm(3);
    await until(() => plotted(farm) === 3, 'three sectors');
    expect(most).toBe(1);
  });

  it('says when two members have one identity', async () => {
    const directory = new MemoryDirectory();
    await startCache(2, directory);
    const copy = new MemoryDirectory();
    for (const [name, bytes] of directory.files) copy.files.set(name, bytes.slice());
    await startCache(2, copy);
    await until(() => cluster.lines.some((line) => line.includes('as well')), 'the warning');
    expect(cluster.lines.find((line) => line.includes('as well'))).toMatch(/copied/);
  });

  it('is not disturbed by members that announce themselves and do not answer', async () => {
    const connection = await cluster.connect();
    connection.publish(clusterMessages.cacheIdentify, createUlid(), 'default');
    connection.publish(clusterMessages.farmerIdentify, createUlid(), 'farmer');
    const identity = { pieceCacheId: createUlid(), maxNumElements: 4 };
    connection.publish(clusterMessages.pieceCacheIdentify, identity, 'default');
    await until(() => cluster.lines.some((line) => line.includes(identity.pieceCacheId)), 'the cache');
    await until(() => controller.caches.summary.caches === 0, 'the cache given up');
    const { signal } = new AbortController();
    expect(await new ClusterPieces(connection).piece(1n, signal)).toEqual(fakePiece(1n));
  });

  it('shows from its broadcasts who is there', async () => {
    const roster = new ClusterRoster(await cluster.connect(), () => undefined);
    roster.start();
    stops.push(() => roster.stop());
    await startCache(4);
    await startPlotter();
    const { farm } = await startFarm(2);
    await until(() => plotted(farm) === 2, 'two sectors');
    node.announce(slotAt(7));
    await until(() => roster.view().farms[0]?.plotted === 2, 'an audit of two sectors');
    const seen = roster.view();
    expect(seen.farms[0]).toMatchObject({ id: farm.id, total: 2, presence: 'here', sectors: [], slow: [] });
    expect(seen.sectorSeconds).toBeGreaterThan(0);
    expect(seen.caches).toMatchObject([{ capacity: 4, presence: 'here' }]);
    expect(seen.controllers).toMatchObject([{ id: controller.instance, slot: '7' }]);
  });

  it('plots by itself where nobody offers', async () => {
    const { farm } = await startFarm(2, { plotWith: 'both', patienceMs: 0 });
    await until(() => plotted(farm) === 2, 'two sectors');
    expect(encodings.encoded).toBe(4);
  });

  it('leaves that to whoever plots on this machine, a helper say', async () => {
    const here: number[] = [];
    const plotHere: SectorPlotter = (plan, context) => {
      here.push(plan.sectorIndex);
      return plotSector(plan, context);
    };
    const { farm } = await startFarm(2, { plotWith: 'self', plotHere });
    await until(() => plotted(farm) === 2, 'two sectors');
    expect(here).toEqual([0, 1]);
  });
});
