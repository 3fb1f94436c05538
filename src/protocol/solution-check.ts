/**
 * The checks of a solution that need neither a proof-of-space table nor a pairing, and the openings that
 * remain to be verified. `src/crypto/solution.ts` puts the whole verification together.
 */
import { xor } from './bytes.ts';
import { PIECES_IN_SEGMENT, S_BUCKETS } from './constants.ts';
import { ProtocolError, type ProtocolErrorDetails } from './errors.ts';
import { blake3Hash, hashToScalar } from './hash.ts';
import { globalChallenge } from './pot.ts';
import { isCanonicalScalar } from './scalar.ts';
import { decodeAll, ScaleWriter, type ScaleReader } from './scale.ts';
import {
  auditedSBucket,
  evaluationSeed,
  expirationHistorySize,
  pieceIndexOf,
  sectorId,
  sectorSlotChallenge,
  type PieceDerivation,
} from './sector.ts';
import { positionOfPiece } from './segment.ts';
import { isWithinSolutionRange, solutionDistance } from './solution-range.ts';
import type { HistorySize, PieceIndex, SBucket, SlotNumber, Solution, SolutionRange } from './types.ts';

/** What the check of a solution's piece needs of the chain at the parent block. */
export interface PieceCheckParams extends PieceDerivation {
  /** 48 bytes: commitment of the segment that the solution's piece belongs to. */
  segmentCommitment: Uint8Array;
  minSectorLifetime: HistorySize;
  currentHistorySize: HistorySize;
  /** 48 bytes: commitment that decides the sector's expiry, or null while its segment does not exist. */
  expirySegmentCommitment: Uint8Array | null;
}

/** What a solution is verified against. */
export interface SolutionParams {
  /** 16 bytes: output of the solution's slot. */
  proofOfTime: Uint8Array;
  solutionRange: SolutionRange;
  /** Null: the check of the piece is left out. */
  pieceCheck: PieceCheckParams | null;
}

/** An opening that a solution claims. */
export interface SolutionOpening {
  /** 48 bytes. */
  commitment: Uint8Array;
  domain: number;
  index: number;
  /** 32 bytes, big-endian scalar. */
  value: Uint8Array;
  /** 48 bytes. */
  witness: Uint8Array;
}

/** What follows from a solution's sector in a slot. */
export interface SolutionChallenge {
  /** 32 bytes. */
  sectorId: Uint8Array;
  /** 32 bytes. */
  globalChallenge: Uint8Array;
  /** 32 bytes. */
  sectorSlotChallenge: Uint8Array;
  sBucket: SBucket;
  /** 32 bytes: seed of the proof-of-space table of the solution's record. */
  evaluationSeed: Uint8Array;
}

function refusal(code: string, rule: string, message: string, values: ProtocolErrorDetails['values'] = {}) {
  return new ProtocolError({
    code,
    rule,
    message,
    values,
    sentence: `A farmer's solution breaks the rule “${rule}” and was refused.`,
  });
}

/** Refusal of a proof of space. */
export function invalidProofOfSpace(challenge: SolutionChallenge): ProtocolError {
  const message = 'the proof of space does not prove the audited s-bucket';
  return refusal('invalid-proof-of-space', 'solution-proof-of-space', message, {
    sBucket: challenge.sBucket,
  });
}

/** Refusal of a chunk that the record commitment does not open to. */
export function invalidChunkWitness(): ProtocolError {
  const message = 'the record commitment does not open to the chunk';
  return refusal('invalid-chunk-witness', 'solution-chunk-witness', message);
}

/** Refusal of a record that the segment commitment does not open to. */
export function invalidPiece(): ProtocolError {
  const message = 'the segment commitment does not open to the record commitment';
  return refusal('invalid-piece', 'solution-record-witness', message);
}

/** What a solution's sector is asked in a slot. */
export function challengeOf(
  solution: Solution,
  slot: SlotNumber,
  proofOfTime: Uint8Array,
): SolutionChallenge {
  return challengeFrom(solution, globalChallenge(proofOfTime, slot));
}

/** The same by the slot's global challenge (32 bytes). */
export function challengeFrom(solution: Solution, challenge: Uint8Array): SolutionChallenge {
  const id = sectorId(solution.publicKey, solution.sectorIndex, solution.historySize);
  const slotChallenge = sectorSlotChallenge(id, challenge);
  return {
    sectorId: id,
    globalChallenge: challenge,
    sectorSlotChallenge: slotChallenge,
    sBucket: auditedSBucket(slotChallenge),
    evaluationSeed: evaluationSeed(id, solution.pieceOffset),
  };
}

/** Rule `solution-distance`: the masked chunk lies within half the range. Returns its distance. Throws ProtocolError. */
export function checkDistance(
  solution: Solution,
  challenge: SolutionChallenge,
  range: SolutionRange,
): SolutionRange {
  const masked = xor(solution.chunk, blake3Hash(solution.proofOfSpace));
  const distance = solutionDistance(challenge.globalChallenge, masked, challenge.sectorSlotChallenge);
  if (!isWithinSolutionRange(distance, range)) {
    const message = `distance ${distance} exceeds half the solution range ${range}`;
    throw refusal('outside-solution-range', 'solution-distance', message, { distance, range });
  }
  return distance;
}

