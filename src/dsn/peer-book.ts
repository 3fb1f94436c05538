/** What is known of other peers: how to reach them, what they speak, how they behaved. */
import { peerIdFromMultihash } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { backOff } from '../async/back-off.ts';
import { unlessAborted } from '../async/unless-aborted.ts';
import { cachedPieceByIndex, KADEMLIA_PROTOCOL, kademliaDistance, kademliaKey } from '../protocol/dsn.ts';
import type { FoundPeer } from '../protocol/find-node.ts';
import { DsnError } from './errors.ts';

/** Peers remembered that are not connected. */
const MAX_KNOWN = 500;
const MAX_ADDRESSES = 30;
/**
 * A peer of another network, or a gateway that gave something wrong, is left alone for so long at first; each time half as
 * long again.
 */
const FIRST_BLOCK_MS = 5_000;
const LAST_BLOCK_MS = 30 * 60_000;
/** A peer that failed so often in a row is left alone for a while, longer each time: others are asked meanwhile. */
const FAILURES_UNTIL_REST = 4;
const FIRST_REST_MS = 10_000;
const LAST_REST_MS = 5 * 60_000;

interface Pause {
  /** When it ends, by `performance.now()`. */
  until: number;
  ms: number;
}

interface Known {
  multihash: Uint8Array;
  /** Place in the key space. */
  key: Uint8Array;
  addresses: Uint8Array[];
  /** Where it was dialled; null: it never was. Others are not told. */
  dialled: Uint8Array | null;
  /** Null until identified on the connection that is open. */
  protocols: string[] | null;
  /** Whether it is reached through a relay, as tabs are: nobody can look it up, but who is told of it can meet it. */
  relayed: boolean;
  conduct: Conduct;
}

/** How a peer behaved. */
interface Conduct {
  /** Answers given, and failures, each counting less as others follow. */
  score: number;
  /** Failures in a row. */
  failures: number;
  /** Not asked by itself before this time, in milliseconds since 1970. */
  restsUntil: number;
}

const NEW: Conduct = { score: 0, failures: 0, restsUntil: 0 };

export interface PeerIdentity {
  /** Peer id as a multihash. */
  multihash: Uint8Array;
  /** Binary multiaddresses. */
  addresses: Uint8Array[];
  protocols: string[];
  /** Binary multiaddress that it was dialled at; left out: it dialled. */
  dialled?: Uint8Array;
}

export class PeerBook {
  private readonly known = new Map<string, Known>();
  private readonly banned = new Map<string, string>();
  private readonly blocked = new Map<string, Pause>();
  private gateway: { peer: string; pause: Pause | null } | null = null;
  private readonly waiting = new Map<string, (() => void)[]>();

  /** `onBan`: called once for each peer that is not spoken to any more. */
  constructor(private readonly onBan: (peer: string, reason: string) => void) {}

  /**
   * The peer of the person's own gateway, which passes on what it cannot check; null: there is none. Whoever names one
   * wants it asked, whatever it sent before.
   */
  setGateway(peer: string | null): void {
    if (peer === (this.gateway?.peer ?? null)) return;
    this.gateway = peer === null ? null : { peer, pause: null };
    if (peer !== null) this.banned.delete(peer);
  }

  isGateway(peer: string): boolean {
    return this.gateway?.peer === peer;
  }

  /**
   * Ends dealings with a peer that sent wrong data, for as long as the program runs. The person's own gateway is put
   * aside for a while instead: somebody else may have lied to it.
   */
  ban(peer: string, reason: string): void {
    if (this.gateway?.peer === peer) {
      // What was asked before it was put aside says nothing new.
      if (!this.isPutAside(peer)) this.gateway.pause = longer(this.gateway.pause);
      return;
    }
    if (this.banned.has(peer)) return;
    this.banned.set(peer, reason);
    this.known.delete(peer);
    this.onBan(peer, reason);
  }

  /** Leaves a peer alone for a while. */
  block(peer: string, reason: string): void {
    this.blocked.set(peer, longer(this.blocked.get(peer) ?? null));
    this.known.delete(peer);
    this.onBan(peer, reason);
  }

