/** Peers that stall, close, flood or lie: what each costs, and that it costs it once. */
import { multiaddr } from '@multiformats/multiaddr';
import type { Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { encodeWith } from '../protocol/codec.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import {
  cachedPieceByIndex,
  encodeVarint,
  frame,
  KADEMLIA_PROTOCOL,
  kademliaKey,
  pieceByIndex,
  pieceMultihash,
  type PeerAddresses,
} from '../protocol/dsn.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { DsnPeer } from './peer.ts';
import { peerCaches } from './search.ts';
import { REFUSING_SERVER, type DsnServer } from './server.ts';
import { addressesOf, failure, join, pieceOf, plainPeer } from './test-support.ts';

const { signal } = new AbortController();
/** What the multihash of an Ed25519 peer id begins with. */
const ID_BEGIN = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const QUESTION = { pieceIndex: 3n, cachedPieces: [] };

/** A peer that has piece 3 in its cache. */
function giver(own: Partial<DsnServer> = {}): Promise<DsnPeer> {
  const cachedPiece = (index: PieceIndex) => Promise.resolve(index === 3n ? pieceOf(3n) : null);
  const server = { ...REFUSING_SERVER, hasCached: (index: PieceIndex) => index === 3n, cachedPiece, ...own };
  return join({ server, kademliaServer: true });
}

/** One that takes a second for each answer, and how many it was at once at most. */
async function slowGiver(answer: Uint8Array | null) {
  let open = 0;
  let most = 0;
  const other = await giver({
    cachedPiece: async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      open -= 1;
      return answer;
    },
  });
  return { other, most: () => most };
}

/** A peer that treats questions about pieces like this, and an asker that knows it. */
async function against(handler: (stream: Stream) => void, requestTimeoutMs?: number) {
  const hostile = await plainPeer(true, {
    [cachedPieceByIndex.name]: handler,
    [pieceByIndex.name]: handler,
    [KADEMLIA_PROTOCOL]: handler,
  });
  const banned: string[] = [];
  const asker = await join({ onBan: (peer) => banned.push(peer), requestTimeoutMs }, []);
  const id = hostile.peerId.toString();
  expect(await asker.connect(addressesOf(hostile))).toEqual([id]);
  return { hostile, id, asker, banned };
}

async function find(asker: DsnPeer, index = 3n): Promise<string | null> {
  let from: string | null = null;
  await peerCaches(asker).find(
    [index],
    (_, piece, sender) => {
      const valid = equal(piece, pieceOf(index));
      if (valid) from = sender;
      return Promise.resolve(valid);
    },
    signal,
  );
  return from;
}

