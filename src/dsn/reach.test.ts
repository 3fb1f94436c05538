/** Addresses of the own machine and network: a stranger’s are not dialled, and a stranger is not told of them. */
import { multiaddr } from '@multiformats/multiaddr';
import { peerIdFromMultihash } from '@libp2p/peer-id';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  cachedPieceByIndex,
  KADEMLIA_PROTOCOL,
  pieceMultihash,
  type PeerAddresses,
} from '../protocol/dsn.ts';
import type { DsnPeer } from './peer.ts';
import { sharedByNode, sharedWith } from './reach.ts';
import { peerCaches } from './search.ts';
import { join } from './test-support.ts';

const bytesOf = (addresses: readonly string[]) => addresses.map((one) => multiaddr(one).bytes);
const textOf = (addresses: readonly Uint8Array[]) => addresses.map((one) => multiaddr(one).toString());

const MACHINE = ['/ip4/127.0.0.1/tcp/9944/ws', '/ip6/::1/tcp/1', '/dns4/localhost/tcp/1/ws'];
const NETWORK = [
  '/ip4/192.168.0.1/tcp/80/ws',
  '/ip4/10.1.2.3/udp/1/webrtc-direct',
  '/ip6/fd00::1/tcp/1',
  '/ip6/64:ff9b::a00:1/tcp/1',
];
const EVERYWHERE = ['/ip4/9.9.9.9/tcp/1/ws', '/dns4/node.example/tcp/443/wss', '/ip6/2a00::1/tcp/1/ws'];
const ALL = [...MACHINE, ...NETWORK, ...EVERYWHERE];

describe('who may tell of which addresses', () => {
  it.each([
    { line: '/ip4/8.8.8.8/tcp/1', may: EVERYWHERE },
    { line: '/dns4/node.example/tcp/443/wss', may: EVERYWHERE },
    { line: '/ip4/192.168.0.7/tcp/1', may: [...NETWORK, ...EVERYWHERE] },
    { line: '/ip4/127.0.0.1/tcp/1', may: ALL },
    { line: '/dns4/localhost/tcp/1/ws', may: ALL },
  ])('who is reached at $line', ({ line, may }) => {
    expect(textOf(sharedWith(multiaddr(line), bytesOf(ALL)))).toEqual(may);
  });

  it.each([
    { url: 'wss://node.example/rpc', may: EVERYWHERE },
    { url: 'ws://192.168.0.7:9944', may: [...NETWORK, ...EVERYWHERE] },
    { url: 'ws://127.0.0.1:9944', may: ALL },
    { url: 'ws://localhost:9944', may: ALL },
    { url: 'ws://[::1]:9944', may: ALL },
  ])('a node at $url', ({ url, may }) => {
    expect(sharedByNode(url, [...ALL, 'no address'])).toEqual(may);
  });

  it('leaves out what is no address', () => {
    expect(sharedWith(multiaddr('/ip4/127.0.0.1/tcp/1'), [Uint8Array.of(1, 2, 3)])).toEqual([]);
  });
});

describe('a stranger from far away', () => {
  afterEach(() => void vi.unstubAllGlobals());

  /** A tab that has a line to a peer which seems to be far away; whoever else is dialled is looked for here, too. */
  async function tabWith(far: DsnPeer, options: Parameters<typeof join>[0] = {}): Promise<DsnPeer> {
    vi.stubGlobal(
      'WebSocket',
      class extends WebSocket {
        constructor(url: string, protocols?: string[]) {
          super(`ws://127.0.0.1:${new URL(url).port}`, protocols, { allowSynchronousEvents: false });
        }
      },
    );
    const tab = await join(options, []);
    expect(await tab.connect(far.addresses().map((one) => one.replace('127.0.0.1', '8.8.8.8')))).toEqual([
      far.id,
    ]);
    return tab;
  }

  const someone = (last: number, addresses: readonly string[]): PeerAddresses => {
    const peerId = new Uint8Array(38).fill(last);
    peerId.set([0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
    return { peerId, addresses: bytesOf(addresses) };
  };
  const idOf = ({ peerId }: PeerAddresses) =>
    peerIdFromMultihash({ code: 0, size: 36, digest: peerId.slice(2), bytes: peerId.slice() }).toString();

  it('is not believed about this machine and network, neither of itself nor of others', async () => {
    const far = await join({ kademliaServer: true });
    const [inside, both] = [someone(1, NETWORK), someone(2, [...MACHINE, ...EVERYWHERE])];
    far.book.learn(inside);
    far.book.learn(both);
    for (const one of [inside, both])
      far.book.identified(idOf(one), {
        multihash: one.peerId,
        ...one,
        protocols: [cachedPieceByIndex.name, KADEMLIA_PROTOCOL],
      });
    const tab = await tabWith(far);
    // At the other end the line seems to come from this machine, so that all is told.
    expect(await tab.findNode(far.id, pieceMultihash(1n))).toHaveLength(2);
    expect(textOf(tab.book.addresses(far.id))).toEqual([expect.stringContaining('/ip4/8.8.8.8/')]);
    const { signal } = new AbortController();
    await tab.closest(pieceMultihash(1n), signal);
    await peerCaches(tab).find([1n], () => Promise.resolve(true), signal);
    expect(tab.book.counts().known).toBe(2);
    expect(textOf(tab.book.addresses(idOf(both)))).toEqual(EVERYWHERE);
    expect(tab.book.addresses(idOf(inside))).toEqual([]);
  });

  it('is not told of this machine and network', async () => {
    const far = await join({ kademliaServer: true });
    const near = await join({ kademliaServer: true });
    const tab = await tabWith(far, { kademliaServer: true });
    await tab.connect(near.addresses());
    expect(textOf(tab.book.found(near.id).addresses)).toEqual([expect.stringContaining('/ip4/127.0.0.1/')]);
    const told = await far.findNode(tab.id, pieceMultihash(1n));
    expect(told.map(({ addresses }) => addresses)).toEqual([[]]);
    const question = { pieceIndex: 1n, cachedPieces: [] };
    const { result } = await far.request(tab.id, cachedPieceByIndex, question);
    expect(result).toEqual({ kind: 'closestPeers', peers: [] });
  });
});
