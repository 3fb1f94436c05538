import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { equal, fromHex } from '../protocol/bytes.ts';
import {
  cachedPieceByIndex,
  dsnProtocolVersion,
  KADEMLIA_PROTOCOL,
  pieceByIndex,
  pieceMultihash,
  segmentHeadersByIndexes,
} from '../protocol/dsn.ts';
import type { PieceIndex, SegmentHeader } from '../protocol/types.ts';
import { peerCaches, peerPlots } from './search.ts';
import { REFUSING_SERVER, type DsnServer } from './server.ts';
import { failure, GENESIS, join, pieceOf, plainPeer } from './test-support.ts';

const { signal } = new AbortController();

function serverOf(cached: PieceIndex[], plotted: PieceIndex[] = [], liar = false): DsnServer {
  const give = (index: PieceIndex) => pieceOf(liar ? index + 1n : index);
  const header: SegmentHeader = {
    segmentIndex: 0n,
    segmentCommitment: new Uint8Array(48),
    prevSegmentHeaderHash: new Uint8Array(32),
    lastArchivedBlock: { number: 0, partialArchived: null },
  };
  return {
    hasCached: (index) => cached.includes(index),
    cachedPiece: (index) => Promise.resolve(cached.includes(index) ? give(index) : null),
    piece: (index) => Promise.resolve([...cached, ...plotted].includes(index) ? give(index) : null),
    segmentHeaders: (request) => Promise.resolve(request.kind === 'last' ? [header] : null),
  };
}

/** Searches and collects what is found; wrong pieces are refused. */
async function search(provider: ReturnType<typeof peerCaches>, wanted: PieceIndex[]) {
  const found = new Map<PieceIndex, string>();
  await provider.find(
    wanted,
    (index, piece, from) => {
      const valid = equal(piece, pieceOf(index));
      if (valid) found.set(index, from);
      return Promise.resolve(valid);
    },
    signal,
  );
  return found;
}

describe('a peer', () => {
  it('asks and answers in the network’s protocols', async () => {
    const giver = await join({ server: serverOf([3n, 5n], [9n]), kademliaServer: true });
    const asker = await join({}, []);
    expect(await asker.connect(giver.addresses())).toEqual([giver.id]);
    const question = { pieceIndex: 3n, cachedPieces: [4n, 5n, 9n] };
    const cached = await asker.request(giver.id, cachedPieceByIndex, question);
    expect(cached.result.kind === 'piece' && equal(cached.result.piece, pieceOf(3n))).toBe(true);
    expect(cached.cachedPieces).toEqual([5n]);
    const elsewhere = await asker.request(giver.id, cachedPieceByIndex, { ...question, pieceIndex: 9n });
    expect(elsewhere).toEqual({ result: { kind: 'closestPeers', peers: [] }, cachedPieces: [5n] });
    const plotted = await asker.request(giver.id, pieceByIndex, { pieceIndex: 9n, cachedPieces: [] });
    expect(equal(plotted.piece!, pieceOf(9n))).toBe(true);
    expect((await asker.request(giver.id, segmentHeadersByIndexes, { kind: 'last', limit: 2 })).length).toBe(
      1,
    );
    const unknown = { kind: 'indexes' as const, segmentIndexes: [7n] };
    expect((await failure(asker.request(giver.id, segmentHeadersByIndexes, unknown))).code).toBe('refused');
    expect(await asker.findNode(giver.id, pieceMultihash(1n))).toEqual([]);
  });

  it('leaves peers of other networks alone, as they do', async () => {
    const other = await join({ genesisHash: new Uint8Array(32), kademliaServer: true });
    const own = await join({ kademliaServer: true });
    const asker = await join({}, []);
    expect(await asker.connect([...other.addresses(), ...own.addresses()])).toEqual([own.id]);
    expect(asker.book.speakers(KADEMLIA_PROTOCOL)).toEqual([own.id]);
  });

  it('says which network it is of, and blocks who says nothing', async () => {
    const own = await join({ kademliaServer: true });
    const stranger = await plainPeer(false);
    const seen = new Promise<string | undefined>((resolve) =>
      stranger.addEventListener('peer:identify', ({ detail }) => resolve(detail.protocolVersion)),
    );
    expect(await own.connect(stranger.getMultiaddrs().map(String))).toEqual([]);
    expect(own.book.isBanned(stranger.peerId.toString())).toBe(true);
    const question = { pieceIndex: 1n, cachedPieces: [] };
    const error = await failure(own.request(stranger.peerId.toString(), pieceByIndex, question));
    expect(error.code).toBe('banned');
    await stranger.dial(multiaddr(own.addresses()[0])).catch(() => undefined);
    expect(await seen).toBe(dsnProtocolVersion(GENESIS));
  });

  it('bans whoever sends what does not decode, and takes refusals as no harm', async () => {
    const liar = await plainPeer(true);
    await liar.handle(pieceByIndex.name, (stream) => {
      stream.send(fromHex('0401020304'));
      void stream.close();
    });
    await liar.handle(cachedPieceByIndex.name, (stream) => void stream.close());
    const banned: string[] = [];
    const asker = await join({ onBan: (peer) => banned.push(peer) }, []);
    const id = liar.peerId.toString();
    await asker.connect(liar.getMultiaddrs().map(String));
    const question = { pieceIndex: 1n, cachedPieces: [] };
    expect((await failure(asker.request(id, cachedPieceByIndex, question))).code).toBe('refused');
    expect((await failure(asker.request(id, pieceByIndex, question))).code).toBe('malformed');
    expect(banned).toEqual([id]);
    expect((await failure(asker.request(id, pieceByIndex, question))).code).toBe('banned');
  });
});

