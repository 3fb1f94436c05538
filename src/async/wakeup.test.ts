import { expect, test } from 'vitest';
import { Wakeup } from './wakeup.ts';

test('all who sleep are woken, and who sleeps afterwards is not', async () => {
  const wakeup = new Wakeup();
  const sleepers = [wakeup.wait(null), wakeup.wait(60_000)];
  wakeup.wake();
  expect(await Promise.all(sleepers)).toEqual([true, true]);
  expect(await wakeup.wait(1)).toBe(false);
});

test('what happened while something to do was looked for is not slept through', async () => {
  const wakeup = new Wakeup();
  const { wakes } = wakeup;
  wakeup.wake();
  expect(await wakeup.wait(null, wakes)).toBe(true);
  expect(await wakeup.wait(1, wakeup.wakes)).toBe(false);
});

test('nobody sleeps once it is closed', async () => {
  const wakeup = new Wakeup();
  const sleeper = wakeup.wait(null);
  wakeup.close();
  expect(await Promise.all([sleeper, wakeup.wait(null)])).toEqual([true, true]);
});
