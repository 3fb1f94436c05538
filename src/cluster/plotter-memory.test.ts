import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PIECE_BYTES } from '../protocol/constants.ts';
import { BATCHES, ENCODING_BYTES, FIXED_BYTES, plottingBytes } from '../farm/plot-memory.ts';
import { LEAST_MEMORY_BYTES, LENT_BYTES, plotterLimits, requireMemory } from './plotter-memory.ts';

const MIB = 1024 * 1024;

describe('a plotter’s memory', () => {
  it('is never exceeded by what is under way at once', () => {
    const budgets = fc.integer({ min: LEAST_MEMORY_BYTES, max: 64 * 1024 * MIB });
    fc.assert(
      fc.property(budgets, fc.integer({ min: 1, max: 256 }), (memory, wanted) => {
        const { concurrency, lentAtOnce, piecesAtOnce } = plotterLimits(memory, wanted);
        expect(concurrency).toBeGreaterThanOrEqual(1);
        expect(concurrency).toBeLessThanOrEqual(wanted);
        const taken = FIXED_BYTES + concurrency * ENCODING_BYTES + BATCHES * piecesAtOnce * PIECE_BYTES;
        expect(taken).toBeLessThanOrEqual(memory);
        expect(lentAtOnce * LENT_BYTES).toBeLessThanOrEqual(concurrency * ENCODING_BYTES);
        expect(lentAtOnce).toBeGreaterThan(concurrency);
      }),
    );
  });

  it('is used where there is enough of it', () => {
    expect(plotterLimits(256 * MIB, 2)).toEqual({ concurrency: 2, lentAtOnce: 16, piecesAtOnce: 32 });
    expect(plotterLimits(plottingBytes(3), 3)).toMatchObject({ concurrency: 3, piecesAtOnce: 32 });
    expect(plotterLimits(512 * MIB, 16).concurrency).toBe(7);
    expect(plotterLimits(LEAST_MEMORY_BYTES, 8)).toEqual({ concurrency: 1, lentAtOnce: 8, piecesAtOnce: 1 });
  });

  it('that is too small is refused in words', () => {
    expect(() => requireMemory(LEAST_MEMORY_BYTES - 1)).toThrow(
      expect.objectContaining({ code: 'memory', sentence: 'A plotter needs 64 MiB of memory or more.' }),
    );
    expect(() => requireMemory(LEAST_MEMORY_BYTES)).not.toThrow();
  });
});
