import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventually } from '../../tests/support/waiting.ts';
import { toHex } from '../protocol/bytes.ts';
import { JobPriority, type ComputePool, type JobInput, type JobOptions } from './jobs.ts';
import { createInlinePool } from './pool/inline.ts';
import { webCryptoWalker } from './pot.ts';
import { PotVerifier, type PotHelper, type PotSlot } from './pot-verifier.ts';
import { loadWasm } from './wasm.ts';

const ITERATIONS = 1600;
const head = { priority: JobPriority.verifyHead };
const catchUp = { priority: JobPriority.catchUp };
let honest: PotSlot[];

beforeAll(async () => {
  await loadWasm();
  honest = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const seed = new Uint8Array(16).fill(index + 1);
      const checkpoints = await webCryptoWalker.prove(seed, ITERATIONS);
      return { slot: BigInt(100 + index), seed, iterations: ITERATIONS, checkpoints };
    }),
  );
});

afterEach(() => void vi.restoreAllMocks());

/** The slot with one bit of a checkpoint flipped: that one is wrong, and the one that begins with it. */
function forged(slot: PotSlot, checkpoint: number): PotSlot {
  const checkpoints = slot.checkpoints.slice();
  checkpoints[16 * checkpoint + 5]! ^= 8;
  return { ...slot, checkpoints };
}

interface Job {
  input: JobInput<'pot.verify'>;
  options: JobOptions;
}

/** A pool that walks for real and remembers what it was asked. */
function recording(workers = 1): { pool: ComputePool; jobs: Job[] } {
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

/** Which checkpoints were walked, by slot. */
function walked(jobs: readonly Job[]): Map<string, number[]> {
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

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];

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

/** A helper with these verdicts, which may be lies. */
function helperOf(verify: PotHelper['verify']) {
  return {
    name: 'helper',
    maxIterations: 1e9,
    verify: vi.fn<PotHelper['verify']>(verify),
    distrust: vi.fn<PotHelper['distrust']>(),
  };
}

describe('by helper', () => {
  test('walks one checkpoint here for every answer', async () => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, { mode: 'sampled', checkpointsPerSlot: 1 });
    const helper = helperOf(async (slots) => slots.map(() => null));
    pot.useHelper(helper);
    const verdict = await pot.verify(honest, head);
    expect(verdict).toEqual({ mode: 'helper', slots: 12, iterations: 12 * ITERATIONS });
    expect(jobs.map(({ input }) => input.only!.length)).toEqual([1]);
    expect(pot.stats()).toMatchObject({
      mode: 'helper',
      walker: 'helper',
      slotsVerified: 12,
      slotsSampled: 0,
    });
    await pot.verify(honest, head);
    expect(helper.verify).toHaveBeenCalledTimes(1);
  });

  test('names what it rightly refuses', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const helper = helperOf(async (slots) => slots.map((_, index) => (index === 1 ? 6 : null)));
    pot.useHelper(helper);
    const slots = [honest[0]!, forged(honest[1]!, 6)];
    await expect(pot.verify(slots, head)).rejects.toMatchObject({ values: { slot: 101n, checkpoint: 6 } });
    expect(pot.currentHelper()).toBe(helper);
    expect(helper.distrust).not.toHaveBeenCalled();
  });

  test('drops one that refuses what is right, and verifies itself', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const helper = helperOf(async (slots) => slots.map(() => 2));
    pot.useHelper(helper);
    expect((await pot.verify(honest.slice(0, 2), head)).mode).toBe('full');
    expect(helper.distrust).toHaveBeenCalledWith(expect.stringContaining('checkpoint 2 of slot 100'));
    expect(pot.currentHelper()).toBeNull();
    await pot.verify([honest[3]!], head);
    expect(helper.verify).toHaveBeenCalledTimes(1);
  });

  test('drops one that lets a forged slot pass, and refuses the slot', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const helper = helperOf(async (slots) => slots.map(() => null));
    pot.useHelper(helper);
    const bad = { ...honest[0]!, checkpoints: new Uint8Array(128).fill(1) };
    await expect(pot.verify([bad], head)).rejects.toMatchObject({ rule: 'pot-checkpoints' });
    expect(helper.distrust).toHaveBeenCalledWith(expect.stringContaining('slot 100 pass'));
    expect(pot.currentHelper()).toBeNull();
  });

  test.each([
    ['too few', []],
    ['too many', [null, null, null]],
    ['a refusal of a slot that was not asked about', [null, null, 3]],
    ['a checkpoint that there is not', [8, null]],
    ['half a checkpoint', [1.5, null]],
    ['no number', ['0' as unknown as number, null]],
  ])('drops one whose verdicts are %s', async (_, verdicts: (number | null)[]) => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const helper = helperOf(async () => verdicts);
    pot.useHelper(helper);
    expect((await pot.verify(honest.slice(0, 2), head)).mode).toBe('full');
    expect(helper.distrust).toHaveBeenCalledTimes(1);
    expect(pot.currentHelper()).toBeNull();
  });

  test('does without one that is gone, and with it when it is back', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    let gone = true;
    const helper = helperOf(async (slots) => {
      if (gone) throw new Error('gone');
      return slots.map(() => null);
    });
    pot.useHelper(helper);
    const [one, other] = await Promise.all([pot.verify([honest[0]!], head), pot.verify([honest[1]!], head)]);
    expect([one.mode, other.mode]).toEqual(['full', 'full']);
    expect(helper.distrust).not.toHaveBeenCalled();
    expect(pot.stats()).toMatchObject({ mode: 'full' });
    expect(pot.stats().walker).not.toBe('helper');
    gone = false;
    pot.useHelper(helper);
    expect((await pot.verify([honest[2]!], head)).mode).toBe('helper');
  });

  test('forgets nothing of a newer helper when an older one fails', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    let fail: (error: Error) => void = () => undefined;
    pot.useHelper(helperOf(() => new Promise((_, failed) => (fail = failed))));
    const verdict = pot.verify([honest[0]!], head);
    const newer = helperOf(async (slots) => slots.map(() => null));
    pot.useHelper(newer);
    fail(new Error('gone'));
    expect((await verdict).mode).toBe('full');
    expect(pot.currentHelper()).toBe(newer);
  });

  test('does not wait for one that stalls when nobody waits for the slots', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const helper = helperOf(
      (_, signal) =>
        new Promise((__, failed) => signal?.addEventListener('abort', () => failed(signal.reason as Error))),
    );
    pot.useHelper(helper);
    const abort = new AbortController();
    const gone = pot.verify([honest[0]!], { ...head, signal: abort.signal });
    abort.abort(new Error('another head'));
    await expect(gone).rejects.toThrow('another head');
    expect(pot.currentHelper()).toBe(helper);
  });

  test('is not asked about more iterations than it takes', async () => {
    const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
    const helper = { ...helperOf(async (slots) => slots.map(() => null)), maxIterations: ITERATIONS - 16 };
    pot.useHelper(helper);
    expect((await pot.verify([honest[0]!], head)).mode).toBe('full');
    expect(helper.verify).not.toHaveBeenCalled();
    expect(pot.currentHelper()).toBe(helper);
  });
});

