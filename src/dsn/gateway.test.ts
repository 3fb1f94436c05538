import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { webSockets } from '@libp2p/websockets';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { haveGo, startGateway, type RunningGateway } from '../../tests/support/gateway.ts';
import { peerIdFromString } from '@libp2p/peer-id';
import { equal, toHex } from '../protocol/bytes.ts';
import { kademliaDistance, kademliaKey, pieceMultihash } from '../protocol/dsn.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { bridgedTcp, probeBridge } from './bridge.ts';
import { bridgeOf, gatewayAddresses, GatewayError } from './gateway.ts';
import { DsnPeer } from './peer.ts';
import { nodePlatform } from './platform-node.ts';
import { peerCaches, peerPlots } from './search.ts';
import { REFUSING_SERVER, type DsnServer } from './server.ts';

const GENESIS = new Uint8Array(32).fill(9);
const { signal } = new AbortController();
const pieceOf = (index: PieceIndex): Uint8Array => new Uint8Array(PIECE_BYTES).fill(Number(index) + 1);
const cached = 3n;
const plotted = 300n;
const server: DsnServer = {
  ...REFUSING_SERVER,
  hasCached: (index) => index === cached,
  cachedPiece: (index) => Promise.resolve(index === cached ? pieceOf(index) : null),
  piece: (index) => Promise.resolve([cached, plotted].includes(index) ? pieceOf(index) : null),
};
const platform = nodePlatform(['/ip4/127.0.0.1/tcp/0']);
const opened: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((peer) => peer.stop()));
});

async function join(options: Partial<Parameters<typeof DsnPeer.start>[0]> = {}): Promise<DsnPeer> {
  const peer = await DsnPeer.start({ ...nodePlatform(), genesisHash: GENESIS, ...options });
  opened.push(peer);
  return peer;
}

async function find(provider: ReturnType<typeof peerCaches>, index: PieceIndex): Promise<string[]> {
  const from: string[] = [];
  await provider.find(
    [index],
    (found, piece, sender) => {
      expect(found).toBe(index);
      expect(equal(piece, pieceOf(index))).toBe(true);
      from.push(sender);
      return Promise.resolve(true);
    },
    signal,
  );
  return from;
}

