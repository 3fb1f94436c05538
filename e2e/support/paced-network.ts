/**
 * A local network for browser tests, run as a program. Its own time goes by its slots and is as many minutes late as
 * the argument says: it makes a block whenever it is later than that, and hurries when a transaction came, then and
 * while the Auto ID domain has some, until stakes have passed an epoch and their lock. So its blocks never come from
 * the future, however long a loaded machine takes. Prints one line of JSON with its addresses. Every line that it
 * reads is an account that gets ten tokens on the domain, which it confirms; it ends with its input.
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
import { LateClock } from './late-clock.ts';

const TICK_MS = 1_000;
/** A block in so many ticks while it hurries, twice as many as its slots would bring. */
const HURRY_TICKS = 3;
const BUSY_BLOCKS = STAKING.epoch + STAKING.lockingPeriod;
const TEN_TOKENS = 10n ** 19n;

const late = Number(process.argv[2]) * 60_000;
const clock = new LateClock(late, FAST_PARAMS.slotDurationMs);
const test = await TestNetwork.start({ domainPort: 0, now: clock.now });
const { pool, chain, domain, port, hub } = test.network;
hub.onSlot(clock.tick);
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
  const lateness = Date.now() - clock.now();
  const hurries = number < wanted && ticks % HURRY_TICKS === 0;
  if (lateness > (hurries ? 0 : late)) void test.reach(number + 1);
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

const lines = createInterface({ input: process.stdin });
process.once('SIGTERM', () => lines.close());
for await (const line of lines) {
  give(line.trim());
  process.stdout.write(`${JSON.stringify({ given: line })}\n`);
}
clearInterval(timer);
await test.remove();
process.exit(0);
