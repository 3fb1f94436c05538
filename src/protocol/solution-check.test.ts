import { describe, expect, it } from 'vitest';
import { DecodeError } from './errors.ts';
import {
  decodeSolutionParams,
  encodeSolutionParams,
  recordOpening,
  type PieceCheckParams,
} from './solution-check.ts';
import { expirationHistorySize, sectorId } from './sector.ts';
import type { Solution } from './types.ts';

const PIECE: PieceCheckParams = {
  maxPiecesInSector: 1000,
  segmentCommitment: new Uint8Array(48).fill(3),
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n],
  minSectorLifetime: 4n,
  currentHistorySize: 10n,
  expirySegmentCommitment: null,
};

const SOLUTION: Solution = {
  publicKey: new Uint8Array(32).fill(1),
  rewardAddress: new Uint8Array(32),
  sectorIndex: 0,
  historySize: 10n,
  pieceOffset: 0,
  recordCommitment: new Uint8Array(48),
  recordWitness: new Uint8Array(48),
  chunk: new Uint8Array(32),
  chunkWitness: new Uint8Array(48),
  proofOfSpace: new Uint8Array(160),
};

function codeOf(solution: Partial<Solution>, params: Partial<PieceCheckParams> = {}): string | null {
  try {
    recordOpening({ ...SOLUTION, ...solution }, { ...PIECE, ...params });
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('parameters of a solution’s check', () => {
  it('are refused where a number of segments is zero', () => {
    const encode = (piece: Partial<PieceCheckParams>) =>
      encodeSolutionParams({
        proofOfTime: new Uint8Array(16),
        solutionRange: 7n,
        pieceCheck: { ...PIECE, ...piece },
      });
    expect(decodeSolutionParams(encode({})).pieceCheck).toEqual(PIECE);
    const zeros: Partial<PieceCheckParams>[] = [
      { recentSegments: 0n },
      { recentHistoryFraction: [0n, 10n] },
      { recentHistoryFraction: [1n, 0n] },
      { minSectorLifetime: 0n },
      { currentHistorySize: 0n },
    ];
    for (const zero of zeros) expect(() => decodeSolutionParams(encode(zero))).toThrow(DecodeError);
  });
});

describe('the piece of a solution', () => {
  it('is of a history at most one segment ahead', () => {
    expect(codeOf({ historySize: 11n })).toBeNull();
    expect(codeOf({ historySize: 12n })).toBe('future-history-size');
    const longest = (1n << 64n) - 1n;
    expect(codeOf({ historySize: longest }, { currentHistorySize: longest - 1n })).toBeNull();
    expect(codeOf({ historySize: longest }, { currentHistorySize: longest })).toBe('future-history-size');
  });

  it('has an offset that the largest sector has', () => {
    expect(codeOf({ pieceOffset: 999 })).toBeNull();
    expect(codeOf({ pieceOffset: 1000 })).toBe('invalid-piece-offset');
  });

  it('is of a sector that has not expired', () => {
    const expirySegmentCommitment = new Uint8Array(48).fill(9);
    const id = sectorId(SOLUTION.publicKey, SOLUTION.sectorIndex, SOLUTION.historySize);
    const expires = expirationHistorySize(id, SOLUTION.historySize, expirySegmentCommitment, 4n) as bigint;
    const at = (currentHistorySize: bigint) => codeOf({}, { expirySegmentCommitment, currentHistorySize });
    expect(at(expires - 1n)).toBeNull();
    expect(at(expires)).toBe('sector-expired');
    expect(codeOf({}, { currentHistorySize: expires })).toBeNull();
    const huge = { historySize: 1n << 62n };
    const known = { expirySegmentCommitment, currentHistorySize: 1n << 62n };
    expect(codeOf(huge, known)).toBe('invalid-history-size');
  });
});
