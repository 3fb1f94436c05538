import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachedPieceByIndex, KADEMLIA_PROTOCOL, kademliaDistance, kademliaKey } from '../protocol/dsn.ts';
import { multiaddr } from '@multiformats/multiaddr';
import { PeerBook } from './peer-book.ts';

/** Multihash of the peer with this number: the identity of a public key of zeros. */
function multihashOf(number: number): Uint8Array {
  const key = new Uint8Array(36);
  key.set([8, 1, 18, 32]);
  new DataView(key.buffer).setUint32(4, number);
  return Uint8Array.of(0, key.length, ...key);
}

const addresses = [multiaddr('/ip4/10.0.0.1/tcp/1').bytes];
const server = { addresses, protocols: [KADEMLIA_PROTOCOL] };

let bans: string[];
let book: PeerBook;
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  bans = [];
  book = new PeerBook((peer) => void bans.push(peer));
});
afterEach(() => {
  vi.useRealTimers();
});

const learn = (number: number) => book.learn({ peerId: multihashOf(number), addresses })!;
const connect = (number: number) => {
  const peer = learn(number);
  book.identified(peer, { multihash: multihashOf(number), ...server });
  return peer;
};

describe('what is known of peers', () => {
  it('is nothing of what is no peer', () => {
    const whole = multihashOf(1);
    for (const wrong of [new Uint8Array(0), whole.subarray(1), whole.subarray(0, -1), Uint8Array.of(0)])
      expect(book.learn({ peerId: wrong, addresses })).toBeNull();
    expect(book.counts().known).toBe(0);
  });

  it('ends with a ban, for good and once', () => {
    const peer = connect(1);
    book.ban(peer, 'wrong piece');
    book.ban(peer, 'again');
    expect(bans).toEqual([peer]);
    vi.advanceTimersByTime(365 * 86_400_000);
    expect([learn(1), book.isBanned(peer), book.isAside(peer)]).toEqual([peer, true, true]);
    expect(book.counts()).toEqual({ connected: 0, known: 0, banned: 1 });
  });

  it('is not ended by what comes through the person’s own gateway: it is put aside, half as long again each time', () => {
    const peer = connect(1);
    const speakers = () => book.speakers(KADEMLIA_PROTOCOL);
    book.ban(peer, 'wrong piece');
    book.setGateway(peer);
    // Named after it was banned, it is asked again.
    expect([book.isBanned(peer), book.isGateway(peer)]).toEqual([false, true]);
    connect(1);
    for (const ms of [5_000, 7_500, 11_250]) {
      book.ban(peer, 'wrong piece');
      vi.advanceTimersByTime(ms / 2);
      // What it sent before it was put aside.
      book.ban(peer, 'wrong piece');
      vi.advanceTimersByTime(ms / 2 - 1);
      book.answered(peer);
      expect([book.isAside(peer), book.isPutAside(peer), book.isBanned(peer)]).toEqual([true, true, false]);
      expect([speakers(), book.resting(KADEMLIA_PROTOCOL)]).toEqual([[], [peer]]);
      vi.advanceTimersByTime(1);
      expect([book.isAside(peer), speakers()]).toEqual([false, [peer]]);
    }
    expect(bans).toEqual([peer]);
    vi.advanceTimersByTime(31 * 60_000);
    book.ban(peer, 'wrong piece');
    vi.advanceTimersByTime(5_000);
    expect(book.isAside(peer)).toBe(false);
    for (let time = 0; time < 20; time += 1) {
      book.ban(peer, 'wrong piece');
      vi.advanceTimersByTime(30 * 60_000);
    }
    expect(book.isAside(peer)).toBe(false);
    book.setGateway(connect(2));
    book.ban(peer, 'wrong piece');
    expect([book.isBanned(peer), book.isGateway(peer)]).toEqual([true, false]);
  });

  it('is put aside for a while when the peer is of another network, half as long again each time', () => {
    const peer = learn(1);
    let ms = 5_000;
    for (let time = 0; time < 20; time += 1) {
      book.block(learn(1), 'another network');
      expect([bans.length, book.counts().known]).toEqual([time + 1, 0]);
      vi.advanceTimersByTime(Math.ceil(ms) - 1);
      expect(book.isBanned(peer)).toBe(true);
      vi.advanceTimersByTime(1);
      expect(book.isBanned(peer)).toBe(false);
      ms = Math.min(30 * 60_000, ms * 1.5);
    }
    expect(ms).toBe(30 * 60_000);
  });

  it('goes by no clock that a person may set back', () => {
    const [blocked, failing] = [learn(1), connect(2)];
    book.block(blocked, 'another network');
    for (let failure = 0; failure < 4; failure += 1) book.failed(failing);
    vi.setSystemTime(0);
    expect([book.isBanned(blocked), book.isAside(failing)]).toEqual([true, true]);
    vi.advanceTimersByTime(10_000);
    expect([book.isBanned(blocked), book.isAside(failing)]).toEqual([false, false]);
  });

  it('lets a peer rest that failed four times in a row, longer each time', () => {
    const peer = connect(1);
    const speakers = () => book.speakers(KADEMLIA_PROTOCOL);
    const resting = () => book.resting(KADEMLIA_PROTOCOL);
    for (let failure = 0; failure < 3; failure += 1) book.failed(peer);
    expect(speakers()).toEqual([peer]);
    for (const ms of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
      book.failed(peer);
      expect([book.isAside(peer), speakers(), resting()]).toEqual([true, [], [peer]]);
      vi.advanceTimersByTime(ms - 1);
      expect(book.isAside(peer)).toBe(true);
      vi.advanceTimersByTime(1);
      expect([book.isAside(peer), speakers(), resting()]).toEqual([false, [peer], []]);
    }
    book.answered(peer);
    for (let failure = 0; failure < 3; failure += 1) book.failed(peer);
    expect(book.isAside(peer)).toBe(false);
    book.failed(peer);
    expect([resting(), book.resting('/other')]).toEqual([[peer], []]);
    book.ban(peer, 'wrong piece');
    expect(resting()).toEqual([]);
  });

  it('forgets those first that never answered, and nobody who is connected', () => {
    const good = connect(1);
    book.answered(good);
    book.disconnected(good);
    const connected = connect(2);
    for (let number = 3; number <= 600; number += 1) learn(number);
    expect(book.counts()).toMatchObject({ known: 500, connected: 1 });
    expect([good, connected].map((peer) => book.addresses(peer).length)).toEqual([1, 1]);
    expect(book.addresses(learn(600))).toHaveLength(1);
  });

  it('has so many addresses of a peer, and those that it said of itself', () => {
    const many = Array.from({ length: 40 }, (_, port) => multiaddr(`/ip4/10.0.0.1/tcp/${port + 1}`).bytes);
    const peer = book.learn({ peerId: multihashOf(1), addresses: many })!;
    expect(book.addresses(peer)).toHaveLength(30);
    book.identified(peer, { multihash: multihashOf(1), ...server });
    book.learn({ peerId: multihashOf(1), addresses: many });
    expect(book.addresses(peer)).toEqual(addresses);
    book.identified(peer, { multihash: multihashOf(1), addresses: many, protocols: [] });
    expect(book.addresses(peer)).toHaveLength(30);
  });
});

