import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { toHex } from '../protocol/bytes.ts';
import {
  cachedPieceByIndex,
  KADEMLIA_PROTOCOL,
  pieceByIndex,
  type CachedPieceResponse,
  type DsnProtocol,
  type PeerAddresses,
} from '../protocol/dsn.ts';
import type { FoundPeer } from '../protocol/find-node.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { DsnError } from './errors.ts';
import type { DsnPeer } from './peer.ts';
import { PeerBook } from './peer-book.ts';
import type { PieceArrived } from './provider.ts';
import { peerCaches, peerPlots } from './search.ts';

const PROTOCOLS = [cachedPieceByIndex.name, pieceByIndex.name, KADEMLIA_PROTOCOL];
const { signal } = new AbortController();
const noPeers = (has: PieceIndex[] = []): CachedPieceResponse => ({
  result: { kind: 'closestPeers', peers: [] },
  cachedPieces: has,
});
const theirs = (index: PieceIndex): Uint8Array => Uint8Array.of(Number(index));

function told(number: number): PeerAddresses {
  const peerId = new Uint8Array(38);
  peerId.set([0, 36, 8, 1, 18, 32]);
  new DataView(peerId.buffer).setUint32(6, number);
  return { peerId, addresses: [multiaddr('/ip4/10.0.0.1/tcp/1').bytes] };
}

interface Asked {
  peer: string;
  index: PieceIndex;
  others: readonly PieceIndex[];
}

/** The own peer among others, which answer as a test wants; nobody has a line. */
class Network {
  readonly book = new PeerBook(() => undefined);
  readonly id = this.book.learn(told(999_999))!;
  readonly asked: Asked[] = [];
  readonly walks: string[] = [];
  readonly failures: [PieceIndex, string, string][] = [];
  readonly given: [PieceIndex, string][] = [];
  private last = 0;

  constructor(
    private readonly answer: (asked: Asked) => CachedPieceResponse | { piece: Uint8Array | null },
    private readonly closestTo: () => string[] = () => [],
  ) {}

  /** Another peer, connected. */
  connected(): string {
    const { peerId, addresses } = told((this.last += 1));
    const peer = this.book.learn({ peerId, addresses })!;
    this.book.identified(peer, { multihash: peerId, addresses, protocols: PROTOCOLS });
    return peer;
  }

  /** Another peer that was told of. */
  known(): string {
    return this.book.learn(told((this.last += 1)))!;
  }

  /** A peer fails until it is left alone for a while. */
  rest(peer: string): string {
    for (let times = 0; times < 4; times += 1) this.book.failed(peer);
    return peer;
  }

  get peer(): DsnPeer {
    const peer = {
      id: this.id,
      book: this.book,
      questionsTo: () => 0,
      told: (other: FoundPeer) => this.book.learn(other),
      request: async <Q, R>(id: string, _: DsnProtocol<Q, R>, question: Q) => {
        const { pieceIndex, cachedPieces } = question as { pieceIndex: bigint; cachedPieces: bigint[] };
        const asked = { peer: id, index: pieceIndex, others: cachedPieces };
        this.asked.push(asked);
        return this.answer(asked) as R;
      },
      closest: async (key: Uint8Array) => {
        this.walks.push(toHex(key));
        return this.closestTo();
      },
    };
    return peer as unknown as DsnPeer;
  }

  readonly arrived: PieceArrived = async (index, piece, from) => {
    this.given.push([index, from]);
    return piece[0] === Number(index);
  };

  async find(
    provider: typeof peerCaches,
    wanted: PieceIndex[],
    made = provider(this.peer),
    until = signal,
  ): Promise<void> {
    await made.find(wanted, this.arrived, until, (...failure) => this.failures.push(failure));
  }
}

const unreachable = (peer: string) => new DsnError('unreachable', peer, 'nobody answers');

