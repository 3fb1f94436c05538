/** The pieces that an object's nodes are taken out of. */
import type { PieceWish } from '../dsn/supply.ts';
import type { PieceIndex } from '../protocol/types.ts';

/**
 * Gives pieces, null for those that are not to be had. What is taken out of them is accepted by its hash, so that
 * waiting for a piece to be checked is only worth it to tell a wrong piece from a wrong place.
 */
export interface PieceAccess {
  pieces(
    indices: readonly PieceIndex[],
    signal: AbortSignal,
    wish: PieceWish,
  ): Promise<(Uint8Array | null)[]>;
  /** Whom pieces were asked of in vain, and why. */
  troublesOf?(indices: readonly PieceIndex[]): string;
}

/** Pieces kept for the nodes that lie next to each other in them: 2 MiB each, packed and unpacked. */
const PIECES_KEPT = 16;

interface KeptPiece {
  piece: Promise<Uint8Array | null>;
  wish: PieceWish;
}

/** The last pieces, and one request for those that several nodes wait for. */
export class PieceWindow implements PieceAccess {
  private readonly kept = new Map<PieceIndex, KeptPiece>();

  constructor(private readonly source: PieceAccess) {}

  async pieces(
    indices: readonly PieceIndex[],
    signal: AbortSignal,
    wish: PieceWish,
  ): Promise<(Uint8Array | null)[]> {
    for (;;) {
      signal.throwIfAborted();
      const missing = indices.filter((index) => !this.serves(index, wish));
      if (missing.length > 0) this.request(missing, signal, wish);
      const entries = indices.map((index) => this.use(index));
      this.forget();
      try {
        const pieces = await Promise.all(entries.map(({ piece }) => piece));
        // Somebody else's request may have tried less hard.
        const final = (at: number): boolean => wish.speculative === true || !entries[at]!.wish.speculative;
        if (pieces.every((piece, at) => piece !== null || final(at))) return pieces;
      } catch (error) {
        // Somebody else's request, given up by them: it is asked again in this one's name.
        if (signal.aborted || !(error instanceof DOMException) || error.name !== 'AbortError') throw error;
      }
    }
  }

  /** Whether what is kept, or on its way, is as it is wished. */
  private serves(index: PieceIndex, wish: PieceWish): boolean {
    const kept = this.kept.get(index);
    if (kept === undefined || (wish.passing !== true && kept.wish.passing === true)) return false;
    return wish.quick === true || kept.wish.quick !== true;
  }

  private use(index: PieceIndex): KeptPiece {
    const entry = this.kept.get(index)!;
    this.kept.delete(index);
    this.kept.set(index, entry);
    return entry;
  }

  private request(indices: PieceIndex[], signal: AbortSignal, wish: PieceWish): void {
    const answer = this.source.pieces(indices, signal, wish);
    indices.forEach((index, position) => {
      const piece = answer.then((pieces) => pieces[position] ?? null);
      const entry = { piece, wish };
      this.kept.set(index, entry);
      const drop = (): void => {
        if (this.kept.get(index) === entry) this.kept.delete(index);
      };
      // What is missing now may be had later.
      piece.then((found) => found === null && drop(), drop);
    });
  }

  private forget(): void {
    for (const index of this.kept.keys()) {
      if (this.kept.size <= PIECES_KEPT) return;
      this.kept.delete(index);
    }
  }
}
