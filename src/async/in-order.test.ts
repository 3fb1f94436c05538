import { expect, test } from 'vitest';
import { InOrder } from './in-order.ts';

test('work runs one after the other, and goes on after a failure', async () => {
  const queue = new InOrder();
  const order: string[] = [];
  let finish: () => void = () => undefined;
  const first = queue.run(() => new Promise<void>((done) => (finish = done)).then(() => order.push('first')));
  const second = queue.run(() => Promise.reject(new Error('failed')));
  const third = queue.run(() => order.push('third'));
  await new Promise(setImmediate);
  expect(order).toEqual([]);
  finish();
  await expect(second).rejects.toThrow('failed');
  expect([await first, await third]).toEqual([1, 2]);
  await queue.settled();
  expect(order).toEqual(['first', 'third']);
});
