/** Validity of pieces against the commitments of their segments. Needs `loadSrs`. */
import { concat } from '../protocol/bytes.ts';
import { PIECE_BYTES, POINT_BYTES, RECORD_BYTES, SOURCE_PIECES_IN_SEGMENT } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { bisect } from './bisect.ts';
import { recoverRecord } from './kzg.ts';
import { randomSeed } from './random.ts';
import { guarded, wasm } from './wasm.ts';

/** A piece and what it is checked against. */
export interface PieceClaim {
  /** 1 048 672 bytes. */
  piece: Uint8Array;
  /** 48 bytes. */
  segmentCommitment: Uint8Array;
  /** 0..255. */
  position: number;
}

const VERDICTS = [null, 'record-not-canonical', 'commitment-mismatch', 'witness-invalid'] as const;

/** Why a piece is refused, or null when it is valid. */
export type PieceFault = (typeof VERDICTS)[number];

const RULE = 'piece-valid';

/** Commitment (48 bytes) that a piece carries for its record. */
export function recordCommitmentOf(piece: Uint8Array): Uint8Array {
  return piece.slice(RECORD_BYTES, RECORD_BYTES + POINT_BYTES);
}

/** What a sector keeps of a piece beside its encoded record, 128 bytes: commitment, witness, BLAKE3 of the piece. */
export function recordMetadataOf(piece: Uint8Array): Uint8Array {
  return concat(piece.subarray(RECORD_BYTES), blake3Hash(piece));
}

/** Record (1 MiB) of a piece, as a view on it. */
export function recordOf(piece: Uint8Array): Uint8Array {
  return piece.subarray(0, RECORD_BYTES);
}

/**
 * Checks one piece in full: canonical record, its commitment, the commitment's place in the segment. Undecodable
 * segment commitments count as `witness-invalid`. Throws ProtocolError on bytes of a wrong length.
 */
export function pieceFault({ piece, segmentCommitment, position }: PieceClaim): PieceFault {
  const verdict = guarded(RULE, () => wasm.piece_is_valid(piece, segmentCommitment, position));
  return VERDICTS[verdict] ?? null;
}

/** Whether a segment holds this record commitment at this position. */
export function isRecordInSegment(
  recordCommitment: Uint8Array,
  recordWitness: Uint8Array,
  segmentCommitment: Uint8Array,
  position: number,
): boolean {
  return guarded(RULE, () =>
    wasm.record_commitment_is_valid(recordCommitment, recordWitness, segmentCommitment, position),
  );
}

function hasRightLength({ piece, segmentCommitment }: PieceClaim): boolean {
  return piece.length === PIECE_BYTES && segmentCommitment.length === POINT_BYTES;
}

function allValid(claims: readonly PieceClaim[]): boolean {
  return guarded(RULE, () => {
    const batch = new wasm.PieceBatch(randomSeed(), claims.length);
    try {
      for (const claim of claims) batch.add(claim.piece, claim.segmentCommitment, claim.position);
      return batch.holds();
    } finally {
      batch.free();
    }
  });
}

/**
 * Checks many pieces by random linear combination, at the price of one commitment while all are valid. Returns
 * the indices of those that are not, ascending.
 */
export function invalidPieces(claims: readonly PieceClaim[]): number[] {
  return bisect(claims, hasRightLength, allValid);
}

/**
 * One piece of a segment from 128 others that are valid. Takes seconds.
 *
 * @param pieces At least 128 of distinct positions 0..255; the first 128 are used.
 * @param position Position of the piece that is wanted.
 * @throws ProtocolError (rule `erasure-coding`) when there are too few or one does not decode.
 */
export function reconstructPiece(pieces: readonly PlacedPiece[], position: number): Uint8Array {
  const byPosition = new Map(pieces.map((placed) => [placed.position, placed.piece]));
  const positions = [...byPosition.keys()].slice(0, SOURCE_PIECES_IN_SEGMENT);
  for (const piece of byPosition.values()) requirePieceLength(piece);
  const record = recoverRecord(positions, (own) => recordOf(byPosition.get(own)!), position);
  const commitments = concat(...positions.map((own) => recordCommitmentOf(byPosition.get(own)!)));
  const points = guarded('erasure-coding', () =>
    wasm.segment_recover_points(Uint32Array.from(positions), commitments, position),
  );
  return concat(record, points);
}

/** A piece and its position 0..255 in its segment. */
export interface PlacedPiece {
  position: number;
  piece: Uint8Array;
}

/** Throws ProtocolError (rule `piece-valid`) unless a piece has 1 048 672 bytes. */
export function requirePieceLength(piece: Uint8Array): void {
  if (piece.length === PIECE_BYTES) return;
  throw new ProtocolError({
    code: 'bad-length',
    rule: RULE,
    message: `a piece of ${piece.length} bytes`,
    values: { length: piece.length },
  });
}
