import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-states.ts';
import { ScriptedBlocks, stakingFailed, succeeded } from '../../tests/support/scripted-blocks.ts';
import type { AccountState } from '../chain/state/accounts.ts';
import { RpcError } from '../network/rpc-error.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { PaymentRecords, type PaymentRecord } from './payment-records.ts';
import { PaymentWatch, type PoolSource } from './payment-watch.ts';

const account = new Uint8Array(32).fill(5);
const name = toHex(account);
const bytes = fromHex('0c112233');
const other = fromHex('0c445566');
const AI3 = 10n ** 18n;
let metadata: RuntimeMetadata;
let folder: string;
let blocks: ScriptedBlocks;
let records: PaymentRecords;
let watch: PaymentWatch;
let sources: PoolSource[];
let submitted: string[];
/** What nodes answer, by their names; nothing for a node that takes it. */
let refusals: Map<string, RpcError>;

function source(of: string): PoolSource {
  const submitExtrinsic = async (extrinsic: Uint8Array) => {
    submitted.push(of);
    const refusal = refusals.get(of);
    if (refusal !== undefined) throw refusal;
    return extrinsic;
  };
  return { name: of, node: { submitExtrinsic } };
}

const refusal = (code: number, message: string, data = ''): RpcError =>
  new RpcError(code, 'author_submitExtrinsic', message, data);

beforeAll(() => {
  metadata = recordedMetadata();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-watch-'));
  blocks = new ScriptedBlocks(metadata);
  blocks.add({ accounts: { [name]: { nonce: 7, free: 100n * AI3 } } }).add({});
  records = await PaymentRecords.open(await openNodeStore(folder), 'ab');
  sources = [source('one'), source('two')];
  submitted = [];
  refusals = new Map();
  watch = new PaymentWatch({ blocks, sources: () => sources, records, changed: () => undefined });
  await records.add({
    id: 'tx',
    bytes: toHex(bytes),
    account: encodeAddress(account),
    call: {
      title: 'Send',
      lines: [],
      inner: [],
      name: 'Balances.transfer_keep_alive',
      args: '',
      known: true,
    },
    nonce: '7',
    at: 0,
    after: 1,
    lastBlock: 9,
    expectedFee: '1',
    state: { kind: 'sending' },
    trouble: null,
  });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spent = { [name]: { nonce: 8, free: 90n * AI3 } };
async function look(): Promise<PaymentRecord> {
  await watch.look();
  return records.get('tx')!;
}

test('it goes to every node, and counts as done when a verified block holds it, as final when it is deep', async () => {
  expect((await look()).state).toEqual({ kind: 'waiting', source: 'one' });
  expect(submitted).toEqual(['one', 'two']);
  blocks
    .add({})
    .add({ accounts: spent, body: [other, bytes], events: [succeeded(1)] })
    .add({});
  expect((await look()).state).toMatchObject({
    kind: 'included',
    block: 4,
    index: 1,
    depth: 1,
    final: false,
  });
  blocks.add({});
  blocks.final = 4;
  expect((await look()).state).toMatchObject({ kind: 'included', depth: 2, final: true, success: true });
  expect(records.open()).toEqual([]);
});

test('a call that failed says why', async () => {
  blocks.add({ accounts: spent, body: [bytes], events: [stakingFailed(0, 'MinimumNominatorStake')] });
  expect((await look()).state).toMatchObject({
    success: false,
    failure: 'The operator takes no stake as small as that.',
  });
});

test('a block that is left puts it back among those that wait', async () => {
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  expect((await look()).state.kind).toBe('included');
  blocks.leaveAfter(2).add({}).add({});
  expect((await look()).state).toEqual({ kind: 'waiting', source: 'one' });
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'included', block: 5 });
});

test('another transaction with its number takes its place, which the body shows', async () => {
  blocks.add({ accounts: spent, body: [other], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'usurped' });
});

test('an account that was emptied by something else leaves it undone', async () => {
  blocks.add({ accounts: { [name]: null }, body: [other], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'no-account' });
});

test('it is found though its account was made only after the block that it is bound to', async () => {
  blocks = new ScriptedBlocks(metadata);
  blocks.add({}).add({}).add({}).add({});
  blocks.add({ accounts: { [name]: { nonce: 7, free: 100n * AI3 } } });
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] }).add({});
  watch = new PaymentWatch({ blocks, sources: () => sources, records, changed: () => undefined });
  expect((await look()).state).toMatchObject({ kind: 'included', block: 6, success: true });
});

