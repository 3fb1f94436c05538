/**
 * A node reached as a peer, over libp2p: announcements, the block relay, proofs of state, gossip of proofs of time. It answers
 * fewer questions than JSON-RPC does: no runtime calls, no metadata, no proofs of the Merkle mountain range.
 */
import { noise } from '@libp2p/noise';
import { yamux } from '@libp2p/yamux';
import type { Connection, IdentifyResult, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p';
import { equal, fromHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import { DecodeError, ProtocolError, messageOf } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import {
  announceHandshake,
  BLOCK_PART,
  BLOCK_RELAY_PROTOCOL,
  decodeAnnouncement,
  decodeReadResponse,
  encodeReadRequest,
  encodeRelayRequest,
  genesisNamedBy,
  gossipHandshake,
  MAX_ANNOUNCEMENT_BYTES,
  MAX_LIGHT_RESPONSE_BYTES,
  MAX_PROOF_OF_TIME_BYTES,
  MAX_RELAYED_BLOCKS,
  MAX_RELAY_RESPONSE_BYTES,
  NODE_PROTOCOL_VERSION,
  nodeProtocols,
  PROOF_OF_TIME_PROTOCOL,
  relayedBlocks,
  ROLES,
  type AnnounceHandshake,
  type RelayedBlock,
  type RelayFrom,
} from '../protocol/node-protocols.ts';
import { decodePotProof, type PotProof } from '../protocol/pot-proof.ts';
import { readProof as readStorageProof } from '../protocol/trie-proof.ts';
import type { Header } from '../protocol/types.ts';
import { identifyAs } from './identify.ts';
import type { MmrProof, ReadProof, SystemProperties } from './node-rpc.ts';
import { RpcError } from './rpc-error.ts';
import type { ConnectionState } from './rpc.ts';
import { subspacePayload, type ChainSource, type ImportableBlock } from './source.ts';
import { closeWriting, receiveFrame, receiveFrames, sendFrame } from './streams.ts';

const DIAL_MS = 20_000;
const REQUEST_MS = 20_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** A node's own refusal code for calls that it does not know. */
const NO_SUCH_CALL = -32601;
const HEADER_AND_PROOF = BLOCK_PART.header | BLOCK_PART.justification;

export interface PeerSourceOptions {
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

export class PeerSource implements ChainSource {
  private current: ConnectionState = 'connecting';
  private why: string | null = null;
  private link: Link | null = null;
  private bestHash: Uint8Array | null = null;
  private failures = 0;
  private nextId = 0n;
  private readonly states = new Set<() => void>();
  private readonly headers = new Set<Listener<Header>>();
  private readonly proofs = new Set<Listener<PotProof>>();
  private readonly closing = new AbortController();

  private constructor(
    /** Multiaddress, e.g. `/ip4/127.0.0.1/tcp/30334/ws/p2p/12D3…`. */
    readonly name: string,
    private readonly host: Promise<Libp2p>,
  ) {
    void this.keepConnected();
  }

  /** Connects to a node's multiaddress, and again whenever the connection is lost. */
  static connect(address: string, { transports }: PeerSourceOptions): PeerSource {
    const host = createLibp2p({
      transports,
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      nodeInfo: { name: 'allotment', userAgent: 'allotment' },
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false },
      services: identifyAs(NODE_PROTOCOL_VERSION),
    });
    return new PeerSource(address, host);
  }

  get state(): ConnectionState {
    return this.current;
  }

  get reason(): string | null {
    return this.why;
  }

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
        this.lose(`The node cannot be reached: ${messageOf(error)}`);
      }
      const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures);
      this.failures += 1;
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  private lose(why: string): void {
    this.link = null;
    if (!this.closing.signal.aborted) this.become('waiting', why.slice(0, 300));
  }

  /** Connects and exchanges handshakes. `ended` resolves when the connection does. */
  private async open(signal: AbortSignal): Promise<{ ended: Promise<void> }> {
    const host = await this.host;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]);
    const identified = new Map<string, IdentifyResult>();
    const onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
      identified.set(detail.connection.id, detail);
    };
    host.addEventListener('peer:identify', onIdentify);
    try {
      const connection = await host.dial(multiaddr(this.name), { signal: limited });
      const ended = new Promise<void>((done) => {
        connection.addEventListener('close', () => done());
      });
      while (!identified.has(connection.id)) {
        limited.throwIfAborted();
        await new Promise((done) => setTimeout(done, 20));
      }
      const named = genesisNamedBy(identified.get(connection.id)!.protocols);
      if (named === null) throw new Error('what answers is no node of this kind of network');
      const genesisHash = fromHex(named, 32);
      await this.listen(host, genesisHash);
      await this.greet(connection, genesisHash, limited);
      this.link = { connection, genesisHash };
      void this.askForProofs(connection);
      return { ended };
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
    this.bestHash = theirs.bestHash;
  }

  /** Opens this side's stream of proofs of time, which stays empty. A node that refuses it gossips none. */
  private async askForProofs(connection: Connection): Promise<void> {
    const signal = AbortSignal.any([this.closing.signal, AbortSignal.timeout(REQUEST_MS)]);
    try {
      const stream = await connection.newStream(PROOF_OF_TIME_PROTOCOL, { signal });
      await sendFrame(stream, encodeWith(gossipHandshake, ROLES.light), signal);
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
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private announced(message: Uint8Array): Header {
    const { header, best } = decodeAnnouncement(message);
    if (best) this.bestHash = headerHash(header);
    return header;
  }

  private async ask(
    protocol: (genesisHash: Uint8Array) => string,
    question: Uint8Array,
    limit: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const { link } = this;
    if (link === null) throw new RpcError('disconnected', 'peer', 'not connected');
    const name = protocol(link.genesisHash);
    const timeout = AbortSignal.timeout(REQUEST_MS);
    const both = AbortSignal.any([this.closing.signal, timeout, ...(signal === undefined ? [] : [signal])]);
    let stream: Stream | null = null;
    try {
      stream = await link.connection.newStream(name, { signal: both });
      const receiving = receiveFrame(stream, limit, both);
      receiving.catch(() => undefined);
      await sendFrame(stream, question, both);
      closeWriting(stream);
      const answer = await receiving;
      if (answer === null) throw new RpcError('malformed', name, 'no answer');
      return answer;
    } catch (error) {
      stream?.abort(error instanceof Error ? error : new Error(String(error)));
      signal?.throwIfAborted();
      if (error instanceof RpcError || error instanceof DecodeError) throw error;
      if (this.closing.signal.aborted) throw new RpcError('closed', name, 'closed');
      throw new RpcError(timeout.aborted ? 'timeout' : 'disconnected', name, String(error));
    }
  }

  private async relayed(
    from: RelayFrom,
    max: number,
    parts: number,
    signal?: AbortSignal,
  ): Promise<RelayedBlock[]> {
    const question = encodeRelayRequest({ id: this.nextId++, parts, from, descending: false, max });
    const answer = await this.ask(() => BLOCK_RELAY_PROTOCOL, question, MAX_RELAY_RESPONSE_BYTES, signal);
    const blocks = decodeWith(relayedBlocks, answer, 'block-relay');
    if (blocks.length > max)
      throw new DecodeError('block-relay', `${blocks.length} blocks where ${max} were asked`);
    return blocks;
  }

  /** A block of a relay's answer, held to be the one that it says to be. */
  private importable({ hash, header, justifications }: RelayedBlock): ImportableBlock {
    if (header === null || !equal(headerHash(header), hash))
      throw new DecodeError('block-relay', 'a block without its header');
    return { header, justification: subspacePayload(justifications) };
  }

  genesisHash(): Promise<Uint8Array> {
    return this.link === null
      ? Promise.reject(new RpcError('disconnected', 'peer', 'not connected'))
      : Promise.resolve(this.link.genesisHash);
  }

  /** Peers do not tell how tokens are called. */
  properties(): Promise<SystemProperties> {
    return Promise.resolve({
      ss58Format: null,
      tokenSymbol: null,
      tokenDecimals: null,
      potExternalEntropy: null,
      dsnBootstrapNodes: [],
    });
  }

  async hashAt(number: number, signal?: AbortSignal): Promise<Uint8Array | null> {
    const [block] = await this.relayed({ kind: 'number', number }, 1, BLOCK_PART.header, signal);
    if (block === undefined) return null;
    const { header } = this.importable(block);
    if (header.number !== number)
      throw new DecodeError('block-relay', `block ${header.number} for ${number}`);
    return headerHash(header);
  }

  async bestHeader(signal?: AbortSignal): Promise<Header> {
    const header = this.bestHash === null ? null : await this.header(this.bestHash, signal);
    if (header === null) throw new RpcError('disconnected', 'peer', 'it has not said what its best block is');
    return header;
  }

  async header(hash: Uint8Array, signal?: AbortSignal): Promise<Header | null> {
    return (await this.one(hash, BLOCK_PART.header, signal))?.header ?? null;
  }

  block(hash: Uint8Array, signal?: AbortSignal): Promise<ImportableBlock | null> {
    return this.one(hash, HEADER_AND_PROOF, signal);
  }

  private async one(hash: Uint8Array, parts: number, signal?: AbortSignal): Promise<ImportableBlock | null> {
    const [block] = await this.relayed({ kind: 'hash', hash }, 1, parts, signal);
    if (block === undefined) return null;
    if (!equal(block.hash, hash))
      throw new DecodeError('block-relay', 'another block than the one asked for');
    return this.importable(block);
  }

  async blocks(from: number, count: number, signal?: AbortSignal): Promise<ImportableBlock[]> {
    const max = Math.min(count, MAX_RELAYED_BLOCKS);
    const blocks = await this.relayed({ kind: 'number', number: from }, max, HEADER_AND_PROOF, signal);
    return blocks.map((block) => this.importable(block));
  }

  onHeader(told: (header: Header) => void, malformed: (error: Error) => void): () => void {
    const listener = { told, malformed };
    this.headers.add(listener);
    return () => this.headers.delete(listener);
  }

  onProof(told: (proof: PotProof) => void, malformed: (error: Error) => void): () => void {
    const listener = { told, malformed };
    this.proofs.add(listener);
    return () => this.proofs.delete(listener);
  }

  readProof(keys: readonly Uint8Array[], at: Uint8Array, signal?: AbortSignal): Promise<ReadProof> {
    return this.proof(null, keys, at, signal);
  }

  childReadProof(
    child: Uint8Array,
    keys: readonly Uint8Array[],
    at: Uint8Array,
    signal?: AbortSignal,
  ): Promise<ReadProof> {
    return this.proof(child, keys, at, signal);
  }

  private async proof(
    child: Uint8Array | null,
    keys: readonly Uint8Array[],
    at: Uint8Array,
    signal?: AbortSignal,
  ): Promise<ReadProof> {
    const question = encodeReadRequest({ block: at, child, keys });
    const answer = await this.ask(
      (genesisHash) => nodeProtocols(genesisHash).light,
      question,
      MAX_LIGHT_RESPONSE_BYTES,
      signal,
    );
    const proof = decodeReadResponse(answer);
    if (proof === null)
      throw new RpcError(NO_SUCH_CALL, 'light', 'the node has not kept the state of that block');
    return { at, proof };
  }

  /** Told and proven alike: what holds it is a proof against the block's own header. */
  async storage(key: Uint8Array, at: Uint8Array, signal?: AbortSignal): Promise<Uint8Array | null> {
    const header = await this.header(at, signal);
    if (header === null) throw new RpcError(NO_SUCH_CALL, 'light', 'the node does not have that block');
    const { proof } = await this.readProof([key], at, signal);
    return readStorageProof(header.stateRoot, proof, [key])[0] ?? null;
  }

  mmrProof(): Promise<Pick<MmrProof, 'proof'>> {
    return notAmongPeers('mmr_generateProof');
  }

  stateCall(): Promise<Uint8Array> {
    return notAmongPeers('state_call');
  }

  metadata(): Promise<Uint8Array> {
    return notAmongPeers('state_getMetadata');
  }

  close(): void {
    if (this.closing.signal.aborted) return;
    this.closing.abort(new RpcError('closed', 'peer', 'closed'));
    this.become('closed', null);
    void this.host.then((host) => host.stop()).catch(() => undefined);
  }
}

function notAmongPeers(call: string): Promise<never> {
  return Promise.reject(new RpcError(NO_SUCH_CALL, call, 'peers do not answer this'));
}
