import { describe, expect, it } from 'vitest';
import { Turns } from './turns.ts';

describe('turns', () => {
  it('are given one at a time, in order', async () => {
    const turns = new Turns();
    const { signal } = new AbortController();
    const order: number[] = [];
    let working = 0;
    const work = async (number: number): Promise<void> => {
      const pass = await turns.take(signal);
      expect(++working).toBe(1);
      order.push(number);
      await new Promise((done) => setTimeout(done, 1));
      working -= 1;
      pass();
      pass();
    };
    await Promise.all([0, 1, 2, 3].map((number) => work(number)));
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('are given to as many at once as may work, which may change', async () => {
    let atOnce = 2;
    const turns = new Turns(() => atOnce);
    const { signal } = new AbortController();
    const passes = [await turns.take(signal), await turns.take(signal)];
    let third = false;
    const waiting = turns.take(signal).then((pass) => {
      third = true;
      return pass;
    });
    atOnce = 1;
    passes[0]!();
    await Promise.resolve();
    expect(third).toBe(false);
    passes[1]!();
    (await waiting)();
    atOnce = 3;
    await Promise.all([1, 2, 3].map(() => turns.take(signal)));
  });

  it('go past those who left the line', async () => {
    const turns = new Turns();
    const stay = new AbortController().signal;
    const pass = await turns.take(stay);
    const leaving = new AbortController();
    const left = turns.take(leaving.signal);
    const next = turns.take(stay);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await expect(turns.take(leaving.signal)).rejects.toThrow('left');
    pass();
    (await next)();
    (await turns.take(stay))();
  });

  it('are nobody else’s to lose when one that has its turn gives up', async () => {
    const turns = new Turns();
    const stay = new AbortController().signal;
    const first = await turns.take(stay);
    const leaving = new AbortController();
    const second = turns.take(leaving.signal);
    const third = turns.take(stay);
    first();
    const pass = await second;
    leaving.abort(new Error('left'));
    pass();
    await expect(third).resolves.toBeTypeOf('function');
  });
});
