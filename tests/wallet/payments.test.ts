/** Payments on the local network, through the node as the page drives it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { developmentAccounts } from '../../devnet/accounts.ts';
import { STAKING } from '../../devnet/config.ts';
import { TestNetwork } from '../../devnet/testing/test-network.ts';
import { AllotmentNode } from '../../src/node/node.ts';
import { createNodePlatform } from '../../src/node/node-platform.ts';
import type { AccountHistoryView } from '../../src/node/account-history.ts';
import type { PaymentPlan } from '../../src/node/payments.ts';
import type { PaymentRecord } from '../../src/node/payment-records.ts';
import type { StakesView } from '../../src/node/stakes.ts';
import { sign as signMessage } from '../../src/crypto/sr25519.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { EXTRINSIC_SIGNING_CONTEXT } from '../../src/protocol/constants.ts';
import { encodeAddress } from '../../src/protocol/ss58.ts';
import type { AccountView } from '../../src/wallet/service.ts';

const DEVELOPMENT_PHRASE = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk';
const AI3 = 10n ** 18n;
let network: TestNetwork;
let folder: string;
let node: AllotmentNode;

async function open(): Promise<AllotmentNode> {
  const opened = await AllotmentNode.create(await createNodePlatform(folder));
  await opened.start({
    network: {
      id: 'custom',
      name: 'Test network',
      endpoints: [`ws://127.0.0.1:${network.network.port}`],
      genesisHash: null,
    },
    farm: null,
    cores: 1,
    potBudget: { mode: 'full' },
  });
  return opened;
}

/** Waits until the node's verified head is the network's. */
async function caughtUp(): Promise<number> {
  for (;;) {
    const best = node.snapshot().chain?.best?.number ?? -1;
    if (best === network.network.chain.best.number) return best;
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Milliseconds that the clock is put forward by: the network's slots pass faster than it. */
let ahead = 0;
const { now } = Date;
vi.spyOn(Date, 'now').mockImplementation(() => now() + ahead);
const BLOCK_MS = 6_500;

async function reach(number: number): Promise<void> {
  ahead += BLOCK_MS * Math.max(0, number - network.network.chain.best.number);
  await network.reach(number);
  await caughtUp();
}

const money = <T>(name: string, input?: unknown): Promise<T> => node.money(name, input) as Promise<T>;
const wallet = <T>(name: string, input?: unknown): Promise<T> => node.wallet(name, input) as Promise<T>;
const newest = async (): Promise<PaymentRecord> => (await money<PaymentRecord[]>('list'))[0]!;

async function until(check: (record: PaymentRecord) => boolean): Promise<PaymentRecord> {
  for (;;) {
    // Right after a start the chain is not open yet.
    const record = await newest().catch(() => null);
    if (record !== null && check(record)) return record;
    await new Promise((done) => setTimeout(done, 50));
  }
}

let alice: AccountView;
let own: AccountView;

beforeAll(async () => {
  network = await TestNetwork.start();
  folder = await mkdtemp(join(tmpdir(), 'allotment-payments-'));
  node = await open();
  const phrase = await wallet<string>('newPhrase', 24);
  await wallet('create', { phrase, password: 'correct horse battery' });
  alice = await wallet<AccountView>('importPhrase', {
    name: 'Alice',
    phrase: DEVELOPMENT_PHRASE,
    path: '//Alice',
  });
  own = await wallet<AccountView>('addAccount', { name: 'Own' });
  await reach(3);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await node.stop();
  await network.remove();
  await rm(folder, { recursive: true, force: true });
});

test('a payment is shown, signed, taken by the node, and proven in a block until it is final', async () => {
  expect(alice.address).toBe(encodeAddress(developmentAccounts()[0]!.publicKey));
  const input = { account: alice.address, to: own.address, amount: String(5n * AI3) };
  const plan = await money<PaymentPlan>('prepareTransfer', input);
  expect(plan.call).toMatchObject({
    title: 'Send 5 tAI3',
    name: 'Balances.transfer_keep_alive',
    known: true,
  });
  expect(plan.call.lines[0]).toEqual({ label: 'To', kind: 'account', value: own.address });
  expect(plan.warnings).toEqual([
    'The recipient’s account has never held anything. Check the address once more.',
  ]);
  expect(BigInt(plan.fee.total)).toBeGreaterThan(BigInt(plan.fee.blockSpace));
  expect(plan.balance.trust).toEqual({ kind: 'verified', atBlock: plan.firstBlock - 1 });
  const sent = await money<PaymentRecord>('send', { plan: plan.id });
  expect(sent.state.kind).toBe('waiting');
  // A plan is signed once.
  await expect(money('send', { plan: plan.id })).rejects.toThrow('no-plan');

  await reach(network.network.chain.best.number + 1);
  const { state } = await until(({ state: { kind } }) => kind === 'included');
  if (state.kind !== 'included') throw new Error('not included');
  expect(state).toMatchObject({ success: true, failure: null, final: false });
  expect(BigInt(state.fee!)).toBeLessThanOrEqual(BigInt(plan.fee.total));
  const balance = await node.balance(own.address);
  expect(balance).toMatchObject({ free: String(5n * AI3), trust: { kind: 'verified' } });
  await reach(state.block + 4);
  await until(({ state: now }) => now.kind === 'included' && now.final);
});

test('what cannot work is refused before anything is signed', async () => {
  const pay = (part: Record<string, string>) =>
    money('prepareTransfer', { account: alice.address, to: own.address, amount: '1', ...part });
  await expect(pay({ to: own.address.slice(0, -1) })).rejects.toMatchObject({ code: 'address' });
  await expect(pay({ amount: String(2_000_000n * AI3) })).rejects.toMatchObject({
    code: 'insufficient-balance',
  });
  const nobody = encodeAddress(new Uint8Array(32).fill(7));
  await expect(pay({ to: nobody })).rejects.toMatchObject({ code: 'below-minimum' });
  await expect(pay({ account: nobody })).rejects.toMatchObject({ code: 'no-account' });
  await wallet('watchAccount', { name: 'Bob', address: encodeAddress(developmentAccounts()[1]!.publicKey) });
  const bob = encodeAddress(developmentAccounts()[1]!.publicKey);
  const watched = await money<PaymentPlan>('prepareTransfer', { account: bob, to: own.address, amount: '5' });
  await expect(money('send', { plan: watched.id })).rejects.toMatchObject({ code: 'watch-only' });
  expect(await money<PaymentRecord[]>('list')).toHaveLength(1);
});

test('what another wallet signed is sent only if it is exactly what was shown', async () => {
  const bob = developmentAccounts()[1]!;
  const input = { account: encodeAddress(bob.publicKey), to: own.address, amount: String(AI3) };
  const plan = await money<PaymentPlan>('prepareTransfer', input);
  const sign = (payload: string) =>
    toHex(signMessage(bob.secret, EXTRINSIC_SIGNING_CONTEXT, fromHex(payload)));
  const sent = (signature: string) => money<PaymentRecord>('sendSigned', { plan: plan.id, signature });
  const other = await money<PaymentPlan>('prepareTransfer', { ...input, amount: String(2n * AI3) });
  await expect(sent(sign(other.raw.payload))).rejects.toMatchObject({ code: 'bad-signature' });
  await expect(sent(`00${sign(plan.raw.payload)}`)).rejects.toMatchObject({ code: 'signature-scheme' });
  await expect(sent('ab')).rejects.toMatchObject({ code: 'bad-signature' });
  const { id } = await sent(`01${sign(plan.raw.payload)}`);
  await reach(network.network.chain.best.number + 1);
  const done = await until((record) => record.id === id && record.state.kind === 'included');
  expect(done.state).toMatchObject({ success: true });
});

test('everything but what an account has to hold can be sent', async () => {
  const input = { account: own.address, to: alice.address, amount: 'max' };
  const plan = await money<PaymentPlan>('prepareTransfer', input);
  await money('send', { plan: plan.id });
  await reach(network.network.chain.best.number + 1);
  const { state } = await until(({ state: { kind } }) => kind === 'included');
  expect(state).toMatchObject({ success: true });
  const { free } = await node.balance(own.address);
  expect(BigInt(free)).toBeLessThan(AI3 / 1000n);
  expect(BigInt(free)).toBeGreaterThan(0n);
});

test('a call that fails in its block says why, and the next one waits in line', async () => {
  // Root alone may do this.
  const call = { pallet: 'Balances', call: 'transfer_all', args: null };
  await expect(money('prepare', { account: alice.address, call })).rejects.toThrow('call-arguments');
  const plan = await money<PaymentPlan>('prepare', {
    account: alice.address,
    call: { pallet: 'RuntimeConfigs', call: 'set_enable_balance_transfers', args: { enable: true } },
  });
  expect(plan.call.known).toBe(false);
  expect(plan.warnings).toHaveLength(1);
  await money('send', { plan: plan.id });
  const next = await money<PaymentPlan>('prepare', {
    account: alice.address,
    call: { pallet: 'System', call: 'remark', args: { remark: new Uint8Array([104, 105]) } },
  });
  expect(BigInt(next.nonce)).toBe(BigInt(plan.nonce) + 1n);
  expect(next.call.lines).toEqual([{ label: 'Content', kind: 'text', value: 'hi' }]);
  await reach(network.network.chain.best.number + 1);
  const { state } = await until(({ state: { kind } }) => kind === 'included');
  expect(state).toMatchObject({ success: false, failure: 'This account may not do that.' });
});

test('what was sent is followed on after a restart', async () => {
  const plan = await money<PaymentPlan>('prepare', {
    account: alice.address,
    call: { pallet: 'System', call: 'remark_with_event', args: { remark: new Uint8Array(2000) } },
  });
  const { id } = await money<PaymentRecord>('send', { plan: plan.id });
  await node.stop();
  await network.reach(network.network.chain.best.number + 2);
  node = await AllotmentNode.create(await createNodePlatform(folder));
  const record = await until(({ state: { kind } }) => kind === 'included');
  expect(record.id).toBe(id);
});

test('a stake is seen by proof from its first block to the last', async () => {
  await wallet('unlock', { password: 'correct horse battery' });
  const stakes = () => money<StakesView>('stakes', { account: alice.address });
  const run = async (call: string, args: Record<string, unknown>): Promise<PaymentRecord> => {
    const plan = await money<PaymentPlan>('prepare', {
      account: alice.address,
      call: { pallet: 'Domains', call, args },
    });
    const { id } = await money<PaymentRecord>('send', { plan: plan.id });
    await reach(network.network.chain.best.number + 1);
    return until((record) => record.id === id && record.state.kind === 'included');
  };
  const before = await stakes();
  expect(before.domains).toMatchObject([{ id: 0, kind: 'AutoId' }]);
  expect(before.operators).toMatchObject([{ id: '0', domain: 0, status: 'Registered' }]);
  expect(before.stakes).toEqual([]);
  const too = await run('nominate_operator', { operator_id: 0n, amount: 1n });
  expect(too.state).toMatchObject({
    success: false,
    failure: 'The operator takes no stake as small as that.',
  });

  await run('nominate_operator', { operator_id: 0n, amount: 50n * AI3 });
  await reach(network.network.chain.best.number + STAKING.epoch);
  const [staked] = (await stakes()).stakes;
  expect(staked).toMatchObject({ operator: '0', pending: '0', reserve: String(10n * AI3), leaving: [] });
  expect(staked?.worth).toBe(String(40n * AI3));

  await run('withdraw_stake', { operator_id: 0n, to_withdraw: BigInt(staked!.shares) });
  const [leaving] = (await stakes()).stakes;
  expect(leaving).toMatchObject({ shares: '0', leaving: [{ exact: false, ready: false }] });
  const early = await run('unlock_funds', { operator_id: 0n });
  expect(early.state).toMatchObject({ success: false });
  await reach(network.network.chain.best.number + STAKING.lockingPeriod);
  const [ready] = (await stakes()).stakes;
  expect(ready?.leaving).toMatchObject([{ amount: String(50n * AI3), exact: true, ready: true }]);
  await run('unlock_funds', { operator_id: 0n });
  expect((await stakes()).stakes).toEqual([]);
});

test('what happened to an account is found by proof, rewards among it', async () => {
  const history = (account: string) => money<AccountHistoryView>('history', { account });
  const head = await caughtUp();
  const settled = async (account: string): Promise<AccountHistoryView> => {
    for (;;) {
      const view = await history(account);
      if (view.looked?.to === head && !view.looking) return view;
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  const view = await settled(own.address);
  expect(view.trouble).toBeNull();
  expect(view.entries.map(({ kind, other, amount }) => [kind, other, amount])).toEqual([
    ['fee', null, expect.stringMatching(/^-/)],
    ['sent', alice.address, expect.stringMatching(/^-/)],
    ['received', encodeAddress(developmentAccounts()[1]!.publicKey), String(AI3)],
    ['received', alice.address, String(5n * AI3)],
  ]);
  const { free } = await node.balance(own.address);
  expect(String(view.entries.reduce((sum, { amount }) => sum + BigInt(amount!), 0n))).toBe(free);
  const farmer = encodeAddress(network.farmer.identity.publicKey);
  const rewards = (await settled(farmer)).entries.filter(({ kind }) => kind === 'block-reward');
  expect(rewards.length).toBeGreaterThan(head / 2);
  const kept = await money<AccountHistoryView>('lookBack', { account: own.address });
  expect(kept.looked?.from).toBe(1);
});
