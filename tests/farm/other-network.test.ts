/** A farm on a network with constants of its own, of two nodes named the first of which is not there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FAST_PARAMS } from '../../devnet/config.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';
import { bytesOfSectors } from '../../src/farm/sectors.ts';
import { AllotmentNode } from '../../src/node/node.ts';
import { createNodePlatform } from '../../src/node/node-platform.ts';

let network: TestNetwork;
let folder: string;
let node: AllotmentNode;

/** Milliseconds that the clock is put forward by: the network's slots pass faster than it. */
let ahead = 0;
const { now } = Date;
vi.spyOn(Date, 'now').mockImplementation(() => now() + ahead);

async function reach(number: number): Promise<void> {
  ahead += 10_000 * Math.max(0, number - network.network.chain.best.number);
  await network.reach(number);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 50));
}

beforeAll(async () => {
  network = await TestNetwork.start();
  folder = await mkdtemp(join(tmpdir(), 'allotment-other-network-'));
  node = await AllotmentNode.create(await createNodePlatform(folder));
}, 120_000);

afterAll(async () => {
  await node.stop();
  await network.remove();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

test('plots and audits by that network’s rules, with the node that is there', async () => {
  await reach(2);
  await node.start({
    network: {
      id: 'custom',
      name: 'Another network',
      endpoints: ['ws://127.0.0.1:1', `ws://127.0.0.1:${network.network.port}`],
      genesisHash: null,
    },
    farm: { allocatedBytes: bytesOfSectors(1, FAST_PARAMS.maxPiecesInSector), rewardAddress: null },
    cores: 2,
    potBudget: { mode: 'full' },
  });
  const farm = () => node.snapshot().farms[0]!;
  await until(() => farm().phase === 'farming');
  expect(farm()).toMatchObject({ cause: null, piecesInSector: FAST_PARAMS.maxPiecesInSector });
  await reach(4);
  await until(() => farm().slots.audited > 0);
  const { chain, notation } = node.snapshot();
  expect(notation.token).toEqual({ symbol: 'tAI3', decimals: 18 });
  expect(chain).toMatchObject({
    slotDurationMs: FAST_PARAMS.slotDurationMs,
    confirmationDepthK: FAST_PARAMS.confirmationDepthK,
  });
  expect(await node.rewards()).toMatchObject({
    slotProbability: FAST_PARAMS.slotProbability.map(String),
    expectedVotesPerBlock: FAST_PARAMS.expectedVotesPerBlock,
  });
}, 240_000);
