/** Makes pieces that nobody gives out of any 128 others of their segment. */
import { InOrder } from '../async/in-order.ts';
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { pieceIndexesSourceFirst, positionOfPiece, segmentOfPiece } from '../protocol/segment.ts';
import type { PieceIndex, SegmentIndex } from '../protocol/types.ts';

/** Whom a piece comes from that nobody had. */
export const RECONSTRUCTION = 'reconstruction';

/** What happens while pieces are rebuilt. */
export type RebuildEvent =
  /** So many of the 128 pieces are here. */
  | { kind: 'reconstructing'; segment: SegmentIndex; have: number }
  /** It is over, whatever came of it. */
  | { kind: 'reconstructed'; segment: SegmentIndex }
  /** It was made, and is right. */
  | { kind: 'arrived'; index: PieceIndex; from: typeof RECONSTRUCTION };

type Take = (index: PieceIndex, piece: Uint8Array) => void;

export interface RebuilderOptions {
  pool: ComputePool;
  isRight(index: PieceIndex, piece: Uint8Array): Promise<boolean>;
  /** Looks for pieces, to be taken verified. Rejects with the signal's reason. */
  find(indices: readonly PieceIndex[], take: Take, signal: AbortSignal): Promise<unknown>;
  keep: Take;
  watch: ((event: RebuildEvent) => void) | undefined;
}

/** Pieces looked for together. */
const PORTION = 64;

export class Rebuilder {
  private readonly rebuilds = new InOrder();

  constructor(private readonly options: RebuilderOptions) {}

  /** Answers what it rebuilds; returns the rest. Rejects with the signal's reason. */
  async rebuild(absent: readonly PieceIndex[], answer: Take, signal: AbortSignal): Promise<PieceIndex[]> {
    const lost: PieceIndex[] = [];
    const bySegment = new Map<SegmentIndex, PieceIndex[]>();
    for (const index of absent) {
      const segment = segmentOfPiece(index);
      bySegment.set(segment, [...(bySegment.get(segment) ?? []), index]);
    }
    for (const [segment, pieces] of bySegment)
      lost.push(...(await this.inTurn(segment, pieces, answer, signal)));
    return lost;
  }

  /** One segment at a time: each holds its pieces in memory. */
  private inTurn(
    segment: SegmentIndex,
    absent: readonly PieceIndex[],
    answer: Take,
    signal: AbortSignal,
  ): Promise<PieceIndex[]> {
    return this.rebuilds.run(() => {
      signal.throwIfAborted();
      return this.rebuildIn(segment, absent, answer, signal).finally(() =>
        this.options.watch?.({ kind: 'reconstructed', segment }),
      );
    });
  }

  private async rebuildIn(
    segment: SegmentIndex,
    absent: readonly PieceIndex[],
    answer: Take,
    signal: AbortSignal,
  ): Promise<PieceIndex[]> {
    const pieces = await this.collect(segment, absent, signal);
    if (pieces === null) return [...absent];
    const { pool, isRight, keep, watch } = this.options;
    const lost: PieceIndex[] = [];
    for (const index of absent) {
      const input = { ...pieces, wanted: positionOfPiece(index) };
      const options = { priority: JobPriority.catchUp, signal };
      const { piece } = await pool.run('piece.reconstruct', input, options);
      // Made from verified pieces it has to be right; checking it costs little and proves the making.
      if (!(await isRight(index, piece))) {
        lost.push(index);
        continue;
      }
      keep(index, piece);
      watch?.({ kind: 'arrived', index, from: RECONSTRUCTION });
      answer(index, piece);
    }
    return lost;
  }

  /** 128 verified pieces of a segment, source pieces first, without those known to be missing; null if too few. */
  private async collect(
    segment: SegmentIndex,
    absent: readonly PieceIndex[],
    signal: AbortSignal,
  ): Promise<{ positions: number[]; pieces: Uint8Array[] } | null> {
    const { find, watch } = this.options;
    const positions: number[] = [];
    const pieces: Uint8Array[] = [];
    const candidates = pieceIndexesSourceFirst(segment).filter((index) => !absent.includes(index));
    const take: Take = (index, piece) => {
      positions.push(positionOfPiece(index));
      pieces.push(piece);
      watch?.({ kind: 'reconstructing', segment, have: pieces.length });
    };
    while (pieces.length < SOURCE_PIECES_IN_SEGMENT && candidates.length > 0) {
      signal.throwIfAborted();
      const portion = Math.min(PORTION, SOURCE_PIECES_IN_SEGMENT - pieces.length);
      await find(candidates.splice(0, portion), take, signal);
    }
    return pieces.length < SOURCE_PIECES_IN_SEGMENT ? null : { positions, pieces };
  }
}