  /** Whether a peer is banned, or to be left alone at the moment. */
  isBanned(peer: string): boolean {
    return this.banned.has(peer) || (this.blocked.get(peer)?.until ?? 0) > performance.now();
  }

  /** Takes what a connected peer says of itself. */
  identified(peer: string, { multihash, addresses, protocols, dialled }: PeerIdentity): void {
    const before = this.known.get(peer);
    this.known.set(peer, {
      multihash,
      key: kademliaKey(multihash),
      addresses: addresses.slice(0, MAX_ADDRESSES),
      dialled: dialled ?? before?.dialled ?? null,
      protocols,
      relayed: addresses.some(isRelayed),
      conduct: before?.conduct ?? { ...NEW },
    });
    this.wake(peer);
  }

  disconnected(peer: string): void {
    const known = this.known.get(peer);
    if (known !== undefined) known.protocols = null;
    this.wake(peer);
    this.forget();
  }

  private wake(peer: string): void {
    for (const resolve of this.waiting.get(peer) ?? []) resolve();
    this.waiting.delete(peer);
  }

  /** Waits until a connected peer has said what it is. Throws DsnError `other-network`. */
  async identity(peer: string, signal: AbortSignal): Promise<void> {
    if (this.isConnected(peer)) return;
    const told = new Promise<void>((resolve) => {
      this.waiting.set(peer, [...(this.waiting.get(peer) ?? []), resolve]);
    });
    await unlessAborted(signal, told).catch(() => undefined);
    if (!this.isConnected(peer))
      throw new DsnError('other-network', peer, 'it did not say that it is of this network');
  }

  private isConnected(peer: string): boolean {
    return this.known.get(peer)?.protocols != null;
  }

  /** Remembers a peer that another one told about; null when what it told is no peer. */
  learn({ peerId, addresses }: FoundPeer): string | null {
    let peer: string;
    try {
      peer = peerIdFromMultihash(digestOf(peerId)).toString();
    } catch {
      return null;
    }
    if (this.isBanned(peer)) return peer;
    const known = this.known.get(peer);
    const some = addresses.slice(0, MAX_ADDRESSES);
    if (known === undefined) {
      const key = kademliaKey(peerId);
      const relayed = some.some(isRelayed);
      const conduct = { ...NEW };
      const unmet = { dialled: null, protocols: null };
      this.known.set(peer, { multihash: peerId, key, addresses: some, ...unmet, relayed, conduct });
      this.forget();
    } else if (known.addresses.length === 0) known.addresses = some;
    return peer;
  }

  /** The oldest of those that never answered go first: whoever tells of many must not have others forgotten. */
  private forget(): void {
    for (const leastScore of [0, Number.POSITIVE_INFINITY]) {
      for (const [peer, { protocols, conduct }] of this.known) {
        if (this.known.size <= MAX_KNOWN) return;
        if (protocols === null && conduct.score <= leastScore) this.known.delete(peer);
      }
    }
  }

  answered(peer: string): void {
    const conduct = this.known.get(peer)?.conduct;
    if (conduct !== undefined) Object.assign(conduct, { ...NEW, score: conduct.score * 0.9 + 1 });
  }

  failed(peer: string): void {
    const conduct = this.known.get(peer)?.conduct;
    if (conduct === undefined) return;
    conduct.score = conduct.score * 0.9 - 1;
    conduct.failures += 1;
    const rests = conduct.failures - FAILURES_UNTIL_REST;
    // What was asked before it began to rest fails during the rest, too.
    if (rests >= 0 && conduct.restsUntil <= performance.now())
      conduct.restsUntil = performance.now() + backOff(rests, FIRST_REST_MS, LAST_REST_MS);
  }

  /** Whether it is the person's own gateway, and not asked at the moment for what it sent. */
  isPutAside(peer: string): boolean {
    return this.gateway?.peer === peer && (this.gateway.pause?.until ?? 0) > performance.now();
  }

  /** Whether a peer is not to be asked at the moment: banned, left alone, put aside, or resting after failures. */
  isAside(peer: string): boolean {
    if (this.isBanned(peer) || this.isPutAside(peer)) return true;
    return (this.known.get(peer)?.conduct.restsUntil ?? 0) > performance.now();
  }

