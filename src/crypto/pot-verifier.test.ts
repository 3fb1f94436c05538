import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventually } from '../../tests/support/waiting.ts';
import { JobPriority, type ComputePool, type JobOptions } from './jobs.ts';
import { createInlinePool } from './pool/inline.ts';
import type { PotSlot } from './pot-slot.ts';
import {
  ALL,
  catchUp,
  forged,
  head,
  helperOf,
  honestSlots,
  ITERATIONS,
  recording,
  walked,
  type Job,
} from './pot-testing.ts';
import { PotVerifier } from './pot-verifier.ts';
import { loadWasm } from './wasm.ts';

let honest: PotSlot[];

beforeAll(async () => {
  await loadWasm();
  honest = await honestSlots();
});
afterEach(() => void vi.restoreAllMocks());

/** A pool whose jobs end when the test says so. */
function waiting(walker: 'webcrypto' | 'wasm' = 'webcrypto'): {
  pool: ComputePool;
  jobs: Job[];
  finish: (index: number) => void;
} {
  const jobs: Job[] = [];
  const ends: ((output: unknown) => void)[] = [];
  const run = (name: string, input: unknown, options: JobOptions): Promise<unknown> =>
    new Promise((done, failed) => {
      if (name === 'pot.walker') return done({ walker });
      jobs.push({ input: input as Job['input'], options });
      ends.push(done);
      options.signal?.addEventListener('abort', () => failed(options.signal?.reason));
    });
  const pool = {
    ...createInlinePool(),
    run: run as ComputePool['run'],
    status: () => ({ workers: 1, busy: 0, queued: 0 }),
  };
  return { pool, jobs, finish: (index) => ends[index]!({ firstWrong: null, walker: 'wasm' }) };
}

describe('in full', () => {
  test('walks every checkpoint once, whatever the number of workers', async () => {
    for (const workers of [1, 3, 8, 50]) {
      const { pool, jobs } = recording(workers);
      const pot = new PotVerifier(pool, { mode: 'full' });
      const verdict = await pot.verify(honest.slice(0, 2), head);
      expect(verdict).toEqual({ mode: 'full', slots: 2, iterations: 2 * ITERATIONS });
      expect([...walked(jobs).values()]).toEqual([ALL, ALL]);
      expect(jobs.length).toBeGreaterThanOrEqual(Math.min(workers, 16));
    }
  });

  test('names a wrong checkpoint by slot and index', async () => {
    for (const checkpoint of ALL) {
      const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
      const slots = [honest[0]!, forged(honest[1]!, checkpoint), honest[2]!];
      await expect(pot.verify(slots, head)).rejects.toMatchObject({
        name: 'ProtocolError',
        rule: 'pot-checkpoints',
        values: { slot: 101n, checkpoint },
        sentence: expect.stringContaining('slot 101'),
      });
      expect(pot.stats().slotsVerified).toBe(0);
    }
  });

  test('refuses swapped checkpoints, another seed, and another number of iterations', async () => {
    const [one, two] = honest as [PotSlot, PotSlot];
    const swapped = one.checkpoints.slice();
    swapped.set(one.checkpoints.subarray(32, 48), 48);
    swapped.set(one.checkpoints.subarray(48, 64), 32);
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    for (const bad of [
      { ...one, checkpoints: swapped },
      { ...one, seed: two.seed },
      { ...one, iterations: ITERATIONS + 16 },
    ]) {
      await expect(pot.verify([bad], head)).rejects.toMatchObject({ rule: 'pot-checkpoints' });
    }
  });

  test.each([0, 8, 1601, -16, 2 ** 32, 1.5])('refuses %d iterations without walking', async (iterations) => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'full' });
    const slots = [honest[0]!, { ...honest[1]!, iterations }];
    await expect(pot.verify(slots, head)).rejects.toMatchObject({ rule: 'pot-iterations' });
    expect(jobs).toEqual([]);
  });

  test.each([
    { seed: new Uint8Array(15) },
    { checkpoints: new Uint8Array(112) },
    { checkpoints: new Uint8Array(144) },
  ])('refuses bytes of another length', async (part) => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'full' });
    const refusal = { rule: 'pot-checkpoints', code: 'bad-checkpoints', values: { slot: 100n } };
    await expect(pot.verify([{ ...honest[0]!, ...part }], head)).rejects.toMatchObject(refusal);
    expect(jobs).toEqual([]);
  });

  test('walks long checkpoints one a job, so that each can be let go', async () => {
    const { pool, jobs, finish } = waiting();
    const pot = new PotVerifier(pool, { mode: 'full' });
    const done = pot.verify([{ ...honest[0]!, iterations: 32_000_000 }], head);
    await eventually(() => expect(jobs).toHaveLength(8));
    ALL.forEach(finish);
    expect((await done).iterations).toBe(32_000_000);
  });
});

