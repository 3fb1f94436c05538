import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openNodeStore } from '../storage/node-store.ts';
import type { NodeStore } from '../storage/store.ts';
import { Journal } from './journal.ts';

let folder: string;
let store: NodeStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-journal-'));
  store = await openNodeStore(folder);
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

/** The journal of a run that begins with what the last ones left. */
async function nextRun(): Promise<Journal> {
  const journal = new Journal(store, () => undefined);
  await journal.resume();
  return journal;
}

test('the next run goes on with the newest notices of the last, each under a number of its own', async () => {
  const first = await nextRun();
  expect(first.notices).toEqual([]);
  for (let count = 1; count <= 60; count++) first.notify('info', 'farm', `Notice ${count}.`);
  const second = await nextRun();
  second.notify('warning', 'chain', 'The newest.');
  const { notices } = await nextRun();
  expect(notices).toHaveLength(50);
  expect(notices[0]).toMatchObject({ level: 'warning', category: 'chain', text: 'The newest.' });
  expect(notices[1]).toMatchObject({ text: 'Notice 60.' });
  expect(new Set(notices.map(({ id }) => id)).size).toBe(50);
});
