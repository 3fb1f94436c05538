/**
 * The connection to a node as a peer, over libp2p: handshakes, the streams that the node opens, questions and answers.
 * It is made again whenever it is lost.
 */
import { noise } from '@libp2p/noise';
import type { Connection, IdentifyResult, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p';
import { backOff } from '../async/back-off.ts';
import { abortWith } from '../async/on-abort.ts';
import { pause } from '../async/pause.ts';
import { within } from '../async/within.ts';
import { equal, fromHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { DecodeError, ProtocolError, asError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import {
  announceHandshake,
  decodeAnnouncement,
  genesisNamedBy,
  gossipHandshake,
  MAX_ANNOUNCEMENT_BYTES,
  MAX_PROOF_OF_TIME_BYTES,
  NODE_PROTOCOL_VERSION,
  nodeProtocols,
  PROOF_OF_TIME_PROTOCOL,
  ROLES,
  type AnnounceHandshake,
} from '../protocol/node-protocols.ts';
import { decodePotProof, type PotProof } from '../protocol/pot-proof.ts';
import type { Header } from '../protocol/types.ts';
import { identifyAs } from './identify.ts';
import { muxer } from './muxer.ts';
import { RpcError } from './rpc-error.ts';
import type { ConnectionState } from './rpc.ts';
import { closeWriting, receiveFrame, receiveFrames, sendFrame } from './streams.ts';

const DIAL_MS = 20_000;
const REQUEST_MS = 20_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

export interface PeerLinkOptions {
  transports: NonNullable<Libp2pOptions['transports']>;
}

/** Who is told what a node sends unasked. */
interface Listener<T> {
  told: (what: T) => void;
  malformed: (error: Error) => void;
}

/** How a stream that a node opens is read. */
interface Reading<T> {
  /** Takes the node's handshake. */
  greeted: (message: Uint8Array) => void;
  /** This side's handshake. */
  own: Uint8Array;
  read: (message: Uint8Array) => T;
}

/** What a connection is worth: its network, and the node's best block as it says. */
interface Link {
  connection: Connection;
  genesisHash: Uint8Array;
}

export class PeerLink {
  /** Whom announced headers go to, unverified. */
  readonly headers = new Set<Listener<Header>>();
  /** Whom gossiped proofs of time go to, unverified. */
  readonly proofs = new Set<Listener<PotProof>>();
  private current: ConnectionState = 'connecting';
  private why: string | null = null;
  private link: Link | null = null;
  private saidBest: Uint8Array | null = null;
  private failures = 0;
  private readonly states = new Set<() => void>();
  private readonly closing = new AbortController();

  private constructor(
    /** Multiaddress. */
    readonly address: string,
    private readonly host: Promise<Libp2p>,
  ) {
    void this.keepConnected();
  }

  static connect(address: string, { transports }: PeerLinkOptions): PeerLink {
    const host = createLibp2p({
      transports,
      connectionEncrypters: [noise()],
      streamMuxers: [muxer()],
      nodeInfo: { name: 'allotment', userAgent: 'allotment' },
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false },
      services: identifyAs(NODE_PROTOCOL_VERSION),
    });
    return new PeerLink(address, host);
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** Why it is not connected. */
  get reason(): string | null {
    return this.why;
  }

  /** 32 bytes; null while it is not connected. */
  get genesisHash(): Uint8Array | null {
    return this.link?.genesisHash ?? null;
  }

  /** Hash (32 bytes) of the block that the node called its best last; null: it has not yet. */
  get bestHash(): Uint8Array | null {
    return this.saidBest;
  }

  /** Calls `listener` at every change of the connection; returns what stops that. */
  onState(listener: () => void): () => void {
    this.states.add(listener);
    return () => this.states.delete(listener);
  }

  private become(state: ConnectionState, why: string | null): void {
    this.current = state;
    this.why = why;
    for (const listener of this.states) listener();
  }

  private async keepConnected(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        const { ended } = await this.open(signal);
        this.failures = 0;
        this.become('connected', null);
        await ended;
        this.lose('The connection to the node was lost.');
      } catch (error) {
        // A browser's socket fails with an event, which says nothing.
        const why = error instanceof Error ? `: ${error.message}` : '.';
        this.lose(`The node cannot be reached${why}`);
      }
      const wait = backOff(this.failures, FIRST_RETRY_MS, LAST_RETRY_MS);
      this.failures += 1;
      await pause(wait, signal).catch(() => undefined);
    }
  }

  private lose(why: string): void {
    this.link = null;
    if (!this.closing.signal.aborted) this.become('waiting', why.slice(0, 300));
  }

  /** Connects and exchanges handshakes. `ended` resolves when the connection does. */
  private async open(signal: AbortSignal): Promise<{ ended: Promise<void> }> {
    const host = await this.host;
    return within(DIAL_MS, signal, (limit) => this.dial(host, limit));
  }

  private async dial(host: Libp2p, limit: AbortSignal): Promise<{ ended: Promise<void> }> {
    const identified = new Map<string, IdentifyResult>();
    const onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
      identified.set(detail.connection.id, detail);
    };
    host.addEventListener('peer:identify', onIdentify);
    let connection: Connection | null = null;
    try {
      connection = await host.dial(multiaddr(this.address), { signal: limit });
      const ended = new Promise<void>((done) => {
        connection?.addEventListener('close', () => done());
      });
      while (!identified.has(connection.id)) await pause(20, limit);
      const named = genesisNamedBy(identified.get(connection.id)!.protocols);
      if (named === null) throw new Error('what answers is no node of this kind of network');
      const genesisHash = fromHex(named, 32);
      await this.listen(host, genesisHash);
      await this.greet(connection, genesisHash, limit);
      this.link = { connection, genesisHash };
      void this.askForProofs(connection);
      return { ended };
    } catch (error) {
      // One that stays would be dialled again as it is, and never be greeted anew.
      connection?.abort(asError(error));
      throw error;
    } finally {
      host.removeEventListener('peer:identify', onIdentify);
    }
  }

  private ownHandshake(genesisHash: Uint8Array): Uint8Array {
    // A light client has no blocks to give, so that it says to be at the beginning.
    const own = { roles: ROLES.light, bestNumber: 0, bestHash: genesisHash, genesisHash };
    return encodeWith(announceHandshake, own);
  }

  /** Opens this side's stream of announcements, which stays empty, and learns the node's best block. */
  private async greet(connection: Connection, genesisHash: Uint8Array, signal: AbortSignal): Promise<void> {
    const stream = await connection.newStream(nodeProtocols(genesisHash).announces, { signal });
    await sendFrame(stream, this.ownHandshake(genesisHash), signal);
    for await (const message of receiveFrames(stream, MAX_ANNOUNCEMENT_BYTES, signal)) {
      this.greeted(decodeWith(announceHandshake, message, 'announce-handshake'), genesisHash);
      return;
    }
    throw new Error('the node does not want to announce blocks to this app');
  }

  private greeted(theirs: AnnounceHandshake, genesisHash: Uint8Array): void {
    if (!equal(theirs.genesisHash, genesisHash)) throw new Error('the node names two networks at once');
    this.saidBest = theirs.bestHash;
  }

  /** Opens this side's stream of proofs of time, which stays empty. A node that refuses it gossips none. */
  private async askForProofs(connection: Connection): Promise<void> {
    try {
      await within(REQUEST_MS, this.closing.signal, async (signal) => {
        const stream = await connection.newStream(PROOF_OF_TIME_PROTOCOL, { signal });
        await sendFrame(stream, encodeWith(gossipHandshake, ROLES.light), signal);
      });
    } catch {
      // Blocks carry their proofs of time all the same.
    }
  }

  /** Takes the streams that the node opens: to announce its blocks, and to gossip proofs of time. */
  private async listen(host: Libp2p, genesisHash: Uint8Array): Promise<void> {
    const { announces } = nodeProtocols(genesisHash);
    if (host.getProtocols().includes(announces)) return;
    await host.handle(announces, (stream) =>
      this.hear(stream, MAX_ANNOUNCEMENT_BYTES, this.headers, {
        greeted: (message) =>
          this.greeted(decodeWith(announceHandshake, message, 'announce-handshake'), genesisHash),
        own: this.ownHandshake(genesisHash),
        read: (message) => this.announced(message),
      }),
    );
    await host.handle(PROOF_OF_TIME_PROTOCOL, (stream) =>
      this.hear(stream, MAX_PROOF_OF_TIME_BYTES, this.proofs, {
        greeted: (message) => void decodeWith(gossipHandshake, message, 'gossip-handshake'),
        own: encodeWith(gossipHandshake, ROLES.light),
        read: decodePotProof,
      }),
    );
  }

  /** Reads a stream to its end: the node's handshake, which is answered, then what it tells. */
  private async hear<T>(
    stream: Stream,
    limit: number,
    listeners: ReadonlySet<Listener<T>>,
    { greeted, own, read }: Reading<T>,
  ): Promise<void> {
    const { signal } = this.closing;
    let first = true;
    try {
      for await (const message of receiveFrames(stream, limit, signal)) {
        if (first) {
          greeted(message);
          await sendFrame(stream, own, signal);
          first = false;
        } else {
          const what = read(message);
          for (const { told } of listeners) told(what);
        }
      }
    } catch (error) {
      if (error instanceof DecodeError || error instanceof ProtocolError)
        for (const { malformed } of listeners) malformed(error);
      stream.abort(asError(error));
    }
  }

  private announced(message: Uint8Array): Header {
    const { header, best } = decodeAnnouncement(message);
    if (best) this.saidBest = headerHash(header);
    return header;
  }

  /**
   * Asks one question over a stream of its own. Rejects with RpcError, DecodeError or the signal's reason.
   *
   * @param protocol Name of the protocol on a network, by its genesis hash.
   * @param limit Largest answer, in bytes.
   */
  async ask(
    protocol: (genesisHash: Uint8Array) => string,
    question: Uint8Array,
    limit: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const { link } = this;
    if (link === null) throw new RpcError('disconnected', 'peer', 'not connected');
    const name = protocol(link.genesisHash);
    return within(REQUEST_MS, signal, async (inTime) => {
      const stop = new AbortController();
      const leaves = [abortWith(this.closing.signal, stop), abortWith(inTime, stop)];
      const until = stop.signal;
      let stream: Stream | null = null;
      try {
        stream = await link.connection.newStream(name, { signal: until });
        const receiving = receiveFrame(stream, limit, until);
        receiving.catch(() => undefined);
        await sendFrame(stream, question, until);
        closeWriting(stream);
        const answer = await receiving;
        if (answer === null) throw new RpcError('malformed', name, 'no answer');
        return answer;
      } catch (error) {
        stream?.abort(asError(error));
        signal?.throwIfAborted();
        if (error instanceof RpcError || error instanceof DecodeError) throw error;
        if (this.closing.signal.aborted) throw new RpcError('closed', name, 'closed');
        throw new RpcError(inTime.aborted ? 'timeout' : 'disconnected', name, String(error));
      } finally {
        for (const leave of leaves) leave();
      }
    });
  }

  close(): void {
    if (this.closing.signal.aborted) return;
    this.closing.abort(new RpcError('closed', 'peer', 'closed'));
    this.become('closed', null);
    void this.host.then((host) => host.stop()).catch(() => undefined);
  }
}