describe('by accelerator', () => {
  const full = { mode: 'full' } as const;

  test('verifies what is caught up with, not the head, and is spot-checked', async () => {
    const { pool, jobs } = recording();
    const pot = new PotVerifier(pool, full);
    const gpu = helperOf(async (slots) => slots.map(() => null));
    pot.useAccelerator({ verifier: { ...gpu, name: 'webgpu' }, gain: 2 });
    const verdict = await pot.verify(honest.slice(0, 6), catchUp);
    expect(verdict).toEqual({ mode: 'full', slots: 6, iterations: 6 * ITERATIONS });
    expect(jobs.map(({ input }) => input.only!.length)).toEqual([1]);
    expect(pot.stats()).toMatchObject({ walker: 'webgpu', mode: 'full', slotsVerified: 6 });
    expect(pot.headRate()).toBe(0);
    await pot.verify(honest.slice(6, 8), head);
    expect(gpu.verify).toHaveBeenCalledTimes(1);
    expect(pot.stats().walker).not.toBe('webgpu');
    expect(pot.headRate()).toBeGreaterThan(0);
  });

  test('is left out where the sample is less work than every checkpoint is there', async () => {
    const gpu = helperOf(async (slots) => slots.map(() => null));
    const pot = new PotVerifier(createInlinePool(), { mode: 'sampled', checkpointsPerSlot: 2 });
    pot.useAccelerator({ verifier: gpu, gain: 4 });
    expect((await pot.verify([honest[0]!], catchUp)).mode).toBe('sampled');
    pot.useAccelerator({ verifier: gpu, gain: 4.1 });
    expect((await pot.verify([honest[1]!], catchUp)).mode).toBe('full');
    expect(gpu.verify).toHaveBeenCalledTimes(1);
  });

  test('is dropped when it fails or miscalculates', async () => {
    for (const verify of [
      async () => Promise.reject(new Error('the device was lost')),
      async (slots: readonly PotSlot[]) => slots.map(() => 1),
    ]) {
      const gpu = helperOf(verify);
      const pot = new PotVerifier(createInlinePool(), full);
      pot.useAccelerator({ verifier: gpu, gain: 9 });
      expect((await pot.verify([honest[0]!], catchUp)).mode).toBe('full');
      await pot.verify([honest[1]!], catchUp);
      expect(gpu.verify).toHaveBeenCalledTimes(1);
    }
  });

  test('comes after the person’s own helper', async () => {
    const pot = new PotVerifier(createInlinePool(), full);
    const gpu = helperOf(async (slots) => slots.map(() => null));
    pot.useAccelerator({ verifier: gpu, gain: 9 });
    pot.useHelper(helperOf(async (slots) => slots.map(() => null)));
    expect((await pot.verify([honest[0]!], catchUp)).mode).toBe('helper');
    expect(gpu.verify).not.toHaveBeenCalled();
  });
});

test('the speed is that of whoever verifies now', async () => {
  const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
  expect(pot.stats()).toMatchObject({ iterationsPerSecond: 0, walker: '' });
  await pot.verify([honest[0]!], head);
  const own = pot.stats().iterationsPerSecond;
  expect(own).toBeGreaterThan(0);
  pot.useHelper(helperOf(async (slots) => slots.map(() => null)));
  expect(pot.stats().iterationsPerSecond).toBe(0);
  pot.useHelper(null);
  expect(pot.stats().iterationsPerSecond).toBe(own);
});
