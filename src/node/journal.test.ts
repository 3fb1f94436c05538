import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
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
  vi.useRealTimers();
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

test('what befell the device is noted once, though each of its farms says it', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const journal = await nextRun();
  const tell = (text: string) => journal.notify('warning', 'device', text);
  tell('Asleep for 59 s.');
  tell('Asleep for 60 s.');
  journal.notify('warning', 'farm', 'A farm has trouble.');
  journal.notify('warning', 'farm', 'Another farm has trouble.');
  vi.setSystemTime(Date.now() + 60_000);
  tell('Asleep for 20 s.');
  expect(journal.notices.map(({ text }) => text)).toEqual([
    'Asleep for 20 s.',
    'Another farm has trouble.',
    'A farm has trouble.',
    'Asleep for 59 s.',
  ]);
});
