import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CODE, honest, INFO, ScriptedHelper } from '../../tests/support/scripted-helper.ts';
import { eventually } from '../../tests/support/waiting.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { PotHelper } from '../crypto/pot-helper.ts';
import { openNodeSocket } from '../network/socket-node.ts';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import { Journal } from './journal.ts';
import { PairedHelper } from './helper.ts';

let folder: string;
let store: NodeStore;
let program: ScriptedHelper;
let helper: PairedHelper;
let journal: Journal;
/** What the chain was last told to verify with. */
let inUse: PotHelper | null;
const chain = { usePotHelper: (given: PotHelper | null) => void (inUse = given) };

function create(): PairedHelper {
  journal = new Journal(store, () => undefined);
  const made = new PairedHelper(store, openNodeSocket, journal, () => undefined);
  made.serve(chain);
  return made;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-helper-'));
  store = await openNodeStore(folder);
  program = await ScriptedHelper.start();
  inUse = null;
  helper = create();
});
afterEach(async () => {
  helper.stop();
  await program.stop();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

describe('PairedHelper', () => {
  test('is paired once, used, and found again by the next run', async () => {
    await helper.resume();
    expect(helper.view()).toMatchObject({ phase: 'off', info: null });
    await helper.pair(program.port, ` ${CODE.toUpperCase()} `);
    expect(helper.view()).toEqual({
      phase: 'ready',
      port: program.port,
      info: INFO,
      plots: true,
      cause: null,
    });
    expect(inUse?.name).toBe('allotment-helper 0.1.0');
    helper.stop();
    expect(inUse).toBeNull();
    helper = create();
    await helper.resume();
    await eventually(() => expect(helper.view().phase).toBe('ready'));
    expect(inUse).not.toBeNull();
  });

  test('serves a chain that begins later, and leaves one that ends', async () => {
    helper.serve(null);
    await helper.pair(program.port, CODE);
    helper.serve(chain);
    expect(inUse).not.toBeNull();
  });

  test('keeps the code to itself', async () => {
    await helper.pair(program.port, CODE);
    await expect(helper.pair(program.port, 'f'.repeat(32))).rejects.toThrow(/wrong-code/);
    await program.stop();
    await eventually(() => expect(helper.view().phase).not.toBe('ready'));
    const told = JSON.stringify([helper.view(), journal.notices, await journal.lines()]);
    expect(told).not.toContain(CODE);
    expect(told).not.toContain('ffff');
  });

  test('keeps the earlier pairing when a new one fails', async () => {
    await helper.pair(program.port, CODE);
    for (const [port, code, sentence] of [
      [0, CODE, 'A port is'],
      [65_536, CODE, 'A port is'],
      [program.port, 'abc', '32 digits'],
      [program.port, `${CODE}0`, '32 digits'],
      [program.port, 'f'.repeat(32), 'wrong-code'],
      [1, CODE, 'unreachable'],
    ] as const) {
      await expect(helper.pair(port, code)).rejects.toThrow(sentence);
    }
    expect(helper.view()).toMatchObject({ phase: 'ready', port: program.port });
    expect(await store.setting('helper')).toEqual({ port: program.port, code: CODE, plots: true });
  });

  test('says that the helper is gone, once, and that it is back by using it', async () => {
    await helper.pair(program.port, CODE);
    const { port } = program;
    await program.stop();
    await eventually(() => expect(helper.view().cause?.code).toBe('unreachable'));
    expect(inUse).toBeNull();
    const warnings = journal.notices.filter(({ level }) => level === 'warning');
    expect(warnings.map(({ text }) => text)).toEqual([expect.stringContaining('was lost')]);
    program = await ScriptedHelper.start(honest, { port });
    await eventually(() => expect(helper.view().phase).toBe('ready'));
    expect(inUse).not.toBeNull();
    expect(helper.view().cause).toBeNull();
  });

  test('does not use a liar until told to try it again', async () => {
    await helper.pair(program.port, CODE);
    inUse!.distrust('it let checkpoint 3 of slot 7 pass, which is wrong');
    expect(helper.view()).toMatchObject({
      phase: 'stopped',
      cause: { code: 'lied', action: 'Try again', sentence: expect.stringContaining('wrong answer') },
    });
    expect(inUse).toBeNull();
    expect(journal.notices[0]).toMatchObject({ level: 'warning' });
    helper.retry();
    await eventually(() => expect(helper.view().phase).toBe('ready'));
    expect(inUse).not.toBeNull();
  });

  test('plots with the helper where it may, and not with a liar', async () => {
    const own = { status: () => ({ workers: 7, busy: 0, queued: 0 }) } as ComputePool;
    const encodings = (): number => helper.plotting.assist(own).status().workers;
    expect(encodings()).toBe(7);
    await helper.pair(program.port, CODE);
    await eventually(() => expect(encodings()).toBe(INFO.plotting.encodings));
    await helper.setPlots(false);
    expect(encodings()).toBe(7);
    expect(helper.view()).toMatchObject({ phase: 'ready', plots: false });
    expect(await store.setting('helper')).toMatchObject({ plots: false });
    await helper.setPlots(true);
    await eventually(() => expect(encodings()).toBe(INFO.plotting.encodings));
    inUse!.distrust('it let checkpoint 3 of slot 7 pass, which is wrong');
    expect(encodings()).toBe(7);
    helper.retry();
    await eventually(() => expect(encodings()).toBe(INFO.plotting.encodings));
    await helper.forget();
    expect(encodings()).toBe(7);
  });

  test('forgets helper and code', async () => {
    await helper.pair(program.port, CODE);
    await helper.forget();
    expect(helper.view().phase).toBe('off');
    expect(inUse).toBeNull();
    expect(journal.notices.every(({ level }) => level === 'success')).toBe(true);
    expect(await readFile(join(folder, 'settings.json'), 'utf8')).not.toContain(CODE);
    helper = create();
    await helper.resume();
    expect(helper.view().phase).toBe('off');
  });
});
