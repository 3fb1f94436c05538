/** When members say that they are there. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Announcer } from './announcer.ts';
import { FakeConnection } from './testing-connection.ts';

let fake: FakeConnection;
let announcer: Announcer;
let said: number;
/** Has a controller ask who is there. */
let ask: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  said = 0;
  fake = new FakeConnection();
  announcer = new Announcer(fake.connection, () => (said += 1));
  announcer.start((again) => {
    ask = again;
    return () => (ask = () => undefined);
  });
});
afterEach(() => {
  announcer.stop();
  vi.useRealTimers();
});

/** How often a member said that it is there meanwhile. */
function during(ms: number): number {
  const before = said;
  vi.advanceTimersByTime(ms);
  return said - before;
}

describe('a member says that it is there', () => {
  it('at once, and every 30 seconds', () => {
    expect(said).toBe(1);
    expect([during(29_999), during(1), during(29_999), during(1)]).toEqual([0, 1, 0, 1]);
  });

  it('when it is asked, once a second at most, and never less than it was asked', () => {
    for (let times = 0; times < 5; times += 1) ask();
    expect([said, during(999), during(1)]).toEqual([1, 0, 1]);
    expect(during(1_000)).toBe(0);
    ask();
    expect(said).toBe(3);
    ask();
    expect([during(999), during(1)]).toEqual([0, 1]);
  });

  it('when the server is back, not when it goes', () => {
    during(5_000);
    fake.change('reconnecting');
    expect(said).toBe(1);
    fake.change('connected');
    expect(said).toBe(2);
  });

  it('no more once it has stopped', () => {
    ask();
    announcer.stop();
    fake.change('connected');
    ask();
    expect([during(100_000), fake.listening, vi.getTimerCount()]).toEqual([0, 0, 0]);
  });
});
