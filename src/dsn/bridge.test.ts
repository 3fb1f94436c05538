/** The transport over a socket bridge, before one of the test's own. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Connection, MultiaddrConnection, Transport } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';
import { bridgedTcp, probeBridge, type BridgeHolder, type BridgeSettings } from './bridge.ts';
import { nodePlatform } from './platform-node.ts';

// Node.js 20 has no WebSocket of its own.
nodePlatform();

const TARGET = multiaddr('/ip4/127.0.0.1/tcp/4001');
const { signal } = new AbortController();
const servers: WebSocketServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    for (const socket of server.clients) socket.terminate();
    await new Promise((done) => server.close(done));
  }
});

/** A bridge that answers the first message as `serve` has it. */
async function bridge(serve: (socket: ServerSocket, request: string) => void): Promise<BridgeSettings> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  servers.push(server);
  await once(server, 'listening');
  server.on('connection', (socket) => socket.once('message', (data) => serve(socket, String(data))));
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/bridge`, code: 'CODE' };
}

const open = (socket: ServerSocket): void => socket.send(JSON.stringify({ open: true }));

function transportOf(holder: BridgeHolder): Transport {
  const log = Object.assign(() => undefined, { error: () => undefined, trace: () => undefined });
  const logger = { forComponent: () => Object.assign(log, { newScope: () => log }) };
  return bridgedTcp(holder)({ logger } as never);
}

/** The connection as it is before anything runs over it. */
async function dial(
  settings: BridgeSettings | null,
  address = TARGET,
  limit = signal,
): Promise<MultiaddrConnection> {
  const upgrader = { upgradeOutbound: (raw: MultiaddrConnection) => raw as unknown as Connection };
  const dialled = await transportOf({ settings }).dial(address, { signal: limit, upgrader } as never);
  return dialled as unknown as MultiaddrConnection;
}

describe('TCP over a socket bridge', () => {
  it('is asked for with the code and the address alone, and carries bytes both ways, the first ones too', async () => {
    const asked: unknown[] = [];
    const received: number[] = [];
    const settings = await bridge((socket, request) => {
      asked.push(JSON.parse(request));
      open(socket);
      socket.send(Uint8Array.of(1, 2));
      socket.on('message', (data) => received.push(...(data as Buffer)));
    });
    const peer = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA';
    const line = await dial(settings, multiaddr(`/dns4/localhost/tcp/4001/p2p/${peer}`));
    const heard: number[] = [];
    line.addEventListener('message', ({ data }) => heard.push(...data.subarray()));
    line.send(Uint8Array.of(3, 4));
    await expect
      .poll(() => [heard, received])
      .toEqual([
        [1, 2],
        [3, 4],
      ]);
    expect(asked).toEqual([{ code: 'CODE', target: '/dns4/localhost/tcp/4001' }]);
    await line.close();
    await expect.poll(() => servers[0]!.clients.size).toBe(0);
  });

  it.each([
    ['a refusal', JSON.stringify({ open: false, error: 'busy', message: 'too many' }), 'too many'],
    ['a refusal without words', JSON.stringify({ open: false, error: 'busy' }), 'busy'],
    ['a refusal without anything', JSON.stringify({ open: false }), 'refused'],
    ['what is no answer', 'hello', 'no socket bridge'],
    ['another shape', JSON.stringify({ open: 'yes' }), 'no socket bridge'],
  ])('is refused by %s, and the socket is closed', async (_, answer, words) => {
    const settings = await bridge((socket) => socket.send(answer));
    await expect(dial(settings)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining(words) as string,
    });
    await expect.poll(() => servers[0]!.clients.size).toBe(0);
  });

  it('is unreachable without a bridge, where none answers, and where it goes', async () => {
    const unreachable = { code: 'unreachable' };
    await expect(dial(null)).rejects.toMatchObject(unreachable);
    await expect(dial({ url: 'ws://127.0.0.1:9', code: 'CODE' })).rejects.toMatchObject(unreachable);
    const gone = await bridge((socket) => socket.close());
    await expect(dial(gone)).rejects.toMatchObject(unreachable);
  });

  it('is for addresses of TCP ports only', async () => {
    const settings = await bridge(open);
    const others = [
      '/ip4/127.0.0.1/udp/4001',
      '/ip4/127.0.0.1/tcp/4001/ws',
      '/ip4/127.0.0.1',
      '/memory/1/tcp/1',
    ];
    for (const address of others)
      await expect(dial(settings, multiaddr(address))).rejects.toMatchObject({ code: 'unreachable' });
    const all = [...others.map((address) => multiaddr(address)), TARGET];
    expect(transportOf({ settings }).dialFilter(all)).toEqual([TARGET]);
    expect(transportOf({ settings: null }).dialFilter(all)).toEqual([]);
    expect(transportOf({ settings }).listenFilter(all)).toEqual([]);
  });

  it('is given up when who dials has left, before and while the bridge is asked', async () => {
    const settings = await bridge(() => undefined);
    const leaving = new AbortController();
    const waiting = dial(settings, TARGET, leaving.signal).catch((error: unknown) => error);
    await expect.poll(() => servers[0]!.clients.size).toBe(1);
    leaving.abort(new Error('left'));
    expect(await waiting).toBe(leaving.signal.reason);
    await expect(dial(settings, TARGET, leaving.signal)).rejects.toBe(leaving.signal.reason);
    await expect.poll(() => servers[0]!.clients.size).toBe(0);
  });

  it('has who sends wait while the bridge is slow, and go on when it is not', async () => {
    let slow: ServerSocket | null = null;
    let received = 0;
    const settings = await bridge((socket) => {
      slow = socket;
      open(socket);
      socket.on('message', (data) => (received += (data as Buffer).length));
      socket.pause();
    });
    const line = await dial(settings);
    const part = new Uint8Array(2 ** 20);
    let sent = 1;
    for (; sent < 64 && line.send(part); sent += 1);
    expect(sent).toBeLessThan(64);
    const drained = new Promise((done) => line.addEventListener('drain', done, { once: true }));
    slow!.resume();
    await drained;
    await expect.poll(() => received).toBe(sent * part.length);
  });

  it('ends with the bridge’s end, and with text among bytes', async () => {
    const sockets: ServerSocket[] = [];
    const settings = await bridge((socket) => {
      sockets.push(socket);
      open(socket);
    });
    const lines = [await dial(settings), await dial(settings), await dial(settings)];
    sockets[0]!.close();
    sockets[1]!.terminate();
    sockets[2]!.send('text');
    await expect.poll(() => lines.map(({ status }) => status)).not.toContain('open');
  });

  it.each([
    ['ready', JSON.stringify({ open: false, error: 'malformed' })],
    ['wrong-code', JSON.stringify({ open: false, error: 'wrong-code' })],
    ['no-bridge', JSON.stringify({ open: false, error: 'busy' })],
    ['no-bridge', 'hello'],
  ])('is tried without connecting anywhere: %s', async (outcome, answer) => {
    const asked: unknown[] = [];
    const settings = await bridge((socket, request) => {
      asked.push(JSON.parse(request));
      socket.send(answer);
    });
    expect(await probeBridge(settings)).toBe(outcome);
    expect(asked).toEqual([{ code: 'CODE', target: '' }]);
    await expect.poll(() => servers[0]!.clients.size).toBe(0);
  });
});
