/** The local network's peer of the storage network: gives out all of history, and lets tabs meet. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { DsnPeer } from '../src/dsn/peer.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import type { DsnServer } from '../src/dsn/server.ts';
import { segmentOfPiece } from '../src/protocol/segment.ts';
import type { PieceIndex, SegmentHeader } from '../src/protocol/types.ts';

/** The archived history that the peer gives out. */
export interface ArchivedHistory {
  headers(): readonly SegmentHeader[];
  header(index: bigint): SegmentHeader | null;
  piece(index: PieceIndex): Promise<Uint8Array | null>;
}

/** The identity that the local network's RPC tells too. It is no secret: it protects nothing. */
const SEED = new Uint8Array(32).fill(1);

export interface DsnPeerOptions {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  history: ArchivedHistory;
  /** Pieces that it does not give. */
  withholds?(index: PieceIndex): boolean;
  /** Ports on 127.0.0.1, 0 for free ones: native peers come over TCP, tabs over WebSocket. */
  tcpPort: number;
  webSocketPort: number;
}

/** Starts the peer; its addresses say how to reach it. Rejects when a port is taken. */
export async function startDsnPeer({
  genesisHash,
  history,
  withholds = () => false,
  tcpPort,
  webSocketPort,
}: DsnPeerOptions): Promise<DsnPeer> {
  const listen = [`/ip4/127.0.0.1/tcp/${tcpPort}`, `/ip4/127.0.0.1/tcp/${webSocketPort}/ws`];
  return DsnPeer.start({
    ...nodePlatform(listen, true),
    genesisHash,
    server: serverOf(history, withholds),
    kademliaServer: true,
    privateKey: await generateKeyPairFromSeed('Ed25519', SEED),
  });
}

/** Every archived piece counts as cached. */
function serverOf(history: ArchivedHistory, withholds: (index: PieceIndex) => boolean): DsnServer {
  const piece = (index: PieceIndex) => (withholds(index) ? Promise.resolve(null) : history.piece(index));
  return {
    hasCached: (index) => history.header(segmentOfPiece(index)) !== null && !withholds(index),
    cachedPiece: piece,
    piece,
    segmentHeaders: (request) => {
      if (request.kind === 'last') {
        const { limit } = request;
        return Promise.resolve(limit === 0 ? [] : history.headers().slice(-limit));
      }
      const headers = request.segmentIndexes.flatMap((index) => history.header(index) ?? []);
      return Promise.resolve(headers.length === request.segmentIndexes.length ? headers : null);
    },
  };
}
