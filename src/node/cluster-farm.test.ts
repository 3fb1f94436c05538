/** The farms of a tab with seats in a cluster: real NATS server, controller and plotter; encodings that cost nothing. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as pathOf } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Controller } from '../cluster/controller.ts';
import type { FarmSeat } from '../cluster/farmer.ts';
import { ClusterHistory } from '../cluster/history.ts';
import { ClusterPieces } from '../cluster/pieces.ts';
import { PlotterMember } from '../cluster/plotter.ts';
import { Encodings, TestCluster, TestNode, until } from '../cluster/testing.ts';
import { describeWithNats } from '../cluster/testing-nats.ts';
import { bytesOfSectors } from '../farm/sectors.ts';
import {
  fakeIdentity,
  FakeHistory,
  FakeNode,
  fakePiece,
  fakeSolution,
  FakeSource,
  GENESIS,
  named,
  RULES,
  slotAt,
} from '../farm/test-support.ts';
import { equal } from '../protocol/bytes.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import { Cluster } from './cluster.ts';
import type { Desk } from './desk.ts';
import type { FarmWorld } from './farm-world.ts';
import { Farms } from './farms.ts';
import { Journal } from './journal.ts';
import type { NodePlatform } from './platform.ts';

const solution = fakeSolution(named('rewards', 32));

describeWithNats('a tab that farms with a cluster', () => {
  let server: TestCluster;
  let controllerNode: TestNode;
  let controller: Controller;
  let plotter: PlotterMember;
  let encodings: Encodings;
  let folder: string;
  let store: NodeStore;
  let cluster: Cluster;
  let farms: Farms;
  let world: FarmWorld;
  let seats: FarmSeat[];
  let ownNode: FakeNode;

  beforeEach(async () => {
    server = await TestCluster.start();
    controllerNode = new TestNode();
    encodings = new Encodings();
    controller = new Controller({
      connection: await server.connect(),
      node: controllerNode,
      valid: async () => true,
    });
    await controller.start();
    const connection = await server.connect();
    const history = new ClusterHistory(connection);
    await history.follow();
    const pieces = new ClusterPieces(connection);
    const directory = new MemoryDirectory();
    plotter = new PlotterMember({ connection, pool: encodings.pool(), directory, pieces, history });
    await plotter.start();

    folder = await mkdtemp(pathOf(tmpdir(), 'allotment-seat-'));
    store = await openNodeStore(folder);
    const own = new MemoryDirectory();
    const platform = {
      store,
      defaultFarm: { kind: 'folder', name: 'first' },
      openFarmDirectory: async () => own,
      connectNats: async () => connect,
    } as unknown as NodePlatform;
    const journal = new Journal(store, () => undefined);
    farms = new Farms(
      platform,
      journal,
      () => undefined,
      () => undefined,
    );
    const pool = encodings.pool(undefined, undefined, false);
    cluster = new Cluster(
      platform,
      journal,
      () => undefined,
      async () => ({}) as Desk,
      async () => {
        await farms.halt();
        farms.start(world);
      },
    );
    seats = [];
    ownNode = new FakeNode();
    world = {
      pool,
      history: new FakeHistory(),
      node: ownNode,
      pieces: new FakeSource(),
      genesisHash: GENESIS,
      identity: fakeIdentity(),
      rewardAccount: named('rewards', 32),
      seat: (publicKey) => {
        const seat = cluster.seat(publicKey, world.genesisHash);
        if (seat !== null) seats.push(seat);
        return seat;
      },
    };
    await cluster.serve(world);
  });

  afterEach(async () => {
    await cluster.stop();
    await farms.halt();
    await plotter.stop();
    await controller.stop();
    await store.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const join = () =>
    cluster.join({
      server: server.server.url,
      credentials: { kind: 'none' },
      plotter: false,
      farmer: true,
    });
  const plotted = (): number =>
    farms.views()[0]?.sectors.filter(({ state }) => state === 'plotted').length ?? 0;

  it('has its sectors plotted there, shows them, and is read from', async () => {
    await join();
    farms.start(world);
    await farms.give(bytesOfSectors(2, RULES.maxPiecesInSector));
    await until(() => plotted() === 2, 'two sectors');
    expect(plotter.snapshot().done).toBe(2);
    await until(() => controller.farms.summary.sectors === 2, 'the sectors at the controller');
    const index = [...Array(768).keys()].map(BigInt).find((candidate) => known(candidate))!;
    expect(equal((await controller.farms.piece(index))!, fakePiece(index))).toBe(true);
  });

  function known(index: bigint): boolean {
    return (controller.farms as unknown as { places: Map<bigint, unknown> }).places.has(index);
  }

  it('sends solutions and signatures by way of the controller, and by its own node when it left', async () => {
    await join();
    farms.start(world);
    await farms.give(bytesOfSectors(1, RULES.maxPiecesInSector));
    await until(() => plotted() === 1, 'a sector');
    expect(ownNode.listeners).toBe(0);
    const { node } = seats.at(-1)!.options;
    const heard: bigint[] = [];
    node.onSlot(({ slotNumber }) => heard.push(slotNumber));
    controllerNode.announce(slotAt(7));
    await until(() => heard.includes(7n), 'the slot');
    await until(() => (farms.views()[0]?.slots.audited ?? 0) > 0, 'an audit of it');
    await node.submitSolution(7n, solution);
    await until(() => controllerNode.solutions.length === 1, 'the solution');
    expect(controllerNode.solutions[0]).toEqual({ slot: 7n, solution });
    const hash = named('hash', 32);
    controllerNode.askToSign({ hash, publicKey: named('somebody else', 32) });
    controllerNode.askToSign({ hash, publicKey: world.identity.publicKey });
    await until(() => controllerNode.signatures.length > 0, 'the signature');
    expect(controllerNode.signatures).toEqual([{ hash, signature: world.identity.signReward(hash) }]);

    await cluster.setRoles({ plotter: false, farmer: false });
    await until(() => ownNode.listeners > 0, 'the farm at its own node');
    expect(cluster.seat(world.identity.publicKey, GENESIS)).toBeNull();
    expect(plotted()).toBe(1);
  });

  it('has no seat in a cluster of another network', async () => {
    controllerNode.info = { ...controllerNode.info, genesisHash: named('elsewhere', 32) };
    await join();
    farms.start(world);
    await farms.give(bytesOfSectors(1, RULES.maxPiecesInSector));
    await until(() => farms.views()[0]?.cause != null, 'the cause');
    expect(farms.views()[0]!.cause!.sentence).toMatch(/another network/);
    expect(plotted()).toBe(0);
  });
});