describe.runIf(haveGo)('a gateway before a peer that speaks TCP only', () => {
  let native: DsnPeer;
  let gateway: RunningGateway;

  beforeAll(async () => {
    native = await DsnPeer.start({ ...platform, genesisHash: GENESIS, server, kademliaServer: true });
    gateway = await startGateway(toHex(GENESIS), native.addresses());
  }, 400_000);

  afterAll(async () => {
    await gateway?.stop();
    await native?.stop();
  });

  it('tells its addresses, the fastest transport first', async () => {
    const addresses = await gatewayAddresses(gateway.url);
    expect([...addresses].sort()).toEqual([...gateway.addresses].sort());
    expect(addresses[0]).toContain('/webtransport/certhash/');
    expect(addresses.filter((address) => address.includes('/webrtc-direct/certhash/'))).toHaveLength(1);
  });

  it('fetches out of caches and plots', async () => {
    // Without TCP, as a tab is: it would ask the peer itself.
    const tab = await join({ transports: [webSockets()] });
    const webSocket = gateway.addresses.filter((address) => address.includes('/ws'));
    const [peer] = await tab.connect(webSocket, signal);
    expect(await find(peerCaches(tab), cached)).toEqual([peer]);
    expect(await find(peerPlots(tab), plotted)).toEqual([peer]);
  });

  it('is told what was wrong, is put aside for a while, and gives the right piece then', async () => {
    const givers = await Promise.all(
      [1, 2].map((added) => {
        const piece = async (index: PieceIndex) => pieceOf(index + BigInt(added - 1));
        const lying = { ...server, hasCached: () => true, cachedPiece: piece, piece };
        return join({ ...platform, server: lying, kademliaServer: true });
      }),
    );
    const [honest, liar] = givers as [DsnPeer, DsnPeer];
    const own = await startGateway(
      toHex(GENESIS),
      givers.flatMap((giver) => giver.addresses()),
    );
    opened.push(own);
    const tab = await join({ transports: [webSockets()] });
    const [peer] = await tab.connect(
      own.addresses.filter((address) => address.includes('/ws')),
      signal,
    );
    tab.book.setGateway(peer!);
    const distance = (index: PieceIndex, { id }: DsnPeer): bigint =>
      kademliaDistance(
        kademliaKey(pieceMultihash(index)),
        kademliaKey(peerIdFromString(id).toMultihash().bytes),
      );
    // The gateway asks the nearer one first.
    let index = 1n;
    while (distance(index, liar) > distance(index, honest)) index += 1n;
    const troubles: string[] = [];
    const take = async (): Promise<boolean[]> => {
      const verdicts: boolean[] = [];
      await peerCaches(tab).find(
        [index],
        (_, piece) => {
          verdicts.push(equal(piece, pieceOf(index)));
          return Promise.resolve(verdicts.at(-1)!);
        },
        signal,
        (_index, from, why) => void troubles.push(`${from} ${why}`),
      );
      return verdicts;
    };
    expect(await take()).toEqual([false]);
    expect(await take()).toEqual([]);
    expect(troubles).toEqual([`${peer} resting`, `${peer} resting`]);
    await expect.poll(() => tab.book.isPutAside(peer!), { timeout: 10_000 }).toBe(false);
    expect(await take()).toEqual([true]);
  }, 60_000);

  it('bridges a connection that only its ends can read', async () => {
    const tab = await join({ transports: [bridgedTcp({ settings: bridgeOf(gateway.url, gateway.code) })] });
    const [peer] = await tab.connect(native.addresses(), signal);
    expect(peer).toBe(native.id);
    expect(await find(peerCaches(tab), cached)).toEqual([native.id]);
  });

  it('says whether it takes a code', async () => {
    expect(await probeBridge(bridgeOf(gateway.url, gateway.code))).toBe('ready');
    expect(await probeBridge(bridgeOf(gateway.url, 'AAAAAAAAAAAAAAAA'))).toBe('wrong-code');
    expect(await probeBridge(bridgeOf('http://127.0.0.1:1', gateway.code))).toBe('no-bridge');
  });

  it('is not used while there is none', async () => {
    const tab = await join({ transports: [bridgedTcp({ settings: null })] });
    expect(await tab.connect(native.addresses(), signal)).toEqual([]);
  });

  it('does not bridge without its code', async () => {
    const tab = await join({
      transports: [bridgedTcp({ settings: bridgeOf(gateway.url, 'AAAAAAAAAAAAAAAA') })],
    });
    expect(await tab.connect(native.addresses(), signal)).toEqual([]);
  });
});

/** A program that is no gateway. */
async function answering(status: number, body: string): Promise<string> {
  const http = createServer((_, response) => response.writeHead(status).end(body));
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  opened.push({ stop: () => new Promise((done) => http.close(() => done())) });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

describe('another program where the gateway should be', () => {
  it.each([
    ['is not found', 404, ''],
    ['answers no JSON', 200, '<html>'],
    ['answers another shape', 200, '{"addresses":[1]}'],
    ['answers too much', 200, JSON.stringify({ addresses: [], more: 'x'.repeat(100_000) })],
  ])('%s', async (_, status, body) => {
    await expect(gatewayAddresses(await answering(status, body))).rejects.toThrow(GatewayError);
  });

  it('says that this page is not served', async () => {
    await expect(gatewayAddresses(await answering(403, ''))).rejects.toThrow('--origin');
  });

  it('says that nobody answers', async () => {
    await expect(gatewayAddresses('http://127.0.0.1:1')).rejects.toThrow('Is it running?');
    await expect(gatewayAddresses('nonsense')).rejects.toThrow('is not the address');
    expect(() => bridgeOf('ftp://x', 'A')).toThrow(GatewayError);
  });

  it.each([
    ['text that is no answer', 'hello'],
    ['a refusal', JSON.stringify({ open: false, error: 'private-target', message: 'no' })],
  ])('as a bridge: %s', async (_, text) => {
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(sockets, 'listening');
    sockets.on('connection', (socket) => socket.on('message', () => socket.send(text)));
    opened.push({ stop: () => new Promise((done) => sockets.close(() => done())) });
    const url = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`;
    const target = await join({ ...platform });
    const tab = await join({ transports: [bridgedTcp({ settings: { url, code: 'x' } })] });
    expect(await tab.connect(target.addresses(), signal)).toEqual([]);
    for (const socket of sockets.clients) socket.terminate();
  });
});
