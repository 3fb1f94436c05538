/** Whom pieces came from, and how many went which way. */
import type { PeerConnection } from '../dsn/peer.ts';
import { RECONSTRUCTION } from '../dsn/rebuilder.ts';
import { OWN_CACHE } from '../dsn/supply.ts';

/** Who is at the other end: another tab, the person's own gateway, or any other program. */
export type PeerKind = 'tab' | 'gateway' | 'peer';

/** Whom a piece came from; `from`: peer id, address of a node, or what it was. */
export interface PieceOrigin {
  kind: PeerKind | 'cache' | 'node' | 'reconstruction' | 'memory';
  from: string;
}

/** Pieces that came from a peer in this session, and pieces that it was given. */
export interface PieceCounts {
  taken: number;
  given: number;
}

const MAX_ORIGINS = 4_096;

export class PieceOrigins {
  private readonly origins = new Map<string, PieceOrigin>();
  private readonly counts = new Map<string, PieceCounts>();

  /** `isGateway`: whether a peer is the person's own gateway. */
  constructor(
    private readonly connections: () => PeerConnection[],
    private readonly isGateway: (peer: string) => boolean,
  ) {}

  /** Whom a piece came from last, as far as is remembered. */
  of(index: string): PieceOrigin {
    return this.origins.get(index) ?? { kind: 'memory', from: 'memory' };
  }

  remember(index: string, from: string): void {
    this.origins.delete(index);
    this.origins.set(index, { kind: this.kindOf(from), from });
    forgetOldest(this.origins);
  }

  countsOf(peer: string): Readonly<PieceCounts> {
    return this.counts.get(peer) ?? { taken: 0, given: 0 };
  }

  count(peer: string, what: keyof PieceCounts): void {
    const counts = { ...this.countsOf(peer) };
    counts[what] += 1;
    this.counts.delete(peer);
    this.counts.set(peer, counts);
    forgetOldest(this.counts);
  }

  peerKind(peer: string, address: string | undefined): PeerKind {
    if (this.isGateway(peer)) return 'gateway';
    // Only tabs are reached through a relay: every other program listens for itself.
    return /\/p2p-circuit|^\/webrtc\//.test(address ?? '') ? 'tab' : 'peer';
  }

  private kindOf(from: string): PieceOrigin['kind'] {
    if (from === OWN_CACHE) return 'cache';
    if (from === RECONSTRUCTION) return 'reconstruction';
    if (from.includes('://')) return 'node';
    return this.peerKind(from, this.connections().find(({ peer }) => peer === from)?.address);
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size > MAX_ORIGINS) map.delete(map.keys().next().value ?? '');
}
