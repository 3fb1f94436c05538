/** A peer of the storage network: asks others over libp2p, and answers them. */
import { noise, type ICryptoInterface } from '@libp2p/noise';
import { openEarly } from '../network/early-streams.ts';
import { muxer } from '../network/muxer.ts';
import { peerIdFromString } from '@libp2p/peer-id';
import type { Connection, IdentifyResult, PeerId, PrivateKey, Stream } from '@libp2p/interface';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { dsnProtocolVersion, KADEMLIA_PROTOCOL, kademliaKey, type DsnProtocol } from '../protocol/dsn.ts';
import { ProtocolError, messageOf, asError } from '../protocol/errors.ts';
import {
  CLOSEST_PEERS,
  decodeFindNodeResponse,
  encodeFindNodeRequest,
  MAX_FIND_NODE_BYTES,
  type FoundPeer,
} from '../protocol/find-node.ts';
import { Answering, MAX_STREAMS, withPeer } from './answering.ts';
import type { BridgeHolder } from './bridge.ts';
import { Dialer } from './dialer.ts';
import { DsnError } from './errors.ts';
import { multiaddressOf } from './multiaddress.ts';
import { PeerBook } from './peer-book.ts';
import { Questions } from './questions.ts';
import { sharedWith } from './reach.ts';
import { REFUSING_SERVER, type DsnServer } from './server.ts';
import { identifyAs } from '../network/identify.ts';
import { closeWriting, receiveFrame, sendFrame, StalledError } from '../network/streams.ts';
import { within } from '../async/within.ts';

const REQUEST_TIMEOUT_MS = 20_000;
const LOOKUP_TIMEOUT_MS = 10_000;
/** An answer that stops coming for so long is given up: some transports stand still for half a minute. */
const STALL_MS = 8_000;

/** What a platform brings: the transports it has, and where to listen. */
export interface PeerPlatform {
  transports: NonNullable<Libp2pOptions['transports']>;
  /** Multiaddresses. */
  listen?: string[];
  /** Where a bridge to TCP is put in use; absent where there is TCP. */
  bridge?: BridgeHolder;
  /** What connections are encrypted with; the library's own where left out. */
  noise?: ICryptoInterface;
  /** Further services, such as a relay for tabs. */
  services?: NonNullable<Libp2pOptions['services']>;
}

export interface DsnPeerOptions extends PeerPlatform {
  /** 32 bytes. */
  genesisHash: Uint8Array;
  server?: DsnServer;
  /** Whether others may look peers up here: for those that can be reached. */
  kademliaServer?: boolean;
  privateKey?: PrivateKey;
  /** Milliseconds that an answer may take; the network's own when left out. */
  requestTimeoutMs?: number;
  /** Milliseconds that an answer may stop coming. */
  stallMs?: number;
  /** Questions to one peer at once; twelve when left out. */
  questionsAtOnce?: number;
  /** Called when a peer is not spoken to any more, and why. */
  onBan?(peer: string, reason: string): void;
}

export interface PeerConnection {
  /** Text of its id. */
  peer: string;
  /** Multiaddress. */
  address: string;
  direction: 'inbound' | 'outbound';
}

export class DsnPeer {
  readonly book: PeerBook;
  private readonly dialer = new Dialer();
  private readonly questions: Questions;
  private node!: Libp2p;

  private constructor(private readonly options: DsnPeerOptions) {
    this.questions = new Questions(options.questionsAtOnce);
    this.book = new PeerBook((peer, reason) => {
      options.onBan?.(peer, reason);
      void this.node.hangUp(peerIdFromString(peer)).catch(() => undefined);
    });
  }

  /** Joins the network; nobody is dialled yet. */
  static async start(options: DsnPeerOptions): Promise<DsnPeer> {
    const peer = new DsnPeer(options);
    const version = dsnProtocolVersion(options.genesisHash);
    peer.node = await createLibp2p({
      privateKey: options.privateKey,
      addresses: { listen: options.listen ?? [] },
      transports: options.transports,
      connectionEncrypters: [noise({ crypto: options.noise })],
      streamMuxers: [muxer()],
      nodeInfo: { name: 'allotment', userAgent: 'allotment' },
      connectionGater: {
        denyDialMultiaddr: () => false,
        denyDialPeer: (id) => peer.book.isBanned(id.toString()),
        denyInboundEncryptedConnection: (id) => peer.book.isBanned(id.toString()),
      },
      // By default one late ping ends a connection.
      connectionMonitor: { enabled: false },
      services: {
        ...identifyAs(version),
        ...options.services,
      },
      start: false,
    });
    peer.node.addEventListener('connection:open', ({ detail }) => openEarly(detail));
    peer.node.addEventListener('peer:identify', ({ detail }) => peer.identified(detail, version));
    peer.node.addEventListener('peer:disconnect', ({ detail }) => peer.book.disconnected(detail.toString()));
    await new Answering(peer.node, peer.book).serve(
      options.server ?? REFUSING_SERVER,
      options.kademliaServer === true,
    );
    await peer.node.start();
    return peer;
  }

  /** Text of the own peer id. */
  get id(): string {
    return this.node.peerId.toString();
  }

