/** The wallet of a node that follows the local network registers and revokes on its Auto ID domain. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallView } from '../../src/identity/registry-call.ts';
import { cidOfHash } from '../../src/protocol/cid.ts';
import type { IdentityCommands, WalletCommands } from '../../src/node/desk.ts';
import { AllotmentNode } from '../../src/node/node.ts';
import { createNodePlatform } from '../../src/node/node-platform.ts';
import { sign } from '../../src/crypto/sr25519.ts';
import { signDomainExtrinsic } from '../../src/identity/extrinsic.ts';
import type { PaymentRecord } from '../../src/node/payment-records.ts';
import { fromHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { IMMORTAL } from '../../src/protocol/extrinsic.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import { decodeAddress } from '../../src/protocol/ss58.ts';
import { developmentAccounts } from '../accounts.ts';
import { RpcServer } from '../rpc/server.ts';
import { TestNetwork } from '../testing/test-network.ts';
import { signTransaction } from '../transactions.ts';
import { domainMethods } from './rpc.ts';
import { domainAccount } from './runtime.ts';

const AI3 = 10n ** 18n;
let test: TestNetwork;
let folder: string;
let node: AllotmentNode;
let ids: IdentityCommands;
let wallet: WalletCommands;

function commands<T extends object>(call: (name: string, input: unknown) => Promise<unknown>): T {
  return new Proxy({} as T, { get: (_, name) => (input: unknown) => call(String(name), input) });
}

/** Sends ten tokens of //Alice's to an address of the domain. */
function give(address: string): void {
  const { chain, pool } = test.network.domain;
  const { publicKey, secret } = developmentAccounts()[0]!;
  const to = decodeAddress(address).account;
  const call = new ScaleWriter()
    .u8(20)
    .u8(3)
    .u8(0)
    .raw(to)
    .compact(10n ** 19n)
    .bytes();
  const genesisHash = fromHex(chain.genesis.hash, 32);
  pool.submit(
    signDomainExtrinsic(
      {
        scheme: 'sr25519',
        publicKey,
        sign: (message) => sign(secret, EXTRINSIC_SIGNING_CONTEXT, message),
      },
      call,
      { era: IMMORTAL, nonce: BigInt(pool.nextNonce(publicKey, 0)), tip: 0n },
      { specVersion: 0, transactionVersion: 0, genesisHash, eraBirthHash: genesisHash },
    ),
  );
}

/** Lets the network go on by a block that holds what the wallet is sending. */
async function included(): Promise<void> {
  const { domain, chain } = test.network;
  while (domain.pool.pending().length === 0) await new Promise((done) => setTimeout(done, 20));
  await test.reach(chain.best.number + 1);
}

/** Waits until the node has verified the network's best block. */
async function caughtUp(): Promise<void> {
  const { chain } = test.network;
  while (node.snapshot().chain?.best?.number !== chain.best.number)
    await new Promise((done) => setTimeout(done, 50));
}

beforeAll(async () => {
  test = await TestNetwork.start({ domainPort: 0 });
  await test.reach(1);
  folder = await mkdtemp(join(tmpdir(), 'allotment-registry-'));
  node = await AllotmentNode.create(await createNodePlatform(folder));
  ids = commands<IdentityCommands>((name, input) => node.identities(name, input));
  await node.start({
    network: {
      id: 'local',
      name: 'Local network',
      endpoints: [`ws://127.0.0.1:${test.network.port}`],
      domainEndpoints: [`ws://127.0.0.1:${test.network.domain.port}`],
      genesisHash: null,
    },
    farm: null,
    cores: 1,
    potBudget: { mode: 'full' },
  });
  wallet = commands<WalletCommands>((name, input) => node.wallet(name, input));
  await wallet.create({ phrase: await wallet.newPhrase(12), password: 'correct horse battery' });
  give((await wallet.status()).accounts[0]!.address);
  await caughtUp();
});

afterAll(async () => {
  await node?.stop();
  await test.remove();
  await rm(folder, { recursive: true, force: true });
});

