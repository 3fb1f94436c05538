import type { ComputePool } from '../../src/crypto/jobs.ts';
import type { AuditedSector } from '../../src/farm/auditor.ts';
import type { SectorPlan } from '../../src/farm/plan.ts';
import { plotSector } from '../../src/farm/plotter.ts';
import { SectorFile } from '../../src/farm/sector-file.ts';
import type { PieceIndex, SegmentIndex } from '../../src/protocol/types.ts';
import { MemoryDirectory } from '../../src/storage/memory-directory.ts';

/** A history of one segment: its pieces and its commitment. */
export interface FirstSegment {
  piece(index: PieceIndex): Promise<Uint8Array | null>;
  segmentCommitment(index: SegmentIndex): Uint8Array | null;
}

/** Plots a planned sector into memory. */
export async function plotInMemory(
  plan: SectorPlan,
  pool: ComputePool,
  { piece, segmentCommitment }: FirstSegment,
): Promise<AuditedSector> {
  const directory = new MemoryDirectory();
  await plotSector(plan, {
    pool,
    pieces: { name: 'the first segment', piece },
    history: { historySize: () => 1n, segmentCommitment, onChange: () => () => undefined },
    directory,
    concurrency: 1,
    signal: new AbortController().signal,
    progress: () => undefined,
    badPiece: () => undefined,
    beforeReplace: () => Promise.resolve(),
  });
  const { sectorIndex, sectorId } = plan;
  return { sectorIndex, sectorId, file: await SectorFile.open(directory, sectorIndex, true) };
}
