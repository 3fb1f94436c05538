import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onEnding } from './ending-node.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('an interrupt that comes twice, from the keyboard and from npm, is one; a later one says that it is another', () => {
  const told: boolean[] = [];
  const stop = onEnding((again) => told.push(again));
  process.emit('SIGINT');
  process.emit('SIGINT');
  expect(told).toEqual([false]);
  vi.advanceTimersByTime(1_500);
  process.emit('SIGTERM');
  expect(told).toEqual([false, true]);
  stop();
  expect(process.listenerCount('SIGTERM')).toBe(0);
});
