/** Finds pieces among peers: in their caches first, in their plots when no cache has them. */
import {
  cachedPieceByIndex,
  kademliaKey,
  MAX_CACHED_PIECES,
  pieceByIndex,
  pieceMultihash,
  type PeerAddresses,
} from '../protocol/dsn.ts';
import { CLOSEST_PEERS } from '../protocol/find-node.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { randomBytes } from '../crypto/random.ts';
import { DsnError } from './errors.ts';
import type { DsnPeer } from './peer.ts';
import type { PieceArrived, PieceFailed, PieceProvider } from './provider.ts';
import { blame } from './wrong-piece.ts';

/** Questions under way at once, whatever is wanted: each may bring a piece. */
const MAX_QUESTIONS = 16;
const LEAST_QUESTIONS = 4;
/** Peers asked for one batch at most: what is nowhere near is not looked for for ever. */
const MAX_PEERS_ASKED = 200;
/** Random walks of the search in plots. */
const WALKS = 15;

interface Question {
  peer: string;
  index: PieceIndex;
}

/** State of one search in caches. */
class CacheSearch {
  private readonly wanted: Set<PieceIndex>;
  /** Nearest peers known for each piece, in the order in which they were told. */
  private readonly near = new Map<PieceIndex, string[]>();
  private readonly checked = new Set<string>();
  /** Pieces that a peer says to have, and that it was asked for without giving them. */
  private readonly promised = new Map<string, Set<PieceIndex>>();
  private readonly lacking = new Map<string, Set<PieceIndex>>();
  private readonly inFlight = new Set<PieceIndex>();
  /** Pieces that came and are being checked; meanwhile others are asked for. */
  private readonly checking = new Set<Promise<void>>();

  constructor(
    private readonly peer: DsnPeer,
    indices: readonly PieceIndex[],
    private readonly arrived: PieceArrived,
    private readonly signal: AbortSignal,
    /** Who gave pieces lately; is told who does. */
    private readonly givers: Set<string>,
    private readonly failed?: PieceFailed,
  ) {
    this.wanted = new Set(indices);
    // Who had a piece likely has others: they are asked for without waiting for a promise.
    const speakers = new Set(peer.book.speakers(cachedPieceByIndex.name));
    for (const giver of givers) if (speakers.has(giver)) this.expectAll(giver);
    for (const index of indices) {
      const key = kademliaKey(pieceMultihash(index));
      this.near.set(index, peer.book.holders(key, CLOSEST_PEERS, peer.id));
    }
  }

  async run(): Promise<void> {
    const running = new Set<Promise<void>>();
    for (;;) {
      this.signal.throwIfAborted();
      const next = running.size < this.limit() ? this.next() : null;
      if (next !== null) {
        const task = this.ask(next).finally(() => running.delete(task));
        // The signal may end the search before it waits for this question.
        task.catch(() => undefined);
        running.add(task);
      } else if (running.size + this.checking.size > 0) await Promise.race([...running, ...this.checking]);
      else return this.tellResting();
    }
  }

  /** Who is left alone for a while may have what was not found. */
  private tellResting(): void {
    for (const peer of this.wanted.size > 0 ? this.peer.book.resting(cachedPieceByIndex.name) : [])
      for (const index of this.wanted) this.failed?.(index, peer, 'resting');
  }

  /** Half of what is wanted may be asked for at once, and the last few. */
  private limit(): number {
    return Math.min(MAX_QUESTIONS, Math.max(LEAST_QUESTIONS, Math.ceil(this.wanted.size / 2)));
  }

  private isFree(index: PieceIndex): boolean {
    return this.wanted.has(index) && !this.inFlight.has(index);
  }

  /** A promise first, then a connected peer not asked yet, then the nearest peer of a piece. */
  private next(): Question | null {
    const idlest = [...this.promised].sort(([a], [b]) => this.peer.questionsTo(a) - this.peer.questionsTo(b));
    for (const [peer, indices] of idlest) {
      if (this.peer.book.isAside(peer)) continue;
      for (const index of indices) {
        indices.delete(index);
        if (this.isFree(index)) return { peer, index };
      }
    }
    if (this.checked.size >= MAX_PEERS_ASKED) return null;
    const free = [...this.wanted].filter((index) => this.isFree(index));
    if (free.length === 0) return null;
    const connected = this.peer.book
      .speakers(cachedPieceByIndex.name)
      .find((peer) => !this.checked.has(peer));
    if (connected !== undefined) return this.take(connected, free[this.checked.size % free.length]!);
    for (const index of free) {
      const peer = this.near
        .get(index)
        ?.find((one) => !this.checked.has(one) && !this.peer.book.isAside(one));
      if (peer !== undefined) return this.take(peer, index);
    }
    return null;
  }

  private expectAll(giver: string): void {
    this.checked.add(giver);
    this.promised.set(giver, new Set(this.wanted));
  }

  private take(peer: string, index: PieceIndex): Question {
    this.checked.add(peer);
    return { peer, index };
  }

