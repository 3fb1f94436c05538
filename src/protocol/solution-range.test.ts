import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { U64_MAX } from './constants.ts';
import {
  bidirectionalDistance,
  blockWeight,
  isWithinSolutionRange,
  nextSolutionRange,
  piecesToSolutionRange,
  solutionRangeToPieces,
  votingSolutionRange,
} from './solution-range.ts';

const u64 = fc.bigInt(0n, U64_MAX);

describe('solution range', () => {
  it('wraps at 64 bits where the reference does', () => {
    expect(piecesToSolutionRange(1n, [1n, 1n])).toBe(18446744073709486080n);
    expect(piecesToSolutionRange(16n, [17n, 30n])).toBe(153722867280912384n);
    expect(piecesToSolutionRange(44n, [14n, 14n])).toBe(419244183493397410n);
    expect(piecesToSolutionRange(1000n, [1n, 6n])).toBe(6148914691236495n);
    expect(solutionRangeToPieces(6148914691236495n, [1n, 6n])).toBe(1000n);
  });

  it('of the next era stays within four times up and down, whatever the slots', () => {
    fc.assert(
      fc.property(u64, u64, u64, (start, slots, current) => {
        const next = nextSolutionRange(start, start + slots, current, [1n, 6n], 2016);
        expect(next).toBeGreaterThanOrEqual(current / 4n);
        expect(next).toBeLessThanOrEqual(current * 4n > U64_MAX ? U64_MAX : current * 4n);
      }),
    );
  });

  it('stays where it is when an era took the slots that it should', () => {
    const cases: [slots: bigint, next: bigint][] = [
      [12_096n, 1n << 60n],
      [12_095n, ((1n << 60n) * 12_095n) / 2016n / 6n],
      [0n, 1n << 58n],
      [48_384n, 1n << 62n],
      [48_385n, 1n << 62n],
    ];
    for (const [slots, next] of cases) {
      expect(nextSolutionRange(7n, 7n + slots, 1n << 60n, [1n, 6n], 2016)).toBe(next);
    }
    expect(nextSolutionRange(0n, U64_MAX, U64_MAX, [1n, 6n], 1)).toBe(U64_MAX);
    expect(nextSolutionRange(0n, 3n, 7n, [1n, 6n], 2016)).toBe(1n);
    expect(nextSolutionRange(0n, 3n, U64_MAX - 1n, [1n, 1n], 2)).toBe(U64_MAX);
    expect(nextSolutionRange(0n, 3n, U64_MAX - 2n, [1n, 1n], 3)).toBe(U64_MAX - 2n);
  });

  it('of the next era multiplies in 128 bits that saturate, before it divides', () => {
    const rate: [bigint, bigint] = [1n << 60n, 1n << 63n];
    expect(nextSolutionRange(0n, U64_MAX, 1n << 62n, rate, 16)).toBe((1n << 61n) - 1n);
    expect(nextSolutionRange(0n, 1n << 4n, 1n << 62n, rate, 16)).toBe(1n << 60n);
  });

  it('of votes saturates', () => {
    expect(votingSolutionRange(5n, 9)).toBe(50n);
    expect(votingSolutionRange(U64_MAX / 10n, 9)).toBe((U64_MAX / 10n) * 10n);
    expect(votingSolutionRange(U64_MAX / 10n + 1n, 9)).toBe(U64_MAX);
  });

  it('at its widest weighs nothing', () => {
    expect(blockWeight(U64_MAX)).toBe(0n);
    expect(blockWeight(0n)).toBe(U64_MAX);
  });
});

describe('distance', () => {
  it('goes the shorter way round the ring', () => {
    expect(bidirectionalDistance(0n, U64_MAX)).toBe(1n);
    expect(bidirectionalDistance(1n << 63n, 0n)).toBe(1n << 63n);
    fc.assert(
      fc.property(u64, u64, u64, (a, b, turn) => {
        const distance = bidirectionalDistance(a, b);
        expect(distance).toBe(bidirectionalDistance(b, a));
        expect(distance).toBeLessThanOrEqual(1n << 63n);
        expect(bidirectionalDistance((a + turn) & U64_MAX, (b + turn) & U64_MAX)).toBe(distance);
      }),
    );
  });

  it('wins at half the range and not beyond', () => {
    expect(isWithinSolutionRange(3n, 6n)).toBe(true);
    expect(isWithinSolutionRange(3n, 7n)).toBe(true);
    expect(isWithinSolutionRange(4n, 7n)).toBe(false);
    expect(isWithinSolutionRange(0n, 0n)).toBe(true);
    expect(isWithinSolutionRange(1n, 1n)).toBe(false);
  });
});
