import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { unlessAborted } from './unless-aborted.ts';

const never = new Promise<never>(() => undefined);

test('work that nothing else ends is left by its signal, for the signal’s reason', async () => {
  const giver = new AbortController();
  const left = unlessAborted(giver.signal, never);
  giver.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
  await expect(unlessAborted(giver.signal, Promise.resolve(1))).rejects.toThrow('enough');
});

test('work that ends is what it is, and leaves nothing on the signal', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(signal, Promise.resolve(1))).toBe(1);
  await expect(unlessAborted(signal, Promise.reject(new Error('its own')))).rejects.toThrow('its own');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});