describe('a peer that', () => {
  it('stalls costs one wait, is not banned, and others are asked', async () => {
    const { id, asker, banned } = await against(() => undefined, 4_000);
    const error = await failure(asker.request(id, pieceByIndex, QUESTION));
    expect([error.code, error.peer]).toEqual(['timeout', id]);
    expect(banned).toEqual([]);
    const other = await giver();
    await asker.connect(other.addresses());
    expect(await find(asker)).toBe(other.id);
  });

  it('stalls does not hold whoever gave up', async () => {
    const { id, asker } = await against(() => undefined);
    const stop = new AbortController();
    const asked = asker.request(id, pieceByIndex, QUESTION, stop.signal).catch((reason: unknown) => reason);
    stop.abort(new Error('not wanted any more'));
    expect(await asked).toBe(stop.signal.reason);
  });

  it('closes without a word refuses, and loses its place to those who answer', async () => {
    const { id, asker, banned } = await against((stream) => void stream.close());
    const other = await giver();
    await asker.connect(other.addresses());
    expect((await failure(asker.request(id, pieceByIndex, QUESTION))).code).toBe('refused');
    expect(banned).toEqual([]);
    expect(await find(asker)).toBe(other.id);
  });

  it('breaks off in the middle is not banned: lines break', async () => {
    const { id, asker, banned } = await against((stream) => {
      stream.send(concat(encodeVarint(PIECE_BYTES), new Uint8Array(5000)));
      setTimeout(() => stream.abort(new Error('gone')), 50);
    });
    expect((await failure(asker.request(id, pieceByIndex, QUESTION))).code).toBe('unreachable');
    expect(banned).toEqual([]);
  });

  it('ends its answer too early is banned', async () => {
    const { id, asker, banned } = await against((stream) => {
      stream.send(concat(encodeVarint(PIECE_BYTES), new Uint8Array(5000)));
      void stream.close();
    });
    expect((await failure(asker.request(id, pieceByIndex, QUESTION))).code).toBe('malformed');
    expect(banned).toEqual([id]);
  });

  it('announces more than an answer may have is banned before it has sent it', async () => {
    const { id, asker, banned } = await against((stream) => {
      stream.send(encodeVarint(pieceByIndex.maxResponseBytes + 1));
    });
    expect((await failure(asker.request(id, pieceByIndex, QUESTION))).code).toBe('malformed');
    expect(banned).toEqual([id]);
  });

  it('sends more than it announced is banned', async () => {
    const answer = encodeWith(pieceByIndex.response, { piece: pieceOf(3n), cachedPieces: [] });
    const { id, asker, banned } = await against((stream) => {
      const bytes = concat(frame(answer), new Uint8Array(100_000));
      void (async () => {
        for (let at = 0; at < bytes.length; at += 60_000)
          if (!stream.send(bytes.subarray(at, at + 60_000))) await stream.onDrain();
      })().catch(() => undefined);
    });
    const error = await failure(
      asker.request(id, pieceByIndex, QUESTION).then(() => Promise.reject(new Error('it was taken'))),
    );
    expect(error.code).toBe('malformed');
    expect(banned).toEqual([id]);
  });

  it('answers with another piece is banned for good, in both directions', async () => {
    const lie = encodeWith(cachedPieceByIndex.response, {
      result: { kind: 'piece', piece: pieceOf(4n) },
      cachedPieces: [],
    });
    const { hostile, id, asker, banned } = await against((stream) => {
      void (async () => {
        const bytes = frame(lie);
        for (let at = 0; at < bytes.length; at += 60_000)
          if (!stream.send(bytes.subarray(at, at + 60_000))) await stream.onDrain();
        await stream.close();
      })().catch(() => undefined);
    });
    const other = await giver();
    await asker.connect(other.addresses());
    expect(await find(asker)).toBe(other.id);
    expect(banned).toEqual([id]);
    expect((await failure(asker.request(id, pieceByIndex, QUESTION))).code).toBe('banned');
    expect(await asker.connect(addressesOf(hostile))).toEqual([]);
    expect(asker.book.speakers(pieceByIndex.name)).toEqual([other.id]);

    const listener = await join();
    listener.book.ban(id, 'it sent a wrong piece');
    const connected = await hostile.dial(multiaddr(listener.addresses()[0])).catch(() => null);
    await expect.poll(() => connected?.status ?? 'closed').toBe('closed');
    expect(listener.connections()).toEqual([]);
  });

  it('lets its answer drip costs one wait, however long it would go on', async () => {
    const { id, asker, banned } = await against((stream) => {
      stream.send(encodeVarint(PIECE_BYTES));
      const drip = setInterval(() => stream.send(new Uint8Array(1)), 100);
      stream.addEventListener('close', () => clearInterval(drip));
    }, 3_000);
    expect((await failure(asker.request(id, pieceByIndex, QUESTION))).code).toBe('timeout');
    expect(banned).toEqual([]);
  });

  it('answers who has given up changes nothing', async () => {
    let answer = (): void => undefined;
    const right = encodeWith(cachedPieceByIndex.response, {
      result: { kind: 'closestPeers', peers: [] },
      cachedPieces: [],
    });
    let asked = 0;
    const { id, asker, banned } = await against((stream) => {
      asked += 1;
      const send = (): void => {
        try {
          stream.send(frame(right));
        } catch {
          // The line is closed, as it should be.
        }
      };
      if (asked === 1) answer = send;
      else send();
    });
    const stop = new AbortController();
    const given = asker
      .request(id, cachedPieceByIndex, QUESTION, stop.signal)
      .catch((reason: unknown) => reason);
    await expect.poll(() => asked).toBe(1);
    stop.abort(new Error('not wanted any more'));
    expect(await given).toBe(stop.signal.reason);
    answer();
    const next = await asker.request(id, cachedPieceByIndex, QUESTION);
    expect(next.result.kind).toBe('closestPeers');
    expect(banned).toEqual([]);
  });

  it('tells of thousands of peers crowds nobody out, and is not followed to all of them', async () => {
    const made = Array.from({ length: 3_000 }, (_, number): PeerAddresses => {
      const peerId = new Uint8Array(38).map((__, at) =>
        at < 6 ? ID_BEGIN[at]! : number >> (at % 2 === 0 ? 8 : 0),
      );
      // Nobody listens there.
      const address = concat(Uint8Array.of(4, 127, 0, 0, 1, 6, 0, 1), Uint8Array.of(0xa5, 3, 38), peerId);
      return { peerId, addresses: Array.from({ length: 3 }, () => address) };
    });
    const cachedPieces = Array.from({ length: 20_000 }, (_, index) => BigInt(index));
    const flood = frame(
      encodeWith(cachedPieceByIndex.response, {
        result: { kind: 'closestPeers', peers: made },
        cachedPieces,
      }),
    );
    const { asker, id, banned } = await against((stream) => {
      void (async () => {
        for (let at = 0; at < flood.length; at += 60_000)
          if (!stream.send(flood.subarray(at, at + 60_000))) await stream.onDrain();
        await stream.close();
      })().catch(() => undefined);
    });
    const other = await giver();
    await asker.connect(other.addresses());
    expect(await find(asker)).toBe(other.id);
    await asker.request(id, cachedPieceByIndex, QUESTION);
    const before = performance.now();
    expect(await find(asker, 9n)).toBeNull();
    expect(performance.now() - before).toBeLessThan(30_000);
    expect(await find(asker)).toBe(other.id);
    expect(asker.book.holders(kademliaKey(pieceMultihash(3n)), 5_000, asker.id).length).toBeLessThan(50);
    expect(banned).toEqual([]);
  });

  it('names itself nearest and has nothing is asked once in a search', async () => {
    let asked = 0;
    const { asker } = await against((stream) => {
      asked += 1;
      const nothing = { result: { kind: 'closestPeers' as const, peers: [] }, cachedPieces: [3n] };
      stream.send(frame(encodeWith(cachedPieceByIndex.response, nothing)));
      void stream.close();
    });
    expect(await find(asker)).toBeNull();
    expect(asked).toBeLessThanOrEqual(2);
  });

  it('floods with questions is answered within bounds, and everybody is afterwards', async () => {
    const { other, most } = await slowGiver(pieceOf(3n));
    const asker = await join({ questionsAtOnce: 60 }, []);
    await asker.connect(other.addresses());
    const asked = await Promise.allSettled(
      Array.from({ length: 60 }, () => asker.request(other.id, cachedPieceByIndex, QUESTION)),
    );
    const answered = asked.filter(({ status }) => status === 'fulfilled').length;
    expect(most()).toBeLessThanOrEqual(16);
    expect(answered).toBeGreaterThanOrEqual(16);
    expect(answered).toBeLessThan(60);
    const { result } = await asker.request(other.id, cachedPieceByIndex, QUESTION);
    expect(result.kind).toBe('piece');
  });

  it('begins questions and never ends them keeps nobody out, and is not waited for long', async () => {
    const other = await giver();
    const hostile = await plainPeer(true);
    const line = await hostile.dial(other.addresses().map((address) => multiaddr(address)));
    const ended: Promise<unknown>[] = [];
    for (let count = 0; count < 60; count += 1) {
      const stream = await line.newStream(cachedPieceByIndex.name, { maxOutboundStreams: 100 });
      // The others are refused at once.
      if (count < 16)
        ended.push(new Promise((done) => stream.addEventListener('close', done, { once: true })));
      // The length of a question that never comes.
      stream.send(Uint8Array.of(25));
    }
    const asker = await join({}, []);
    await asker.connect(other.addresses());
    const { result } = await asker.request(other.id, cachedPieceByIndex, QUESTION);
    expect(result.kind).toBe('piece');
    const began = performance.now();
    await Promise.all(ended);
    expect(performance.now() - began).toBeLessThan(12_000);
  }, 30_000);

  it('together with many keeps memory within bounds', async () => {
    const { other, most } = await slowGiver(null);
    const askers = await Promise.all(Array.from({ length: 4 }, () => join({ questionsAtOnce: 20 }, [])));
    for (const asker of askers) await asker.connect(other.addresses());
    await Promise.allSettled(
      askers.flatMap((asker) =>
        Array.from({ length: 16 }, () => asker.request(other.id, cachedPieceByIndex, QUESTION)),
      ),
    );
    expect(most()).toBe(32);
  }, 30_000);
});

