/** Which pieces a sector will hold and how long it will live. */
import {
  evaluationSeed,
  expirationHistorySize,
  expiryCheckHistorySize,
  pieceIndexOf,
  sectorId,
} from '../protocol/sector.ts';
import type { FarmerProtocolInfo, HistorySize, PieceIndex, SectorIndex } from '../protocol/types.ts';
import type { VerifiedHistory } from './source.ts';

export interface SectorPlan {
  sectorIndex: SectorIndex;
  /** 32 bytes. */
  sectorId: Uint8Array;
  historySize: HistorySize;
  /** One per record, by piece offset. */
  pieces: { index: PieceIndex; evaluationSeed: Uint8Array }[];
}

/** Plan of a sector plotted at `historySize`, with `piecesInSector` records. */
export function planSector(
  publicKey: Uint8Array,
  sectorIndex: SectorIndex,
  historySize: HistorySize,
  piecesInSector: number,
  rules: FarmerProtocolInfo,
): SectorPlan {
  const id = sectorId(publicKey, sectorIndex, historySize);
  return {
    sectorIndex,
    sectorId: id,
    historySize,
    pieces: Array.from({ length: piecesInSector }, (_, offset) => ({
      index: pieceIndexOf(id, offset, historySize, rules),
      evaluationSeed: evaluationSeed(id, offset),
    })),
  };
}

export type Expiry = 'unknown' | 'fresh' | 'expiring' | 'expired';

/**
 * Where a sector stands in its life. The history size at which it expires is known once the segment that
 * decides it is archived; it is expiring, and worth replotting, from one segment before.
 */
export function sectorExpiry(
  publicKey: Uint8Array,
  sectorIndex: SectorIndex,
  plottedAt: HistorySize,
  minSectorLifetime: HistorySize,
  history: VerifiedHistory,
): { state: Expiry; expiresAt: HistorySize | null } {
  const check = expiryCheckHistorySize(plottedAt, minSectorLifetime);
  const commitment = check === null ? null : history.segmentCommitment(check - 1n);
  if (commitment === null) return { state: 'unknown', expiresAt: null };
  const id = sectorId(publicKey, sectorIndex, plottedAt);
  const expiresAt = expirationHistorySize(id, plottedAt, commitment, minSectorLifetime);
  if (expiresAt === null) return { state: 'unknown', expiresAt };
  const size = history.historySize();
  if (expiresAt <= size) return { state: 'expired', expiresAt };
  return { state: expiresAt <= size + 1n ? 'expiring' : 'fresh', expiresAt };
}
