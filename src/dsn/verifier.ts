/** Checks pieces against the verified commitments of their segments, many at the price of little more than one. */
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { positionOfPiece, segmentOfPiece } from '../protocol/segment.ts';
import type { PieceIndex, SegmentIndex } from '../protocol/types.ts';

/** The archived history as the verified chain has it. */
export interface SegmentCommitments {
  /** 48 bytes, or null while that segment is not part of the verified chain. */
  segmentCommitment(segment: SegmentIndex): Uint8Array | null;
}

/** Pieces checked together at most. A batch costs hardly more than one piece, so that large ones pay. */
const BATCH = 96;
/** A piece that somebody waits for waits so long for others, in milliseconds. */
const COLLECT_MS = 15;
/** One that nobody waits for waits until there is a whole batch of them, or so long. */
const PATIENCE_MS = 4_000;

interface Claim {
  index: PieceIndex;
  piece: Uint8Array;
  commitment: Uint8Array;
  urgent: boolean;
  resolve(valid: boolean): void;
  reject(reason: unknown): void;
}

export class PieceVerifier {
  private claims: Claim[] = [];
  private timer: { at: number; handle: ReturnType<typeof setTimeout> } | null = null;
  private checking = false;

  constructor(
    private readonly pool: ComputePool,
    private readonly commitments: SegmentCommitments,
    private readonly priority: JobPriority = JobPriority.plot,
  ) {}

  /** Whether a piece's segment is part of the verified chain, so that it can be checked at all. */
  knows(index: PieceIndex): boolean {
    return this.commitments.segmentCommitment(segmentOfPiece(index)) !== null;
  }

  /**
   * Whether a piece is the one of this index. Rejects when checking itself fails.
   *
   * @param urgent Whether somebody waits for it; otherwise it is checked with many others, seconds later.
   */
  valid(index: PieceIndex, piece: Uint8Array, urgent = true): Promise<boolean> {
    const commitment = this.commitments.segmentCommitment(segmentOfPiece(index));
    if (commitment === null || piece.length !== PIECE_BYTES) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      this.claims.push({ index, piece, commitment, urgent, resolve, reject });
      this.plan();
    });
  }

  /** Has a piece checked at once that waits for others. */
  hurry(index: PieceIndex): void {
    for (const claim of this.claims) if (claim.index === index) claim.urgent = true;
    this.plan();
  }

  /** Sets the clock to when the next batch has to begin. */
  private plan(): void {
    if (this.checking || this.claims.length === 0) return;
    const soon = this.claims.length >= BATCH || this.claims.some(({ urgent }) => urgent);
    const at = performance.now() + (soon ? COLLECT_MS : PATIENCE_MS);
    if (this.timer !== null) {
      if (this.timer.at <= at) return;
      clearTimeout(this.timer.handle);
    }
    this.timer = { at, handle: setTimeout(() => this.flush(), at - performance.now()) };
  }

  private flush(): void {
    this.timer = null;
    this.checking = true;
    this.claims.sort((a, b) => Number(b.urgent) - Number(a.urgent));
    const claims = this.claims.splice(0, BATCH);
    const input = {
      pieces: claims.map(({ piece }) => piece),
      positions: claims.map(({ index }) => positionOfPiece(index)),
      segmentCommitments: claims.map(({ commitment }) => commitment),
    };
    const settled = this.pool.run('piece.verify', input, { priority: this.priority }).then(
      ({ bad }) => claims.forEach(({ resolve }, position) => resolve(!bad.includes(position))),
      (error: unknown) => claims.forEach(({ reject }) => reject(error)),
    );
    void settled.then(() => {
      this.checking = false;
      // What came meanwhile makes the next batch.
      this.plan();
    });
  }
}
