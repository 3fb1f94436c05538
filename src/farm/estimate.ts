/** What a farm would cost and bring, before any space is committed: measured here, computed in the open. */
import { type ComputePool, JobPriority } from '../crypto/jobs.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { solutionRangeToPieces, votingSolutionRange } from '../protocol/solution-range.ts';
import type { SolutionRange } from '../protocol/types.ts';
import { bytesOfSectors, sectorsIn } from './sectors.ts';

const SECONDS_IN_DAY = 86_400;

/**
 * Seconds from one encoded piece to the next, measured by encoding one piece on every core of the pool, and what
 * stands beside them, at once; downloads and the disk come on top where they are slower. Takes a few seconds.
 */
export async function measureSecondsPerPiece(pool: ComputePool, signal?: AbortSignal): Promise<number> {
  const { workers, encodings = workers } = pool.status();
  const encode = (seed: number): Promise<unknown> =>
    pool.run(
      'record.encode',
      { evaluationSeed: new Uint8Array(32).fill(seed), piece: new Uint8Array(PIECE_BYTES) },
      { priority: JobPriority.plot, signal },
    );
  const started = performance.now();
  await Promise.all(Array.from({ length: encodings }, (_, index) => encode(index + 1)));
  return (performance.now() - started) / 1000 / encodings;
}

/** What the network says at the moment. */
export interface NetworkFigures {
  solutionRange: SolutionRange;
  slotProbability: [bigint, bigint];
  slotDurationMs: number;
  expectedVotesPerBlock: number;
  /** Paid for an empty block, and for a vote (the author's share included); smallest unit. */
  block: bigint;
  vote: bigint;
}

/** Whether figures can be those of a network: what a node says before anything is verified need not be. */
export function canBeEstimated(
  figures: Pick<NetworkFigures, 'solutionRange' | 'slotProbability' | 'slotDurationMs'>,
): boolean {
  const { solutionRange, slotProbability, slotDurationMs } = figures;
  return solutionRange > 0n && slotProbability.every((part) => part > 0n) && slotDurationMs > 0;
}

export interface FarmEstimate {
  sectors: number;
  /** Bytes that the farm will take at most. */
  bytes: number;
  pieces: number;
  /** Seconds until every sector is plotted. */
  plottingSeconds: number;
  /** Pieces on the whole network, as its solution range says, without the farm's. */
  networkPieces: bigint;
  /** Expected per day once everything is plotted; the network's space and luck decide. */
  blocksPerDay: number;
  votesPerDay: number;
  /**
   * Smallest unit a day. What a vote's reward leaves to the author of the block comes back in the same proportion, and
   * so need not be told apart.
   */
  tokensPerDay: bigint;
}

/** What space of so many bytes, added to a network, comes to once the solution range counts it. */
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
  const share = pieces === 0 ? 0 : pieces / (Number(networkPieces) + pieces);
  const blocksPerDay = networkBlocksPerDay * share;
  const votesPerDay = blocksPerDay * network.expectedVotesPerBlock;
  return {
    sectors,
    bytes: sectors === 0 ? 0 : bytesOfSectors(sectors, piecesInSector),
    pieces,
    plottingSeconds: pieces * secondsPerPiece,
    networkPieces,
    blocksPerDay,
    votesPerDay,
    tokensPerDay: times(network.block, blocksPerDay) + times(network.vote, votesPerDay),
  };
}

/** A millionth is precise enough for what luck decides. */
function times(amount: bigint, factor: number): bigint {
  return (amount * BigInt(Math.round(factor * 1e6))) / 1_000_000n;
}

/**
 * Milliseconds from one reward to the next, blocks and votes alike, for so many plotted pieces; null without any. On
 * average: how long ago the last one was says nothing about the next.
 */
export function rewardIntervalMs(pieces: number, network: NetworkFigures): number | null {
  if (pieces === 0) return null;
  const voting = votingSolutionRange(network.solutionRange, network.expectedVotesPerBlock);
  const networkPieces = Number(solutionRangeToPieces(voting, network.slotProbability));
  const [numerator, denominator] = network.slotProbability;
  const slots = (networkPieces / pieces) * (Number(denominator) / Number(numerator));
  return network.slotDurationMs * Math.max(1, slots);
}

/** The figures as they cross the worker's border. */
export function figuresFrom(
  figures: Record<'solutionRange' | 'block' | 'vote', string> & {
    slotProbability: [string, string];
    slotDurationMs: number;
    expectedVotesPerBlock: number;
  },
): NetworkFigures {
  const [numerator, denominator] = figures.slotProbability;
  return {
    ...figures,
    solutionRange: BigInt(figures.solutionRange),
    slotProbability: [BigInt(numerator), BigInt(denominator)],
    block: BigInt(figures.block),
    vote: BigInt(figures.vote),
  };
}
