/**
 * A local network for browser tests, run as a program: a block every six seconds, as its slots have it; one at once
 * when a transaction came, then and while the Auto ID domain has some every three seconds, until stakes have passed
 * an epoch and their lock. Its own time goes by its slots and begins as many minutes ago as the argument says, so
 * that it may hurry that long without its blocks coming from the future. Prints one line of JSON with its addresses. Every line that it reads is an account
 * that gets ten tokens on the domain; it ends with its input.
 */
import { createInterface } from 'node:readline';
import { developmentAccounts } from '../../devnet/accounts.ts';
import { FAST_PARAMS, STAKING } from '../../devnet/config.ts';
import { domainAccount } from '../../devnet/domain/runtime.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';
import { sign } from '../../src/crypto/sr25519.ts';
import { signDomainExtrinsic } from '../../src/identity/extrinsic.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { decodeExtrinsic, IMMORTAL } from '../../src/protocol/extrinsic.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { decodeAddress } from '../../src/protocol/ss58.ts';

const TICK_MS = 1_000;
const BUSY_TICKS = 3;
const IDLE_TICKS = 6;
const BUSY_BLOCKS = STAKING.epoch + STAKING.lockingPeriod;
const TEN_TOKENS = 10n ** 19n;

const began = Date.now() - Number(process.argv[2]) * 60_000;
let slots = 0;
const test = await TestNetwork.start({
  domainPort: 0,
  now: () => began + slots * FAST_PARAMS.slotDurationMs,
});
const { pool, chain, domain, port, hub } = test.network;
hub.onSlot(() => (slots += 1));
// The runtime is described from the first block on, and the domain begins with it.
await test.reach(3);
process.stdout.write(
  `${JSON.stringify({ endpoint: `ws://127.0.0.1:${port}`, domain: `ws://127.0.0.1:${domain.port}` })}\n`,
);

let wanted = 0;
let ticks = 0;
pool.onAdded(() => {
  if (!pool.pending().some((bytes) => decodeExtrinsic(bytes).kind === 'signed')) return;
  wanted = chain.best.number + BUSY_BLOCKS;
  ticks = -1;
});
const timer = setInterval(() => {
  ticks += 1;
  const { number } = chain.best;
  if (domain.pool.pending().length > 0) wanted = number + BUSY_BLOCKS;
  if (ticks % (number < wanted ? BUSY_TICKS : IDLE_TICKS) === 0) void test.reach(number + 1);
}, TICK_MS);

function give(address: string): void {
  const { publicKey, secret } = developmentAccounts()[0]!;
  const to = decodeAddress(address).account;
  const call = new ScaleWriter().u8(20).u8(3).u8(0).raw(to).compact(TEN_TOKENS).bytes();
  const stored = domainAccount(domain.chain.stateOf(domain.chain.best.hash), publicKey)!.nonce;
  const genesisHash = fromHex(domain.chain.genesis.hash, 32);
  const extrinsic = signDomainExtrinsic(
    {
      scheme: 'sr25519',
      publicKey,
      sign: (message) => sign(secret, EXTRINSIC_SIGNING_CONTEXT, message),
    },
    call,
    { era: IMMORTAL, nonce: BigInt(domain.pool.nextNonce(publicKey, stored)), tip: 0n },
    { specVersion: 0, transactionVersion: 0, genesisHash, eraBirthHash: genesisHash },
  );
  domain.pool.submit(extrinsic);
}

for await (const line of createInterface({ input: process.stdin })) give(line.trim());
clearInterval(timer);
await test.remove();
process.exit(0);