describe('long checkpoints that are walked side by side', () => {
  test('stay together, but for as many jobs as keep every worker busy', async () => {
    const { pool, jobs, finish } = waiting('wasm');
    const long = honest.slice(0, 2).map((slot) => ({ ...slot, iterations: 32_000_000 }));
    const busy = { ...pool, status: () => ({ workers: 4, busy: 0, queued: 0 }) };
    const done = new PotVerifier(busy, { mode: 'sampled', checkpointsPerSlot: 6 }).verify(long, catchUp);
    await eventually(() => expect(jobs).toHaveLength(4));
    expect(jobs.map(({ input }) => input.only!.length)).toEqual([3, 3, 3, 3]);
    [0, 1, 2, 3].forEach(finish);
    expect((await done).iterations).toBe(48_000_000);
  });
});

describe('sampled', () => {
  test('walks so many of each slot, and not always the same', async () => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'sampled', checkpointsPerSlot: 3 });
    const verdict = await pot.verify(honest, catchUp);
    expect(verdict).toEqual({ mode: 'sampled', slots: 12, iterations: (12 * ITERATIONS * 3) / 8 });
    const drawn = [...walked(jobs).values()];
    for (const only of drawn) expect(new Set(only).size).toBe(3);
    // Twelve times the same three of eight: one in 10^19.
    expect(new Set(drawn.map(String)).size).toBeGreaterThan(1);
  });

  test('finds a forged slot as often as its checkpoint is drawn', async () => {
    const budget = { mode: 'sampled', checkpointsPerSlot: 4 } as const;
    // The last checkpoint begins no other, so that one alone is wrong.
    const bad = forged(honest[0]!, 7);
    let found = 0;
    for (let run = 0; run < 200; run += 1) {
      const pot = new PotVerifier(createInlinePool(), budget);
      await pot.verify([bad], catchUp).catch(() => (found += 1));
    }
    // One half of 200: outside of this with a chance of one in 10^9.
    expect(found).toBeGreaterThan(57);
    expect(found).toBeLessThan(143);
  });

  test('gives way to the head’s share, and says which it was', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'sampled', checkpointsPerSlot: 1 });
    expect((await pot.verify([honest[0]!], { ...head, share: { mode: 'full' } })).mode).toBe('full');
    expect(pot.stats()).toMatchObject({ slotsVerified: 1, slotsSampled: 0 });
    const share = { mode: 'sampled', checkpointsPerSlot: 2 } as const;
    const verdict = await pot.verify([honest[1]!], { ...head, share });
    expect(verdict).toMatchObject({ mode: 'sampled', iterations: ITERATIONS / 4 });
    expect(pot.stats()).toMatchObject({ slotsVerified: 2, slotsSampled: 1 });
  });

  test('reckons the chance that a chain with a tenth of its slots forged would have passed', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'sampled', checkpointsPerSlot: 2 });
    await pot.verify(honest, catchUp);
    expect(pot.stats().soundness).toBeCloseTo((1 - 0.1 / 4) ** 12, 12);
    await pot.verify(honest, catchUp);
    expect(pot.stats().soundness).toBeCloseTo((1 - 0.1 / 4) ** 12, 12);
  });
});

