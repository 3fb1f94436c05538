/** How a peer answers others: the three protocols of pieces and headers, lookups and pings. */
import type { Connection, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { concat, toHex } from '../protocol/bytes.ts';
import { decodeWith, encodeWith } from '../protocol/codec.ts';
import {
  cachedPieceByIndex,
  KADEMLIA_PROTOCOL,
  kademliaKey,
  MAX_CACHED_PIECES,
  MAX_REQUEST_BYTES,
  MAX_SEGMENT_HEADERS,
  pieceByIndex,
  pieceMultihash,
  segmentHeadersByIndexes,
  type CachedPieceResponse,
  type DsnProtocol,
  type PeerAddresses,
  type PieceResponse,
} from '../protocol/dsn.ts';
import { asError, ProtocolError } from '../protocol/errors.ts';
import {
  CLOSEST_PEERS,
  decodeFindNodeRequest,
  encodeFindNodeResponse,
  MAX_FIND_NODE_BYTES,
  type FoundPeer,
} from '../protocol/find-node.ts';
import type { PieceIndex, SegmentHeader } from '../protocol/types.ts';
import { answerPings, MAX_PING_STREAMS, PING_PROTOCOL } from '../network/ping.ts';
import { closeWriting, receiveFrame, sendFrame } from '../network/streams.ts';
import type { PeerBook } from './peer-book.ts';
import { sharedWith } from './reach.ts';
import type { DsnServer } from './server.ts';

/** An answer that is not taken within this time is given up, */
const ANSWER_TIMEOUT_MS = 20_000;
/** and a question, which is short, within this. */
const QUESTION_TIMEOUT_MS = 5_000;
/** Answers made at once; more are refused, because each may hold a piece in memory. */
const MAX_ANSWERS = 32;
/** Those of them for one peer, so that none keeps all others out. */
const MAX_ANSWERS_EACH = 16;
/** Streams of a protocol to and from one peer. */
export const MAX_STREAMS = 256;
/** The library takes both from the handler, where there is one. */
const STREAMS = { maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS };

export class Answering {
  /** The peers whose questions are being answered, each as often as it asks. */
  private readonly asking: string[] = [];

  constructor(
    private readonly node: Libp2p,
    private readonly book: PeerBook,
  ) {}

  /** Registers what a peer is asked. `lookups`: whether others may look peers up here. */
  async serve(server: DsnServer, lookups: boolean): Promise<void> {
    await this.node.handle(PING_PROTOCOL, answerPings, { maxInboundStreams: MAX_PING_STREAMS });
    await this.answer(cachedPieceByIndex, async (question, peer, line): Promise<CachedPieceResponse> => {
      const cachedPieces = cachedOf(server, question.cachedPieces);
      const found = await server.cachedPiece(question.pieceIndex, peer);
      if (found !== null) return { result: { kind: 'piece', piece: found }, cachedPieces };
      const peers = this.closestPeers(question.pieceIndex, peer, line);
      return { result: { kind: 'closestPeers', peers }, cachedPieces };
    });
    await this.answer(pieceByIndex, async (question, peer): Promise<PieceResponse | null> => {
      const piece = await server.piece(question.pieceIndex, peer);
      return piece && { piece, cachedPieces: cachedOf(server, question.cachedPieces) };
    });
    await this.answer(segmentHeadersByIndexes, (question, peer): Promise<SegmentHeader[] | null> => {
      const clamped =
        question.kind === 'last'
          ? { ...question, limit: Math.min(question.limit, MAX_SEGMENT_HEADERS) }
          : question;
      return server.segmentHeaders(clamped, peer);
    });
    if (!lookups) return;
    await this.node.handle(
      KADEMLIA_PROTOCOL,
      (stream, connection) =>
        this.reply(stream, connection, MAX_FIND_NODE_BYTES, (payload, peer, line) => {
          const target = kademliaKey(decodeFindNodeRequest(payload));
          const peers = this.book.closest(target, CLOSEST_PEERS, peer);
          return Promise.resolve(encodeFindNodeResponse(peers.map((id) => this.found(id, line))));
        }),
      STREAMS,
    );
  }

  private async answer<Q, R>(
    protocol: DsnProtocol<Q, R>,
    make: (question: Q, peer: string, line: Multiaddr) => Promise<R | null>,
  ): Promise<void> {
    const { name, request, response } = protocol;
    await this.node.handle(
      name,
      (stream, connection) =>
        this.reply(stream, connection, MAX_REQUEST_BYTES, async (payload, peer, line) => {
          const question = decodeWith(request, payload, name);
          protocol.check?.(question);
          const answer = await make(question, peer, line);
          return answer === null ? null : encodeWith(response, answer);
        }),
      STREAMS,
    );
  }

  /**
   * Reads a question and answers it; whatever goes wrong is a refusal.
   *
   * @param make Makes the answer to a peer, `line` being the address that it has at the other end.
   */
  private async reply(
    stream: Stream,
    connection: Connection,
    limit: number,
    make: (payload: Uint8Array, peer: string, line: Multiaddr) => Promise<Uint8Array | null>,
  ): Promise<void> {
    const peer = connection.remotePeer.toString();
    if (!this.hasRoomFor(peer)) return closeWriting(stream);
    this.asking.push(peer);
    try {
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      const payload = await receiveFrame(stream, limit, AbortSignal.timeout(QUESTION_TIMEOUT_MS));
      const answer = payload === null ? null : await make(payload, peer, connection.remoteAddr);
      if (answer !== null) await sendFrame(stream, answer, signal);
      closeWriting(stream);
    } catch (error) {
      if (error instanceof ProtocolError) closeWriting(stream);
      else stream.abort(asError(error));
    } finally {
      this.asking.splice(this.asking.indexOf(peer), 1);
    }
  }

  private hasRoomFor(peer: string): boolean {
    const own = this.asking.filter((other) => other === peer).length;
    return this.asking.length < MAX_ANSWERS && own < MAX_ANSWERS_EACH;
  }

  private found(id: string, line: Multiaddr): FoundPeer {
    const { peerId, addresses } = this.book.found(id);
    return { peerId, addresses: sharedWith(line, addresses) };
  }

  private closestPeers(index: PieceIndex, asking: string, line: Multiaddr): PeerAddresses[] {
    const peers = this.book.holders(kademliaKey(pieceMultihash(index)), CLOSEST_PEERS, asking);
    return peers.flatMap((id) => {
      const { peerId, addresses } = this.found(id, line);
      const complete = addresses.map((bytes) => withPeer(bytes, peerId));
      return complete.length > 0 ? [{ peerId, addresses: complete }] : [];
    });
  }
}

function cachedOf(server: DsnServer, asked: readonly PieceIndex[]): PieceIndex[] {
  return asked.slice(0, MAX_CACHED_PIECES).filter((index) => server.hasCached(index));
}

/** A binary multiaddress that ends in the id of its peer. */
export function withPeer(address: Uint8Array, peerId: Uint8Array): Uint8Array {
  const suffix = concat(Uint8Array.of(0xa5, 0x03, peerId.length), peerId);
  return toHex(address).endsWith(toHex(suffix)) ? address : concat(address, suffix);
}
