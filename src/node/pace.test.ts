import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

it('says how long the rest takes once it has seen enough, and forgets how fast it was', () => {
  let now = 1_000;
  const pace = new Pace(() => now);
  expect(pace.secondsFor(10)).toBeNull();
  pace.begin();
  const work = (seconds: number, perSecond: number, from: number): number => {
    let done = from;
    for (let second = 0; second < seconds; second += 1) {
      now += 1_000;
      pace.note((done += perSecond));
    }
    return done;
  };
  let done = work(2, 10, 0);
  expect(pace.secondsFor(100)).toBeNull();
  done = work(8, 10, done);
  expect(pace.secondsFor(100)).toBe(10);
  // Nothing comes any more.
  now += 10_000;
  expect(pace.secondsFor(100)).toBe(20);
  done = work(120, 2, done);
  expect(pace.secondsFor(100)).toBe(50);
  pace.begin();
  expect(pace.secondsFor(100)).toBeNull();
});
