/** Reads pieces back out of plotted sectors, for others who look for them. */
import { JobPriority, type ComputePool } from '../crypto/jobs.ts';
import { concat, equal } from '../protocol/bytes.ts';
import { POINT_BYTES } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { evaluationSeed, sectorId } from '../protocol/sector.ts';
import type { PieceOffset } from '../protocol/types.ts';
import { FarmError } from './errors.ts';
import type { SectorFile } from './sector-file.ts';

/**
 * A piece (1 048 672 bytes) out of a sector, its hash compared with the one stored when it was plotted; null where
 * the sector has no record of that offset. Takes a second or two of a core.
 *
 * @throws FarmError `sector-broken`, ProtocolError `contents-map`, StorageError, the signal's reason.
 */
export async function readPlottedPiece(
  file: SectorFile,
  publicKey: Uint8Array,
  pieceOffset: PieceOffset,
  pool: ComputePool,
  signal?: AbortSignal,
): Promise<Uint8Array | null> {
  const { sectorIndex, historySize, piecesInSector } = file.metadata;
  if (pieceOffset >= piecesInSector) return null;
  const map = await file.readContentsMap();
  const chunks = await file.readRecordChunks(map, pieceOffset);
  const metadata = await file.readRecordMetadata(pieceOffset);
  const seed = evaluationSeed(sectorId(publicKey, sectorIndex, historySize), pieceOffset);
  const input = { evaluationSeed: seed, bitfield: map.bitfields[pieceOffset]!, chunks };
  const { record } = await pool.run('record.decode', input, { priority: JobPriority.plot, signal });
  const piece = concat(record, metadata.subarray(0, 2 * POINT_BYTES));
  if (equal(blake3Hash(piece), metadata.subarray(2 * POINT_BYTES))) return piece;
  throw new FarmError({
    code: 'sector-broken',
    message: `sector ${sectorIndex}, piece offset ${pieceOffset}: the piece is not the one that was plotted`,
    sentence: `Sector ${sectorIndex} is damaged on disk and will be plotted again.`,
  });
}
