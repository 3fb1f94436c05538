/** Everything that getting objects needs, put together: a peer, a supply of pieces, locators, the service. */
import type { ComputePool } from '../crypto/jobs.ts';
import { DsnPeer, type PeerPlatform } from '../dsn/peer.ts';
import type { PieceCache } from '../dsn/piece-cache.ts';
import { providerOf, type PieceProvider, type SinglePieceSource } from '../dsn/provider.ts';
import { peerCaches, peerPlots } from '../dsn/search.ts';
import type { DsnServer } from '../dsn/server.ts';
import { PieceSupply, type PieceEvent } from '../dsn/supply.ts';
import type { SegmentCommitments } from '../dsn/verifier.ts';
import type { PieceIndex, SegmentHeader } from '../protocol/types.ts';
import { ObjectService } from './service.ts';
import { indexerLocator, nodeLocator, type MappingNode } from './locators.ts';
import type { RetrievalEvent } from './nodes.ts';

export interface RetrievalOptions {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  platform: PeerPlatform;
  /** Multiaddresses of peers to begin with; those that this platform cannot reach are left out by themselves. */
  bootstrap: readonly string[];
  pool: ComputePool;
  commitments: SegmentCommitments;
  cache: PieceCache | null;
  /** Nodes that are asked for pieces and places. */
  nodes: readonly (MappingNode & SinglePieceSource)[];
  /** Addresses of indexers. */
  indexers?: readonly string[];
  /** Rebuilds pieces that nobody has. */
  reconstruct?: boolean;
  /** Headers of segments that others may ask for. */
  segmentHeaders?: () => readonly SegmentHeader[];
  watch?(event: RetrievalEvent | PieceEvent | ServedEvent): void;
}

/** A piece was given to a peer. */
export interface ServedEvent {
  kind: 'served';
  index: PieceIndex;
}

export interface Retrieval {
  service: ObjectService;
  /** A service of its own for who wants to watch one retrieval. */
  serviceWatchedBy(watch: (event: RetrievalEvent) => void): ObjectService;
  supply: PieceSupply;
  peer: DsnPeer;
  /** Peers of this network that were reached at the start. */
  connected: string[];
  stop(): Promise<void>;
}

/** Joins the storage network and makes its pieces and objects available. Unreachable peers are no failure. */
export async function startRetrieval(options: RetrievalOptions): Promise<Retrieval> {
  const { genesisHash, platform, cache, pool, commitments, nodes, watch, reconstruct } = options;
  const served = (index: PieceIndex): void => watch?.({ kind: 'served', index });
  const server = serverOf(cache, options.segmentHeaders ?? (() => []), served);
  const peer = await DsnPeer.start({ ...platform, genesisHash, server });
  const connected = await peer.connect(options.bootstrap);
  const providers: PieceProvider[] = [
    peerCaches(peer),
    ...nodes.map((node) => providerOf(node)),
    peerPlots(peer),
  ];
  const supply = new PieceSupply({ pool, commitments, cache, providers, reconstruct, watch });
  const locators = [
    ...nodes.map((node) => nodeLocator(node)),
    ...(options.indexers ?? []).map((base) => indexerLocator(base)),
  ];
  const serviceWatchedBy: Retrieval['serviceWatchedBy'] = (watchOne) =>
    new ObjectService({ pieces: supply, locators, watch: watchOne });
  const service = new ObjectService({ pieces: supply, locators, watch });
  return { service, serviceWatchedBy, supply, peer, connected, stop: () => peer.stop() };
}

/** Gives out what is in the own cache. */
function serverOf(
  cache: PieceCache | null,
  headers: () => readonly SegmentHeader[],
  served: (index: PieceIndex) => void,
): DsnServer {
  const get = async (index: PieceIndex): Promise<Uint8Array | null> => {
    const piece = (await cache?.get(index)) ?? null;
    if (piece !== null) served(index);
    return piece;
  };
  return {
    hasCached: (index) => cache?.has(index) === true,
    cachedPiece: get,
    piece: get,
    segmentHeaders: (request) => {
      const all = headers();
      if (request.kind === 'last') return Promise.resolve(all.slice(Math.max(0, all.length - request.limit)));
      const found = request.segmentIndexes.flatMap((index) => all[Number(index)] ?? []);
      return Promise.resolve(found.length === request.segmentIndexes.length ? found : null);
    },
  };
}
