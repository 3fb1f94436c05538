/**
 * The storage network behind the node: the own peer, what it keeps and gives to others, whom pieces come from, the
 * person's gateway.
 */
import { isAnnounced } from '../chain/announced-segments.ts';
import type { LightClient } from '../chain/light-client.ts';
import { VerifiedBlocks } from '../chain/verified-blocks.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { MetPeers } from '../dsn/met-peers.ts';
import { multiaddressOf } from '../dsn/multiaddress.ts';
import { NearCache } from '../dsn/near-cache.ts';
import { NearFill } from '../dsn/near-fill.ts';
import type { PieceCheck } from '../dsn/piece-files.ts';
import { loadOrCreatePeerKey, peerIdOfKey } from '../dsn/peer-key.ts';
import type { PeerConnection, PeerPlatform } from '../dsn/peer.ts';
import type { PieceCache } from '../dsn/piece-cache.ts';
import { headersOfPeers, SegmentHistory } from '../dsn/segment-history.ts';
import type { PieceEvent } from '../dsn/supply.ts';
import type { RpcSource } from '../network/source.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import type { Locator } from '../objects/locate.ts';
import { startRetrieval, type Retrieval, type ServedEvent } from '../objects/retrieval.ts';
import type { ObjectService } from '../objects/service.ts';
import type { PieceAccess } from '../objects/window.ts';
import type { SegmentHeaderRequest } from '../protocol/dsn.ts';
import type { PieceIndex, SegmentHeader } from '../protocol/types.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { NodeStore } from '../storage/store.ts';
import { NodeError } from './errors.ts';
import { Gateway, type GatewaySettings, type GatewayView } from './gateway.ts';
import { PieceOrigins, type PeerKind, type PieceCounts, type PieceOrigin } from './piece-origins.ts';
import { Rejoining } from './rejoining.ts';
import { bootstrapOf, headersOfNodes, whileConnected } from './serving-nodes.ts';

export interface ConnectionView extends PeerConnection, PieceCounts {
  kind: PeerKind;
}

export interface StorageNetworkView {
  /** Text of the own peer id. */
  peer: string;
  addresses: string[];
  connections: ConnectionView[];
  /** Peers that sent wrong data and are not spoken to any more, the person's own gateway at the moment. */
  refused: { peer: string; reason: string }[];
  /** Pieces and headers of segments given to others in this session. */
  served: { cached: number; plotted: number; headers: number };
  /** Headers of segments that are verified here, and segments of the verified history. */
  history: { headers: number; segments: number };
  near: NearView;
  /** The segment out of which a piece that nobody has is being rebuilt, and how many of 128 pieces are there. */
  rebuilding: { segment: string; have: number } | null;
  gateway: GatewayView | null;
  /** Addresses of indexes that are asked where objects lie. */
  indexers: string[];
}

/** The pieces that this peer keeps for others. */
export interface NearView {
  pieces: number;
  /** Pieces that belong here. */
  wanted: number;
  usedBytes: number;
  limitBytes: number;
  /** Whether the size follows from the farms'. */
  automatic: boolean;
}

/** What the network has of the farms. */
export interface FarmShare {
  /** Bytes given to all farms; 0: nothing is farmed. */
  allocatedBytes(): number;
  /** A piece out of a plotted sector, or null. */
  plottedPiece(index: PieceIndex): Promise<Uint8Array | null>;
}

interface Settings {
  gateway: GatewaySettings | null;
  /** Multiaddresses that the person added. */
  peers: string[];
  /** Addresses of indexes that the person added. */
  indexers: string[];
  /** Space for pieces kept for others; null: by the farms' space. */
  nearBytes: number | null;
}

const SETTINGS = 'storage-network';
const DEFAULTS: Settings = { gateway: null, peers: [], indexers: [], nearBytes: null };
const MAX_INDEXERS = 8;
/** Like the network's farmers, a hundredth of what is farmed. */
const FARM_SHARE = 100;
/** Times that a piece may be missing before it is rebuilt for a farm. */
const PATIENCE = 3;
const MAX_REFUSED = 50;

export interface StorageNetworkOptions {
  client: LightClient;
  pool: ComputePool;
  sources: readonly RpcSource[];
  store: NodeStore;
  platform: PeerPlatform;
  cache: PieceCache | null;
  /** Where pieces kept for others lie. */
  nearDirectory: FarmDirectory;
  farms: FarmShare;
  /** Multiaddresses to begin with beside those that the nodes name. */
  peers: readonly string[];
  /** Who knows places of objects besides nodes and indexes. */
  locators: readonly Locator[];
  /** Told what happens while objects are opened. */
  watch(event: RetrievalEvent): void;
}

