/** Streams without a server: what is acknowledged when, and what is made of those who keep to other rules. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeAck, streamMessage, type StreamMessage } from '../protocol/cluster/stream.ts';
import { byteVector, decodeWith, encodeWith, u32, type Codec } from '../protocol/codec.ts';
import { receiveStream, sendStream, streamMessageLimit, type StreamLink } from './streams.ts';

const MIB = 1024 * 1024;

/** A link on which nothing travels but what the test wants. */
class BareLink implements StreamLink {
  readonly closing = new AbortController();
  readonly closed = this.closing.signal;
  readonly sent: { subject: string; payload: Uint8Array; reply: string | undefined }[] = [];
  /** Subjects that somebody listens to. */
  readonly heard = new Map<string, (payload: Uint8Array, statusCode: number) => void>();

  constructor(readonly maxPayload = 2 * MIB) {}

  send(subject: string, payload: Uint8Array, options: { reply?: string } = {}): void {
    this.sent.push({ subject, payload, reply: options.reply });
  }

  receive(...[subject, listener]: Parameters<StreamLink['receive']>): () => void {
    this.heard.set(subject, listener);
    return () => void this.heard.delete(subject);
  }

  /** Has the one listener hear a payload. */
  say(payload: Uint8Array, statusCode = 0): void {
    for (const listener of this.heard.values()) listener(payload, statusCode);
  }

