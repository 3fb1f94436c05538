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
const BATCH = 64;
/** A piece waits so long for others, in milliseconds. */
const COLLECT_MS = 15;

interface Claim {
  index: PieceIndex;
  piece: Uint8Array;
  commitment: Uint8Array;
  resolve(valid: boolean): void;
  reject(reason: unknown): void;
}

export class PieceVerifier {
  private claims: Claim[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;
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

  /** Whether a piece is the one of this index. Rejects when checking itself fails. */
  valid(index: PieceIndex, piece: Uint8Array): Promise<boolean> {
    const commitment = this.commitments.segmentCommitment(segmentOfPiece(index));
    if (commitment === null || piece.length !== PIECE_BYTES) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      this.claims.push({ index, piece, commitment, resolve, reject });
      this.timer ??= setTimeout(() => this.flush(), COLLECT_MS);
    });
  }

  private flush(): void {
    this.timer = null;
    // What comes while a batch is checked makes the next one.
    if (this.checking || this.claims.length === 0) return;
    this.checking = true;
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
      this.flush();
    });
  }
}