  private async ask({ peer, index }: Question): Promise<void> {
    this.inFlight.add(index);
    try {
      const lacking = this.lacking.get(peer);
      const others = [...this.wanted].filter((other) => other !== index && lacking?.has(other) !== true);
      const cachedPieces = others.slice(0, MAX_CACHED_PIECES);
      const question = { pieceIndex: index, cachedPieces };
      const answer = await this.peer.request(peer, cachedPieceByIndex, question, this.signal);
      this.remember(peer, cachedPieces, new Set(answer.cachedPieces.slice(0, MAX_CACHED_PIECES)));
      if (answer.result.kind === 'closestPeers') {
        this.givers.delete(peer);
        this.lacks(peer, index);
        this.tell(index, answer.result.peers, peer);
      } else {
        this.givers.add(peer);
        this.check(index, answer.result.piece, peer);
      }
    } catch (error) {
      this.signal.throwIfAborted();
      this.givers.delete(peer);
      if (!(error instanceof DsnError)) throw error;
      this.failed?.(index, peer, error.code);
    } finally {
      this.inFlight.delete(index);
    }
  }

  /** A piece counts as found until it turns out to be wrong. */
  private check(index: PieceIndex, piece: Uint8Array, peer: string): void {
    this.wanted.delete(index);
    const isWrong = (): void => blame(this.peer, peer, index, piece);
    const task = this.arrived(index, piece, peer, isWrong)
      .then((taken) => {
        if (taken) return;
        this.wanted.add(index);
        isWrong();
      })
      .finally(() => this.checking.delete(task));
    task.catch(() => undefined);
    this.checking.add(task);
  }

  private remember(peer: string, asked: readonly PieceIndex[], has: ReadonlySet<PieceIndex>): void {
    const promised = this.promised.get(peer) ?? new Set();
    for (const index of asked) {
      if (!has.has(index)) this.lacks(peer, index);
      else if (this.lacking.get(peer)?.has(index) !== true) promised.add(index);
    }
    this.promised.set(peer, promised);
  }

  private lacks(peer: string, index: PieceIndex): void {
    this.promised.get(peer)?.delete(index);
    const lacking = this.lacking.get(peer) ?? new Set();
    this.lacking.set(peer, lacking.add(index));
  }

  private tell(index: PieceIndex, peers: readonly PeerAddresses[], by: string): void {
    const near = this.near.get(index)!;
    // More than the network's number would only serve to crowd out others.
    for (const told of peers.slice(0, CLOSEST_PEERS)) {
      const id = this.peer.told(told, by);
      if (id !== null && id !== this.peer.id && !near.includes(id)) near.push(id);
    }
  }
}

/** The caches of peers (L2): many pieces in one search. */
export function peerCaches(peer: DsnPeer): PieceProvider {
  const givers = new Set<string>();
  return {
    name: 'caches of peers',
    find: (wanted, arrived, signal, failed) =>
      new CacheSearch(peer, wanted, arrived, signal, givers, failed).run(),
  };
}

/** The plots of peers (L1): slow, one piece after the other, connected peers first and then random ones. */
export function peerPlots(peer: DsnPeer): PieceProvider {
  const ask = async (
    id: string,
    index: PieceIndex,
    arrived: PieceArrived,
    signal: AbortSignal,
    failed?: PieceFailed,
  ): Promise<boolean> => {
    try {
      const question = { pieceIndex: index, cachedPieces: [] };
      const { piece } = await peer.request(id, pieceByIndex, question, signal);
      if (piece === null) return false;
      const isWrong = (): void => blame(peer, id, index, piece);
      if (await arrived(index, piece, id, isWrong)) return true;
      isWrong();
      return false;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DsnError)) throw error;
      failed?.(index, id, error.code);
      return false;
    }
  };

  const findOne = async (
    index: PieceIndex,
    arrived: PieceArrived,
    signal: AbortSignal,
    failed?: PieceFailed,
  ): Promise<void> => {
    const asked = new Set<string>();
    const askAll = async (peers: readonly string[]): Promise<boolean> => {
      for (const id of peers) {
        if (asked.has(id) || asked.size >= MAX_PEERS_ASKED || peer.book.isAside(id)) continue;
        asked.add(id);
        if (await ask(id, index, arrived, signal, failed)) return true;
      }
      return false;
    };
    if (await askAll(peer.book.speakers(pieceByIndex.name))) return;
    for (let walk = 0; walk < WALKS; walk += 1) {
      const before = asked.size;
      if (await askAll(await peer.closest(randomPeerId(), signal))) return;
      // A network that is known whole has nobody new to meet.
      if (asked.size === before) return;
    }
  };

  return {
    name: 'plots of peers',
    async find(wanted, arrived, signal, failed) {
      for (const index of wanted) await findOne(index, arrived, signal, failed);
    },
  };
}

/** Multihash of a peer id that nobody has. */
function randomPeerId(): Uint8Array {
  const id = new Uint8Array(38);
  id.set([0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
  id.set(randomBytes(32), 6);
  return id;
}
