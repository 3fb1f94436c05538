import { nkeys, type NatsConnection, type Status } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { encodeAck, streamMessage } from '../protocol/cluster/stream.ts';
import { encodeWith } from '../protocol/codec.ts';
import { until } from '../farm/test-support.ts';
import { parseServer } from './credentials.ts';
import { ClusterConnection } from './connection.ts';
import { ItemQueue } from './item-queue.ts';
import { TestCluster } from './testing.ts';
import { describeWithNats } from './testing-nats.ts';

const { contents, rewardSigningInfo, slotInfo, readPieceIndex } = clusterMessages;
type Entry = { ok: true; value: [number, bigint | null] };

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* entries(count: number): AsyncGenerator<Entry> {
  for (let offset = 0; offset < count; offset += 1) yield { ok: true, value: [offset, BigInt(offset)] };
}

describeWithNats('a member’s connection', () => {
  let cluster: TestCluster;
  let one: ClusterConnection;
  let other: ClusterConnection;

  beforeAll(async () => {
    cluster = await TestCluster.start();
    one = await cluster.connect();
    other = await cluster.connect();
  });

  afterAll(() => cluster.stop());

  it('carries requests and answers', async () => {
    const off = other.respond(readPieceIndex, { instance: 'a', queue: 'a' }, async (offset) => ({
      ok: true as const,
      value: BigInt(offset),
    }));
    await other.flush();
    expect(await one.request(readPieceIndex, 7, { instance: 'a' })).toEqual({ ok: true, value: 7n });
    off();
    // The server hears each connection by itself: it must have heard this one before the other asks.
    await other.flush();
    await expect(one.request(readPieceIndex, 7, { instance: 'a', retryMs: 0 })).rejects.toMatchObject({
      code: 'nobody',
    });
  });

  it('tries again where nobody answers yet', async () => {
    const asked = one.request(readPieceIndex, 3, { instance: 'late' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const off = other.respond(readPieceIndex, { instance: 'late', queue: 'late' }, async () => ({
      ok: true as const,
      value: null,
    }));
    expect(await asked).toEqual({ ok: true, value: null });
    off();
  });

  it('carries streams of any length, whole and in order', async () => {
    for (const count of [0, 1, 2, 500]) {
      const own = { instance: `c${count}`, queue: 'c' };
      const off = other.respondStream(contents, own, () => entries(count));
      await other.flush();
      const received = await collect(one.stream(contents, null, { instance: `c${count}` }));
      expect(received).toEqual(await collect(entries(count)));
      off();
    }
  });

  it('asks no more of a source than fits while nobody takes it', async () => {
    let given = 0;
    const own = { instance: 'slow', queue: 'slow' };
    const off = other.respondStream(clusterMessages.plotSector, own, async function* chunks() {
      for (; given < 40; given += 1)
        yield {
          kind: 'sectorChunk' as const,
          chunk: { ok: true as const, value: new Uint8Array(1_800_000) },
        };
    });
    const request = {
      publicKey: new Uint8Array(32),
      sectorIndex: 0,
      protocolInfo: {
        historySize: 1n,
        maxPiecesInSector: 1,
        recentSegments: 1n,
        recentHistoryFraction: [1n, 10n] as [bigint, bigint],
        minSectorLifetime: 4n,
      },
      piecesInSector: 1,
    };
    await other.flush();
    const items = one.stream(clusterMessages.plotSector, request, { instance: 'slow' });
    await items.next();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(given).toBeLessThan(12);
    expect((await collect(items)).length).toBe(39);
    off();
  });

  it('says when nobody streams, when a stream falls silent and when it has a gap', async () => {
    await expect(collect(one.stream(contents, null, { instance: 'nobody' }))).rejects.toMatchObject({
      code: 'nobody',
    });
    const raw = await connect({ servers: cluster.server.url });
    const answer = (payloads: Uint8Array[]) =>
      raw.subscribe('subspace.cache.raw.contents', {
        callback: (_, msg) => payloads.forEach((payload) => raw.publish(msg.reply!, payload)),
      });
    const part = (index: number) =>
      encodeWith(streamMessage(contents.item), {
        kind: 'continue',
        index,
        items: [{ ok: true, value: [index, null] }],
        ackSubject: 'nobody-listens',
      });
    const ask = () => collect(one.stream(contents, null, { instance: 'raw', idleMs: 300 }));
    const cases: [Uint8Array[], string][] = [
      [[part(0)], 'silence'],
      [[part(0), part(2)], 'malformed'],
      [[part(0), part(0)], 'malformed'],
      [[part(0).subarray(0, 9)], 'malformed'],
      [[Uint8Array.of(7)], 'malformed'],
    ];
    for (const [payloads, code] of cases) {
      const subscription = answer(payloads);
      await raw.flush();
      await expect(ask()).rejects.toMatchObject({ code });
      subscription.unsubscribe();
    }
    await raw.close();
  });

  it('ends a stream whose acknowledgements come twice', async () => {
    let ended = false;
    const off = other.respondStream(
      contents,
      { instance: 'acks', queue: 'acks' },
      async function* endless(_, signal) {
        try {
          for (let offset = 0; !signal.aborted; offset += 1) {
            yield { ok: true as const, value: [offset, null] as [number, null] };
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        } finally {
          ended = true;
        }
      },
    );
    const raw = await connect({ servers: cluster.server.url });
    raw.subscribe('stream-response.raw', {
      callback: (_, msg) => {
        const text = new TextDecoder('latin1').decode(msg.data);
        const subject = /stream-response-ack\.\w{26}/.exec(text)?.[0];
        if (subject === undefined) return;
        raw.publish(subject, encodeAck(0));
        raw.publish(subject, encodeAck(0));
      },
    });
    raw.publish('subspace.cache.acks.contents', new Uint8Array(0), { reply: 'stream-response.raw' });
    await until(() => ended, 'the end of the stream');
    expect(cluster.lines.some((line) => line.includes('stream-acknowledgement'))).toBe(true);
    await raw.close();
    off();
  });

  it('is not disturbed by foreign subjects, cut or long messages', async () => {
    const heard: bigint[] = [];
    const off = one.listen(slotInfo, ({ slotInfo: { slotNumber } }) => heard.push(slotNumber));
    const value = {
      slotInfo: {
        slotNumber: 5n,
        globalChallenge: new Uint8Array(32),
        solutionRange: 1n,
        votingSolutionRange: 1n,
      },
      instance: 'i',
    };
    const raw = await connect({ servers: cluster.server.url });
    const payload = encodeWith(slotInfo.payload, value);
    raw.publish('subspace.controller.slot-info', payload.subarray(0, 20));
    raw.publish('subspace.controller.slot-info', new Uint8Array(1_000_000));
    raw.publish('subspace.controller.slot-news', payload);
    await raw.flush();
    other.publish(slotInfo, value);
    await until(() => heard.length > 0, 'the slot');
    expect(heard).toEqual([5n]);
    expect(cluster.lines.some((line) => line.includes('slot-info'))).toBe(true);
    await raw.close();
    off();
  });

  it('outlives a restart of the server', async () => {
    const heard: Uint8Array[] = [];
    one.listen(rewardSigningInfo, ({ hash }) => heard.push(hash));
    const own = { instance: 'restart', queue: 'restart' };
    other.respondStream(contents, own, async function* slowly() {
      for (let offset = 0; offset < 20; offset += 1) {
        yield { ok: true as const, value: [offset, null] as [number, null] };
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });
    await other.flush();
    const stream = collect(one.stream(contents, null, { instance: 'restart', idleMs: 3_000 })).then(
      (items) => items.length,
      (error: { code: string }) => error.code,
    );
    await new Promise((resolve) => setTimeout(resolve, 250));
    await cluster.server.restart();
    await until(() => one.state === 'connected' && other.state === 'connected', 'the connection again');
    await one.flush();
    other.publish(rewardSigningInfo, { hash: new Uint8Array(32), publicKey: new Uint8Array(32) });
    await until(() => heard.length === 1, 'a broadcast after the restart');
    // Nothing was under way at that moment, or what was got lost and was noticed.
    expect([20, 'malformed', 'silence']).toContain(await stream);
  });
});

describeWithNats('a server', () => {
  it('that carries too little is refused in words', async () => {
    const cluster = await TestCluster.start({ maxPayload: '1MB' });
    await expect(cluster.connect()).rejects.toMatchObject({
      code: 'payload-limit',
      sentence: expect.stringContaining('max_payload') as string,
    });
    await cluster.stop();
  });

  it('lets in who has the right credentials', async () => {
    const pair = nkeys.createUser();
    const seed = new TextDecoder().decode(pair.getSeed());
    const cases = [
      {
        extra: 'authorization { user: ann, password: secret }',
        good: { kind: 'password', user: 'ann', password: 'secret' },
      },
      { extra: 'authorization { token: "t0ken" }', good: { kind: 'token', token: 't0ken' } },
      {
        extra: `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`,
        good: { kind: 'nkey', seed },
      },
    ] as const;
    for (const { extra, good } of cases) {
      const cluster = await TestCluster.start({ extra });
      const outcome = await cluster.connect({ credentials: good }).then(
        () => 'in',
        (error: Error) => error.message,
      );
      expect(outcome).toBe('in');
      await expect(cluster.connect()).rejects.toMatchObject({ code: 'refused' });
      await cluster.stop();
    }
  });

  it('that is not there is named, without secrets', async () => {
    const cluster = await TestCluster.start();
    const { url, credentials } = parseServer('nats://ann:secret@127.0.0.1:1');
    const error = await cluster.connect({ servers: [url], credentials }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'unreachable' });
    expect(String(error)).not.toContain('secret');
    await cluster.stop();
  });
});

describe('what is sent while the server is away', () => {
  it('is left out where it is no news later, and goes out when it is back where it is', async () => {
    const statuses = new ItemQueue<Status>(8);
    const sent: string[] = [];
    const nats = {
      info: { max_payload: 2 * 1024 * 1024 },
      status: () => statuses,
      publish: (subject: string) => sent.push(subject),
      flush: async () => undefined,
      close: async () => statuses.end(),
    } as unknown as NatsConnection;
    const connection = await ClusterConnection.connect({
      connect: async () => nats,
      servers: ['nats://nowhere'],
      credentials: { kind: 'none' },
      name: 'test',
    });
    const value = { hash: new Uint8Array(32), publicKey: new Uint8Array(32) };
    const { rewardSignature } = clusterMessages;
    statuses.tell({ type: 'disconnect', server: 'nowhere' });
    await until(() => connection.state === 'reconnecting', 'the loss');
    connection.publish(rewardSigningInfo, value);
    connection.publish(rewardSignature, { hash: value.hash, signature: null });
    connection.publish(rewardSigningInfo, value, undefined, true);
    expect(sent).toEqual([]);
    statuses.tell({ type: 'reconnect', server: 'nowhere' });
    await until(() => connection.state === 'connected', 'the return');
    expect(sent).toEqual([rewardSignature.subject, rewardSigningInfo.subject]);
    await connection.close();
  });
});

describe('a server’s address', () => {
  it('gives up the credentials in it', () => {
    expect(parseServer('example.org:4222')).toEqual({
      url: 'nats://example.org:4222',
      credentials: { kind: 'none' },
    });
    expect(parseServer('tls://ann:p%40ss@h')).toEqual({
      url: 'tls://h',
      credentials: { kind: 'password', user: 'ann', password: 'p@ss' },
    });
    expect(parseServer('wss://tok@h/nats')).toEqual({
      url: 'wss://h/nats',
      credentials: { kind: 'token', token: 'tok' },
    });
    for (const text of ['', 'http://h', 'nats://'])
      expect(() => parseServer(text)).toThrow(/not the address/);
  });
});
