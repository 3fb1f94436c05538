/** Everything that getting objects needs, put together: a peer, a supply of pieces, locators, the service. */
import type { ComputePool } from '../crypto/jobs.ts';
import { DsnPeer, type PeerPlatform } from '../dsn/peer.ts';
import type { NearCache } from '../dsn/near-cache.ts';
import type { PieceCache } from '../dsn/piece-cache.ts';
import { providerOf, type PieceProvider, type SinglePieceSource } from '../dsn/provider.ts';
import { peerCaches, peerPlots } from '../dsn/search.ts';
import type { DsnServer } from '../dsn/server.ts';
import { PieceSupply, type OwnPieces, type PieceEvent } from '../dsn/supply.ts';
import type { SegmentCommitments } from '../dsn/verifier.ts';
import type { SegmentHeaderRequest } from '../protocol/dsn.ts';
import type { PieceIndex, SegmentHeader } from '../protocol/types.ts';
import type { PrivateKey } from '@libp2p/interface';
import { ObjectService } from './service.ts';
import type { Locator } from './locate.ts';
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
  /** Pieces that are kept for others; null keeps none. */
  near?: NearCache | null;
  /** A piece out of a plotted sector, or null. */
  plotted?(index: PieceIndex): Promise<Uint8Array | null>;
  /** Key of the own peer; a new one when left out. */
  privateKey?: PrivateKey;
  /** Nodes that are asked for pieces and places. */
  nodes: readonly (MappingNode & SinglePieceSource)[];
  /** Others who may know places. */
  locators?: readonly Locator[];
  /** Addresses of indexers, as they are at the moment. */
  indexers?(): readonly string[];
  /** Rebuilds pieces that nobody has. */
  reconstruct?: boolean;
  /** Verified headers of segments that others ask for; null refuses. Refuses all when left out. */
  segmentHeaders?(request: SegmentHeaderRequest): SegmentHeader[] | null;
  watch?(event: RetrievalEvent | PieceEvent | ServedEvent): void;
}

/** A piece was given to a peer. */
export interface ServedEvent {
  kind: 'served';
  index: PieceIndex;
  /** Text of its id. */
  to: string;
  from: 'cache' | 'plot';
}

export interface Retrieval {
  service: ObjectService;
  /** A service of its own, which asks the indexers of the moment, for who wants to watch one retrieval. */
  serviceWatchedBy(watch: (event: RetrievalEvent) => void): ObjectService;
  supply: PieceSupply;
  /** Pieces for farms: what it finds is kept only if it belongs to the pieces kept for others. Rebuilds none. */
  farmSupply: PieceSupply;
  peer: DsnPeer;
  /** Peers of this network that were reached at the start. */
  connected: string[];
  stop(): Promise<void>;
}

/** Joins the storage network and makes its pieces and objects available. Unreachable peers are no failure. */
export async function startRetrieval(options: RetrievalOptions): Promise<Retrieval> {
  const { genesisHash, platform, cache, near = null, pool, commitments, nodes, watch, reconstruct } = options;
  const { privateKey } = options;
  const get = async (index: PieceIndex): Promise<Uint8Array | null> =>
    (await cache?.get(index)) ?? (await near?.get(index)) ?? null;
  const opened: OwnPieces = {
    get,
    put: (index, piece, guest) => cache?.put(index, piece, guest) ?? Promise.resolve(),
  };
  const kept: OwnPieces = { get, put: (index, piece) => near?.put(index, piece) ?? Promise.resolve() };
  const server = serverOf(options, get);
  const peer = await DsnPeer.start({ ...platform, genesisHash, server, privateKey });
  const connected = await peer.connect(options.bootstrap);
  const providers: PieceProvider[] = [
    peerCaches(peer),
    ...nodes.map((node) => providerOf(node)),
    peerPlots(peer),
  ];
  const common = { pool, commitments, providers, reconstruct, watch };
  const supply = new PieceSupply({ ...common, cache: opened });
  const farmSupply = new PieceSupply({ ...common, cache: kept, reconstruct: false });
  const locators = (): Locator[] => [
    ...(options.locators ?? []),
    ...nodes.map((node) => nodeLocator(node)),
    ...(options.indexers?.() ?? []).map((base) => indexerLocator(base)),
  ];
  const serviceWatchedBy: Retrieval['serviceWatchedBy'] = (watchOne) =>
    new ObjectService({ pieces: supply, locators: locators(), watch: watchOne });
  const service = new ObjectService({ pieces: supply, locators: locators(), watch });
  return { service, serviceWatchedBy, supply, farmSupply, peer, connected, stop: () => peer.stop() };
}

/** Gives out what is kept here and, where the protocol asks for it, what is plotted. */
function serverOf(
  { cache, near = null, plotted, segmentHeaders = () => null, watch }: RetrievalOptions,
  get: OwnPieces['get'],
): DsnServer {
  const cachedPiece = async (index: PieceIndex, to: string): Promise<Uint8Array | null> => {
    const piece = await get(index);
    if (piece !== null) watch?.({ kind: 'served', index, to, from: 'cache' });
    return piece;
  };
  return {
    hasCached: (index) => cache?.has(index) === true || near?.has(index) === true,
    cachedPiece,
    piece: async (index, to) => {
      const cached = await cachedPiece(index, to);
      if (cached !== null) return cached;
      const piece = (await plotted?.(index)) ?? null;
      if (piece !== null) watch?.({ kind: 'served', index, to, from: 'plot' });
      return piece;
    },
    segmentHeaders: (request) => Promise.resolve(segmentHeaders(request)),
  };
}
