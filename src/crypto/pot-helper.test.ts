import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createInlinePool } from './pool/inline.ts';
import type { PotSlot } from './pot-slot.ts';
import { catchUp, forged, head, helperOf, honestSlots, ITERATIONS, recording } from './pot-testing.ts';
import { PotVerifier } from './pot-verifier.ts';
import { loadWasm } from './wasm.ts';

let honest: PotSlot[];

beforeAll(async () => {
  await loadWasm();
  honest = await honestSlots();
});
afterEach(() => void vi.restoreAllMocks());

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