describe('searches', () => {
  it('find pieces in caches of peers that others tell of, and ban liars', async () => {
    const far = await join({ server: serverOf([1n, 2n, 3n, 4n]), kademliaServer: true });
    const liar = await join({ server: serverOf([3n], [], true), kademliaServer: true });
    const hub = await join({ server: REFUSING_SERVER, kademliaServer: true });
    await hub.connect(far.addresses());
    const asker = await join({}, []);
    await asker.connect([...hub.addresses(), ...liar.addresses()]);
    const found = await search(peerCaches(asker), [1n, 2n, 3n, 4n, 99n]);
    expect([...found.keys()].sort()).toEqual([1n, 2n, 3n, 4n]);
    expect(new Set(found.values())).toEqual(new Set([far.id]));
  });

  it('ask who gave a piece for several at once, and others for what it lacks', async () => {
    const [two, three, four] = [2n, 3n, 4n];
    const together = Promise.withResolvers<void>();
    const asked = new Set<PieceIndex>();
    const gives = serverOf([1n, two, three]);
    const giver = await join({
      kademliaServer: true,
      server: {
        ...gives,
        cachedPiece: async (index, to) => {
          if (index !== 1n) asked.add(index);
          if (asked.size === 3) together.resolve();
          if (index !== 1n) await together.promise;
          return gives.cachedPiece(index, to);
        },
      },
    });
    const other = await join({ server: serverOf([four]), kademliaServer: true });
    const asker = await join({}, []);
    await asker.connect(giver.addresses());
    const caches = peerCaches(asker);
    expect((await search(caches, [1n])).get(1n)).toBe(giver.id);
    await asker.connect(other.addresses());
    // The giver answers none of them before it was asked for all.
    const found = await search(caches, [two, three, four]);
    expect([two, three, four].map((index) => found.get(index))).toEqual([giver.id, giver.id, other.id]);
  });

  it('find what only plots have', async () => {
    const farmer = await join({ server: serverOf([], [8n]), kademliaServer: true });
    const asker = await join({}, []);
    await asker.connect(farmer.addresses());
    expect((await search(peerCaches(asker), [8n])).size).toBe(0);
    expect([...(await search(peerPlots(asker), [8n, 9n])).keys()]).toEqual([8n]);
  });

  it('walk towards a key', async () => {
    const peers = [];
    for (let count = 0; count < 4; count += 1) peers.push(await join({ kademliaServer: true }));
    for (let index = 1; index < 4; index += 1) await peers[index]!.connect(peers[index - 1]!.addresses());
    const asker = await join({}, []);
    await asker.connect(peers[3]!.addresses());
    const closest = await asker.closest(pieceMultihash(1n), signal);
    expect(closest.sort()).toEqual(peers.map(({ id }) => id).sort());
    expect(asker.book.speakers(KADEMLIA_PROTOCOL).length).toBe(4);
  });
});
