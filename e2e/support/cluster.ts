/** A farming cluster for browser tests: network, NATS server, controller, and a farmer that waits for a plotter. */
import { connect } from '@nats-io/transport-node';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterConnection } from '../../src/cluster/connection.ts';
import { Controller } from '../../src/cluster/controller.ts';
import { FarmerMember } from '../../src/cluster/farmer.ts';
import { ClusterHistory } from '../../src/cluster/history.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { createNodePool } from '../../src/crypto/pool/node.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { PieceVerifier } from '../../src/dsn/verifier.ts';
import { Farm } from '../../src/farm/farm.ts';
import { identityFromEntropy } from '../../src/farm/identity.ts';
import { bytesOfSectors } from '../../src/farm/sectors.ts';
import { openNodeSocket } from '../../src/network/socket-node.ts';
import { RpcSource } from '../../src/network/source.ts';
import { NodeDirectory } from '../../src/storage/node-directory.ts';
import { FAST_PARAMS } from '../../devnet/config.ts';
import { NatsServer } from '../../devnet/nats-server.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';
import { LateClock } from './late-clock.ts';

/** A block is made so often, sooner than its slots would bring it. */
const BLOCK_MS = 1_500;
const LATE_MS = 60 * 60_000;
const SECTORS = 2;

const print = (fields: object): void => void process.stdout.write(`${JSON.stringify(fields)}\n`);

await loadWasm();
const clock = new LateClock(LATE_MS, FAST_PARAMS.slotDurationMs);
const network = await TestNetwork.start({ now: clock.now });
network.network.hub.onSlot(clock.tick);
await network.reach(3);
const nats = await NatsServer.start({
  port: 0,
  webSocketPort: 0,
  extra: 'authorization { user: "ann", password: "long-42-barley" }',
});
const pool = createNodePool(1);
const member = () =>
  ClusterConnection.connect({
    connect,
    servers: [nats.url],
    credentials: { kind: 'password', user: 'ann', password: 'long-42-barley' },
    name: 'test',
    log: (line) => print({ line }),
  });
const endpoint = `ws://127.0.0.1:${network.network.port}`;
const source = RpcSource.connect(endpoint, { openSocket: openNodeSocket });
const verifier = new PieceVerifier(pool, {
  segmentCommitment: (index) => controller.segmentCommitment(index),
});
const controller: Controller = new Controller({
  connection: await member(),
  node: source.farmer,
  valid: (index, piece) => verifier.valid(index, piece),
});
await controller.start();

const folder = mkdtempSync(join(tmpdir(), 'allotment-cluster-'));
const connection = await member();
const history = new ClusterHistory(connection);
await history.follow();
const farmer = new FarmerMember({
  connection,
  pool,
  history,
  plotWith: 'cluster',
  log: (line) => print({ line }),
});
await farmer.start();
const identity = await identityFromEntropy(randomBytes(32));
const seat = farmer.seat(identity.publicKey);
const farm = await Farm.open({
  ...seat.options,
  directory: await NodeDirectory.at(folder),
  pool,
  identity,
  rewardAddress: identity.publicKey,
  allocatedBytes: bytesOfSectors(SECTORS, FAST_PARAMS.maxPiecesInSector),
});
seat.attach(farm);
farm.onChange(() => {
  const plotted = farm.snapshot().sectors.filter(({ state }) => state === 'plotted').length;
  if (plotted === SECTORS) print({ plotted });
});
farm.start();
print({ endpoint, nats: nats.url, webSocket: nats.webSocketUrl });

const timer = setInterval(() => void network.reach(network.network.chain.best.number + 1), BLOCK_MS);
const stop = async (): Promise<never> => {
  clearInterval(timer);
  farmer.stop();
  await farm.stop();
  await controller.stop();
  source.close();
  await network.remove();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
};
process.once('SIGTERM', () => void stop());
process.stdin.once('end', () => void stop());
process.stdin.resume();
