import { expect, it } from 'vitest';
import { Questions } from './questions.ts';

it('lets twelve questions to a peer through, the next in turn, and those of other peers at once', async () => {
  const questions = new Questions();
  const first = await Promise.all(Array.from({ length: 12 }, () => questions.enter('a')));
  const order: string[] = [];
  const gone = new AbortController();
  const enter = (name: string, signal?: AbortSignal): Promise<() => void> =>
    questions.enter('a', signal).then((leave) => {
      order.push(name);
      return leave;
    });
  const [left, second, third] = [enter('left', gone.signal), enter('second'), enter('third')];
  left.catch(() => undefined);
  await questions.enter('b');
  expect(order).toEqual([]);
  expect(['a', 'b', 'c'].map((peer) => questions.to(peer))).toEqual([15, 1, 0]);
  gone.abort(new Error('not wanted'));
  await expect(left).rejects.toThrow('not wanted');
  first[0]!();
  first[0]!();
  const leave = await second;
  await Promise.resolve();
  expect(order).toEqual(['second']);
  leave();
  await third;
  expect(order).toEqual(['second', 'third']);
  expect(questions.to('a')).toBe(12);
  await expect(questions.enter('a', AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
});
