/** Archiving of a segment, which full nodes do and whoever rebuilds history repeats. */
import { randomBytes } from '../src/crypto/random.ts';
import { archiveSegment } from '../src/crypto/archive.ts';
import { createInlinePool } from '../src/crypto/pool/inline.ts';
import { Archiver } from '../src/protocol/archiver.ts';
import { RECORDED_SEGMENT_BYTES } from '../src/protocol/constants.ts';
import { cpuSeconds } from './measure.ts';
import type { Benchmark } from './types.ts';

/** Seconds of CPU of the reference's own crates on one thread, as its commitments, extensions and witnesses add up. */
const NATIVE_SECONDS = 60;

export const benchmarks: Benchmark[] = [
  {
    group: 'archive',
    name: 'archive.segment',
    unit: 's',
    better: 'lower',
    goal: '≥ 0.5',
    async run() {
      const pool = createInlinePool();
      const block = randomBytes(RECORDED_SEGMENT_BYTES);
      const [segment] = new Archiver().addBlock(block, []).segments;
      if (segment === undefined) throw new Error('a block as large as a segment fills none');
      // Once: it takes a minute, beside which warming up is nothing.
      const started = cpuSeconds();
      const { pieces } = await archiveSegment(pool, segment, null);
      await pieces.parityRecords();
      const value = cpuSeconds() - started;
      await pool.close();
      return { value, peer: 'native, recorded', ratio: NATIVE_SECONDS / value, runs: 1 };
    },
  },
];
