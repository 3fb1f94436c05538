import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-states.ts';
import { ScriptedBlocks, type ScriptedEvent } from '../../tests/support/scripted-blocks.ts';
import { toHex, utf8 } from '../protocol/bytes.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { AccountHistories, meaningOf, type AccountHistoryView } from './account-history.ts';

const account = new Uint8Array(32).fill(5);
const friend = new Uint8Array(32).fill(6);
const address = encodeAddress(account);
const name = toHex(account);
let metadata: RuntimeMetadata;
let folder: string;
let blocks: ScriptedBlocks;
let histories: AccountHistories;

const open = async () => AccountHistories.open(blocks, await openNodeStore(folder), 'ab');
const paid = (amount: bigint): ScriptedEvent => ({
  extrinsic: 1,
  pallet: 'Balances',
  name: 'Transfer',
  fields: { from: friend, to: account, amount },
});
const has = (free: bigint) => ({ [name]: { nonce: 0, free } });

beforeAll(() => {
  metadata = recordedMetadata();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-history-'));
  blocks = new ScriptedBlocks(metadata);
  histories = await open();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The history once the present head was looked at. */
async function settled(): Promise<AccountHistoryView> {
  await histories.history({ account: address });
  histories.onHead();
  for (;;) {
    const view = await histories.history({ account: address });
    if (!view.looking) return view;
    await new Promise((done) => setTimeout(done, 1));
  }
}
const amounts = ({ entries }: AccountHistoryView) => entries.map(({ block, amount }) => [block, amount]);

test('the blocks that changed an account are found among many with few proofs', async () => {
  for (let number = 1; number <= 200; number += 1) {
    const here = number === 40 || number === 150;
    blocks.add(here ? { accounts: has(BigInt(number)), events: [paid(BigInt(number))] } : {});
  }
  blocks.final = 190;
  const view = await settled();
  expect(amounts(view)).toEqual([
    [150, '150'],
    [40, '40'],
  ]);
  expect(view).toMatchObject({ looked: { from: 1, to: 200 }, final: 190, trouble: null, gaps: [] });
  expect(view.entries[0]).toMatchObject({ kind: 'received', other: encodeAddress(friend), at: 150 * 6000 });
  expect(blocks.reads).toBeLessThan(60);
});

test('what a branch took along is gone when the branch is left', async () => {
  blocks
    .add({})
    .add({})
    .add({ accounts: has(5n), events: [paid(5n)] });
  blocks.final = 1;
  expect(amounts(await settled())).toEqual([[3, '5']]);
  blocks
    .leaveAfter(1)
    .add({ accounts: has(7n), events: [paid(7n)] })
    .add({});
  expect(amounts(await settled())).toEqual([[2, '7']]);
  blocks.final = 3;
  blocks.add({});
  expect(amounts(await settled())).toEqual([[2, '7']]);
});

test('it goes on after a restart, and says what nobody can prove any more', async () => {
  blocks.add({ accounts: has(5n), events: [paid(5n)] }).add({});
  blocks.final = 2;
  expect(amounts(await settled())).toEqual([[1, '5']]);
  for (let number = 3; number <= 600; number += 1)
    blocks.add(number === 590 ? { accounts: has(9n), events: [paid(4n)] } : {});
  blocks.final = 595;
  blocks.unprovenBelow = 100;
  histories = await open();
  const view = await settled();
  expect(amounts(view)).toEqual([
    [590, '4'],
    [1, '5'],
  ]);
  expect(view.gaps).toEqual([{ from: 3, to: 360 }]);
});

test('without a proof nothing is said, and it is tried again', async () => {
  blocks.add({ accounts: has(5n), events: [paid(5n)] });
  blocks.offline = true;
  const view = await settled();
  expect(view).toMatchObject({ entries: [], looked: null });
  expect(view.trouble).toContain('No node is connected');
  blocks.offline = false;
  blocks.add({});
  expect(amounts(await settled())).toEqual([[1, '5']]);
});

test('events say what they mean to the account, and nothing to others', () => {
  const fund = new Uint8Array(32);
  fund.set(utf8('modldomains_'));
  const meaning = (event: Partial<ScriptedEvent>, of = account) =>
    meaningOf({ extrinsic: 1, pallet: 'Domains', name: '', fields: {}, ...event }, of).map(
      ({ kind, amount }) => `${kind} ${amount}`,
    );
  const transfer = (from: Uint8Array, to: Uint8Array) =>
    meaning({ pallet: 'Balances', name: 'Transfer', fields: { from, to, amount: 3n } });
  expect(transfer(account, friend)).toEqual(['sent -3']);
  expect(transfer(account, account)).toEqual(['sent -3', 'received 3']);
  expect(transfer(account, fund)).toEqual(['reserve -3']);
  expect(transfer(fund, friend)).toEqual([]);
  const staked = {
    name: 'OperatorNominated',
    fields: { operator_id: 0n, nominator_id: account, amount: 4n },
  };
  expect(meaning(staked)).toEqual(['staked -4']);
  expect(meaning(staked, friend)).toEqual([]);
  expect(meaning({ name: 'WithdrewStake', fields: { nominator_id: account } })).toEqual(['other null']);
  const paying = (fee: bigint) =>
    meaning({
      pallet: 'TransactionPayment',
      name: 'TransactionFeePaid',
      fields: { who: account, actual_fee: fee, tip: 0n },
    });
  expect(paying(2n)).toEqual(['fee -2']);
  expect(paying(0n)).toEqual([]);
  expect(meaning({ pallet: 'Balances', name: 'Deposit', fields: { who: account, amount: 1n } })).toEqual([]);
});