describe('peers that answered', () => {
  it('are asked before those that failed', async () => {
    const [good, bad] = [await giver(), await giver({ piece: () => Promise.reject(new Error('broken')) })];
    const asker = await join({}, []);
    await asker.connect([...bad.addresses(), ...good.addresses()]);
    expect(asker.book.speakers(pieceByIndex.name)).toHaveLength(2);
    await asker.request(good.id, cachedPieceByIndex, QUESTION);
    for (let count = 0; count < 3; count += 1) await failure(asker.request(bad.id, pieceByIndex, QUESTION));
    expect(asker.book.speakers(pieceByIndex.name)).toEqual([good.id, bad.id]);
  });

  it('fail again and again rest, and are asked again once they answer', async () => {
    let broken = true;
    const bad = await giver({
      piece: () => (broken ? Promise.reject(new Error('broken')) : Promise.resolve(pieceOf(3n))),
    });
    const asker = await join({}, []);
    await asker.connect(bad.addresses());
    const speakers = () => asker.book.speakers(pieceByIndex.name);
    for (let count = 0; count < 4; count += 1) {
      expect(speakers()).toEqual([bad.id]);
      await failure(asker.request(bad.id, pieceByIndex, QUESTION));
    }
    expect(speakers()).toEqual([]);
    expect(asker.book.isAside(bad.id)).toBe(true);
    expect(asker.book.isBanned(bad.id)).toBe(false);
    expect(await find(asker)).toBeNull();
    broken = false;
    await asker.request(bad.id, pieceByIndex, QUESTION);
    expect(speakers()).toEqual([bad.id]);
    expect(await find(asker)).toBe(bad.id);
  });
});
