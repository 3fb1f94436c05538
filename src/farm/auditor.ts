/** Looks at one s-bucket of every sector for chunks that win a slot. */
import { JobPriority } from '../crypto/jobs.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { auditedSBucket, sectorSlotChallenge } from '../protocol/sector.ts';
import type { SBucket, SectorIndex, SlotInfo, SolutionRange } from '../protocol/types.ts';
import type { SectorFile } from './sector-file.ts';

const READS_AT_ONCE = 64;
/** Sectors whose s-buckets one job audits. */
const BATCH = 512;

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

type AuditedSlot = Pick<SlotInfo, 'globalChallenge' | 'votingSolutionRange'>;

/** Audits the sectors within the slot's voting solution range, which every vote and block has to meet. */
export async function auditSlot(
  sectors: readonly AuditedSector[],
  slot: AuditedSlot,
  pool: ComputePool,
  signal?: AbortSignal,
): Promise<AuditResult> {
  const result: AuditResult = { candidates: [], failed: [], sectors: sectors.length, bytes: 0 };
  const audits: Promise<Candidate[]>[] = [];
  // While a batch is audited the next one is read.
  for (let first = 0; first < sectors.length; first += BATCH) {
    const read = await readSBuckets(sectors.slice(first, first + BATCH), slot, result);
    if (read.length === 0) continue;
    const audit = auditSBuckets(read, slot, pool, signal);
    audit.catch(() => undefined);
    audits.push(audit);
  }
  result.candidates = (await Promise.all(audits))
    .flat()
    .sort((a, b) => (a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : 0));
  return result;
}

interface ReadSBucket {
  sector: AuditedSector;
  sBucket: SBucket;
  chunks: Uint8Array;
}

/** The audited s-buckets of some sectors, those without chunks left out; what fails is noted in `result`. */
async function readSBuckets(
  sectors: readonly AuditedSector[],
  slot: AuditedSlot,
  result: AuditResult,
): Promise<ReadSBucket[]> {
  const read: ReadSBucket[] = [];
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
  return read;
}

async function auditSBuckets(
  read: readonly ReadSBucket[],
  slot: AuditedSlot,
  pool: ComputePool,
  signal?: AbortSignal,
): Promise<Candidate[]> {
  const { winners } = await pool.run(
    'sector.audit',
    {
      globalChallenge: slot.globalChallenge,
      solutionRange: slot.votingSolutionRange,
      sBuckets: read.map(({ sector, chunks }) => ({ sectorId: sector.sectorId, chunks })),
    },
    { priority: JobPriority.audit, signal },
  );
  return winners.map(({ sBucket: index, chunk, distance }) => {
    const { sector, sBucket } = read[index]!;
    return { sector, sBucket, chunk, distance };
  });
}
