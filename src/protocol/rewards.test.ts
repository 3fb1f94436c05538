import { assert, integer, nat, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from './errors.ts';
import { readRewardPoints, subsidyAt } from './rewards.ts';
import { ScaleReader, ScaleWriter } from './scale.ts';

const points = [
  { block: 100, subsidy: 1_000n },
  { block: 200, subsidy: 400n },
  { block: 300, subsidy: 100n },
];

describe('the subsidy of a block', () => {
  it('lies on the line between two points, and is the last one’s after it', () => {
    expect([99, 100, 150, 199, 200, 299, 300, 9_999].map((block) => subsidyAt(points, block))).toEqual([
      0n,
      1_000n,
      700n,
      406n,
      400n,
      103n,
      100n,
      100n,
    ]);
    expect(subsidyAt([], 7)).toBe(0n);
  });

  it('is nothing where the next point is higher, and found among points in any order', () => {
    const rising = [
      { block: 0, subsidy: 5n },
      { block: 10, subsidy: 6n },
    ];
    expect([0, 9, 10, 11].map((block) => subsidyAt(rising, block))).toEqual([0n, 0n, 6n, 6n]);
    const mixed = [
      { block: 10, subsidy: 9n },
      { block: 5, subsidy: 8n },
      { block: 20, subsidy: 2n },
    ];
    expect([4, 5, 10, 19, 20].map((block) => subsidyAt(mixed, block))).toEqual([0n, 8n, 8n, 8n, 2n]);
    const atOnce = [
      { block: 7, subsidy: 9n },
      { block: 7, subsidy: 1n },
    ];
    expect([6, 7].map((block) => subsidyAt(atOnce, block))).toEqual([0n, 1n]);
  });

  it('never rises where the points fall', () => {
    assert(
      property(integer({ min: 100, max: 400 }), nat(300), (block, later) => {
        expect(subsidyAt(points, block + later)).toBeLessThanOrEqual(subsidyAt(points, block));
      }),
    );
  });

  it('is read as the state holds it, and refused where there are more points than the runtime keeps', () => {
    const encoded = (count: number): ScaleReader => {
      const writer = new ScaleWriter().compact(BigInt(count));
      for (let index = 0; index < count; index += 1) writer.u32(index).u128(7n);
      return new ScaleReader(writer.bytes(), 'reward-points');
    };
    expect(readRewardPoints(encoded(2))).toEqual([
      { block: 0, subsidy: 7n },
      { block: 1, subsidy: 7n },
    ]);
    expect(() => readRewardPoints(encoded(21))).toThrow(DecodeError);
  });
});
