/**
 * A local network for browser tests, run as a program: a block every six seconds, as its slots have it; one at once
 * when a transaction came and then every three seconds until stakes have passed an epoch and their lock. Chain time
 * must not run a minute ahead of the clock. Prints one line of JSON with its address; ends with its input.
 */
import { loadWasm } from '../../src/crypto/wasm.ts';
import { decodeExtrinsic } from '../../src/protocol/extrinsic.ts';
import { encodeAddress } from '../../src/protocol/ss58.ts';
import { STAKING } from '../../devnet/config.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';

const TICK_MS = 1_000;
const BUSY_TICKS = 3;
const IDLE_TICKS = 6;

await loadWasm();
const test = await TestNetwork.start();
await test.reach(3);
const { network } = test;
process.stdout.write(
  `${JSON.stringify({
    endpoint: `ws://127.0.0.1:${network.port}`,
    farmer: encodeAddress(test.farmer.identity.publicKey),
  })}\n`,
);

const BUSY_BLOCKS = STAKING.epoch + STAKING.lockingPeriod;
let wanted = 0;
let ticks = 0;
network.pool.onAdded(() => {
  const signed = network.pool.pending().some((bytes) => decodeExtrinsic(bytes).kind === 'signed');
  if (!signed) return;
  wanted = network.chain.best.number + BUSY_BLOCKS;
  ticks = -1;
});
const timer = setInterval(() => {
  ticks += 1;
  const { number } = network.chain.best;
  if (ticks % (number < wanted ? BUSY_TICKS : IDLE_TICKS) === 0) void test.reach(number + 1);
}, TICK_MS);
process.stdin.once('end', () => {
  clearInterval(timer);
  void test.remove().then(() => process.exit(0));
});
process.stdin.resume();
