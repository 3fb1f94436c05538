import type {
  ComputePool,
  JobInput,
  JobName,
  JobOptions,
  JobOutput,
  PoolStatus,
} from '../../src/crypto/jobs.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { POINT_BYTES } from '../../src/protocol/constants.ts';
import { blake3Hash } from '../../src/protocol/hash.ts';
import type { RecordedSegment } from './archive-support.ts';

/** One commitment in so many is computed, the others are looked up. */
const COMPUTED_SHARE = 8;

/**
 * A pool that computes a share of the commitments asked for and takes the others from the recording, by the hash
 * of their record: a segment's 128 cost minutes, and all of them are proven at once by the batch.
 */
export class SparingPool implements ComputePool {
  private readonly known: ReadonlyMap<string, Uint8Array>;
  private asked = 0;

  constructor(
    private readonly pool: ComputePool,
    segments: readonly RecordedSegment[],
  ) {
    const entries = segments.flatMap(({ pieces }) => pieces);
    this.known = new Map(
      entries.map(({ record_blake3, commitment }) => [
        String(record_blake3),
        fromHex(commitment, POINT_BYTES),
      ]),
    );
  }

  run<J extends JobName>(job: J, input: JobInput<J>, options: JobOptions): Promise<JobOutput<J>> {
    if (job === 'record.commit' && this.asked++ % COMPUTED_SHARE !== 0) {
      const { record } = input as JobInput<'record.commit'>;
      const commitment = this.known.get(toHex(blake3Hash(record)));
      if (commitment !== undefined) return Promise.resolve({ commitment } as JobOutput<J>);
    }
    return this.pool.run(job, input, options);
  }

  resize(workers: number): void {
    this.pool.resize(workers);
  }

  status(): PoolStatus {
    return this.pool.status();
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}
