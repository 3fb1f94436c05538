/** Plotting of the recorded sectors from the recorded history, auditing them, proving what wins. */
import { availableParallelism } from 'node:os';
import { createNodePool } from '../../src/crypto/pool/node.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import type { ArchivingFile } from './archive-support.ts';
import { contentsMapCases, type ContentsMapFile } from './farm-contents-map.ts';
import type { SectorsFile, SolutionsFile } from './farm-recordings.ts';
import { sectorCases, Sectors } from './farm-sectors.ts';
import { solutionCases } from './farm-solutions.ts';
import type { ConformanceSuite } from './types.ts';

export const farm: ConformanceSuite = {
  files: [/^(sectors|solutions|contents_map)\.json$/],
  companions: [/^sector_\d+(_|\.)/, /^contents_map_fallback\.bin$/],
  async *cases(ctx, files) {
    await loadWasm();
    if (files.includes('contents_map.json')) {
      yield* contentsMapCases(ctx, await ctx.json<ContentsMapFile>('contents_map.json'));
    }
    if (!files.includes('sectors.json')) {
      if (!files.includes('solutions.json')) return;
      throw new Error('this set lacks sectors.json, whose sectors its solutions are of');
    }
    const pool = createNodePool(Math.min(2, availableParallelism()));
    try {
      const recorded = await ctx.json<SectorsFile>('sectors.json');
      const sectors = new Sectors(ctx, await ctx.json<ArchivingFile>('archiving.json'), pool);
      yield* sectorCases(recorded, sectors);
      if (files.includes('solutions.json')) {
        yield* solutionCases(await ctx.json<SolutionsFile>('solutions.json'), recorded, sectors);
      }
    } finally {
      await pool.close();
    }
  },
};
