/** The seed label that every file of the protocol set carries is the same: recorded inputs are made of it. */
import { expectSame } from './protocol-support.ts';
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

export const labels: ConformanceSuite = {
  files: [new RegExp(`^(${LABELLED.join('|')})\\.json$`)],
  async cases(ctx, files) {
    const labelled = await Promise.all(
      files.map(async (file) => ({ file, label: (await ctx.json<{ label?: string }>(file)).label })),
    );
    return labelled.map(({ file, label }) => ({
      name: file,
      rule: 'label',
      run: () => labelled.forEach((other) => expectSame(`label of ${other.file}`, other.label, label)),
    }));
  },
};
