/** A cluster of all roles on the local network: real sectors, real proofs, a real NATS server. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CacheMember } from '../src/cluster/cache.ts';
import { CacheStore } from '../src/cluster/cache-store.ts';
import { Controller } from '../src/cluster/controller.ts';
import { FarmerMember } from '../src/cluster/farmer.ts';
import { ClusterHistory } from '../src/cluster/history.ts';
import { ClusterPieces } from '../src/cluster/pieces.ts';
import { PlotterMember } from '../src/cluster/plotter.ts';
import { ClusterRoster } from '../src/cluster/roster.ts';
import { TestCluster } from '../src/cluster/testing.ts';
import { describeWithNats } from '../src/cluster/testing-nats.ts';
import { createNodePool } from '../src/crypto/pool/node.ts';
import { randomBytes } from '../src/crypto/random.ts';
import { loadWasm } from '../src/crypto/wasm.ts';
import { PieceVerifier } from '../src/dsn/verifier.ts';
import { Farm } from '../src/farm/farm.ts';
import { identityFromEntropy } from '../src/farm/identity.ts';
import { bytesOfSectors } from '../src/farm/sectors.ts';
import { openNodeSocket } from '../src/network/socket-node.ts';
import { RpcSource } from '../src/network/source.ts';
import { NodeDirectory } from '../src/storage/node-directory.ts';
import { FAST_PARAMS } from './config.ts';
import { TestNetwork } from './testing/test-network.ts';

const LIMIT_MS = 8 * 60_000;
/** Slots wait so long for a farm that is busy with one. */
const SLOT_LIMIT_MS = 60_000;
/** Looks in a row that find a farm idle until it counts as done with a slot. */
const IDLE_LOOKS = 5;
const LONGEST_PROOF_MS = 120_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await sleep(50);
  }
}

describeWithNats('a cluster on the local network', () => {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-cluster-'));
  const stops: (() => unknown)[] = [];
  let network: TestNetwork;
  let cluster: TestCluster;
  let farm: Farm | null = null;
  const pool = createNodePool(2);

  /** Slots since the farm is there, and how many it had dealt with before. */
  let slots = 0;
  let before = 0;

  const best = (): number =>
    (network as TestNetwork | undefined) === undefined ? 0 : network.network.chain.best.number;

  /** Slots that the farm has dealt with. */
  function dealtWith({ slots: { audited, missed } }: ReturnType<Farm['snapshot']>): number {
    return audited + missed;
  }

  /** Time waits for the farm, once there is a first block to plot from: a busy machine is slow, not unlucky. */
  async function pace(signal: AbortSignal): Promise<void> {
    await sleep(50);
    const early = (): boolean => farm === null && best() > 0;
    while (!signal.aborted && early()) await sleep(50);
    // The end of the test must not take it away meanwhile.
    const busy = farm;
    if (busy === null) return;
    if (slots === 0) before = dealtWith(busy.snapshot());
    const end = Date.now() + SLOT_LIMIT_MS;
    // Between an audit and its proof the pool has nothing to do for a moment.
    for (let idle = 0; idle < IDLE_LOOKS && !signal.aborted && Date.now() < end; idle += 1) {
      if (dealtWith(busy.snapshot()) - before < slots || pool.status().busy > 0) idle = 0;
      await sleep(20);
    }
    slots += 1;
  }

  beforeAll(async () => {
    await loadWasm();
    cluster = await TestCluster.start();
    network = await TestNetwork.start({ pace, farmingTimeoutMs: LONGEST_PROOF_MS });
  });

  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
    await network.remove();
    await pool.close();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    'plots, proves and wins',
    async () => {
      const url = `ws://127.0.0.1:${network.network.port}`;
      const source = RpcSource.connect(url, { openSocket: openNodeSocket });
      stops.push(() => source.close());
      await until(() => network.network.chain.best.number > 0, 'a block');

      const verifier = new PieceVerifier(pool, {
        segmentCommitment: (index) => controller.segmentCommitment(index),
      });
      const controller: Controller = new Controller({
        connection: await cluster.connect(),
        node: source.farmer,
        valid: (index, piece) => verifier.valid(index, piece),
      });
      await controller.start();
      stops.push(() => controller.stop());

      const cache = new CacheMember({
        connection: await cluster.connect(),
        store: await CacheStore.open(await NodeDirectory.at(join(folder, 'cache')), 6),
      });
      cache.start();
      stops.push(() => cache.stop());

      const roster = new ClusterRoster(await cluster.connect(), () => undefined);
      roster.start();
      stops.push(() => roster.stop());

      const plotting = await cluster.connect();
      const history = new ClusterHistory(plotting);
      await history.follow();
      const plotter = new PlotterMember({
        connection: plotting,
        pool,
        directory: await NodeDirectory.at(join(folder, 'plotter')),
        pieces: new ClusterPieces(plotting),
        history,
      });
      await plotter.start();
      stops.push(() => plotter.stop());

      const farming = await cluster.connect();
      const farmerHistory = new ClusterHistory(farming);
      await farmerHistory.follow();
      const member = new FarmerMember({
        connection: farming,
        pool,
        history: farmerHistory,
        plotWith: 'cluster',
      });
      await member.start();
      const identity = await identityFromEntropy(randomBytes(32));
      const seat = member.seat(identity.publicKey);
      const opened = await Farm.open({
        ...seat.options,
        directory: await NodeDirectory.at(join(folder, 'farm')),
        pool,
        identity,
        rewardAddress: identity.publicKey,
        allocatedBytes: bytesOfSectors(1, FAST_PARAMS.maxPiecesInSector),
      });
      seat.attach(opened);
      stops.push(async () => {
        member.stop();
        await opened.stop();
      });
      opened.start();
      await until(
        () => opened.snapshot().sectors.every(({ historySize }) => historySize !== null),
        'two sectors',
      );
      expect(plotter.snapshot().done).toBe(1);
      await opened.scrub();
      expect(readdirSync(join(folder, 'farm')).filter((name) => name.endsWith('.bin'))).toHaveLength(1);

      farm = opened;
      await until(() => {
        const { blocks, votes } = opened.snapshot().rewards;
        return blocks + votes > 0;
      }, 'a reward');
      await until(() => controller.farms.summary.sectors === 1, 'the sector at the controller');
      await until(() => roster.view().farms[0]?.plotted === 1, 'news of the farm');
      const [seen] = roster.view().farms;
      expect(seen).toMatchObject({ id: opened.id, total: 1, presence: 'here' });
      expect(seen!.solutions).toBeGreaterThan(0);
      // Caches tell of themselves once a minute.
      await until(() => roster.view().caches.length === 1, 'news of the cache');
      expect(roster.view().controllers).toHaveLength(1);
    },
    15 * 60_000,
  );
});
