/**
 * A local network for tests of the page, run as a program: quick slots, a farmer of its own, free ports. Prints one
 * line of JSON with its addresses. Every line that it reads is an account that gets ten tokens on the Auto ID
 * domain; it ends with its input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { developmentAccounts } from '../devnet/accounts.ts';
import { DEFAULT_NODE_OPTIONS, FAST_PARAMS } from '../devnet/config.ts';
import { LocalNetwork } from '../devnet/network.ts';
import { domainAccount } from '../devnet/domain/runtime.ts';
import { sign } from '../src/crypto/sr25519.ts';
import { signDomainExtrinsic } from '../src/identity/extrinsic.ts';
import { fromHex } from '../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../src/protocol/constants.ts';
import { IMMORTAL } from '../src/protocol/extrinsic.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { decodeAddress } from '../src/protocol/ss58.ts';

/** Faster than the clock, but not so much that a minute of it seems to come from the future. */
const SLOT_MS = 600;
const TEN_TOKENS = 10n ** 19n;

const dataDir = mkdtempSync(join(tmpdir(), 'allotment-e2e-network-'));
const network = await LocalNetwork.start(FAST_PARAMS, {
  ...DEFAULT_NODE_OPTIONS,
  dataDir,
  rpcPort: 0,
  domainPort: 0,
  ownPiecesInSector: 1,
  pace: async (signal) => {
    await setTimeout(SLOT_MS, undefined, { signal }).catch(() => undefined);
  },
  log: (line) => void (process.env['ALLOTMENT_E2E_LOG'] === undefined || process.stderr.write(`${line}\n`)),
});
const { domain, port, chain } = network;
// The runtime is described from the first block on.
if (chain.best.number === 0) await new Promise<void>((done) => chain.on('best', () => done()));
process.stdout.write(
  `${JSON.stringify({ rpc: `ws://127.0.0.1:${port}`, domain: `ws://127.0.0.1:${domain.port}` })}\n`,
);

function give(address: string): void {
  const { chain: own, pool } = domain;
  const { publicKey, secret } = developmentAccounts()[0]!;
  const to = decodeAddress(address).account;
  const call = new ScaleWriter().u8(20).u8(3).u8(0).raw(to).compact(TEN_TOKENS).bytes();
  const stored = domainAccount(own.stateOf(own.best.hash), publicKey)!.nonce;
  const genesisHash = fromHex(own.genesis.hash, 32);
  const extrinsic = signDomainExtrinsic(
    {
      scheme: 'sr25519',
      publicKey,
      sign: (message) => sign(secret, EXTRINSIC_SIGNING_CONTEXT, message),
    },
    call,
    { era: IMMORTAL, nonce: BigInt(pool.nextNonce(publicKey, stored)), tip: 0n },
    { specVersion: 0, transactionVersion: 0, genesisHash, eraBirthHash: genesisHash },
  );
  pool.submit(extrinsic);
}

for await (const line of createInterface({ input: process.stdin })) give(line.trim());
await network.stop();
rmSync(dataDir, { recursive: true, force: true });
