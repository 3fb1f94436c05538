import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { SystemProperties } from '../network/node-rpc.ts';
import { PRESETS } from '../network/presets.ts';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import { Journal } from './journal.ts';
import { Notations, tokenOf, type NotationSource } from './notation.ts';

const folder = await mkdtemp(join(tmpdir(), 'allotment-notation-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const GENESIS = 'ab'.repeat(32);
const told = (symbol: string | null, decimals: number | null, ss58Format: number | null = 7) =>
  ({ tokenSymbol: symbol, tokenDecimals: decimals, ss58Format }) as SystemProperties;
const node = (name: string, properties: SystemProperties | Error): NotationSource => ({
  name,
  properties: async () => {
    if (properties instanceof Error) throw properties;
    return properties;
  },
});

let store: NodeStore;
let journal: Journal;
let runs = 0;
beforeEach(async () => {
  store = await openNodeStore(join(folder, String((runs += 1))));
  journal = new Journal(store, () => undefined);
});
const notations = () => new Notations(store, journal, () => undefined);

test('a network counts as its first node says, and goes on so in later runs', async () => {
  const first = notations();
  expect(first.of('local').token.symbol).toBe('tAI3');
  await first.learn(GENESIS, [node('mute', told(null, null)), node('one', told('XYZ', 10))]);
  expect(first.of('local')).toEqual({ token: { symbol: 'XYZ', decimals: 10 }, ss58Prefix: 7 });
  const later = notations();
  await later.learn(GENESIS, []);
  expect(later.of('local').token).toEqual({ symbol: 'XYZ', decimals: 10 });
  // Another network is another matter.
  await later.learn('cd'.repeat(32), [node('two', told('ABC', 0, 99_999))]);
  expect(later.of('custom')).toEqual({ token: { symbol: 'ABC', decimals: 0 }, ss58Prefix: 6094 });
});

test('a node that moves the decimal point is named and not followed', async () => {
  const first = notations();
  await first.learn(GENESIS, [node('one', told('XYZ', 10)), node('liar', told('XYZ', 9))]);
  expect(first.of('local').token.decimals).toBe(10);
  expect(journal.notices.map(({ text }) => text)).toEqual([
    expect.stringContaining('liar counts in XYZ with 9'),
  ]);
  await first.learn(GENESIS, [node('liar', told('XYZ', 9))]);
  expect(journal.notices.length).toBe(1);
});

test('one that fails is asked again, and nobody moves what comes with the app', async () => {
  const first = notations();
  await first.learn(GENESIS, [node('one', new Error('busy'))]);
  await first.learn(GENESIS, [node('one', told('XYZ', 10))]);
  expect(first.of('local').token.symbol).toBe('XYZ');
  const mainnet = PRESETS.find(({ id }) => id === 'mainnet')!;
  await first.learn(mainnet.genesisHash!, [node('liar', told('AI3', 6))]);
  expect(first.of('custom')).toEqual(mainnet.notation);
});

test('what cannot be a token is none', () => {
  expect(tokenOf(told('tSSC', 18))).toEqual({ symbol: 'tSSC', decimals: 18 });
  for (const [symbol, decimals] of [
    ['', 18],
    ['1', 18],
    ['AI3 ', 18],
    ['A'.repeat(13), 18],
    ['AI3', 39],
    [null, 18],
    ['AI3', null],
  ] as const)
    expect(tokenOf(told(symbol, decimals))).toBe(null);
});
