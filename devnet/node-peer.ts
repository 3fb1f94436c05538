/**
 * The local network's node as a peer: announces blocks, relays them, proves its state and gossips proofs of
 * time, as nodes do over libp2p.
 */
import { noise } from '@libp2p/noise';
import { yamux } from '@libp2p/yamux';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { Connection, Stream } from '@libp2p/interface';
import { createLibp2p, type Libp2p } from 'libp2p';
import { InOrder } from '../src/async/in-order.ts';
import { nodePlatform } from '../src/dsn/platform-node.ts';
import { identifyAs } from '../src/network/identify.ts';
import { closeWriting, receiveFrame, receiveFrames, sendFrame } from '../src/network/streams.ts';
import { equal, fromHex, toHex } from '../src/protocol/bytes.ts';
import { decodeWith, encodeWith } from '../src/protocol/codec.ts';
import { asError } from '../src/protocol/errors.ts';
import { extrinsicBody } from '../src/protocol/extrinsic.ts';
import {
  announceHandshake,
  BLOCK_PART,
  BLOCK_RELAY_PROTOCOL,
  decodeReadRequest,
  decodeRelayRequest,
  encodeAnnouncement,
  encodeReadResponse,
  gossipHandshake,
  MAX_ANNOUNCEMENT_BYTES,
  MAX_LIGHT_REQUEST_BYTES,
  MAX_PROOF_OF_TIME_BYTES,
  MAX_RELAYED_BLOCKS,
  MAX_RELAY_REQUEST_BYTES,
  NODE_PROTOCOL_VERSION,
  nodeProtocols,
  PROOF_OF_TIME_PROTOCOL,
  relayedBlocks,
  ROLES,
  type RelayedBlock,
  type RelayRequest,
} from '../src/protocol/node-protocols.ts';
import { encodePotProof } from '../src/protocol/pot-proof.ts';
import type { Block, Chain } from './chain.ts';
import type { Timekeeper } from './timekeeper.ts';

/** No secret: it protects nothing, and lets a person keep an address. */
const SEED = new Uint8Array(32).fill(2);
/** Peer id of that key. */
export const NODE_PEER_ID = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq';
const PATIENCE_MS = 20_000;
const MAX_RELAYED_BYTES = 8 * 2 ** 20;

export class NodePeer {
  private readonly stops: (() => void)[] = [];

  private constructor(
    private readonly host: Libp2p,
    private readonly chain: Chain,
    private readonly timekeeper: Pick<Timekeeper, 'onProof'>,
  ) {}

