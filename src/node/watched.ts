/** One retrieval that a person watches: its parts, its pieces, and whom they came from. */
import type { RetrievalEvent } from '../objects/nodes.ts';
import type { ObjectService } from '../objects/service.ts';
import type { PieceOrigin } from './piece-origins.ts';

export interface RetrievalSource {
  /** Whom a piece came from, by its index. */
  originOf(index: string): PieceOrigin;
  serviceWatchedBy(watch: (event: RetrievalEvent) => void): ObjectService;
}

/** What was verified of an object. */
export interface WatchedView {
  /** Parts of the object (nodes) whose hash was right. */
  nodes: number;
  /** Pieces of history that they lay in, and whom each came from. */
  pieces: ({ index: string } & PieceOrigin)[];
}

export class Watched {
  readonly pieces = new Set<string>();
  private readonly nodes = new Set<string>();

  constructor(private readonly source: RetrievalSource) {}

  /** A service whose work is seen here. */
  service(): ObjectService {
    return this.source.serviceWatchedBy((event) => {
      if (event.kind !== 'verified') return;
      this.pieces.add(String(event.pieceIndex));
      this.nodes.add(event.cid);
    });
  }

  view(): WatchedView {
    const pieces = [...this.pieces].map((index) => ({ index, ...this.source.originOf(index) }));
    return { nodes: this.nodes.size, pieces };
  }
}
