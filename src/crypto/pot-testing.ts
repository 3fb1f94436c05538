/** Slots, pools and helpers for the tests of what verifies proofs of time. */
import { vi } from 'vitest';
import { toHex } from '../protocol/bytes.ts';
import { JobPriority, type ComputePool, type JobInput, type JobOptions } from './jobs.ts';
import { createInlinePool } from './pool/inline.ts';
import { webCryptoWalker } from './pot.ts';
import type { PotHelper } from './pot-helper.ts';
import type { PotSlot } from './pot-slot.ts';

/** Of each honest slot. */
export const ITERATIONS = 1600;
export const head = { priority: JobPriority.verifyHead };
export const catchUp = { priority: JobPriority.catchUp };
/** Every checkpoint of a slot. */
export const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

/** A dozen slots whose time passed. */
export function honestSlots(): Promise<PotSlot[]> {
  return Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const seed = new Uint8Array(16).fill(index + 1);
      const checkpoints = await webCryptoWalker.prove(seed, ITERATIONS);
      return { slot: BigInt(100 + index), seed, iterations: ITERATIONS, checkpoints };
    }),
  );
}

/** The slot with one bit of a checkpoint flipped: that one is wrong, and the one that begins with it. */
export function forged(slot: PotSlot, checkpoint: number): PotSlot {
  const checkpoints = slot.checkpoints.slice();
  checkpoints[16 * checkpoint + 5]! ^= 8;
  return { ...slot, checkpoints };
}

export interface Job {
  input: JobInput<'pot.verify'>;
  options: JobOptions;
}

/** A pool that walks for real and remembers what it was asked. */
export function recording(workers = 1): { pool: ComputePool; jobs: Job[] } {
  const inline = createInlinePool();
  const jobs: Job[] = [];
  const pool: ComputePool = {
    ...inline,
    run: (name, input, options) => {
      if (name === 'pot.verify') jobs.push({ input: input as Job['input'], options });
      return inline.run(name, input, options);
    },
    status: () => ({ workers, busy: 0, queued: 0 }),
  };
  return { pool, jobs };
}

/** Which checkpoints were walked, by slot. */
export function walked(jobs: readonly Job[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { input } of jobs) {
    const key = toHex(input.seed);
    found.set(
      key,
      [...(found.get(key) ?? []), ...input.only!].sort((a, b) => a - b),
    );
  }
  return found;
}

/** A helper with these verdicts, which may be lies. */
export function helperOf(verify: PotHelper['verify']) {
  return {
    name: 'helper',
    maxIterations: 1e9,
    verify: vi.fn<PotHelper['verify']>(verify),
    distrust: vi.fn<PotHelper['distrust']>(),
  };
}