export class StorageNetwork {
  private readonly origins = new PieceOrigins(
    () => this.retrieval.peer.connections(),
    (peer) => this.gateway.is(peer),
  );
  private readonly refused: StorageNetworkView['refused'] = [];
  private readonly served = { cached: 0, plotted: 0, headers: 0 };
  /** How often farms asked in vain for a piece. */
  private readonly missed = new Map<PieceIndex, number>();
  private rebuilding: StorageNetworkView['rebuilding'] = null;
  private retrieval!: Retrieval;
  private gateway!: Gateway;
  private fill!: NearFill;
  private met!: MetPeers;
  private history: SegmentHistory | null = null;
  private off: () => void = () => undefined;

  private constructor(
    private readonly options: StorageNetworkOptions,
    private readonly settings: Settings,
    private readonly near: NearCache,
  ) {}

  /** Joins the network. Throws NodeError `too-early` before the chain is known; unreachable peers are no failure. */
  static async open(options: StorageNetworkOptions): Promise<StorageNetwork> {
    const { client, pool, sources, store, platform, cache, nearDirectory, farms } = options;
    const genesisHash = client.genesisHash();
    if (genesisHash === null) throw new NodeError('too-early', 'No node is connected yet.');
    const settings = { ...DEFAULTS, ...(await store.setting<Partial<Settings>>(SETTINGS)) };
    const privateKey = await loadOrCreatePeerKey(store);
    const limit = nearLimit(settings, farms);
    const near = await NearCache.open(nearDirectory, peerIdOfKey(privateKey), limit);
    const network = new StorageNetwork(options, settings, near);
    const named = () => bootstrapOf(sources);
    const begun = async () => [...new Set([...options.peers, ...settings.peers, ...(await named())])];
    network.retrieval = await startRetrieval({
      genesisHash,
      platform,
      bootstrap: await begun(),
      pool,
      commitments: client,
      cache,
      near,
      plotted: (index) => farms.plottedPiece(index),
      privateKey,
      nodes: sources.map(whileConnected),
      locators: options.locators,
      indexers: () => settings.indexers,
      segmentHeaders: (request) => network.headersFor(request),
      watch: (event) => network.note(event),
    });
    const { peer } = network.retrieval;
    network.met = await MetPeers.open(store, peer);
    const rejoining = new Rejoining({
      alone: () => peer.connections().length === 0,
      begin: async () => peer.connect(await begun()),
      elapsed: () => performance.now(),
    });
    network.off = client.onChange(() => rejoining.look());
    const blocks = new VerifiedBlocks(client);
    network.history = new SegmentHistory({
      chain: client,
      sources: () => [
        ...headersOfNodes(sources, (node, reason) => network.refuse(node, reason)),
        ...headersOfPeers(network.retrieval.peer),
      ],
      isAnnounced: (header, signal) => {
        const depth = client.constants()?.confirmationDepthK ?? 0;
        return isAnnounced(blocks, header, depth, signal);
      },
      piece: (index, signal) => network.retrieval.supply.piece(index, signal),
    });
    network.gateway = new Gateway(peer, platform.bridge, named);
    if (settings.gateway !== null) network.gateway.start(settings.gateway);
    network.fill = new NearFill(
      {
        cache: near,
        pieces: (indices, signal) => network.retrieval.farmSupply.pieces(indices, signal),
        historySize: () => client.historySize(),
        onChange: (listener) => client.onChange(listener),
        limitBytes: () => nearLimit(settings, farms),
      },
      limit,
    );
    return network;
  }

  get service(): ObjectService {
    return this.retrieval.service;
  }

  /** Pieces of history for who looks through it: they do not take the place of what was opened. */
  get pieces(): PieceAccess {
    return this.retrieval.farmSupply;
  }

  /**
   * A verified piece for a farm (1 048 672 bytes), or null. Rebuilt only once it was missing again: sources may be
   * slow, and half a segment is much to ask of them.
   */
  async farmPiece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null> {
    const { farmSupply, supply } = this.retrieval;
    const piece = await farmSupply.piece(index, signal);
    const misses = (this.missed.get(index) ?? 0) + 1;
    this.missed.delete(index);
    if (piece !== null) return piece;
    if (misses > PATIENCE) return supply.piece(index, signal);
    this.missed.set(index, misses);
    return null;
  }

  /** A service of its own for who wants to watch one retrieval. */
  serviceWatchedBy(watch: (event: RetrievalEvent) => void): ObjectService {
    return this.retrieval.serviceWatchedBy(watch);
  }

  /** Waits until the pieces that came for objects are checked and kept. */
  settled(): Promise<void> {
    return this.retrieval.supply.settled();
  }

  /** The verified headers of segments that a peer asks for; null where one of them is not here. */
  private headersFor(request: SegmentHeaderRequest): SegmentHeader[] | null {
    const headers = this.history?.answer(request) ?? null;
    this.served.headers += headers?.length ?? 0;
    return headers;
  }

  private refuse(peer: string, reason: string): void {
    this.refused.unshift({ peer, reason });
    this.refused.length = Math.min(this.refused.length, MAX_REFUSED);
  }

  async close(): Promise<void> {
    this.off();
    this.history?.stop();
    this.fill.stop();
    await this.met.close();
    this.gateway.stop();
    await this.retrieval.stop();
  }

