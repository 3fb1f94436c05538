/** Whom pieces were asked of in vain: for the message of whoever does not get them. */
import type { PieceIndex } from '../protocol/types.ts';

const MAX_PIECES = 256;
const MAX_PEERS = 8;

export class PieceTroubles {
  /** Oldest first. */
  private readonly pieces = new Map<PieceIndex, Map<string, string>>();

  note(index: PieceIndex, from: string, why: string): void {
    const peers = this.pieces.get(index) ?? new Map<string, string>();
    // That it is not asked, now or any more, says less than what it did before.
    if ((why === 'banned' || why === 'resting') && peers.has(from)) return;
    peers.set(from, why);
    if (peers.size > MAX_PEERS) peers.delete(peers.keys().next().value ?? '');
    this.pieces.delete(index);
    this.pieces.set(index, peers);
    if (this.pieces.size > MAX_PIECES) this.pieces.delete(this.pieces.keys().next().value ?? 0n);
  }

  /** The piece came. */
  over(index: PieceIndex): void {
    this.pieces.delete(index);
  }

  /** `PEER (why), …`; empty when nobody was asked in vain. */
  of(indices: readonly PieceIndex[]): string {
    const peers = new Map(indices.flatMap((index) => [...(this.pieces.get(index) ?? [])]));
    return [...peers].map(([from, why]) => `${from} (${why})`).join(', ');
  }
}
