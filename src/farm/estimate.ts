/** What a farm would cost and bring, before any space is committed: measured here, computed in the open. */
import { type ComputePool, JobPriority } from '../crypto/jobs.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { solutionRangeToPieces } from '../protocol/solution-range.ts';
import type { SolutionRange } from '../protocol/types.ts';
import { bytesOfSectors, sectorsIn } from './sectors.ts';

const SECONDS_IN_DAY = 86_400;

/**
 * Seconds from one encoded piece to the next, measured by encoding one piece on every core of the pool at once;
 * downloads and the disk come on top where they are slower. Takes a few seconds.
 */
export async function measureSecondsPerPiece(pool: ComputePool, signal?: AbortSignal): Promise<number> {
  const { workers } = pool.status();
  const encode = (seed: number): Promise<unknown> =>
    pool.run(
      'record.encode',
      { evaluationSeed: new Uint8Array(32).fill(seed), piece: new Uint8Array(PIECE_BYTES) },
      { priority: JobPriority.plot, signal },
    );
  const started = performance.now();
  await Promise.all(Array.from({ length: workers }, (_, worker) => encode(worker + 1)));
  return (performance.now() - started) / 1000 / workers;
}

/** What the network says at the moment. */
export interface NetworkFigures {
  solutionRange: SolutionRange;
  slotProbability: [bigint, bigint];
  slotDurationMs: number;
  expectedVotesPerBlock: number;
}

export interface FarmEstimate {
  sectors: number;
  /** Bytes that the farm will take at most. */
  bytes: number;
  pieces: number;
  /** Seconds until every sector is plotted. */
  plottingSeconds: number;
  /** Pieces on the whole network, as its solution range says. */
  networkPieces: bigint;
  /** Expected per day once everything is plotted; the network's space and luck decide. */
  blocksPerDay: number;
  votesPerDay: number;
}

/** What space of so many bytes comes to on a network whose solution range stays as it is. */
export function estimateFarm(
  allocatedBytes: number,
  piecesInSector: number,
  secondsPerPiece: number,
  network: NetworkFigures,
): FarmEstimate {
  const sectors = sectorsIn(allocatedBytes, piecesInSector);
  const pieces = sectors * piecesInSector;
  const networkPieces = solutionRangeToPieces(network.solutionRange, network.slotProbability);
  const [numerator, denominator] = network.slotProbability;
  const slotsPerDay = (SECONDS_IN_DAY * 1000) / network.slotDurationMs;
  const networkBlocksPerDay = (slotsPerDay * Number(numerator)) / Number(denominator);
  const share = networkPieces > 0n ? Math.min(1, pieces / Number(networkPieces)) : 1;
  const blocksPerDay = networkBlocksPerDay * share;
  return {
    sectors,
    bytes: sectors === 0 ? 0 : bytesOfSectors(sectors, piecesInSector),
    pieces,
    plottingSeconds: pieces * secondsPerPiece,
    networkPieces,
    blocksPerDay,
    votesPerDay: blocksPerDay * network.expectedVotesPerBlock,
  };
}
