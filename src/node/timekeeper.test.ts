import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CODE, honest, INFO, ScriptedHelper } from '../../tests/support/scripted-helper.ts';
import type { PotHelper } from '../crypto/pot-verifier.ts';
import { openNodeSocket } from '../network/socket-node.ts';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import { Journal } from './journal.ts';
import { Timekeeper } from './timekeeper.ts';

let folder: string;
let store: NodeStore;
let helper: ScriptedHelper;
let timekeeper: Timekeeper;
let journal: Journal;
/** What the chain was last told to verify with. */
let inUse: PotHelper | null;
const chain = { usePotHelper: (given: PotHelper | null) => void (inUse = given) };

function create(): Timekeeper {
  journal = new Journal(store, () => undefined);
  const made = new Timekeeper(store, openNodeSocket, journal, () => undefined);
  made.serve(chain);
  return made;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-timekeeper-'));
  store = await openNodeStore(folder);
  helper = await ScriptedHelper.start();
  inUse = null;
  timekeeper = create();
});
afterEach(async () => {
  timekeeper.stop();
  await helper.stop();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

describe('Timekeeper', () => {
  test('is paired once, used, and found again by the next run', async () => {
    await timekeeper.resume();
    expect(timekeeper.view()).toMatchObject({ phase: 'off', helper: null });
    await timekeeper.pair(helper.port, ` ${CODE.toUpperCase()} `);
    expect(timekeeper.view()).toEqual({ phase: 'ready', port: helper.port, helper: INFO, cause: null });
    expect(inUse?.name).toBe('allotment-timekeeper 0.1.0');
    timekeeper.stop();
    expect(inUse).toBeNull();
    timekeeper = create();
    await timekeeper.resume();
    await vi.waitFor(() => expect(timekeeper.view().phase).toBe('ready'));
    expect(inUse).not.toBeNull();
  });

  test('serves a chain that begins later, and leaves one that ends', async () => {
    timekeeper.serve(null);
    await timekeeper.pair(helper.port, CODE);
    timekeeper.serve(chain);
    expect(inUse).not.toBeNull();
  });

  test('keeps the code to itself', async () => {
    await timekeeper.pair(helper.port, CODE);
    await expect(timekeeper.pair(helper.port, 'f'.repeat(32))).rejects.toThrow(/wrong-code/);
    await helper.stop();
    await vi.waitFor(() => expect(timekeeper.view().phase).not.toBe('ready'));
    const told = JSON.stringify([timekeeper.view(), journal.notices, await journal.lines()]);
    expect(told).not.toContain(CODE);
    expect(told).not.toContain('ffff');
  });

  test('keeps the earlier pairing when a new one fails', async () => {
    await timekeeper.pair(helper.port, CODE);
    for (const [port, code, sentence] of [
      [0, CODE, 'A port is'],
      [65_536, CODE, 'A port is'],
      [helper.port, 'abc', '32 digits'],
      [helper.port, `${CODE}0`, '32 digits'],
      [helper.port, 'f'.repeat(32), 'wrong-code'],
      [1, CODE, 'unreachable'],
    ] as const) {
      await expect(timekeeper.pair(port, code)).rejects.toThrow(sentence);
    }
    expect(timekeeper.view()).toMatchObject({ phase: 'ready', port: helper.port });
    expect(await store.setting('timekeeper')).toEqual({ port: helper.port, code: CODE });
  });

  test('says that the helper is gone, once, and that it is back by using it', async () => {
    await timekeeper.pair(helper.port, CODE);
    const { port } = helper;
    await helper.stop();
    await vi.waitFor(() => expect(timekeeper.view().cause?.code).toBe('unreachable'), { timeout: 10_000 });
    expect(inUse).toBeNull();
    const warnings = journal.notices.filter(({ level }) => level === 'warning');
    expect(warnings.map(({ text }) => text)).toEqual([expect.stringContaining('was lost')]);
    helper = await ScriptedHelper.start(honest, { port });
    await vi.waitFor(() => expect(timekeeper.view().phase).toBe('ready'), { timeout: 20_000 });
    expect(inUse).not.toBeNull();
    expect(timekeeper.view().cause).toBeNull();
  }, 40_000);

  test('does not use a liar until told to try it again', async () => {
    await timekeeper.pair(helper.port, CODE);
    inUse!.distrust('it let checkpoint 3 of slot 7 pass, which is wrong');
    expect(timekeeper.view()).toMatchObject({
      phase: 'stopped',
      cause: { code: 'lied', action: 'Try again', sentence: expect.stringContaining('wrong about') },
    });
    expect(inUse).toBeNull();
    expect(journal.notices[0]).toMatchObject({ level: 'warning' });
    timekeeper.retry();
    await vi.waitFor(() => expect(timekeeper.view().phase).toBe('ready'));
    expect(inUse).not.toBeNull();
  });

  test('forgets helper and code', async () => {
    await timekeeper.pair(helper.port, CODE);
    await timekeeper.forget();
    expect(timekeeper.view().phase).toBe('off');
    expect(inUse).toBeNull();
    expect(journal.notices.every(({ level }) => level === 'success')).toBe(true);
    expect(await readFile(join(folder, 'settings.json'), 'utf8')).not.toContain(CODE);
    timekeeper = create();
    await timekeeper.resume();
    expect(timekeeper.view().phase).toBe('off');
  });
});