  /** Binary multiaddresses that a peer may be dialled at. */
  addresses(peer: string): Uint8Array[] {
    const { addresses = [], dialled = null } = this.known.get(peer) ?? {};
    return dialled === null ? addresses : [...addresses, dialled];
  }

  /** How far a peer is from a place in the key space; farther than any for one that was forgotten. */
  distance(target: Uint8Array, peer: string): bigint {
    const known = this.known.get(peer);
    return known === undefined ? 1n << 256n : kademliaDistance(target, known.key);
  }

  /** A peer as others are told of it. */
  found(peer: string): FoundPeer {
    const known = this.known.get(peer);
    return { peerId: known?.multihash ?? new Uint8Array(0), addresses: known?.addresses ?? [] };
  }

  /**
   * Connected peers that speak a protocol and do not rest; those that others can look up first, then by how they
   * answered.
   */
  speakers(protocol: string): string[] {
    return this.connectedWith(protocol)
      .filter(([peer]) => !this.isAside(peer))
      .sort(([, a], [, b]) => rank(b) - rank(a))
      .map(([peer]) => peer);
  }

  /** Connected peers that speak a protocol and are not asked at the moment, but will be again. */
  resting(protocol: string): string[] {
    return this.connectedWith(protocol)
      .map(([peer]) => peer)
      .filter((peer) => this.isAside(peer) && !this.isBanned(peer));
  }

  private connectedWith(protocol: string): [peer: string, known: Known][] {
    return [...this.known].filter(([, { protocols }]) => protocols?.includes(protocol) === true);
  }

  /** The `count` peers nearest to a place in the key space that can be looked up, `without` left out. */
  closest(target: Uint8Array, count: number, without: string): string[] {
    return this.nearest(target, count, without, isServer);
  }

  /** The `count` peers nearest to a place in the key space that may hold a piece, tabs among them. */
  holders(target: Uint8Array, count: number, without: string): string[] {
    return this.nearest(target, count, without, (known) => isServer(known) || isTab(known));
  }

  private nearest(
    target: Uint8Array,
    count: number,
    without: string,
    fits: (known: Known) => boolean,
  ): string[] {
    return [...this.known]
      .filter(([peer, known]) => peer !== without && fits(known))
      .map(([peer, known]) => ({ peer, distance: kademliaDistance(target, known.key) }))
      .sort((a, b) => (a.distance < b.distance ? -1 : 1))
      .slice(0, count)
      .map(({ peer }) => peer);
  }

  /** How many peers are connected, known and banned. */
  counts(): { connected: number; known: number; banned: number } {
    const connected = [...this.known.values()].filter(({ protocols }) => protocols !== null).length;
    return { connected, known: this.known.size, banned: this.banned.size };
  }
}

/** The pause after one; after a long time in which there was none it begins anew. */
function longer(before: Pause | null): Pause {
  const now = performance.now();
  const ms =
    before === null || now - before.until > LAST_BLOCK_MS
      ? FIRST_BLOCK_MS
      : Math.min(LAST_BLOCK_MS, before.ms * 1.5);
  return { until: now + ms, ms };
}

/** A multihash taken apart: code, length and digest, of one byte each but the last. */
function digestOf(multihash: Uint8Array) {
  const [code, size] = multihash;
  if (code === undefined || size !== multihash.length - 2) throw new RangeError('not a multihash of a peer');
  const bytes = new Uint8Array(multihash);
  return { code, size, digest: bytes.subarray(2), bytes };
}

function isServer({ protocols }: Known): boolean {
  return protocols?.includes(KADEMLIA_PROTOCOL) === true;
}

function isTab({ protocols, relayed }: Known): boolean {
  return relayed && protocols?.includes(cachedPieceByIndex.name) === true;
}

function isRelayed(address: Uint8Array): boolean {
  try {
    return multiaddr(address).toString().includes('/p2p-circuit');
  } catch {
    return false;
  }
}

function rank(known: Known): number {
  return (isServer(known) ? 1_000 : 0) + known.conduct.score;
}
