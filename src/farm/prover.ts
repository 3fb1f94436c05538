/** Makes a solution of a winning chunk. */
import { JobPriority } from '../crypto/jobs.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import { POINT_BYTES } from '../protocol/constants.ts';
import { evaluationSeed } from '../protocol/sector.ts';
import type { SlotInfo, Solution } from '../protocol/types.ts';
import type { Candidate } from './auditor.ts';
import { FarmError } from './errors.ts';

export interface ProveContext {
  pool: ComputePool;
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 32 bytes. */
  rewardAddress: Uint8Array;
  /** Aborted at the deadline. */
  signal: AbortSignal;
}

/**
 * Proves a candidate and verifies the result before anybody else sees it.
 *
 * @returns null when the chunk is stored as it is, without a mask: such a chunk wins nothing.
 * @throws FarmError `own-solution-invalid`, errors of storage and of the contents map, or the signal's reason.
 */
export async function proveCandidate(
  candidate: Candidate,
  slot: SlotInfo,
  context: ProveContext,
): Promise<Solution | null> {
  const { file, sectorIndex, sectorId } = candidate.sector;
  const { sBucket } = candidate;
  const map = await file.readContentsMap();
  const pieceOffset = map.recordsIn(sBucket)[candidate.chunk];
  if (pieceOffset === undefined) {
    throw new FarmError({
      code: 'sector-broken',
      message: `sector ${sectorIndex}: s-bucket ${sBucket} has no chunk ${candidate.chunk} by its contents map`,
      sentence: `Sector ${sectorIndex} is damaged on disk and will be plotted again.`,
    });
  }
  if (!map.isEncoded(pieceOffset, sBucket)) return null;
  const chunks = await file.readRecordChunks(map, pieceOffset);
  const metadata = await file.readRecordMetadata(pieceOffset);
  context.signal.throwIfAborted();
  const options = { priority: JobPriority.prove, signal: context.signal };
  const bitfield = map.bitfields[pieceOffset]!;
  const seed = evaluationSeed(sectorId, pieceOffset);
  const proof = await context.pool.run(
    'solution.prove',
    { evaluationSeed: seed, sBucket, bitfield, chunks },
    options,
  );
  const solution: Solution = {
    publicKey: context.publicKey,
    rewardAddress: context.rewardAddress,
    sectorIndex,
    historySize: file.metadata.historySize,
    pieceOffset,
    recordCommitment: metadata.slice(0, POINT_BYTES),
    recordWitness: metadata.slice(POINT_BYTES, 2 * POINT_BYTES),
    ...proof,
  };
  await checkOwn(solution, slot, context);
  return solution;
}

async function checkOwn(solution: Solution, slot: SlotInfo, context: ProveContext): Promise<void> {
  const { globalChallenge, votingSolutionRange } = slot;
  const input = { solution, globalChallenge, solutionRange: votingSolutionRange };
  try {
    await context.pool.run('solution.check', input, { priority: JobPriority.prove, signal: context.signal });
  } catch (error) {
    context.signal.throwIfAborted();
    throw new FarmError({
      code: 'own-solution-invalid',
      message: `sector ${solution.sectorIndex}, piece offset ${solution.pieceOffset}: the solution does not verify`,
      sentence: `Sector ${solution.sectorIndex} gave a wrong proof: it is damaged on disk and will be plotted again.`,
      cause: error,
    });
  }
}