  /** Whom a piece came from last, as far as is remembered. */
  originOf(index: string): PieceOrigin {
    return this.origins.of(index);
  }

  private note(event: RetrievalEvent | PieceEvent | ServedEvent): void {
    switch (event.kind) {
      case 'served':
        this.served[event.from === 'plot' ? 'plotted' : 'cached'] += 1;
        this.origins.count(event.to, 'given');
        break;
      case 'received':
      case 'arrived':
        if (event.kind === 'arrived') this.origins.count(event.from, 'taken');
        this.origins.remember(String(event.index), event.from);
        break;
      case 'reconstructing':
        this.rebuilding = { segment: String(event.segment), have: event.have };
        break;
      case 'reconstructed':
        this.rebuilding = null;
        break;
      case 'invalid':
        this.refuse(
          event.from,
          this.gateway.is(event.from)
            ? `A wrong piece ${event.index} came through it, your gateway.`
            : `It sent a wrong piece ${event.index}.`,
        );
        break;
      case 'asking':
      case 'fetching':
      case 'looked':
      case 'verified':
        this.options.watch(event);
        break;
    }
  }

  view(): StorageNetworkView {
    const { peer } = this.retrieval;
    return {
      peer: peer.id,
      addresses: peer.addresses(),
      connections: withoutIntroductions(peer.connections()).map((one) => ({
        ...one,
        kind: this.origins.peerKind(one.peer, one.address),
        ...this.origins.countsOf(one.peer),
      })),
      refused: this.refused,
      served: this.served,
      history: { headers: this.history?.size ?? 0, segments: Number(this.options.client.historySize()) },
      near: {
        pieces: this.near.size,
        wanted: this.near.wantedSize,
        usedBytes: this.near.usedBytes,
        limitBytes: nearLimit(this.settings, this.options.farms),
        automatic: this.settings.nearBytes === null,
      },
      rebuilding: this.rebuilding,
      gateway: this.gateway.view(),
      indexers: this.settings.indexers,
    };
  }

  /** Gives the pieces kept for others more or less space; null: a hundredth of the farms'. */
  async setNear(input: { bytes: number | null }): Promise<void> {
    const { bytes } = input;
    if (bytes !== null && (!Number.isSafeInteger(bytes) || bytes < 0))
      throw new NodeError('choice', 'The space is a number of bytes.');
    this.settings.nearBytes = bytes;
    this.fill.look();
    await this.save();
  }

  /** Reads the pieces kept for others; damaged ones are fetched again unless it is a dry run. Throws StorageError. */
  checkNear(dryRun: boolean): Promise<PieceCheck> {
    return this.near.check(dryRun);
  }

  /** Connects to one more peer by its multiaddress, now and from then on. Throws NodeError. */
  async connect(input: { address: string }): Promise<void> {
    const address = input.address.trim();
    if (multiaddressOf(address) === null)
      throw new NodeError('choice', 'The address of a peer looks like /ip4/…/tcp/…/p2p/….');
    const reached = await this.retrieval.peer.connect([address]);
    if (reached.length === 0)
      throw new NodeError('unreachable', 'No peer of this network answers at that address.');
    this.settings.peers = [...new Set([...this.settings.peers, address])];
    await this.save();
  }

  /** Asks these indexes where objects lie, from now on. Throws NodeError for what is no address of one, and for too many. */
  async setIndexers(addresses: readonly string[]): Promise<void> {
    const indexers = [...new Set(addresses.map(indexerAddress))];
    if (indexers.length > MAX_INDEXERS)
      throw new NodeError('too-many', `${MAX_INDEXERS} indexes are as many as are asked.`);
    this.settings.indexers = indexers;
    this.retrieval.service = this.retrieval.serviceWatchedBy((event) => this.note(event));
    await this.save();
  }

  /** Uses a gateway of the person's own, now and from then on. Throws GatewayError. */
  async setGateway(input: GatewaySettings): Promise<void> {
    this.settings.gateway = await this.gateway.take(input);
    await this.save();
  }

  async forgetGateway(): Promise<void> {
    this.gateway.stop();
    this.settings.gateway = null;
    await this.save();
  }

  private save(): Promise<void> {
    return this.options.store.putSetting(SETTINGS, this.settings);
  }
}

/** Leaves out connections over a relay to peers that were met directly since. */
function withoutIntroductions(connections: PeerConnection[]): PeerConnection[] {
  const relayed = ({ address }: PeerConnection): boolean =>
    address.includes('/p2p-circuit') && !address.includes('/webrtc');
  const direct = new Set(connections.filter((one) => !relayed(one)).map(({ peer }) => peer));
  return connections.filter((one) => !relayed(one) || !direct.has(one.peer));
}

/** An index's address as requests begin with it. Throws NodeError. */
export function indexerAddress(text: string): string {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new NodeError('choice', 'The address of an index begins with http:// or https://.');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function nearLimit({ nearBytes }: Settings, farms: FarmShare): number {
  return nearBytes ?? Math.floor(farms.allocatedBytes() / FARM_SHARE);
}
