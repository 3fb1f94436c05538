/** Looks at one s-bucket of every sector for chunks that win a slot. */
import { JobPriority } from '../crypto/jobs.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { auditedSBucket, sectorSlotChallenge } from '../protocol/sector.ts';
import type { SBucket, SectorIndex, SlotInfo, SolutionRange } from '../protocol/types.ts';
import type { SectorFile } from './sector-file.ts';

const READS_AT_ONCE = 64;

export interface AuditedSector {
  sectorIndex: SectorIndex;
  /** 32 bytes. */
  sectorId: Uint8Array;
  file: SectorFile;
}

/** A chunk within the solution range; whether it is encoded, as a solution needs, the prover finds out. */
export interface Candidate {
  sector: AuditedSector;
  sBucket: SBucket;
  /** Index of the chunk within its s-bucket. */
  chunk: number;
  distance: SolutionRange;
}

export interface AuditResult {
  /** Nearest first. */
  candidates: Candidate[];
  /** Sectors that could not be read, with the reason. */
  failed: { sectorIndex: SectorIndex; error: unknown }[];
  sectors: number;
  /** Bytes read. */
  bytes: number;
}

/** Audits the sectors within the slot's voting solution range, which every vote and block has to meet. */
export async function auditSlot(
  sectors: readonly AuditedSector[],
  slot: Pick<SlotInfo, 'globalChallenge' | 'votingSolutionRange'>,
  pool: ComputePool,
  signal?: AbortSignal,
): Promise<AuditResult> {
  const result: AuditResult = { candidates: [], failed: [], sectors: sectors.length, bytes: 0 };
  const read: { sector: AuditedSector; sBucket: SBucket; chunks: Uint8Array }[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let sector = sectors[next++]; sector !== undefined; sector = sectors[next++]) {
      const sBucket = auditedSBucket(sectorSlotChallenge(sector.sectorId, slot.globalChallenge));
      try {
        const chunks = await sector.file.readSBucket(sBucket);
        result.bytes += chunks.length;
        if (chunks.length > 0) read.push({ sector, sBucket, chunks });
      } catch (error) {
        result.failed.push({ sectorIndex: sector.sectorIndex, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, sectors.length) }, work));
  if (read.length === 0) return result;
  const { winners } = await pool.run(
    'sector.audit',
    {
      globalChallenge: slot.globalChallenge,
      solutionRange: slot.votingSolutionRange,
      sBuckets: read.map(({ sector, chunks }) => ({ sectorId: sector.sectorId, chunks })),
    },
    { priority: JobPriority.audit, signal },
  );
  result.candidates = winners.map(({ sBucket: index, chunk, distance }) => {
    const { sector, sBucket } = read[index]!;
    return { sector, sBucket, chunk, distance };
  });
  return result;
}