  /** Listens for tabs on a port of 127.0.0.1, 0 for a free one. Rejects when the port is taken. */
  static async start(
    chain: Chain,
    timekeeper: Pick<Timekeeper, 'onProof'>,
    webSocketPort: number,
  ): Promise<NodePeer> {
    const { transports } = nodePlatform();
    const host = await createLibp2p({
      privateKey: await generateKeyPairFromSeed('Ed25519', SEED),
      addresses: { listen: [`/ip4/127.0.0.1/tcp/${webSocketPort}/ws`] },
      transports,
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false },
      services: identifyAs(NODE_PROTOCOL_VERSION),
    });
    const peer = new NodePeer(host, chain, timekeeper);
    const { announces, light } = nodeProtocols(peer.genesisHash);
    await host.handle(announces, (stream, connection) => void peer.greet(stream, connection));
    await host.handle(PROOF_OF_TIME_PROTOCOL, (stream, connection) => void peer.gossip(stream, connection));
    await host.handle(BLOCK_RELAY_PROTOCOL, (stream) =>
      answer(stream, MAX_RELAY_REQUEST_BYTES, (question) => peer.relay(question)),
    );
    await host.handle(light, (stream) =>
      answer(stream, MAX_LIGHT_REQUEST_BYTES, (question) => peer.prove(question)),
    );
    return peer;
  }

  /** Multiaddresses. */
  get addresses(): string[] {
    return this.host.getMultiaddrs().map(String);
  }

  async stop(): Promise<void> {
    for (const stop of this.stops) stop();
    await this.host.stop();
  }

  private get genesisHash(): Uint8Array {
    return fromHex(this.chain.genesis.hash, 32);
  }

  private handshake(): Uint8Array {
    const { number, hash } = this.chain.best;
    const own = { roles: ROLES.authority, bestNumber: number, bestHash: fromHex(hash, 32) };
    return encodeWith(announceHandshake, { ...own, genesisHash: this.genesisHash });
  }

  /** Answers a handshake, opens the stream back, and announces every block on it until either side ends. */
  private async greet(stream: Stream, connection: Connection): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      for await (const message of receiveFrames(stream, MAX_ANNOUNCEMENT_BYTES, patience)) {
        const theirs = decodeWith(announceHandshake, message, 'announce-handshake');
        if (!equal(theirs.genesisHash, this.genesisHash)) throw new Error('of another network');
        break;
      }
      await sendFrame(stream, this.handshake(), patience);
      const back = await connection.newStream(nodeProtocols(this.genesisHash).announces, {
        signal: patience,
      });
      await sendFrame(back, this.handshake(), patience);
      this.announceOn(back);
    } catch (error) {
      stream.abort(asError(error));
    }
  }

  private announceOn(stream: Stream): void {
    this.tellOn(stream, (tell) =>
      this.chain.on('imported', (block) =>
        tell(encodeAnnouncement({ header: block.header, best: block.hash === this.chain.best.hash })),
      ),
    );
  }

  /** Answers a handshake, opens the stream back, and gossips every proof of time on it until either side ends. */
  private async gossip(stream: Stream, connection: Connection): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const own = encodeWith(gossipHandshake, ROLES.authority);
    try {
      for await (const message of receiveFrames(stream, MAX_PROOF_OF_TIME_BYTES, patience)) {
        decodeWith(gossipHandshake, message, 'gossip-handshake');
        break;
      }
      await sendFrame(stream, own, patience);
      const back = await connection.newStream(PROOF_OF_TIME_PROTOCOL, { signal: patience });
      await sendFrame(back, own, patience);
      this.tellOn(back, (tell) => this.timekeeper.onProof((proof) => tell(encodePotProof(proof))));
    } catch (error) {
      stream.abort(asError(error));
    }
  }

  /** Sends what `listen` is told, in order, until the stream ends. */
  private tellOn(stream: Stream, listen: (tell: (message: Uint8Array) => void) => () => void): void {
    const sending = new InOrder();
    const off = listen((message) => {
      sending.run(() => sendFrame(stream, message, AbortSignal.timeout(PATIENCE_MS))).catch(() => off());
    });
    this.stops.push(off);
    stream.addEventListener('close', () => off());
  }

  private relay(question: Uint8Array): Uint8Array {
    const request = decodeRelayRequest(question);
    const blocks: RelayedBlock[] = [];
    let bytes = 0;
    for (const block of this.asked(request)) {
      const relayed = this.relayed(block, request.parts);
      bytes += (relayed.body ?? []).reduce((sum, one) => sum + one.length, 0);
      bytes += (relayed.justifications ?? []).reduce((sum, { data }) => sum + data.length, 0);
      if (blocks.length > 0 && bytes > MAX_RELAYED_BYTES) break;
      blocks.push(relayed);
    }
    return encodeWith(relayedBlocks, blocks);
  }

  /** The blocks of a question along their chain, at most as many as an answer holds. */
  private *asked({ from, descending, max }: RelayRequest): Generator<Block> {
    const hash = from.kind === 'hash' ? toHex(from.hash) : this.chain.hashAt(from.number);
    let block = hash === null ? null : this.chain.block(hash);
    for (
      let left = Math.min(max ?? MAX_RELAYED_BLOCKS, MAX_RELAYED_BLOCKS);
      block !== null && left > 0;
      left -= 1
    ) {
      yield block;
      const next: string | null = descending ? block.parent : this.chain.hashAt(block.number + 1);
      block = next === null ? null : this.chain.block(next);
    }
  }

  private relayed({ hash, header }: Block, parts: number): RelayedBlock {
    const signed = this.chain.signedBlock(hash);
    return {
      hash: fromHex(hash, 32),
      header: parts & BLOCK_PART.header ? header : null,
      body: parts & BLOCK_PART.body ? (signed?.extrinsics ?? []).map(extrinsicBody) : null,
      indexedBody: null,
      receipt: null,
      messageQueue: null,
      justification: null,
      justifications: parts & BLOCK_PART.justification ? (signed?.justifications ?? null) : null,
    };
  }

  private prove(question: Uint8Array): Uint8Array {
    const { block, child, keys } = decodeReadRequest(question);
    const known = this.chain.block(toHex(block));
    if (known === null) return encodeReadResponse(null);
    // The local network has no child tries; what proves that one is missing is a proof of its root.
    const wanted = child === null ? keys : [child];
    return encodeReadResponse(this.chain.stateOf(known.hash).prove([...wanted]));
  }
}

/** Reads a question and answers it; whatever goes wrong ends the stream. */
async function answer(
  stream: Stream,
  limit: number,
  make: (question: Uint8Array) => Uint8Array,
): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const question = await receiveFrame(stream, limit, signal);
    if (question !== null) await sendFrame(stream, make(question), signal);
    closeWriting(stream);
  } catch (error) {
    stream.abort(asError(error));
  }
}
