/** What an interrupted plot leaves behind, and how far it is believed. */
import { describe, expect, it } from 'vitest';
import { blake3Hash } from '../protocol/hash.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { findPartialSector, partialSectorBytes } from './partial-sector.ts';
import { planSector, type SectorPlan } from './plan.ts';
import { plotSector } from './plotter.ts';
import { named, plotContext, plottingPool, RULES } from './test-support.ts';

const PIECES = 2;
const planOf = (sectorIndex: number) => planSector(named('farmer', 32), sectorIndex, 3n, PIECES, RULES);
const plan = planOf(0);
/** Where the rows begin, and the bytes of one. */
const ROWS = partialSectorBytes(0);
const ROW = partialSectorBytes(1) - ROWS;

/** Encodes all records and is stopped before the end; returns what is left in the folder. */
async function interrupted(directory: MemoryDirectory, of: SectorPlan = plan): Promise<Uint8Array> {
  const beforeReplace = () => Promise.reject(new Error('stopped at the end'));
  await expect(plotSector(of, plotContext({ directory, beforeReplace }))).rejects.toThrow('stopped');
  return [...directory.scratches.values()][0]!;
}

/** Goes on in a folder; returns how many records are encoded anew. */
async function encodedAnew(directory: MemoryDirectory): Promise<number> {
  const pool = plottingPool();
  await plotSector(plan, plotContext({ directory, pool, sample: 0 }));
  return pool.calls['record.encode'] ?? 0;
}

describe('what an interrupted plot left', () => {
  it('is gone on with, and belongs to the plan that was begun last', async () => {
    const directory = new MemoryDirectory();
    await interrupted(directory);
    const other = planOf(1);
    await interrupted(directory, other);
    const found = await findPartialSector(directory);
    expect(found).toEqual({ sectorIndex: 1, historySize: 3n, sectorId: other.sectorId, pieces: PIECES });
    await interrupted(directory);
    expect(await encodedAnew(directory)).toBe(0);
  });

  it('is nothing with a damaged description, or one of another version of the app', async () => {
    for (const at of [0, 1, ROWS - 33, ROWS - 32, ROWS - 1]) {
      const directory = new MemoryDirectory();
      (await interrupted(directory))[at]! ^= 1;
      expect(await findPartialSector(directory)).toBeNull();
      expect(directory.scratches.size).toBe(0);
    }
    const directory = new MemoryDirectory();
    const left = await interrupted(directory);
    left[0]! += 1;
    left.set(blake3Hash(left.subarray(0, ROWS - 32)), ROWS - 32);
    expect(await findPartialSector(directory)).toBeNull();
  });

  it('loses the records of which any byte is damaged: sum, origin, place, bytes', async () => {
    for (const at of [0, 32, 33, ROW - 1]) {
      const directory = new MemoryDirectory();
      (await interrupted(directory))[ROWS + ROW + at]! ^= 1;
      expect(await encodedAnew(directory)).toBe(1);
    }
  });

  it('loses the records that stand in another one’s place', async () => {
    const directory = new MemoryDirectory();
    const left = await interrupted(directory);
    const first = left.slice(ROWS, ROWS + ROW);
    left.copyWithin(ROWS, ROWS + ROW, ROWS + 2 * ROW);
    left.set(first, ROWS + ROW);
    expect(await encodedAnew(directory)).toBe(2);
  });
});