describe('the peers nearest to a place', () => {
  const target = new Uint8Array(32);
  const byDistance = (numbers: number[]) =>
    numbers
      .map((number) => ({
        number,
        distance: kademliaDistance(target, kademliaKey(multihashOf(number))),
      }))
      .sort((a, b) => (a.distance < b.distance ? -1 : 1))
      .map(({ number }) => learn(number));

  it('are servers that are connected, without who asks, as many as wanted', () => {
    const numbers = [1, 2, 3, 4, 5];
    for (const number of numbers) connect(number);
    const order = byDistance(numbers);
    learn(6);
    expect(book.closest(target, 9, '')).toEqual(order);
    expect(book.closest(target, 2, order[0]!)).toEqual(order.slice(1, 3));
    book.disconnected(order[1]!);
    expect(book.closest(target, 9, '')).toEqual(order.filter((_, at) => at !== 1));
  });

  it('are nearer than any that was forgotten', () => {
    const peers = [1, 2, 3].map(connect);
    const own = [1, 2, 3].map((number) => kademliaDistance(target, kademliaKey(multihashOf(number))));
    expect(peers.map((peer) => book.distance(target, peer))).toEqual(own);
    book.ban(peers[0]!, 'wrong piece');
    const forgotten = book.distance(target, peers[0]!);
    expect(own.every((distance) => distance < forgotten)).toBe(true);
    expect(book.distance(new Uint8Array(32).fill(255), peers[0]!)).toBe(forgotten);
  });

  it('that may hold a piece are tabs behind a relay, too', () => {
    const relayed = [multiaddr(`/ip4/10.0.0.1/tcp/1/p2p/${connect(1)}/p2p-circuit`).bytes, Uint8Array.of(9)];
    const protocols = [cachedPieceByIndex.name];
    const [tab, alone, silent] = [learn(2), learn(3), learn(4)];
    book.identified(tab, { multihash: multihashOf(2), addresses: relayed, protocols });
    book.identified(alone, { multihash: multihashOf(3), addresses, protocols });
    book.identified(silent, { multihash: multihashOf(4), addresses: relayed, protocols: ['/other'] });
    expect(new Set(book.holders(target, 9, ''))).toEqual(new Set([learn(1), tab]));
    expect(book.closest(target, 9, '')).toEqual([learn(1)]);
  });

  it('are asked by how they answered, servers first', () => {
    const [first, second] = [connect(1), connect(2)];
    const tab = learn(3);
    const protocols = [cachedPieceByIndex.name, KADEMLIA_PROTOCOL];
    for (const [peer, number] of [
      [first, 1],
      [second, 2],
    ] as const)
      book.identified(peer, { multihash: multihashOf(number), addresses, protocols });
    book.identified(tab, { multihash: multihashOf(3), addresses, protocols: [cachedPieceByIndex.name] });
    book.answered(second);
    for (let answer = 0; answer < 9; answer += 1) book.answered(tab);
    expect(book.speakers(cachedPieceByIndex.name)).toEqual([second, first, tab]);
    expect(book.speakers(KADEMLIA_PROTOCOL)).toEqual([second, first]);
  });
});

describe('who is met', () => {
  it('is of this network, or is not waited for any longer', async () => {
    const peer = learn(1);
    const { signal } = new AbortController();
    const waits = book.identity(peer, signal);
    book.identified(peer, { multihash: multihashOf(1), ...server });
    await waits;
    await book.identity(peer, signal);
    book.disconnected(peer);
    const again = book.identity(peer, signal);
    book.disconnected(peer);
    await expect(again).rejects.toMatchObject({ code: 'other-network' });
    const stop = new AbortController();
    const third = book.identity(peer, stop.signal);
    stop.abort();
    await expect(third).rejects.toMatchObject({ code: 'other-network' });
  });
});
