/** What is done with what others say of where objects lie. */
import { describe, expect, it, vi } from 'vitest';
import type { GlobalObject } from '../protocol/types.ts';
import { HintBook, MAX_PLACES, OTHERS_KNEW, type Locator } from './locate.ts';

const { signal } = new AbortController();
const hashOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const place = (number: number, offset = 0): GlobalObject => ({
  hash: hashOf(number),
  pieceIndex: 2n * BigInt(number),
  offset,
});

/** Answers when it is told to; says what it was asked and why it was stopped. */
function slow(name: string) {
  const asked: number[][] = [];
  const reasons: unknown[] = [];
  let answer: (places: GlobalObject[]) => void = () => undefined;
  const locator: Locator = {
    name,
    locate: (hashes, stop) => {
      asked.push(hashes.map(([first]) => first!));
      stop.addEventListener('abort', () => reasons.push(stop.reason));
      return new Promise((resolve) => (answer = resolve));
    },
  };
  return { locator, asked, reasons, answer: (places: GlobalObject[]) => answer(places) };
}

const knows = (name: string, ...places: GlobalObject[]): Locator => ({
  name,
  locate: async () => places,
});

describe('who may know places', () => {
  it('is stopped when nobody waits any more, and who has left waits for nothing', async () => {
    const one = slow('one');
    const book = new HintBook([one.locator]);
    const [first, second] = [new AbortController(), new AbortController()];
    const left = book.ask(hashOf(1), first.signal).catch((error: unknown) => error);
    const gone = book.ask(hashOf(2), second.signal).catch((error: unknown) => error);
    await vi.waitFor(() => expect(one.asked).toEqual([[1, 2]]));
    first.abort();
    expect(await left).toBe(first.signal.reason);
    expect(one.reasons).toEqual([]);
    second.abort();
    expect(await gone).toBe(second.signal.reason);
    expect(one.reasons).toHaveLength(1);
    expect(one.reasons[0]).not.toBe(OTHERS_KNEW);
    await expect(book.ask(hashOf(1), first.signal)).rejects.toBe(first.signal.reason);
  });

  it('is told that others knew, once all that it was asked for is known', async () => {
    const one = slow('one');
    const book = new HintBook([one.locator]);
    const answers = [1, 2].map((number) => book.ask(hashOf(number), signal));
    await vi.waitFor(() => expect(one.asked).toEqual([[1, 2]]));
    book.add([place(1)], 'a link');
    expect(await answers[0]).toEqual([{ place: place(1), giver: 'a link' }]);
    expect(one.reasons).toEqual([]);
    book.add([place(2)], 'a link');
    await answers[1];
    expect(one.reasons).toEqual([OTHERS_KNEW]);
    // What it says all the same is kept.
    one.answer([place(1, 7)]);
    await vi.waitFor(() => expect(book.known(hashOf(1))).toHaveLength(2));
  });

  it('is asked of a hundred objects at once, of each once, and of none that is known', async () => {
    const one = slow('one');
    const book = new HintBook([one.locator]);
    book.add([place(200)], 'a link');
    const numbers = [...Array.from({ length: 98 }, (_, at) => at), 97, 200];
    void numbers.map((number) => book.ask(hashOf(number), signal));
    expect(one.asked).toEqual([Array.from({ length: 98 }, (_, at) => at)]);
  });

  it('is asked at once first, then of all that is asked within five milliseconds', async () => {
    vi.useFakeTimers();
    try {
      const one = slow('one');
      const book = new HintBook([one.locator]);
      const ask = (...numbers: number[]) => void numbers.map((number) => book.ask(hashOf(number), signal));
      ask(1, 2);
      await vi.advanceTimersByTimeAsync(0);
      expect(one.asked.splice(0)).toEqual([[1, 2]]);
      ask(3);
      await vi.advanceTimersByTimeAsync(4);
      ask(4);
      expect(one.asked).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(one.asked.splice(0)).toEqual([[3, 4]]);
      // What goes out because it is much leaves nothing behind that sends the next too soon.
      ask(5);
      await vi.advanceTimersByTimeAsync(4);
      ask(...Array.from({ length: 99 }, (_, at) => 100 + at));
      expect(one.asked.splice(0)).toHaveLength(1);
      ask(6);
      await vi.advanceTimersByTimeAsync(4);
      expect(one.asked).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(one.asked).toEqual([[6]]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is not asked by who did not want it, nor waited for once it fails', async () => {
    const failing: Locator = { name: 'failing', locate: () => Promise.reject(new Error('away')) };
    const book = new HintBook([failing, knows('knowing', place(1))]);
    expect(await book.ask(hashOf(1), signal, new Set(['knowing']))).toEqual([]);
    expect(book.known(hashOf(1))).toEqual([]);
    const both = [new Set(['knowing']), new Set<string>()].map((without) =>
      book.ask(hashOf(1), signal, without),
    );
    expect((await Promise.all(both)).map(({ length }) => length)).toEqual([0, 1]);
    expect(book.askable(new Set(['failing']))).toEqual(['knowing']);
  });
});

describe('places that were told', () => {
  it('are remembered of the newest hundred thousand objects', () => {
    const book = new HintBook([]);
    const numbered = (number: number): GlobalObject => {
      const hash = new Uint8Array(32);
      new DataView(hash.buffer).setUint32(0, number);
      return { hash, pieceIndex: 0n, offset: number };
    };
    for (let number = 0; number <= MAX_PLACES; number += 1) book.add([numbered(number)], 'an index');
    const isKnown = (number: number): boolean => book.known(numbered(number).hash).length > 0;
    expect([0, 1, MAX_PLACES].map(isKnown)).toEqual([false, true, true]);
  });

  it('are eight of an object at most, each once', () => {
    const book = new HintBook([]);
    book.add([place(1, 0), place(1, 0)], 'first');
    book.add(
      Array.from({ length: 12 }, (_, at) => place(1, at)),
      'second',
    );
    expect(book.known(hashOf(1)).map(({ place: { offset }, giver }) => `${giver} ${offset}`)).toEqual(
      ['first 0', 1, 2, 3, 4, 5, 6, 7].map((one) => (typeof one === 'string' ? one : `second ${one}`)),
    );
  });

  it('go one by one when they are wrong, and their giver is asked no more after eight', async () => {
    const liar = knows('liar', place(1));
    const book = new HintBook([liar]);
    book.add([place(2, 5)], 'a link');
    for (let time = 1; time <= 8; time += 1) {
      expect(book.distrusted()).toEqual([]);
      const [hint] = await book.ask(hashOf(1), signal);
      book.drop(hint!);
    }
    expect(book.distrusted()).toEqual(['liar']);
    expect(book.askable(new Set())).toEqual([]);
    expect(await book.ask(hashOf(1), signal)).toEqual([]);
    book.add([place(2, 6)], 'another');
    book.drop(book.known(hashOf(2))[0]!);
    expect(book.known(hashOf(2)).map(({ giver }) => giver)).toEqual(['another']);
  });
});