  /** Multiaddresses under which this peer can be reached. */
  addresses(): string[] {
    return this.node.getMultiaddrs().map(String);
  }

  /** Connections that are open: peer, the address it has at the other end, and who began it. */
  connections(): PeerConnection[] {
    return this.node
      .getConnections()
      .filter(({ status }) => status === 'open')
      .map(({ remotePeer, remoteAddr, direction }) => ({
        peer: remotePeer.toString(),
        address: remoteAddr.toString(),
        direction,
      }));
  }

  async stop(): Promise<void> {
    await this.node.stop();
  }

  /**
   * Connects to peers by their multiaddresses; resolves to those that are of this network.
   */
  async connect(addresses: readonly string[], signal?: AbortSignal): Promise<string[]> {
    // Addresses of one peer are dialled together: libp2p takes a second dial of it for the first.
    const peers = new Map<string, Multiaddr[]>();
    for (const address of addresses.map(multiaddressOf).filter((one) => one !== null)) {
      const peer = /\/p2p\/([^/]+)$/.exec(address.toString())?.[1] ?? address.toString();
      peers.set(peer, [...(peers.get(peer) ?? []), address]);
    }
    const results = await Promise.allSettled(
      [...peers].map(async ([name, known]) => {
        const dial = (until: AbortSignal): Promise<Connection> => this.node.dial(known, { signal: until });
        const connection = await within(LOOKUP_TIMEOUT_MS, signal, (limit) =>
          this.dialer.dial(name, dial, limit, true),
        );
        const peer = connection.remotePeer.toString();
        await within(LOOKUP_TIMEOUT_MS, signal, (limit) => this.book.identity(peer, limit));
        return peer;
      }),
    );
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  /** Multiaddresses of the connected peers that can be looked up, as they tell them: to find them again later. */
  reachable(): string[] {
    return this.book.speakers(KADEMLIA_PROTOCOL).flatMap((peer) => this.ways(peer).map(String));
  }

  /** Closes every line to a peer. */
  async disconnect(peer: string): Promise<void> {
    await this.node.hangUp(peerIdFromString(peer));
  }

  private identified(result: IdentifyResult, version: string): void {
    const peer = result.peerId.toString();
    if (result.protocolVersion !== version) {
      this.book.block(peer, `it belongs to ${result.protocolVersion ?? 'no network'}`);
      void result.connection.close().catch(() => undefined);
      return;
    }
    this.dialer.reached(peer);
    const { remoteAddr, direction } = result.connection;
    this.book.identified(peer, {
      multihash: result.peerId.toMultihash().bytes,
      addresses: sharedWith(
        remoteAddr,
        result.listenAddrs.map(({ bytes }) => bytes),
      ),
      protocols: result.protocols,
      ...(direction === 'outbound' && { dialled: remoteAddr.bytes }),
    });
  }

  /**
   * Remembers a peer that a connected one told about, at the addresses that its teller may tell of. Null when what was
   * told is no peer, or leads nowhere from here.
   */
  told({ peerId, addresses }: FoundPeer, by: string): string | null {
    const line = this.lineTo(peerIdFromString(by));
    const shared = line === null ? [] : sharedWith(line.remoteAddr, addresses);
    return addresses.length > 0 && shared.length === 0
      ? null
      : this.book.learn({ peerId, addresses: shared });
  }

  /** Multiaddresses that a peer may be dialled at; each once. */
  private ways(peer: string): Multiaddr[] {
    const id = peerIdFromString(peer);
    const all = this.book.addresses(peer).flatMap((bytes) => dialable(bytes, id));
    return [...new Map(all.map((address) => [address.toString(), address])).values()];
  }

  /** Questions to a peer that are not answered yet. */
  questionsTo(peer: string): number {
    return this.questions.to(peer);
  }

  /**
   * Asks a peer one question.
   *
   * @param peer Text of its id.
   * @throws DsnError; a malformed answer bans the peer. ProtocolError for what may not be asked. The signal's reason.
   */
  async request<Q, R>(
    peer: string,
    protocol: DsnProtocol<Q, R>,
    question: Q,
    signal?: AbortSignal,
  ): Promise<R> {
    protocol.check?.(question);
    const payload = encodeWith(protocol.request, question);
    const aside = this.book.isAside(peer);
    const leave = await this.questions.enter(peer, signal);
    try {
      if (!aside && this.book.isAside(peer))
        throw new DsnError('unreachable', peer, 'it began to fail while this question waited');
      const timeoutMs = this.options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
      const { name, maxResponseBytes } = protocol;
      const answer = await this.exchange(peer, name, payload, maxResponseBytes, timeoutMs, signal);
      return decodeWith(protocol.response, answer, protocol.name);
    } catch (error) {
      throw this.malformed(peer, error);
    } finally {
      leave();
    }
  }

  /** Peers that a peer knows to be close to a key (a multihash). Throws DsnError. */
  async findNode(peer: string, key: Uint8Array, signal?: AbortSignal): Promise<FoundPeer[]> {
    const payload = encodeFindNodeRequest(key);
    const answer = await this.exchange(
      peer,
      KADEMLIA_PROTOCOL,
      payload,
      MAX_FIND_NODE_BYTES,
      LOOKUP_TIMEOUT_MS,
      signal,
    );
    try {
      return decodeFindNodeResponse(answer);
    } catch (error) {
      throw this.malformed(peer, error);
    }
  }

  private malformed(peer: string, error: unknown): unknown {
    if (!(error instanceof ProtocolError)) return error;
    this.book.ban(peer, error.message);
    return new DsnError('malformed', peer, error.message, error);
  }

  private async exchange(
    peer: string,
    protocol: string,
    payload: Uint8Array,
    limit: number,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    if (this.book.isBanned(peer)) throw new DsnError('banned', peer, 'it is not asked any more');
    return within(timeoutMs, signal, async (until) => {
      let stream: Stream | null = null;
      let failure: unknown = null;
      try {
        stream = await this.open(peer, protocol, until);
        const receiving = receiveFrame(stream, limit, until, this.options.stallMs ?? STALL_MS);
        receiving.catch(() => undefined);
        await sendFrame(stream, payload, until);
        closeWriting(stream);
        const answer = await receiving;
        if (answer === null) throw new DsnError('refused', peer, `no answer over ${protocol}`);
        this.book.answered(peer);
        return answer;
      } catch (error) {
        failure = error;
        signal?.throwIfAborted();
        if (error instanceof ProtocolError) throw this.malformed(peer, error);
        if (error instanceof DsnError && error.code === 'refused') throw error;
        this.book.failed(peer);
        if (error instanceof DsnError) throw error;
        const code = until.aborted || error instanceof StalledError ? 'timeout' : 'unreachable';
        throw new DsnError(code, peer, messageOf(error), error);
      } finally {
        if (failure !== null) stream?.abort(asError(failure));
      }
    });
  }

  private async open(peer: string, protocol: string, signal: AbortSignal): Promise<Stream> {
    const id = peerIdFromString(peer);
    const options = { signal, maxOutboundStreams: MAX_STREAMS, runOnLimitedConnection: false };
    const addresses = this.ways(peer);
    if (this.lineTo(id) === null && this.options.listen?.includes('/webrtc') === true) {
      // A direct line takes longer than the relay that introduces, which should not carry the bytes.
      const direct = addresses.filter((address) => address.toString().includes('/p2p-circuit/webrtc'));
      if (direct.length > 0)
        await within(LOOKUP_TIMEOUT_MS, signal, (limit) => this.node.dial(direct, { signal: limit })).catch(
          () => undefined,
        );
    }
    const line = this.lineTo(id);
    try {
      if (line !== null) return await line.newStream(protocol, options);
    } catch (error) {
      // Peers end lines that nobody uses, which is no failure.
      if (line?.status === 'open') throw error;
    }
    if (addresses.length === 0) throw new DsnError('unreachable', peer, 'no address of it is known');
    const dialled = await this.dialer.dial(
      peer,
      (until) => this.node.dial(addresses, { signal: until }),
      signal,
      false,
    );
    return dialled.newStream(protocol, options);
  }

  /** An open connection to a peer, rather a direct one than over a relay; null: there is none. */
  private lineTo(id: PeerId): Connection | null {
    const open = this.node.getConnections(id).filter(({ status }) => status === 'open');
    const direct = open.find(({ remoteAddr }) => !/\/p2p-circuit(?!\/webrtc)/.test(remoteAddr.toString()));
    return direct ?? open[0] ?? null;
  }

  /**
   * The peers closest to a key (a multihash), found by asking ever closer ones. Peers not of this network drop out
   * when they are connected to.
   */
  async closest(key: Uint8Array, signal: AbortSignal): Promise<string[]> {
    const target = kademliaKey(key);
    const distance = (peer: string): bigint => this.book.distance(target, peer);
    const near = new Set(this.book.closest(target, CLOSEST_PEERS, this.id));
    const asked = new Set<string>();
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const next = [...near]
        .sort((a, b) => compareBig(distance(a), distance(b)))
        .slice(0, CLOSEST_PEERS)
        .filter((peer) => !asked.has(peer))
        .slice(0, ALPHA);
      if (next.length === 0) break;
      signal.throwIfAborted();
      await Promise.all(
        next.map(async (peer) => {
          asked.add(peer);
          const found = await this.findNode(peer, key, signal).catch(() => null);
          signal.throwIfAborted();
          if (found === null) near.delete(peer);
          for (const other of found ?? []) {
            const id = this.told(other, peer);
            if (id !== null && id !== this.id && !this.book.isBanned(id)) near.add(id);
          }
        }),
      );
    }
    return [...near].sort((a, b) => compareBig(distance(a), distance(b))).slice(0, CLOSEST_PEERS);
  }
}

/** Lookups ask so many peers at once, and in so many rounds at most. */
const ALPHA = 3;
const MAX_ROUNDS = 20;

function compareBig(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function dialable(bytes: Uint8Array, id: PeerId): Multiaddr[] {
  try {
    return [multiaddr(withPeer(bytes, id.toMultihash().bytes))];
  } catch {
    return [];
  }
}