  payloadsTo(subject: string): Uint8Array[] {
    return this.sent.filter((message) => message.subject === subject).map(({ payload }) => payload);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const outcomeOf = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe('a stream that is sent', () => {
  let link: BareLink;
  let gone: AbortController;

  beforeEach(() => {
    [link, gone] = [new BareLink(), new AbortController()];
  });

  async function* numbers(pauseMs = 1): AsyncGenerator<number> {
    for (let number = 0; !gone.signal.aborted; number += 1) {
      yield number;
      await sleep(pauseMs);
    }
  }

  const sent = <T>(item: Codec<T>): StreamMessage<T>[] =>
    link.payloadsTo('reply').map((payload) => decodeWith(streamMessage(item), payload, 'message'));

  it('is given up after a minute without acknowledgement, and its source ended', async () => {
    const outcome = outcomeOf(sendStream(link, 'reply', u32, numbers(), gone));
    await vi.advanceTimersByTimeAsync(50);
    // Two messages may be under way without an acknowledgement.
    expect(link.sent.length).toBe(2);
    link.say(encodeAck(0));
    await vi.advanceTimersByTimeAsync(50);
    expect(link.sent.length).toBe(3);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(gone.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(await outcome).toMatchObject({ code: 'silence' });
    expect(gone.signal.aborted).toBe(true);
    expect(link.heard.size).toBe(0);
  });

  it.each([
    ['twice', [0, 0]],
    ['out of turn', [1]],
    ['in another form', [null]],
  ])('is given up when acknowledged %s', async (_, indices) => {
    const outcome = outcomeOf(sendStream(link, 'reply', u32, numbers(), gone));
    await vi.advanceTimersByTimeAsync(20);
    for (const index of indices) link.say(index === null ? new Uint8Array(3) : encodeAck(index));
    await vi.advanceTimersByTimeAsync(20);
    expect(await outcome).toMatchObject({ rule: 'decode-stream-acknowledgement' });
    expect(gone.signal.aborted).toBe(true);
  });

  it('has a minute for every acknowledgement anew', async () => {
    void outcomeOf(sendStream(link, 'reply', u32, numbers(500), gone));
    for (let index = 0; index < 3; index += 1) {
      await vi.advanceTimersByTimeAsync(55_000);
      link.say(encodeAck(index));
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect([gone.signal.aborted, link.sent.length]).toEqual([false, 5]);
    gone.abort();
  });

  it('ends with what its source makes of it, and tells whoever gives it up why', async () => {
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      await sleep(10);
      throw new Error('the disk is gone');
    }
    const outcome = outcomeOf(sendStream(link, 'reply', u32, broken(), gone));
    await vi.advanceTimersByTimeAsync(20);
    expect(await outcome).toMatchObject({ message: 'the disk is gone' });
    expect(gone.signal.reason).toMatchObject({ message: 'the disk is gone' });
    expect(sent(u32).map(({ kind }) => kind)).toEqual(['continue']);
  });

  it.each(['whoever takes it', 'the link'])('ends when %s is gone', async (who) => {
    const outcome = outcomeOf(sendStream(link, 'reply', u32, numbers(), gone));
    await vi.advanceTimersByTimeAsync(20);
    (who === 'the link' ? link.closing : gone).abort(new Error('gone'));
    await vi.advanceTimersByTimeAsync(20);
    expect(await outcome).toMatchObject({ message: 'gone' });
    expect([gone.signal.aborted, link.heard.size]).toEqual([true, 0]);
  });

  it('sends an item as soon as there is one, and holds no more in memory than fill a message', async () => {
    let given = 0;
    async function* parts(): AsyncGenerator<Uint8Array> {
      for (; given < 60; given += 1) yield new Uint8Array(100_000);
    }
    const outcome = outcomeOf(sendStream(link, 'reply', byteVector, parts(), gone));
    await vi.advanceTimersByTimeAsync(20);
    const counts = () => sent(byteVector).map(({ items }) => items.length);
    // The first goes out alone; what comes while the second waits fills the third to nine tenths.
    expect(counts()[0]).toBe(1);
    expect(link.sent.length).toBe(2);
    const waiting = given - counts().reduce((sum, count) => sum + count, 0);
    expect(waiting).toBe(Math.ceil((0.9 * 2 * MIB) / 100_004));
    for (let index = 0; index < link.sent.length - 1; index += 1) {
      link.say(encodeAck(index));
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(await outcome).toBeUndefined();
    expect(counts().reduce((sum, count) => sum + count, 0)).toBe(60);
    // An empty message would end it for native members.
    expect(counts().slice(0, -1)).not.toContain(0);
    expect(sent(byteVector).map(({ kind }) => kind === 'last')).toEqual(
      counts().map((_, at, all) => at === all.length - 1),
    );
  });

  it('ends a source that does not look whether anybody takes its items, and waits for that', async () => {
    let ended = false;
    async function* heedless(): AsyncGenerator<number> {
      try {
        for (let number = 0; ; number += 1) {
          yield number;
          await sleep(1);
        }
      } finally {
        await sleep(30);
        ended = true;
      }
    }
    let over = false;
    const outcome = outcomeOf(sendStream(link, 'reply', u32, heedless(), gone).finally(() => (over = true)));
    await vi.advanceTimersByTimeAsync(20);
    gone.abort(new Error('gone'));
    await vi.advanceTimersByTimeAsync(20);
    expect([over, ended]).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(20);
    expect([over, ended]).toEqual([true, true]);
    expect(await outcome).toMatchObject({ message: 'gone' });
  });

  it('has messages of 4 MiB at most, whatever the server carries', async () => {
    link = new BareLink(64 * MIB);
    let given = 0;
    async function* parts(): AsyncGenerator<Uint8Array> {
      for (; given < 60; given += 1) yield new Uint8Array(MIB);
    }
    void outcomeOf(sendStream(link, 'reply', byteVector, parts(), gone));
    await vi.advanceTimersByTimeAsync(20);
    link.say(encodeAck(0));
    await vi.advanceTimersByTimeAsync(20);
    expect(Math.max(...link.sent.map(({ payload }) => payload.length))).toBeLessThanOrEqual(4 * MIB);
    expect(given).toBeLessThan(15);
    gone.abort();
    expect([2 * MIB, 4 * MIB, 64 * MIB].map(streamMessageLimit)).toEqual([2 * MIB, 4 * MIB, 4 * MIB]);
  });
});

describe('a stream that is received', () => {
  let link: BareLink;

  beforeEach(() => {
    link = new BareLink();
  });

  const ask = (options = {}) => receiveStream(link, 'asked', Uint8Array.of(5), u32, options);
  const part = (index: number, items = [10 * index]): Uint8Array =>
    encodeWith(streamMessage(u32), { kind: 'continue', index, items, ackSubject: 'acks' });
  const last = (index: number, items: number[]): Uint8Array =>
    encodeWith(streamMessage(u32), { kind: 'last', index, items });
  const acknowledged = (): number[] =>
    link.payloadsTo('acks').map((payload) => decodeWith(u32, payload, 'acknowledgement'));

  it('is listened for before it is asked for, and not after', async () => {
    const items = ask();
    const first = items.next();
    await vi.advanceTimersByTimeAsync(0);
    const [request] = link.sent;
    expect(request).toMatchObject({ subject: 'asked', payload: Uint8Array.of(5) });
    expect([...link.heard.keys()]).toEqual([request!.reply]);
    link.say(last(0, [1, 2]));
    expect([await first, await items.next(), await items.next()]).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: undefined },
    ]);
    expect([link.heard.size, acknowledged()]).toEqual([0, []]);
  });

  it('is acknowledged at once, until four messages are unread', async () => {
    const items = ask();
    const first = items.next();
    await vi.advanceTimersByTimeAsync(0);
    link.say(part(0));
    expect(acknowledged()).toEqual([0]);
    expect(await first).toEqual({ done: false, value: 0 });
    for (let index = 1; index <= 6; index += 1) link.say(part(index));
    expect(acknowledged()).toEqual([0, 1, 2, 3, 4]);
    // Reading one makes room for one more.
    expect((await items.next()).value).toBe(10);
    expect(acknowledged()).toEqual([0, 1, 2, 3, 4, 5]);
    expect((await items.next()).value).toBe(20);
    expect(acknowledged()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    link.say(last(7, [70]));
    const rest: number[] = [];
    for await (const item of items) rest.push(item);
    expect(rest).toEqual([30, 40, 50, 60, 70]);
    expect(acknowledged()).toHaveLength(7);
  });

  it('is given up when more comes than was acknowledged, once all before it is read', async () => {
    const items = ask();
    const first = items.next();
    await vi.advanceTimersByTimeAsync(0);
    link.say(part(0));
    await first;
    for (let index = 1; index <= 9; index += 1) link.say(part(index));
    const read: number[] = [];
    const outcome = (async () => {
      for await (const item of items) read.push(item);
    })();
    await expect(outcome).rejects.toMatchObject({ code: 'malformed', message: /without an ack/ });
    expect(read).toEqual([10, 20, 30, 40, 50, 60, 70]);
  });

  it('brings what came before a gap, and nothing after it', async () => {
    const items = ask();
    const first = items.next();
    await vi.advanceTimersByTimeAsync(0);
    for (const index of [0, 2, 1]) link.say(part(index));
    expect((await first).value).toBe(0);
    await expect(items.next()).rejects.toMatchObject({ code: 'malformed' });
    expect(acknowledged()).toEqual([0]);
  });

  it('ends with a message that has no items', async () => {
    const items = ask();
    const first = items.next();
    await vi.advanceTimersByTimeAsync(0);
    link.say(part(0, []));
    link.say(part(1));
    expect((await first).done).toBe(true);
  });

  it('that nobody answers ends at once', async () => {
    const first = outcomeOf(ask().next());
    await vi.advanceTimersByTimeAsync(0);
    link.say(new Uint8Array(0), 503);
    expect(await first).toMatchObject({ code: 'nobody' });
  });

  it('is over after a minute of silence, counted from when it is waited for', async () => {
    const items = ask();
    const first = items.next();
    await vi.advanceTimersByTimeAsync(59_000);
    link.say(part(0));
    expect((await first).value).toBe(0);
    await vi.advanceTimersByTimeAsync(300_000);
    let over = false;
    const second = outcomeOf(items.next().finally(() => (over = true)));
    await vi.advanceTimersByTimeAsync(59_900);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(await second).toMatchObject({ code: 'silence' });
    expect(link.heard.size).toBe(0);
  });

  it.each(['its reader', 'the link'])('ends when %s gives up', async (who) => {
    const reader = new AbortController();
    const giving = who === 'the link' ? link.closing : reader;
    const { signal } = reader;
    const first = outcomeOf(ask({ signal }).next());
    await vi.advanceTimersByTimeAsync(10);
    giving.abort(new Error('enough'));
    await vi.advanceTimersByTimeAsync(0);
    expect(await first).toMatchObject({ message: 'enough' });
    expect(link.heard.size).toBe(0);
    const [later] = await Promise.all([outcomeOf(ask({ signal }).next()), vi.advanceTimersByTimeAsync(0)]);
    expect(later).toMatchObject({ message: 'enough' });
  });
});
