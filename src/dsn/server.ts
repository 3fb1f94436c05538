/** What a peer gives to others. */
import type { PieceIndex, SegmentHeader } from '../protocol/types.ts';
import type { SegmentHeaderRequest } from '../protocol/dsn.ts';

/** Null everywhere means a refusal: the stream is closed without an answer. */
export interface DsnServer {
  hasCached(index: PieceIndex): boolean;
  /** A piece (1 048 672 bytes) out of the cache. `peer`: text of the id of who asks. */
  cachedPiece(index: PieceIndex, peer: string): Promise<Uint8Array | null>;
  /** A piece out of the cache or a plotted sector. */
  piece(index: PieceIndex, peer: string): Promise<Uint8Array | null>;
  /** All of the asked ones in their order; the last ones ascending, at most 1000. */
  segmentHeaders(request: SegmentHeaderRequest, peer: string): Promise<SegmentHeader[] | null>;
}

/** Registers the protocols, as every peer does, and refuses everything. */
export const REFUSING_SERVER: DsnServer = {
  hasCached: () => false,
  cachedPiece: () => Promise.resolve(null),
  piece: () => Promise.resolve(null),
  segmentHeaders: () => Promise.resolve(null),
};
