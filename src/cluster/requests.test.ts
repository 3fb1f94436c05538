/** How often and how long a member asks, without a server. */
import { NoRespondersError, TimeoutError, type NatsConnection, type Status } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { encodeWith } from '../protocol/codec.ts';
import { ClusterConnection, type RequestSettings } from './connection.ts';
import { ItemQueue } from './item-queue.ts';

const { readPieceIndex } = clusterMessages;
const GOOD = encodeWith(readPieceIndex.response, { ok: true, value: 5n });
const never = new Promise<never>(() => undefined);

let statuses: ItemQueue<Status>;
let connection: ClusterConnection;
/** When it was asked, in milliseconds from the beginning, and how long an answer is waited for. */
let asked: { at: number; timeout: number }[];
let answer: () => Promise<{ data: Uint8Array }>;

beforeEach(async () => {
  vi.useFakeTimers();
  const begun = performance.now();
  statuses = new ItemQueue<Status>(8);
  asked = [];
  answer = () => Promise.reject(new NoRespondersError('asked'));
  const nats = {
    info: { max_payload: 2 * 1024 * 1024 },
    status: () => statuses,
    request: (_subject: string, _payload: Uint8Array, { timeout }: { timeout: number }) => {
      asked.push({ at: performance.now() - begun, timeout });
      return answer();
    },
    publish: () => undefined,
    flush: async () => undefined,
    close: async () => statuses.end(),
  } as unknown as NatsConnection;
  connection = await ClusterConnection.connect({
    connect: async () => nats,
    servers: ['nats://nowhere'],
    credentials: { kind: 'none' },
    name: 'test',
  });
});
afterEach(async () => {
  await connection.close();
  vi.useRealTimers();
});

const ask = (settings: RequestSettings = {}) => {
  const asking = connection.request(readPieceIndex, 7, { instance: 'a', ...settings });
  asking.catch(() => undefined);
  return asking;
};
const times = (): number[] => asked.map(({ at }) => at);

describe('a request', () => {
  it('is repeated for a minute where nobody answers, at ever longer intervals', async () => {
    const asking = ask();
    await vi.advanceTimersByTimeAsync(300_000);
    await expect(asking).rejects.toMatchObject({ code: 'nobody' });
    expect(times()).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500, 25_500, 35_500, 45_500, 55_500]);
  });

  it('waits five minutes for an answer, and is not repeated then', async () => {
    answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300_000));
      throw new TimeoutError();
    };
    const asking = ask();
    await vi.advanceTimersByTimeAsync(400_000);
    await expect(asking).rejects.toMatchObject({ code: 'silence' });
    expect(asked).toEqual([{ at: 0, timeout: 300_000 }]);
  });

  it('is made once where that is enough, and as long as it is to be', async () => {
    await expect(ask({ retryMs: 0, timeoutMs: 9 })).rejects.toMatchObject({ code: 'nobody' });
    expect(asked).toEqual([{ at: 0, timeout: 9 }]);
  });

  it('is made again when somebody is there', async () => {
    const asking = ask();
    await vi.advanceTimersByTimeAsync(100);
    answer = async () => ({ data: GOOD });
    await vi.advanceTimersByTimeAsync(400);
    expect(await asking).toEqual({ ok: true, value: 5n });
    expect(times()).toEqual([0, 500]);
  });

  it('is made again when the link broke meanwhile', async () => {
    answer = () => never;
    const asking = ask();
    await vi.advanceTimersByTimeAsync(1_000);
    statuses.tell({ type: 'disconnect', server: 'nowhere' });
    await vi.advanceTimersByTimeAsync(0);
    answer = async () => ({ data: GOOD });
    statuses.tell({ type: 'reconnect', server: 'nowhere' });
    await vi.advanceTimersByTimeAsync(500);
    expect(await asking).toEqual({ ok: true, value: 5n });
    expect(times()).toEqual([0, 1_500]);
  });

  it('is not repeated after an answer that makes no sense', async () => {
    answer = async () => ({ data: GOOD.subarray(1) });
    await expect(ask()).rejects.toMatchObject({ code: 'malformed' });
    expect(asked).toHaveLength(1);
  });

  it('ends when whoever asks gives up, while it waits and between two tries', async () => {
    for (const wait of [() => never, () => Promise.reject(new NoRespondersError('asked'))]) {
      answer = wait;
      const enough = new AbortController();
      const asking = ask({ signal: enough.signal });
      await vi.advanceTimersByTimeAsync(100);
      enough.abort(new Error('enough'));
      await expect(asking).rejects.toThrow('enough');
    }
    expect(asked).toHaveLength(2);
    await expect(ask({ signal: AbortSignal.abort(new Error('no more')) })).rejects.toThrow('no more');
    expect(asked).toHaveLength(2);
  });
});