test('it is found in an account that was made, spent and emptied in between', async () => {
  blocks = new ScriptedBlocks(metadata);
  blocks.add({}).add({}).add({}).add({}).add({});
  blocks.add({ accounts: { [name]: { nonce: 7, free: 100n * AI3 } } });
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  blocks.add({ accounts: { [name]: null } }).add({});
  watch = new PaymentWatch({ blocks, sources: () => sources, records, changed: () => undefined });
  expect((await look()).state).toMatchObject({ kind: 'included', block: 7, success: true });
});

test('it is over when its last block has passed without it', async () => {
  for (let number = 3; number <= 9; number += 1) blocks.add({});
  expect((await look()).state.kind).toBe('waiting');
  blocks.add({});
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'expired' });
});

test('one node’s refusal is not the last word, all nodes’ is', async () => {
  refusals.set('one', refusal(1010, 'Invalid Transaction', 'Inability to pay some fees'));
  expect((await look()).state).toEqual({ kind: 'waiting', source: 'two' });
  refusals.set('two', refusal(1010, 'Invalid Transaction', 'Inability to pay some fees'));
  blocks.add({});
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'insufficient-balance' });
});

test('what all nodes refuse is not handed out again, and done when a block holds it nevertheless', async () => {
  sources = [source('one')];
  refusals.set('one', refusal(1010, 'Invalid Transaction', 'Inability to pay some fees'));
  const refused = { kind: 'failed', code: 'insufficient-balance', refused: true };
  expect((await look()).state).toMatchObject(refused);
  refusals.clear();
  blocks.add({});
  expect((await look()).state).toMatchObject(refused);
  expect(submitted).toEqual(['one']);
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'included', block: 4, success: true });
});

test('what was in a block and is refused on another branch is done when the first comes back', async () => {
  sources = [source('one')];
  const holding = { accounts: spent, body: [bytes], events: [succeeded(0)] };
  blocks.add(holding);
  expect((await look()).state).toMatchObject({ kind: 'included', block: 3 });
  refusals.set('one', refusal(1010, 'Invalid Transaction', 'Inability to pay some fees'));
  blocks.leaveAfter(2).add({}).add({});
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'insufficient-balance' });
  blocks.leaveAfter(2).add(holding).add({}).add({});
  expect((await look()).state).toMatchObject({ kind: 'included', block: 3, depth: 2, success: true });
});

test('what was refused is settled by the block after its last, once that is final', async () => {
  sources = [source('one')];
  refusals.set('one', refusal(1010, 'Invalid Transaction', 'Inability to pay some fees'));
  await look();
  for (let number = 3; number <= 10; number += 1) blocks.add({});
  expect((await look()).state).toMatchObject({ code: 'insufficient-balance', by: { number: 10 } });
  blocks.leaveAfter(8).add({});
  const { state } = await look();
  expect(state).toMatchObject({ kind: 'failed', refused: true });
  expect(state).not.toHaveProperty('by');
  blocks.add({});
  await look();
  expect(records.open()).toHaveLength(1);
  blocks.final = 10;
  expect((await look()).state).not.toHaveProperty('by');
  expect(records.open()).toEqual([]);
  expect(submitted).toEqual(['one']);
});

test('what expired is handed out again where another branch has time for it', async () => {
  for (let number = 3; number <= 10; number += 1) blocks.add({});
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'expired' });
  blocks.leaveAfter(7).add({});
  expect((await look()).state).toEqual({ kind: 'waiting', source: 'one' });
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'included', block: 9 });
});

test('a full pool and a node that is ahead are no refusals for good', async () => {
  sources = [source('one')];
  refusals.set('one', refusal(1016, 'Immediately Dropped'));
  expect(await look()).toMatchObject({
    state: { kind: 'sending' },
    trouble: expect.stringContaining('full'),
  });
  refusals.set('one', refusal(1010, 'Invalid Transaction', 'Transaction is outdated'));
  blocks.add({});
  expect((await look()).state.kind).toBe('sending');
  refusals.set('one', refusal(1013, 'Transaction Already Imported'));
  blocks.add({});
  expect(await look()).toMatchObject({ state: { kind: 'waiting', source: 'one' }, trouble: null });
});

