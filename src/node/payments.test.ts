import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-states.ts';
import { ScriptedBlocks } from '../../tests/support/scripted-blocks.ts';
import { toHex } from '../protocol/bytes.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { Payments, type PaymentsContext, type PaymentSource } from './payments.ts';

const notation = { token: { symbol: 'XYZ', decimals: 10 }, ss58Prefix: 7 };
const account = new Uint8Array(32).fill(5);
const folder = await mkdtemp(join(tmpdir(), 'allotment-payments-'));
const open: Payments[] = [];
afterEach(() => open.splice(0).forEach((payments) => payments.close()));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A network whose calls of Balances stand behind other indices than those of the public networks. */
function movedMetadata(): RuntimeMetadata {
  const metadata = recordedMetadata();
  return Object.create(metadata, {
    callIndex: {
      value: (pallet: string, call: string) => {
        const index = metadata.callIndex(pallet, call);
        return pallet === 'Balances' ? new Uint8Array([77, index[1]!]) : index;
      },
    },
  }) as RuntimeMetadata;
}

async function paymentsOver(
  metadata: RuntimeMetadata,
  own: Partial<PaymentsContext> = {},
): Promise<[Payments, ScriptedBlocks]> {
  const blocks = new ScriptedBlocks(metadata);
  blocks.add({ accounts: { [toHex(account)]: { nonce: 3, free: 10n ** 21n } } });
  const stored = (pallet: string, item: string, value: unknown) => {
    const entry = metadata.storage(pallet, item);
    blocks.values.set(toHex(entry.key()), entry.encode(value));
  };
  stored('TransactionFees', 'TransactionByteFee', { current: 1n, next: 1n });
  stored('TransactionPayment', 'NextFeeMultiplier', 10n ** 18n);
  stored('RuntimeConfigs', 'EnableDynamicCostOfStorage', false);
  stored('RuntimeConfigs', 'EnableBalanceTransfers', true);
  const source: PaymentSource = {
    name: 'node',
    stateCall: async () => new ScaleWriter(32).compact(1).compact(1).u8(0).u128(1000n).bytes(),
    node: { submitExtrinsic: () => Promise.reject(new Error('nothing is sent here')) },
  };
  const payments = await Payments.open({
    blocks,
    sources: () => [source],
    store: await openNodeStore(join(folder, String(open.length))),
    genesisHash: new Uint8Array(32).fill(9),
    notation: () => notation,
    signer: () => Promise.reject(new Error('nothing is signed here')),
    changed: () => undefined,
    ...own,
  });
  open.push(payments);
  return [payments, blocks];
}

const to = encodeAddress(new Uint8Array(32).fill(6));
const payment = { account: encodeAddress(account), to, amount: String(10n ** 18n) };

test('a pallet that moved is a node’s lie, until the network’s own program says so', async () => {
  const [payments, blocks] = await paymentsOver(movedMetadata());
  await expect(payments.prepareTransfer(payment)).rejects.toMatchObject({ rule: 'known-calls' });
  blocks.behind = { kind: 'proven', atBlock: 1 };
  const plan = await payments.prepareTransfer(payment);
  expect(plan.reading).toEqual({ kind: 'verified', atBlock: 1 });
  expect(plan.call.title).toBe('Send 100000000 XYZ');
  // The recipient's address is a public network's, not this one's.
  expect(plan.warnings.join(' ')).toContain('as that of another network');
});

test('who pays learns the transaction before it is written down; one that another overtook is made anew', async () => {
  const signer: PaymentsContext['signer'] = async () => ({
    publicKey: account,
    sign: (message) => new Uint8Array(64).fill(message[0]!),
  });
  const [payments] = await paymentsOver(recordedMetadata(), { signer });
  const remark = (byte: number) => ({
    pallet: 'System',
    call: 'remark',
    args: { remark: Uint8Array.of(byte) },
  });
  const ids = async () => (await payments.list()).map(({ id }) => id);
  const seen: [id: string, listed: string[]][] = [];
  const first = await payments.pay(payment.account, remark(1), async (id) => {
    seen.push([id, await ids()]);
    if (seen.length > 1) return;
    // The person's own, with the same nonce.
    const plan = await payments.prepare({ account: payment.account, call: remark(2) });
    await payments.send({ plan: plan.id });
  });
  const [overtaken, made] = seen;
  expect(made).toEqual([first.id, [expect.any(String)]]);
  expect(overtaken![1]).toEqual([]);
  expect(await ids()).toEqual([first.id, made![1][0]]);
  expect(await ids()).not.toContain(overtaken![0]);
});
