import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { recordedMetadata } from '../../tests/support/recorded-states.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { concat, utf8 } from '../protocol/bytes.ts';
import type { RuntimeMetadata } from '../protocol/metadata.ts';
import { encodeAddress } from '../protocol/ss58.ts';
import { exactTokens, parseTokens } from './amounts.ts';
import { dispatchSentence, refusalOf } from './failures.ts';
import { requireKnownCall, transferCall } from './transactions.ts';
import { describeCall } from './wording.ts';

let metadata: RuntimeMetadata;
beforeAll(async () => {
  await loadWasm();
  metadata = recordedMetadata();
});

const somebody = new Uint8Array(32).fill(9);
const AI3 = 10n ** 18n;
const token = { symbol: 'AI3', decimals: 18 };

describe('amounts', () => {
  test('what is written is read back to the last digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: (1n << 127n) - 1n }), (amount) => {
        fc.pre(amount / AI3 < 10n ** 20n);
        expect(parseTokens(exactTokens(amount, token), token)).toBe(amount);
      }),
    );
    expect(parseTokens(' 1,5 ', token)).toBe((3n * AI3) / 2n);
    expect(parseTokens(`0.${'0'.repeat(17)}1${'0'.repeat(22)}`, token)).toBe(1n);
    expect(exactTokens(-AI3 / 2n, token)).toBe('-0.5');
  });

  const tiny = '0000000000000000001';
  test.each(['', 'abc', '-1', '1e3', '0', '0.0', '1.2.3', '1 000', `0.${tiny}`, `1.${tiny}`, '∞', '٣'])(
    '%j is none',
    (text) => {
      expect(() => parseTokens(text, token)).toThrow('amount');
    },
  );
});

describe('words for calls', () => {
  const words = (bytes: Uint8Array) => describeCall(metadata.decodeCall(bytes), token);

  test('name what is paid to whom', () => {
    expect(words(transferCall(metadata, somebody, 5n * AI3))).toMatchObject({
      title: 'Send 5 AI3',
      known: true,
      name: 'Balances.transfer_keep_alive',
      lines: [
        { label: 'To', kind: 'account', value: encodeAddress(somebody) },
        { label: 'Amount', kind: 'amount', value: String(5n * AI3) },
      ],
    });
    expect(words(transferCall(metadata, somebody, AI3, false)).title).toContain('closes the account');
  });

  test('reach into batches, however deep', () => {
    const dest = { type: 'Id', value: somebody };
    const pay = { type: 'Balances', value: { type: 'transfer_keep_alive', value: { dest, value: AI3 } } };
    const inner = { type: 'Utility', value: { type: 'batch_all', value: { calls: [pay] } } };
    const view = words(metadata.encodeCall('Utility', 'batch', { calls: [inner, pay] }));
    expect(view.inner.map(({ name }) => name)).toEqual(['Utility.batch_all', 'Balances.transfer_keep_alive']);
    expect(view.inner[0]?.inner[0]?.title).toBe('Send 1 AI3');
  });

  test('show text as text, and bytes that only look like it as bytes', () => {
    const remark = (bytes: Uint8Array) => words(metadata.encodeCall('System', 'remark', { remark: bytes }));
    expect(remark(utf8('Grüße')).lines[0]).toEqual({ label: 'Content', kind: 'text', value: 'Grüße' });
    expect(remark(new Uint8Array([0xff, 0xfe])).lines[0]).toMatchObject({ kind: 'data', value: 'fffe' });
    for (const other of ['a\u0007b', '', 'a'.repeat(201), 'to a\u202eb', 'to \u2067a', '\ufeffa'])
      expect(remark(utf8(other)).lines[0]).toMatchObject({ kind: 'data' });
    expect(remark(utf8('a'.repeat(200))).lines[0]).toMatchObject({ kind: 'text' });
  });

  test('say so where there are none', () => {
    const call = metadata.encodeCall('Sudo', 'set_key', { new: { type: 'Id', value: somebody } });
    expect(words(call)).toMatchObject({ known: false, title: 'Run “set_key” of Sudo' });
  });

  test('are not trusted when the metadata gives a call another’s place', () => {
    requireKnownCall(metadata, 'Balances.transfer_keep_alive');
    requireKnownCall(metadata, 'Sudo.set_key');
    const place = (pallet: string, call: string): Uint8Array =>
      pallet === 'System' ? new Uint8Array([5, 3]) : metadata.callIndex(pallet, call);
    const lying = { callIndex: place } as unknown as RuntimeMetadata;
    expect(() => requireKnownCall(lying, 'System.remark')).toThrow('known-calls');
    const moved = { callIndex: () => concat(new Uint8Array([5, 0])) } as unknown as RuntimeMetadata;
    expect(() => requireKnownCall(moved, 'Balances.transfer_keep_alive')).toThrow('known-calls');
    expect(() => requireKnownCall(moved, 'Lottery.play')).toThrow('known-calls');
    const away = { callIndex: () => new Uint8Array([99, 0]) } as unknown as RuntimeMetadata;
    expect(() => requireKnownCall(away, 'Balances.transfer_keep_alive')).toThrow('known-calls');
  });
});

describe('failures', () => {
  test('are told by the most exact name that is known', () => {
    expect(dispatchSentence('Domains.Staking.UnlockPeriodNotComplete')).toContain('cannot be unlocked yet');
    expect(dispatchSentence('Domains.Staking.Unheard')).toContain('staking rules');
    expect(dispatchSentence('Token.FundsUnavailable')).toContain('too little');
    expect(dispatchSentence('Council.Unheard')).toContain('Council.Unheard');
  });

  test('of nodes are final only where waiting cannot help', () => {
    const data = 'Inability to pay some fees (e.g. account balance too low)';
    expect(refusalOf(`Invalid Transaction ${data}`)).toMatchObject({
      code: 'insufficient-balance',
      passing: false,
    });
    expect(refusalOf('Immediately Dropped The transaction pool is full').passing).toBe(true);
    expect(refusalOf('Transaction is outdated').passing).toBe(true);
    expect(refusalOf('something else')).toMatchObject({ code: 'unknown', passing: true });
  });
});