describe('a wallet on a network with a registry', () => {
  it('registers, is proven, revokes, and believes a bad report at once', async () => {
    const { did } = await ids.createIdentity({ name: 'Town hall' });
    expect(did).toMatch(/^did:autoid:dev:/);
    expect(await ids.verdict({ did })).toMatchObject({
      strict: 'not-anchored',
      certificates: 'ok',
      registry: 'asked',
      asOf: { proven: true },
    });
    await test.reach(test.network.chain.best.number + 1);
    await caughtUp();
    const { quote } = await ids.registerIdentity({ did, dry: true });
    expect(quote).toMatchObject({ call: 'AutoId.register_auto_id', domain: 0, balance: String(10n ** 19n) });
    expect(BigInt(quote!.fee)).toBeGreaterThan(0n);

    const registering = ids.registerIdentity({ did });
    await included();
    const { block, refused } = await registering;
    expect(refused).toBeNull();
    await caughtUp();
    // In a block, but not confirmed: a node's word makes no verdict better.
    expect(await ids.verdict({ did })).toMatchObject({ strict: 'not-anchored', reported: 'ok' });
    expect(await ids.registerIdentity({ did })).toMatchObject({ refused: 'AutoIdIdentifierAlreadyExists' });

    await test.reach(test.network.chain.best.number + 2);
    await caughtUp();
    const proven = await ids.verdict({ did });
    expect(proven).toMatchObject({ chain: 'ok', strict: 'ok', asOf: { proven: true } });
    expect(proven.asOf!.block).toBeGreaterThanOrEqual(block!);
    expect(proven.asOf!.consensusBlock).toBe(test.network.chain.best.number);

    const revoking = ids.revokeIdentity({ did });
    await included();
    expect((await revoking).refused).toBeNull();
    expect(await ids.verdict({ did })).toMatchObject({ strict: 'revoked', asOf: { proven: false } });
    await test.reach(test.network.chain.best.number + 2);
    await caughtUp();
    expect(await ids.verdict({ did })).toMatchObject({ strict: 'revoked', asOf: { proven: true } });
  });

  it('announces lists of revocations, each newer than the one before', async () => {
    const { did } = await ids.createIdentity({ name: 'Library' });
    const cid = cidOfHash(new Uint8Array(32).fill(7));
    const sent = async (call: Promise<CallView>) => {
      await included();
      return (await call).refused;
    };
    const first = await ids.statusList({ issuer: did });
    expect(await ids.announceStatusList({ issuer: did, list: first, cid })).toMatchObject({
      refused: 'UnknownIssuer',
    });
    expect(await sent(ids.registerIdentity({ did }))).toBeNull();
    expect(await sent(ids.announceStatusList({ issuer: did, list: first, cid }))).toBeNull();
    await expect(ids.announceStatusList({ issuer: did, list: first, cid })).rejects.toThrow('not newer');
    // Lists tell the time in seconds.
    await new Promise((done) => setTimeout(done, 1100));
    const second = await ids.statusList({ issuer: did });
    expect(await sent(ids.announceStatusList({ issuer: did, list: second, cid }))).toBeNull();
  });

  it('believes no node of the domain that hides a revocation', async () => {
    const { did } = (await ids.identities())[0]!;
    const { chain, pool } = test.network.domain;
    const methods = new Map(domainMethods(chain, pool));
    // The state of the genesis block, under the name of another.
    methods.set('state_getReadProof', ([keys, at]) => {
      const wanted = (keys as string[]).map((key) => fromHex(key));
      return { at, proof: chain.stateOf(chain.genesis.hash).prove(wanted).map(toPrefixedHex) };
    });
    const liar = new RpcServer(methods, [], () => undefined);
    const port = await liar.listen(0);
    const { network } = node.snapshot().setup!;
    await node.change({ network: { ...network, domainEndpoints: [`ws://127.0.0.1:${port}`] } });
    await caughtUp();
    // What the wallet saw revoked stays so.
    expect(await ids.verdict({ did })).toMatchObject({
      strict: 'revoked',
      registry: 'silent',
      reason: expect.stringContaining('proof'),
      asOf: null,
    });
    await node.change({ network });
    await liar.close();
    await caughtUp();
    expect(await ids.verdict({ did })).toMatchObject({ strict: 'revoked', registry: 'asked' });
  });

  it('moves tokens from the chain to the registry’s network', async () => {
    const { network } = test;
    const { chain, pool, domain } = network;
    const [account] = (await wallet.status()).accounts;
    const receiver = decodeAddress(account!.address).account;
    const five = new ScaleWriter()
      .u8(5)
      .u8(3)
      .u8(0)
      .raw(receiver)
      .compact(5n * AI3)
      .bytes();
    pool.submit(signTransaction(chain, pool, developmentAccounts()[0]!, five));
    await test.reach(chain.best.number + 1);
    await caughtUp();
    const held = () => domainAccount(domain.chain.stateOf(domain.chain.best.hash), receiver)!.free;
    const before = held();
    const args = {
      dst_location: {
        chain_id: { type: 'Domain', value: 0 },
        account_id: { type: 'AccountId32', value: receiver },
      },
      amount: AI3,
    };
    const call = { pallet: 'Transporter', call: 'transfer', args };
    const plan = (await node.money('prepare', { account: account!.address, call })) as { id: string };
    await node.money('send', { plan: plan.id });
    await test.reach(chain.best.number + 2);
    expect(held()).toBe(before + AI3);
  });

  it('proves since when its account has been in use, once the transaction is final', async () => {
    const [account] = (await wallet.status()).accounts;
    const use = ids.addAgeEvidence({ account: account!.address });
    await expect(use).rejects.toThrow('no-use');
    const { chain } = test.network;
    const settled = async () =>
      ((await node.money('list')) as PaymentRecord[]).some(
        ({ state }) => state.kind === 'included' && state.final,
      );
    while (!(await settled())) {
      await test.reach(chain.best.number + 1);
      await caughtUp();
    }
    // The block's time is this test's, which is proven and too young to count.
    const today = new Date().toISOString().slice(0, 10);
    await expect(ids.addAgeEvidence({ account: account!.address })).rejects.toMatchObject({
      code: 'too-young',
      sentence: expect.stringContaining(today) as string,
    });
    await expect(ids.addAgeEvidence({ account: account!.address, block: 1 })).rejects.toThrow('no-use');
  });
});
