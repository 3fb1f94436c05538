import { concat } from '../../protocol/bytes.ts';
import { CHUNK_BYTES } from '../../protocol/constants.ts';
import type { ComputePool, JobInput, JobName, JobOptions, JobOutput } from '../jobs.ts';

type Composite<J extends JobName> = (
  pool: ComputePool,
  input: JobInput<J>,
  options: JobOptions,
) => Promise<JobOutput<J>>;

/** Jobs that are made of others, so that one of them uses every core of the pool. */
export const COMPOSITE_JOBS: { [J in JobName]?: Composite<J> } = {
  'solution.prove': proveSolution,
};

/**
 * The proof-of-space table and what recovery needs of the bitfield side by side; then the quotient; then the
 * witness, its commitment split evenly over the workers.
 */
async function proveSolution(
  pool: ComputePool,
  { evaluationSeed, sBucket, bitfield, chunks }: JobInput<'solution.prove'>,
  { priority, signal }: JobOptions,
): Promise<JobOutput<'solution.prove'>> {
  const options = { priority, signal };
  const [{ shards, present, proofOfSpace }, { locator }] = await Promise.all([
    pool.run('record.unmask', { evaluationSeed, sBucket, bitfield, chunks }, options),
    pool.run('record.locate', { bitfield }, options),
  ]);
  const { chunk, quotient } = await pool.run(
    'record.quotient',
    { shards, present, locator, sBucket },
    options,
  );
  const chunkWitness = await commitInParts(pool, quotient, options);
  return { chunk, chunkWitness, proofOfSpace };
}

/** Commitment (48 bytes) to a polynomial by its coefficients, computed by all workers together. */
async function commitInParts(
  pool: ComputePool,
  coefficients: Uint8Array,
  options: JobOptions,
): Promise<Uint8Array> {
  const count = coefficients.length / CHUNK_BYTES;
  const size = Math.ceil(count / Math.max(1, pool.status().workers));
  const parts: Promise<{ point: Uint8Array }>[] = [];
  for (let from = 0; from < count; from += size) {
    const part = coefficients.slice(from * CHUNK_BYTES, (from + size) * CHUNK_BYTES);
    parts.push(pool.run('kzg.commitPart', { coefficients: part, from }, options));
  }
  const points = (await Promise.all(parts)).map(({ point }) => point);
  if (points.length === 1) return points[0]!;
  return (await pool.run('kzg.sum', { points: concat(...points) }, options)).point;
}
