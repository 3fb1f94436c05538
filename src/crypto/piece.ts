/** Validity of pieces against the commitments of their segments. Needs `loadSrs`. */
import { concat } from '../protocol/bytes.ts';
import { PIECE_BYTES, POINT_BYTES, RECORD_BYTES } from '../protocol/constants.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { culprits } from './bisect.ts';
import { RecordRecovery } from './kzg.ts';
import { randomSeed } from './random.ts';
import { guarded, wasm } from './wasm.ts';

/** Where a piece is said to belong. */
export interface PiecePlace {
  /** 48 bytes. */
  segmentCommitment: Uint8Array;
  /** 0..255. */
  position: number;
}

/** A piece and what it is checked against. */
export interface PieceClaim extends PiecePlace {
  /** 1 048 672 bytes. */
  piece: Uint8Array;
}

/** Gives one of many pieces by its index; it is asked for the next only once the last one has come. */
export type PieceAt = (index: number) => Promise<Uint8Array>;

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

/**
 * Checks many pieces by random linear combination, at the price of one commitment while all are valid and in the memory
 * of two. Resolves to the indices of those that are not, ascending.
 *
 * @param pieceAt The piece that is said to belong to a place, by its index.
 */
export async function invalidPieces(places: readonly PiecePlace[], pieceAt: PieceAt): Promise<number[]> {
  const bad = new Set<number>();
  const allValid = async (indices: readonly number[]): Promise<boolean> => {
    const batch = new wasm.PieceBatch(randomSeed(), indices.length);
    let whole = 0;
    try {
      for await (const [index, piece] of inTurn(indices, pieceAt)) {
        const { segmentCommitment, position } = places[index]!;
        if (piece.length !== PIECE_BYTES || segmentCommitment.length !== POINT_BYTES) {
          // It would spoil the batch it is in.
          bad.add(index);
          continue;
        }
        guarded(RULE, () => batch.add(piece, segmentCommitment, position));
        whole += 1;
      }
      return whole === 0 || guarded(RULE, () => batch.holds());
    } finally {
      batch.free();
    }
  };
  const search = culprits(places.map((_, index) => index));
  let step = search.next();
  while (!step.done) step = search.next(await allValid(step.value));
  for (const index of step.value) bad.add(index);
  return [...bad].sort((a, b) => a - b);
}

/** Pieces in this order, each asked for while the one before is worked on. */
async function* inTurn(indices: readonly number[], pieceAt: PieceAt): AsyncGenerator<[number, Uint8Array]> {
  let coming = indices.length > 0 ? pieceAt(indices[0]!) : null;
  for (const [at, index] of indices.entries()) {
    const piece = (await coming)!;
    coming = at + 1 < indices.length ? pieceAt(indices[at + 1]!) : null;
    yield [index, piece];
  }
}

/**
 * One piece of a segment from 128 others that are valid, in the memory of three. Takes seconds.
 *
 * @param positions At least 128 distinct positions 0..255; the first 128 are used.
 * @param pieceAt The piece at one of them, by its index in `positions`.
 * @param wanted Position of the piece to make.
 * @throws ProtocolError (rule `erasure-coding`) when there are too few or one does not decode.
 */
export async function reconstructPiece(
  positions: readonly number[],
  pieceAt: PieceAt,
  wanted: number,
): Promise<Uint8Array> {
  const recovery = new RecordRecovery(positions, wanted);
  try {
    const commitments: Uint8Array[] = [];
    const indices = recovery.positions.map((_, index) => index);
    for await (const [, piece] of inTurn(indices, pieceAt)) {
      requirePieceLength(piece);
      recovery.add(recordOf(piece));
      commitments.push(recordCommitmentOf(piece));
    }
    const points = guarded('erasure-coding', () =>
      wasm.segment_recover_points(Uint32Array.from(recovery.positions), concat(...commitments), wanted),
    );
    return concat(recovery.record(), points);
  } finally {
    recovery.free();
  }
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
