/**
 * A local network for tests of the page, run as a program: a block every few seconds by a farmer of its own, free
 * ports. Prints one line of JSON with its addresses. Every line that it reads is an account that gets ten tokens on
 * the Auto ID domain; it ends with its input.
 */
import { createInterface } from 'node:readline';
import { developmentAccounts } from '../devnet/accounts.ts';
import { domainAccount } from '../devnet/domain/runtime.ts';
import { TestNetwork } from '../devnet/testing/test-network.ts';
import { sign } from '../src/crypto/sr25519.ts';
import { signDomainExtrinsic } from '../src/identity/extrinsic.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../src/protocol/constants.ts';
import { IMMORTAL } from '../src/protocol/extrinsic.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { decodeAddress } from '../src/protocol/ss58.ts';

/** Faster than the slots' nominal time, but not so much that a minute of it seems to come from the future. */
const BLOCK_MS = 3500;
const TEN_TOKENS = 10n ** 19n;

const running = await TestNetwork.start({ domainPort: 0 });
const { chain, domain, port } = running.network;
// The runtime is described from the first block on, and the domain begins with it.
await running.reach(2);
const timer = setInterval(() => void running.reach(chain.best.number + 1), BLOCK_MS);
process.stdout.write(
  `${JSON.stringify({ rpc: `ws://127.0.0.1:${port}`, domain: `ws://127.0.0.1:${domain.port}` })}\n`,
);

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
await running.remove();
