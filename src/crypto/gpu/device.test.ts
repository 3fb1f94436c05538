import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openDevice } from './device.ts';

const device = { label: 'a device' };
const card = {
  info: { vendor: 'maker', architecture: 'kind', isFallbackAdapter: false },
  requestDevice: async () => device,
};

/** A browser whose first answers are these; afterwards there is none. */
function browserWith(...answers: unknown[]) {
  const requestAdapter = vi.fn<() => Promise<unknown>>(async () => answers.shift() ?? null);
  vi.stubGlobal('navigator', { gpu: { requestAdapter } });
  return requestAdapter;
}

async function opened(emulated = false) {
  const open = openDevice(emulated);
  await vi.runAllTimersAsync();
  return open;
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a processor that is there at the second asking is used', async () => {
  const asked = browserWith(null, card);
  expect(await opened()).toEqual({ device, adapter: 'maker kind' });
  expect(asked).toHaveBeenCalledTimes(2);
});

test('one that is never there is given up', async () => {
  const asked = browserWith();
  expect(await opened()).toBe(null);
  expect(asked.mock.calls.length).toBeGreaterThan(1);
});

test('nobody is asked where there is no WebGPU', async () => {
  vi.stubGlobal('navigator', {});
  expect(await openDevice(false)).toBe(null);
});

test('one that the cores play is for tests only', async () => {
  const played = { ...card, info: { ...card.info, isFallbackAdapter: true } };
  browserWith(played, played);
  expect(await opened()).toBe(null);
  expect(await opened(true)).toMatchObject({ device });
});