/** Rule `solution-chunk-witness`: what a commitment opens to is a canonical scalar. Throws ProtocolError. */
export function checkChunk(solution: Solution): void {
  if (!isCanonicalScalar(solution.chunk)) {
    throw refusal('invalid-chunk', 'solution-chunk-witness', 'the chunk is not a canonical scalar');
  }
}

/** The opening of the record commitment to the chunk (rule `solution-chunk-witness`). */
export function chunkOpening(solution: Solution, sBucket: SBucket): SolutionOpening {
  return {
    commitment: solution.recordCommitment,
    domain: S_BUCKETS,
    index: sBucket,
    value: solution.chunk,
    witness: solution.chunkWitness,
  };
}

/** Piece that a solution claims to hold. */
export function pieceIndexOfSolution(solution: Solution, derivation: PieceDerivation): PieceIndex {
  const id = sectorId(solution.publicKey, solution.sectorIndex, solution.historySize);
  return pieceIndexOf(id, solution.pieceOffset, solution.historySize, derivation);
}

/**
 * Rules `solution-history-size`, `solution-piece-offset` and `solution-sector-expired`. Returns the opening of
 * the segment commitment that remains (rule `solution-record-witness`). Throws ProtocolError.
 */
export function recordOpening(solution: Solution, params: PieceCheckParams): SolutionOpening {
  const { historySize, pieceOffset } = solution;
  const { currentHistorySize, maxPiecesInSector } = params;
  // The protocol's integers wrap at 64 bits.
  if (historySize > BigInt.asUintN(64, currentHistorySize + 1n)) {
    const message = `history size ${historySize} is more than one ahead of ${currentHistorySize}`;
    throw refusal('future-history-size', 'solution-history-size', message, {
      historySize,
      currentHistorySize,
    });
  }
  if (pieceOffset >= maxPiecesInSector) {
    const message = `piece offset ${pieceOffset} in a sector of at most ${maxPiecesInSector} pieces`;
    throw refusal('invalid-piece-offset', 'solution-piece-offset', message, {
      pieceOffset,
      maxPiecesInSector,
    });
  }
  checkExpiry(solution, params);
  return {
    commitment: params.segmentCommitment,
    domain: PIECES_IN_SEGMENT,
    index: positionOfPiece(pieceIndexOfSolution(solution, params)),
    value: hashToScalar(solution.recordCommitment),
    witness: solution.recordWitness,
  };
}

function checkExpiry(solution: Solution, params: PieceCheckParams): void {
  if (params.expirySegmentCommitment === null) return;
  const { historySize } = solution;
  const id = sectorId(solution.publicKey, solution.sectorIndex, historySize);
  const expiresAt = expirationHistorySize(
    id,
    historySize,
    params.expirySegmentCommitment,
    params.minSectorLifetime,
  );
  if (expiresAt === null) {
    const message = `the expiry of history size ${historySize} exceeds 64 bits`;
    throw refusal('invalid-history-size', 'solution-history-size', message, { historySize });
  }
  if (expiresAt <= params.currentHistorySize) {
    const { currentHistorySize } = params;
    const message = `the sector expired at history size ${expiresAt}, it is ${currentHistorySize} now`;
    throw refusal('sector-expired', 'solution-sector-expired', message, { expiresAt, currentHistorySize });
  }
}

function readHistorySize(reader: ScaleReader): HistorySize {
  const size = reader.u64();
  if (size === 0n) reader.fail('history size is zero');
  return size;
}

function readPieceCheck(reader: ScaleReader): PieceCheckParams {
  const maxPiecesInSector = reader.u16();
  return {
    maxPiecesInSector,
    segmentCommitment: reader.raw(48),
    recentSegments: readHistorySize(reader),
    recentHistoryFraction: [readHistorySize(reader), readHistorySize(reader)],
    minSectorLifetime: readHistorySize(reader),
    currentHistorySize: readHistorySize(reader),
    expirySegmentCommitment: reader.option((some) => some.raw(48)),
  };
}

/** Decodes verification parameters, as the runtime's host call takes them; throws DecodeError. */
export function decodeSolutionParams(bytes: Uint8Array): SolutionParams {
  return decodeAll(bytes, 'solution-params', (reader) => ({
    proofOfTime: reader.raw(16),
    solutionRange: reader.u64(),
    pieceCheck: reader.option(readPieceCheck),
  }));
}

/** SCALE of verification parameters. */
export function encodeSolutionParams(params: SolutionParams): Uint8Array {
  const writer = new ScaleWriter().raw(params.proofOfTime, 16).u64(params.solutionRange);
  writer.option(params.pieceCheck, (some, piece) =>
    some
      .u16(piece.maxPiecesInSector)
      .raw(piece.segmentCommitment, 48)
      .u64(piece.recentSegments)
      .u64(piece.recentHistoryFraction[0])
      .u64(piece.recentHistoryFraction[1])
      .u64(piece.minSectorLifetime)
      .u64(piece.currentHistorySize)
      .option(piece.expirySegmentCommitment, (inner, commitment) => inner.raw(commitment, 48)),
  );
  return writer.bytes();
}
