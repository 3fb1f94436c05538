import { describe, expect, it } from 'vitest';
import { piecesToSolutionRange } from '../protocol/solution-range.ts';
import {
  canBeEstimated,
  estimateFarm,
  measureSecondsPerPiece,
  rewardIntervalMs,
  type NetworkFigures,
} from './estimate.ts';
import { bytesOfSectors } from './sectors.ts';
import { plottingPool } from './test-support.ts';

const slotProbability: [bigint, bigint] = [1n, 6n];
const network: NetworkFigures = {
  solutionRange: piecesToSolutionRange(1_000_000n, slotProbability),
  slotProbability,
  slotDurationMs: 1_000,
  expectedVotesPerBlock: 9,
  block: 10n ** 17n,
  vote: 10n ** 16n,
};

describe('the estimate of a farm', () => {
  it('is its share of the blocks that the network makes in a day', () => {
    const estimate = estimateFarm(bytesOfSectors(10, 1000), 1000, 2, network);
    expect(estimate).toMatchObject({ sectors: 10, pieces: 10_000, plottingSeconds: 20_000 });
    expect(Number(estimate.networkPieces)).toBeCloseTo(1_000_000, -1);
    // One in 101 pieces, its own among them: as many of 86,400 / 6 blocks, and nine votes for each.
    expect(estimate.blocksPerDay).toBeCloseTo(14_400 / 101, 1);
    expect(estimate.votesPerDay).toBeCloseTo((9 * 14_400) / 101, 0);
    expect(estimate.bytes).toBe(bytesOfSectors(10, 1000));
    // Of 144 blocks of 0.1 and 1,296 votes of 0.01 a hundred and first part less.
    expect(Number(estimate.tokensPerDay) / 1e18).toBeCloseTo((27.36 * 100) / 101, 2);
  });

  it('comes with the time between two rewards of any kind', () => {
    // A hundredth of the space wins a hundredth of ten rewards in six slots.
    expect(rewardIntervalMs(10_000, network)).toBeCloseTo(60_000, -1);
    expect(rewardIntervalMs(0, network)).toBeNull();
    expect(rewardIntervalMs(1e9, network)).toBe(1_000);
  });

  it('leaves to the others what is theirs, however small they are', () => {
    const small = { ...network, solutionRange: piecesToSolutionRange(10_000n, slotProbability) };
    expect(estimateFarm(bytesOfSectors(10, 1000), 1000, 2, small).blocksPerDay).toBeCloseTo(7_200, 0);
  });

  it('is not made of figures that no network has', () => {
    expect(canBeEstimated(network)).toBe(true);
    for (const wrong of [
      { solutionRange: 0n },
      { slotProbability: [0n, 6n] as [bigint, bigint] },
      { slotProbability: [1n, 0n] as [bigint, bigint] },
      { slotDurationMs: 0 },
    ])
      expect(canBeEstimated({ ...network, ...wrong })).toBe(false);
  });

  it('is nothing where no sector fits', () => {
    expect(estimateFarm(1_000, 1000, 2, network)).toMatchObject({
      sectors: 0,
      bytes: 0,
      plottingSeconds: 0,
      blocksPerDay: 0,
    });
  });
});

describe('the measurement', () => {
  it('encodes a piece on every core and shares the time among them', async () => {
    const pool = plottingPool({
      'record.encode': async () => {
        await new Promise((resolve) => setTimeout(resolve, 60));
        return { bitfield: new Uint8Array(0), chunks: new Uint8Array(0), metadata: new Uint8Array(0) };
      },
    });
    const seconds = await measureSecondsPerPiece(pool);
    expect(pool.calls['record.encode']).toBe(2);
    expect(seconds).toBeGreaterThan(0.025);
  });
});
