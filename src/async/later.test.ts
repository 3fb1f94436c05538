import { expect, it } from 'vitest';
import { Later } from './later.ts';
import { pause } from './pause.ts';

function counted() {
  const done = { times: 0 };
  return { done, later: new Later(() => (done.times += 1)) };
}

it('does once what is asked for in one turn, after it', async () => {
  const { done, later } = counted();
  for (let turn = 1; turn <= 2; turn += 1) {
    later.plan(0);
    for (let tick = 0; tick < 20; tick += 1) {
      await Promise.resolve();
      later.plan(0);
    }
    expect(done.times).toBe(turn - 1);
    await pause(5);
    expect(done.times).toBe(turn);
  }
});

it('does it at the time that was said first', async () => {
  const { done, later } = counted();
  later.plan(60);
  later.plan(0);
  await pause(10);
  expect(done.times).toBe(0);
  await pause(100);
  expect(done.times).toBe(1);
});

it('forgets what was planned, and may be asked again', async () => {
  const { done, later } = counted();
  for (const ms of [0, 5]) {
    later.plan(ms);
    later.cancel();
  }
  await pause(20);
  expect(done.times).toBe(0);
  later.plan(0);
  later.cancel();
  later.plan(0);
  await pause(5);
  expect(done.times).toBe(1);
});