describe('what is known', () => {
  test('is not walked again, but by the same seed, iterations and checkpoints only', async () => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'full' });
    await pot.verify(honest.slice(0, 2), head);
    jobs.length = 0;
    expect(await pot.verify(honest.slice(0, 2), head)).toEqual({ mode: 'full', slots: 2, iterations: 0 });
    expect(jobs).toEqual([]);
    for (const other of [{ seed: honest[2]!.seed }, { iterations: 3200 }, forged(honest[0]!, 0)]) {
      await expect(pot.verify([{ ...honest[0]!, ...other }], head)).rejects.toThrow(/checkpoint/);
    }
  });

  test('by a sample is walked again where all is asked for, and told as the sample that it is', async () => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'sampled', checkpointsPerSlot: 1 });
    await pot.verify([honest[0]!], catchUp);
    expect(await pot.verify([honest[0]!], catchUp)).toEqual({ mode: 'sampled', slots: 1, iterations: 0 });
    const full = { ...head, share: { mode: 'full' } } as const;
    const once = await pot.verify([honest[1]!], full);
    const mixed = await pot.verify([honest[0]!, honest[1]!], catchUp);
    expect([once.mode, mixed.mode]).toEqual(['full', 'sampled']);
    jobs.length = 0;
    expect(await pot.verify([honest[0]!, honest[1]!], full)).toEqual({
      mode: 'full',
      slots: 2,
      iterations: ITERATIONS,
    });
    expect([...walked(jobs).values()]).toEqual([ALL]);
    expect(pot.stats()).toMatchObject({ slotsVerified: 2, slotsSampled: 0 });
  });

  test('by a helper is told as such', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    pot.useHelper(helperOf(async (slots) => slots.map(() => null)));
    await pot.verify([honest[0]!], head);
    pot.useHelper(null);
    expect(await pot.verify([honest[0]!], head)).toEqual({ mode: 'helper', slots: 1, iterations: 0 });
    expect((await pot.verify(honest.slice(0, 2), head)).mode).toBe('helper');
  });

  test('does not hold what was refused or let go', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const bad = forged(honest[0]!, 3);
    await expect(pot.verify([bad], head)).rejects.toThrow(/checkpoint 3/);
    await expect(pot.verify([bad], head)).rejects.toThrow(/checkpoint 3/);
    const { pool, jobs } = recording();
    const other = new PotVerifier(pool, { mode: 'full' });
    const abort = new AbortController();
    const gone = other.verify([honest[0]!], { ...head, signal: abort.signal });
    abort.abort(new Error('not needed'));
    await expect(gone).rejects.toThrow('not needed');
    jobs.length = 0;
    await other.verify([honest[0]!], head);
    expect([...walked(jobs).values()]).toEqual([ALL]);
  });
});

describe('priorities, cores and cancellation', () => {
  test('passes the priority on', async () => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'full' });
    await pot.verify([honest[0]!], catchUp);
    await pot.verify([honest[1]!], head);
    expect(jobs.map(({ options }) => options.priority)).toEqual([
      JobPriority.catchUp,
      JobPriority.verifyHead,
    ]);
  });

  test('walks on no more cores than allowed, the head’s first', async () => {
    const { pool, jobs, finish } = waiting();
    const pot = new PotVerifier(pool, { mode: 'full', cores: 1 });
    const all = [
      pot.verify([honest[0]!], catchUp),
      pot.verify([honest[1]!], catchUp),
      pot.verify([honest[2]!], head),
    ];
    await eventually(() => expect(jobs).toHaveLength(1));
    finish(0);
    await eventually(() => expect(jobs).toHaveLength(2));
    expect(jobs[1]!.options.priority).toBe(JobPriority.verifyHead);
    pot.setBudget({ mode: 'full', cores: 2 });
    await eventually(() => expect(jobs).toHaveLength(3));
    finish(1);
    finish(2);
    await Promise.all(all);
  });

  test('lets the rest go when a checkpoint is wrong', async () => {
    const { pool, jobs } = waiting();
    const pot = new PotVerifier({ ...pool, run: failingFirst(pool) }, { mode: 'full' });
    await expect(pot.verify(honest, head)).rejects.toMatchObject({ values: { slot: 100n, checkpoint: 4 } });
    expect(jobs.length).toBeGreaterThan(0);
    for (const { options } of jobs) expect(options.signal!.aborted).toBe(true);
  });

  test('lets everything go when nobody waits, with the reason given', async () => {
    const { pool, jobs } = waiting();
    const pot = new PotVerifier(pool, { mode: 'full' });
    const abort = new AbortController();
    const gone = pot.verify(honest.slice(0, 2), { ...head, signal: abort.signal });
    await eventually(() => expect(jobs).toHaveLength(2));
    abort.abort(new Error('another head'));
    await expect(gone).rejects.toThrow('another head');
    for (const { options } of jobs) expect(options.signal!.aborted).toBe(true);
    await expect(pot.verify([honest[0]!], { ...head, signal: abort.signal })).rejects.toThrow('another head');
    expect(jobs).toHaveLength(2);
  });

  test('passes on what happens to the pool, and calls it no lie of the chain', async () => {
    const pool = createInlinePool();
    await pool.close();
    const pot = new PotVerifier(pool, { mode: 'full' });
    await expect(pot.verify([honest[0]!], head)).rejects.toMatchObject({ name: 'ComputeError' });
  });
});

/** The first job finds its fifth checkpoint wrong. */
function failingFirst(pool: ComputePool): ComputePool['run'] {
  let first = true;
  return ((name, input, options) => {
    if (!first) return pool.run(name, input, options);
    first = false;
    return Promise.resolve({ firstWrong: 4, walker: 'wasm' });
  }) as ComputePool['run'];
}