describe('the search in plots', () => {
  it('asks every connected peer once, then the peers nearest to places at random, until nobody is new', async () => {
    const strangers: string[] = [];
    const network = new Network(
      () => ({ piece: null }),
      () => strangers.slice(0, 2 * network.walks.length),
    );
    const connected = [network.connected(), network.connected()];
    for (let at = 0; at < 4; at += 1) strangers.push(network.known());
    await network.find(peerPlots, [7n]);
    expect(network.asked.map(({ peer }) => peer)).toEqual([...connected, ...strangers]);
    expect(network.walks).toHaveLength(3);
    for (const key of network.walks) expect(key).toMatch(/^002408011220[0-9a-f]{64}$/);
    expect(new Set(network.walks).size).toBe(3);
    expect(network.given).toEqual([]);
  });

  it('asks nobody who rests, wherever it lies', async () => {
    const network = new Network(
      () => ({ piece: null }),
      () => [resting, other],
    );
    const [resting, other] = [network.rest(network.known()), network.known()];
    await network.find(peerPlots, [7n]);
    expect(network.asked.map(({ peer }) => peer)).toEqual([other]);
  });

  it.each([
    [30, 200],
    [5, 75],
  ])('of which each walk meets %i others ends after %i peers', async (each, count) => {
    const network = new Network(
      () => ({ piece: null }),
      () => Array.from({ length: each }, () => network.known()),
    );
    await network.find(peerPlots, [7n]);
    expect(network.asked).toHaveLength(count);
  });

  it('goes on after silence, wrong pieces and failures, and ends with the right one', async () => {
    const network = new Network(({ peer, index }) => {
      if (peer === failing) throw unreachable(peer);
      return { piece: peer === lying ? theirs(index + 1n) : theirs(index) };
    });
    const [failing, resting, lying, right, spare] = Array.from({ length: 5 }, () => network.connected());
    network.rest(resting!);
    await network.find(peerPlots, [7n, 8n]);
    expect(network.asked.map(({ peer, index }) => [peer, index])).toEqual([
      [failing, 7n],
      [lying, 7n],
      [right, 7n],
      [failing, 8n],
      [right, 8n],
    ]);
    expect(network.failures).toEqual([
      [7n, failing, 'unreachable'],
      [8n, failing, 'unreachable'],
    ]);
    expect([lying, failing, right, spare].map((peer) => network.book.isBanned(peer!))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('ends with its signal, and with faults of the program', async () => {
    const stop = new AbortController();
    const network = new Network(({ peer }) => {
      stop.abort(new Error('not wanted'));
      throw unreachable(peer);
    });
    network.connected();
    network.connected();
    await expect(network.find(peerPlots, [7n], undefined, stop.signal)).rejects.toThrow('not wanted');
    expect([network.asked.length, network.failures.length]).toEqual([1, 0]);
    const faulty = new Network(() => {
      throw new TypeError('a fault');
    });
    faulty.connected();
    await expect(faulty.find(peerPlots, [7n])).rejects.toThrow('a fault');
  });
});

describe('the search in caches', () => {
  const giving = ({ index, others }: Asked): CachedPieceResponse => ({
    result: { kind: 'piece', piece: theirs(index) },
    cachedPieces: [...others],
  });

  it('asks who has a piece for all that it promises, and others for nothing', async () => {
    const network = new Network(giving);
    const [first] = [network.connected(), network.connected()];
    await network.find(peerCaches, [1n]);
    expect(network.asked).toEqual([{ peer: first, index: 1n, others: [] }]);
    expect(network.given).toEqual([[1n, first]]);
  });

  it('asks who gave lately without waiting for a promise, until it fails', async () => {
    let fails = false;
    const network = new Network((asked) => {
      if (!fails) return giving(asked);
      if (asked.peer === giver) throw unreachable(asked.peer);
      return noPeers();
    });
    const giver = network.connected();
    const caches = peerCaches(network.peer);
    await network.find(peerCaches, [1n], caches);
    for (let at = 0; at < 3; at += 1) network.connected();
    network.asked.length = 0;
    await network.find(peerCaches, [2n, 3n, 4n, 5n], caches);
    expect(network.asked.filter(({ peer }) => peer === giver)).toHaveLength(4);
    fails = true;
    await network.find(peerCaches, [6n], caches);
    expect(network.failures).toEqual([[6n, giver, 'unreachable']]);
    network.asked.length = 0;
    network.book.answered(network.connected());
    await network.find(peerCaches, [7n], caches);
    expect(network.asked[0]!.peer).not.toBe(giver);
  });

  it('believes no promise twice that was broken', async () => {
    const network = new Network(({ others }) => noPeers([...others]));
    const liar = network.connected();
    await network.find(peerCaches, [1n, 2n, 3n]);
    expect(network.asked.every(({ peer }) => peer === liar)).toBe(true);
    expect(network.asked.map(({ index }) => index).sort()).toEqual([1n, 2n, 3n]);
  });

  it('asks a peer of several pieces at once, and not again for what it lacks', async () => {
    const network = new Network(({ others }) => noPeers(others.filter((other) => other === 2n)));
    network.connected();
    await network.find(peerCaches, [1n, 2n, 3n]);
    expect(network.asked.map(({ index, others }) => [index, others])).toEqual([
      [1n, [2n, 3n]],
      [2n, []],
    ]);
  });

  it('asks who lacks a piece that was expected of it no more than others', async () => {
    let lacks = false;
    const network = new Network((asked) => (lacks ? noPeers() : giving(asked)));
    const giver = network.connected();
    const caches = peerCaches(network.peer);
    await network.find(peerCaches, [1n], caches);
    const better = network.connected();
    network.book.answered(better);
    lacks = true;
    for (const index of [2n, 3n]) await network.find(peerCaches, [index], caches);
    expect(network.asked.map(({ peer }) => peer)).toEqual([giver, giver, better, better, giver]);
  });

  it('asks nobody who rests, whatever it promised and whoever tells of it', async () => {
    const network = new Network(({ peer, others }) => {
      if (peer !== promising) return noPeers();
      network.rest(promising);
      return {
        result: { kind: 'closestPeers', peers: [network.book.found(resting)] },
        cachedPieces: [...others],
      };
    });
    const resting = network.rest(network.known());
    const promising = network.connected();
    await network.find(peerCaches, [1n, 2n]);
    expect(network.asked.map(({ peer }) => peer)).toEqual([promising]);
    // It is connected, and may have them once it has rested.
    expect(network.failures).toEqual([1n, 2n].map((index) => [index, promising, 'resting']));
  });

  it('asks a near peer, too, whose line ended since the search began', async () => {
    const network = new Network(() => {
      network.book.disconnected(leaving);
      return noPeers();
    });
    const first = network.connected();
    network.book.answered(first);
    const leaving = network.connected();
    await network.find(peerCaches, [1n]);
    expect(network.asked.map(({ peer }) => peer)).toEqual([first, leaving]);
  });

  it('goes on with the peers that it is told of, the first twenty of an answer, and never with itself', async () => {
    const many = Array.from({ length: 30 }, (_, at) => told(5_000 + at));
    const network = new Network(({ peer }) =>
      peer === teller
        ? { result: { kind: 'closestPeers', peers: [told(999_999), ...many] }, cachedPieces: [] }
        : noPeers(),
    );
    const teller = network.connected();
    await network.find(peerCaches, [1n]);
    const asked = network.asked.map(({ peer }) => peer);
    expect(asked).toEqual([teller, ...many.slice(0, 19).map((one) => network.book.learn(one))]);
  });

  it('looks elsewhere for a piece that was wrong, and bans who sent it', async () => {
    const network = new Network((asked) =>
      asked.peer === liar
        ? { result: { kind: 'piece', piece: theirs(asked.index + 1n) }, cachedPieces: [] }
        : giving(asked),
    );
    const liar = network.connected();
    const honest = network.connected();
    const slowly: PieceArrived = async (...came) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return network.arrived(...came);
    };
    await peerCaches(network.peer).find([1n], slowly, signal);
    expect(network.given).toEqual([
      [1n, liar],
      [1n, honest],
    ]);
    expect([network.book.isBanned(liar), network.book.isBanned(honest)]).toEqual([true, false]);
  });

  it('passes over peers that rest, and gives up after two hundred', async () => {
    const network = new Network(({ peer }) => ({
      result: { kind: 'closestPeers', peers: peer === resting ? [] : Array.from({ length: 9 }, next) },
      cachedPieces: [],
    }));
    let last = 10_000;
    const next = () => told((last += 1));
    const resting = network.connected();
    network.connected();
    network.rest(resting);
    await network.find(peerCaches, [1n]);
    expect(network.asked).toHaveLength(200);
    expect(network.asked.map(({ peer }) => peer)).not.toContain(resting);
  });

  it('ends with its signal, and with faults of the program', async () => {
    const stop = new AbortController();
    const network = new Network(({ peer }) => {
      stop.abort(new Error('not wanted'));
      throw unreachable(peer);
    });
    network.connected();
    await expect(network.find(peerCaches, [7n], undefined, stop.signal)).rejects.toThrow('not wanted');
    await expect(network.find(peerCaches, [7n], undefined, stop.signal)).rejects.toThrow('not wanted');
    expect([network.asked.length, network.failures.length]).toEqual([1, 0]);
    const faulty = new Network(() => {
      throw new TypeError('a fault');
    });
    faulty.connected();
    await expect(faulty.find(peerCaches, [7n])).rejects.toThrow('a fault');
  });
});