test('without a node or a proof it is kept and taken up again', async () => {
  const [...both] = sources;
  sources = [];
  expect((await look()).trouble).toContain('No node is connected');
  blocks.offline = true;
  sources = both;
  expect((await look()).trouble).toContain('No node is connected to ask for a proof');
  const again = await PaymentRecords.open(await openNodeStore(folder), 'ab');
  expect(again.open()).toHaveLength(1);
  blocks.offline = false;
  expect(await look()).toMatchObject({ state: { kind: 'waiting' }, trouble: null });
});

test('a look ends however fast blocks come', async () => {
  let fast = true;
  const busy: PoolSource = {
    name: 'busy',
    node: {
      submitExtrinsic: async (extrinsic) => {
        submitted.push('busy');
        if (fast) {
          blocks.add({});
          watch.onHead();
        }
        return extrinsic;
      },
    },
  };
  sources = [busy];
  await watch.look();
  fast = false;
  expect(submitted).toEqual(['busy']);
  await watch.look();
});

test('the oldest goes first, as its nonce does', async () => {
  const order: string[] = [];
  sources = [
    {
      name: 'one',
      node: {
        submitExtrinsic: async (extrinsic) => {
          order.push(toHex(extrinsic));
          return extrinsic;
        },
      },
    },
  ];
  await records.add({ ...records.get('tx')!, id: 'later', nonce: '8', bytes: toHex(other) });
  await watch.look();
  expect(order).toEqual([toHex(bytes), toHex(other)]);
});

test('a branch that changes during a look is no reason to give it up', async () => {
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  const read = blocks.read.bind(blocks);
  let reads = 0;
  vi.spyOn(blocks, 'read').mockImplementation(async (query, at) => {
    const value = await read(query, at);
    if ((reads += 1) === 2)
      blocks
        .leaveAfter(2)
        .add({})
        .add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
    return value as never;
  });
  expect((await look()).state.kind).toBe('sending');
  expect((await look()).state).toMatchObject({ kind: 'included', block: 4 });
});

test('what the chain says against it holds until another branch says otherwise', async () => {
  blocks.add({ accounts: spent, body: [other], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'usurped' });
  expect(records.ahead(encodeAddress(account), { exists: true, nonce: 7 } as AccountState)).toBe(0);
  blocks
    .leaveAfter(2)
    .add({ accounts: spent, body: [bytes], events: [succeeded(0)] })
    .add({});
  expect((await look()).state).toMatchObject({ kind: 'included', block: 3 });
  blocks.leaveAfter(2).add({ accounts: spent, body: [other], events: [succeeded(0)] });
  expect((await look()).state).toMatchObject({ kind: 'failed', code: 'usurped' });
  blocks.add({}).final = 3;
  await look();
  expect(records.open()).toEqual([]);
});

test('news that cannot be written is told nevertheless, and written with the next', async () => {
  const store = await openNodeStore(folder);
  records = await PaymentRecords.open(store, 'ab');
  const told: string[] = [];
  watch = new PaymentWatch({
    blocks,
    sources: () => sources,
    records,
    changed: ({ state }) => void told.push(state.kind),
  });
  vi.spyOn(store, 'putSetting').mockRejectedValueOnce(new Error('the disk is full'));
  await watch.look();
  blocks.add({ accounts: spent, body: [bytes], events: [succeeded(0)] });
  await watch.look();
  expect(told).toEqual(['waiting', 'included']);
  const again = await PaymentRecords.open(store, 'ab');
  expect(again.get('tx')!.state.kind).toBe('included');
});

test('a nonce is given once, until what has it has failed', async () => {
  const [address, record] = [encodeAddress(account), records.get('tx')!];
  const state = { exists: true, nonce: 7 } as AccountState;
  expect(records.ahead(address, state)).toBe(1);
  expect(() => records.requireFree(record)).toThrow(/nonce 7 is used/);
  expect(() => records.requireFree({ ...record, nonce: '8' })).not.toThrow();
  expect(() => records.requireFree({ ...record, account: 'another' })).not.toThrow();
  await records.change('tx', { state: { kind: 'failed', code: 'expired', sentence: '' } });
  expect(records.ahead(address, state)).toBe(0);
  expect(() => records.requireFree(record)).not.toThrow();
});
