import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { abortWith, onAbort } from './on-abort.ts';

test('all who wait for a signal are told once', () => {
  const giver = new AbortController();
  const [first, second] = [vi.fn<() => void>(), vi.fn<() => void>()];
  onAbort(giver.signal, first);
  onAbort(giver.signal, first);
  onAbort(giver.signal, second);
  giver.abort();
  giver.abort();
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([2, 1]);
});

test('who left is not told, also when leaving while others are told', () => {
  const giver = new AbortController();
  const [left, late] = [vi.fn<() => void>(), vi.fn<() => void>()];
  onAbort(giver.signal, left)();
  onAbort(giver.signal, () => leave());
  const leave = onAbort(giver.signal, late);
  giver.abort();
  expect(left).not.toHaveBeenCalled();
  expect(late).not.toHaveBeenCalled();
});

test('who leaves twice does not take another along', () => {
  const giver = new AbortController();
  const leave = onAbort(giver.signal, () => undefined);
  leave();
  const told = vi.fn<() => void>();
  onAbort(giver.signal, told);
  leave();
  giver.abort();
  expect(told).toHaveBeenCalledOnce();
});

test('many who wait for one signal are not taken for a leak, and leave nothing behind', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const { signal } = new AbortController();
  const leavers = Array.from({ length: 1000 }, () => onAbort(signal, () => undefined));
  await new Promise(setImmediate);
  expect(warned).not.toHaveBeenCalled();
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const leave of leavers) leave();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  warned.mockRestore();
});

test('no signal is one that never aborts', () => {
  expect(() => onAbort(undefined, () => undefined)()).not.toThrow();
});

test('a controller aborts with a signal, also with one that has aborted already, until that is ended', () => {
  const giver = new AbortController();
  const [stop, left] = [new AbortController(), new AbortController()];
  abortWith(giver.signal, stop);
  abortWith(giver.signal, left)();
  giver.abort('enough');
  const late = new AbortController();
  abortWith(giver.signal, late);
  expect([stop.signal.reason, left.signal.aborted, late.signal.reason]).toEqual(['enough', false, 'enough']);
  stop.abort('again');
  expect(stop.signal.reason).toBe('enough');
});
