/** Peers that turn away whoever connects too often, close lines that nobody uses, or are gone. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Connection } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, describe, expect, it } from 'vitest';
import { pieceByIndex } from '../protocol/dsn.ts';
import { Dialer } from './dialer.ts';
import { REFUSING_SERVER } from './server.ts';
import { addressesOf, failure, join, pieceOf, plainPeer } from './test-support.ts';

const { signal } = new AbortController();
const QUESTION = { pieceIndex: 3n, cachedPieces: [] };
const CONNECTION = {} as Connection;
const servers: Server[] = [];

afterEach(() => servers.splice(0).forEach((server) => server.close()));

const giver = () =>
  join({
    kademliaServer: true,
    server: { ...REFUSING_SERVER, piece: (index) => Promise.resolve(index === 3n ? pieceOf(3n) : null) },
  });

/** Makes so many other connections to a peer from this machine, as a row of tabs does. */
async function crowd(addresses: string[], count: number): Promise<number> {
  const others = await Promise.all(Array.from({ length: count }, () => plainPeer(true)));
  const dialled = await Promise.allSettled(others.map((other) => other.dial(multiaddr(addresses[0]))));
  return dialled.filter(({ status }) => status === 'rejected').length;
}

/** A TCP port that takes lines, counts them, and hangs up. */
async function hangingUp(): Promise<{ address: string; times: number[] }> {
  const times: number[] = [];
  const server = createServer((socket: Socket) => {
    times.push(performance.now());
    socket.destroy();
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const id = (await plainPeer(true)).peerId.toString();
  return { address: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}/p2p/${id}`, times };
}

describe('a peer that is connected to too often', () => {
  it('turns the others away, and a tab that comes then gets its piece all the same', async () => {
    const peer = await giver();
    const tabs = await Promise.all(Array.from({ length: 9 }, () => join({}, [])));
    // Without waiting, some of so many are turned away.
    expect(await crowd(peer.addresses(), 12)).toBeGreaterThan(0);
    const reached = await Promise.all(tabs.map((tab) => tab.connect(peer.addresses())));
    expect(reached.flat()).toHaveLength(9);
    for (const tab of tabs) expect((await tab.request(peer.id, pieceByIndex, QUESTION)).piece?.[0]).toBe(3);
  }, 30_000);

  it('is asked over the line that there is, however much is asked at once', async () => {
    const peer = await giver();
    const tab = await join({}, []);
    await tab.connect(peer.addresses());
    await tab.request(peer.id, pieceByIndex, QUESTION);
    expect(peer.connections()).toHaveLength(1);
    await Promise.all(Array.from({ length: 12 }, () => tab.request(peer.id, pieceByIndex, QUESTION)));
    expect(peer.connections()).toHaveLength(1);
    // A line that was closed because nobody used it is made anew, once for all who ask.
    await tab.disconnect(peer.id);
    await expect.poll(() => peer.connections()).toEqual([]);
    await Promise.all(Array.from({ length: 12 }, () => tab.request(peer.id, pieceByIndex, QUESTION)));
    expect(peer.connections()).toHaveLength(1);
  }, 30_000);
});

describe('a peer that hangs up', () => {
  it('is dialled again a few times, ever later, and then counts as out of reach', async () => {
    const { address, times } = await hangingUp();
    const tab = await join({}, []);
    expect(await tab.connect([address])).toEqual([]);
    expect(times.length).toBeGreaterThan(1);
    expect(times.length).toBeLessThanOrEqual(4);
    const waits = times.slice(1).map((at, index) => at - times[index]!);
    waits.forEach((wait, index) => expect(wait).toBeGreaterThanOrEqual(900 * 2 ** index));
  }, 30_000);
});

describe('a dialer', () => {
  const refused = (name = 'Error') => Promise.reject(Object.assign(new Error('no'), { name }));

  it('makes one dial for all who want the same peer', async () => {
    let dials = 0;
    const dial = async (): Promise<Connection> => {
      dials += 1;
      await new Promise((done) => setTimeout(done, 50));
      return CONNECTION;
    };
    const dialer = new Dialer();
    await Promise.all(Array.from({ length: 20 }, () => dialer.dial('a', dial, signal, false)));
    expect(dials).toBe(1);
  });

  it('makes three in a second at most', async () => {
    const dialer = new Dialer();
    const times: number[] = [];
    const dial = (): Promise<Connection> => {
      times.push(performance.now());
      return Promise.resolve(CONNECTION);
    };
    for (let count = 0; count < 5; count += 1) await dialer.dial('a', dial, signal, false);
    expect(times[3]! - times[0]!).toBeGreaterThanOrEqual(990);
    const other = performance.now();
    await dialer.dial('b', dial, signal, false);
    expect(performance.now() - other).toBeLessThan(500);
  });

  it('leaves alone for a moment who is out of reach, until somebody comes from there', async () => {
    const dialer = new Dialer();
    let dials = 0;
    const dial = (): Promise<Connection> => {
      dials += 1;
      return refused();
    };
    const ask = () => failure(dialer.dial('a', dial, signal, false));
    await expect(dialer.dial('a', dial, signal, false)).rejects.toThrow('no');
    expect((await ask()).code).toBe('unreachable');
    expect((await ask()).peer).toBe('a');
    expect(dials).toBe(1);
    dialer.reached('a');
    await expect(dialer.dial('a', dial, signal, false)).rejects.toThrow('no');
    expect(dials).toBe(2);
    const before = performance.now();
    await expect(dialer.dial('a', dial, signal, true)).rejects.toThrow('no');
    expect(dials).toBe(3);
    expect(performance.now() - before).toBeLessThan(900);
  });

  it('tries again after EncryptionFailedError, however deep it lies', async () => {
    const dialer = new Dialer();
    let dials = 0;
    const dial = async (): Promise<Connection> => {
      dials += 1;
      if (dials > 1) return CONNECTION;
      const inner = Object.assign(new Error('EOF'), { name: 'EncryptionFailedError' });
      throw new AggregateError([new Error('other address'), inner]);
    };
    expect(await dialer.dial('a', dial, signal, false)).toBe(CONNECTION);
    expect(dials).toBe(2);
  });

  it('ends when nobody waits any more', async () => {
    const dialer = new Dialer();
    const stop = new AbortController();
    let ended = false;
    const dial = (until: AbortSignal): Promise<Connection> =>
      new Promise((_, reject) =>
        until.addEventListener('abort', () => {
          ended = true;
          reject(until.reason as Error);
        }),
      );
    const [first, second] = [
      dialer.dial('a', dial, stop.signal, false),
      dialer.dial('a', dial, signal, false),
    ];
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(ended).toBe(false);
    second.catch(() => undefined);
    const alone = new AbortController();
    const third = new Dialer().dial('b', dial, alone.signal, false);
    alone.abort(new Error('enough'));
    await expect(third).rejects.toThrow('enough');
    expect(ended).toBe(true);
  });
});

describe('a plain peer of the library', () => {
  it('turns away whoever connects too often, which is what this is for', async () => {
    const peer = await plainPeer(true);
    expect(await crowd(addressesOf(peer), 12)).toBeGreaterThan(0);
  });
});
