/** What set a file belongs to, the seed label of its inputs or the name of a set of chains, its neighbours say too. */
import { expectSame, type Recorded } from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

const LABELLED = [
  'archiving',
  'consensus',
  'contents_map',
  'digests',
  'erasure',
  'hashes',
  'kzg',
  'objects',
  'pieces',
  'pos',
  'pot',
  'reconstruction',
  'sectors',
  'solutions',
  'verify_solution',
];

const CHAINS = ['chain', 'forks', 'headers-long', 'negative-headers', 'proofs'];

/** A suite that compares one field of the files of a set. */
function sameIn(field: string, pattern: RegExp): ConformanceSuite {
  return {
    files: [pattern],
    async cases(ctx, files) {
      const named = await Promise.all(
        files.map(async (file) => ({ file, name: (await ctx.json<Recorded>(file))[field] })),
      );
      return named.map(({ file, name }) => ({
        name: file,
        rule: field,
        run: () => named.forEach((other) => expectSame(`${field} of ${other.file}`, other.name, name)),
      }));
    },
  };
}

export const labels = sameIn('label', new RegExp(`^(${LABELLED.join('|')})\\.json$`));
export const sets = sameIn('set', new RegExp(`^chain/((${CHAINS.join('|')})\\.json\\.gz|timings\\.json)$`));
