import { mkdtempSync, rmSync, truncateSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { webCryptoWalker } from '../src/crypto/pot.ts';
import type { PotProof } from '../src/protocol/pot-proof.ts';
import { nextPotInput, slotOutput, type PotInput } from '../src/protocol/pot.ts';
import { MemorySlotLog, SlotFile, type SlotLog } from './slot-log.ts';
import { Timekeeper, type WalkSlot } from './timekeeper.ts';
import { walkSlot } from './walk.ts';

const FIRST: PotInput = { slot: 1n, seed: new Uint8Array(16).fill(7), iterations: 160 };
const walk: WalkSlot = (seed, iterations) => Promise.resolve(walkSlot(seed, iterations));

/** A timekeeper that makes `slots` proofs and then waits. */
async function keepTime(slots: number, log: SlotLog = new MemorySlotLog()): Promise<Timekeeper> {
  let left = slots;
  let done: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const pace = (signal: AbortSignal): Promise<void> => {
    if (left-- > 0) return Promise.resolve();
    done();
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
  };
  const timekeeper = new Timekeeper({ pace, walk, log }, FIRST);
  timekeeper.follow(null);
  timekeeper.start();
  await finished;
  return timekeeper;
}

describe('walkSlot', () => {
  it('gives the checkpoints that WebCrypto gives', async () => {
    for (const iterations of [16, 160, 131_072 * 2]) {
      expect(walkSlot(FIRST.seed, iterations)).toEqual(await webCryptoWalker.prove(FIRST.seed, iterations));
    }
    expect(() => walkSlot(FIRST.seed, 24)).toThrow('pot-iterations');
  });
});

describe('Timekeeper', () => {
  it('walks one slot after the other', async () => {
    const timekeeper = await keepTime(5);
    let input = FIRST;
    for (let slot = 1n; slot <= 5n; slot += 1n) {
      const { checkpoints, ...found } = timekeeper.proofAt(slot)!;
      expect(found).toEqual(input);
      expect(checkpoints).toEqual(walkSlot(input.seed, input.iterations));
      input = nextPotInput(slot, input.iterations, slotOutput(checkpoints), null);
    }
    await timekeeper.stop();
  });

  it('keeps proofs that the best block agrees with and drops others', async () => {
    const timekeeper = await keepTime(10);
    const tip = { slot: 3n, output: timekeeper.outputAt(3n)!, iterations: FIRST.iterations, change: null };
    timekeeper.follow(tip);
    expect(timekeeper.slot).toBe(10n);
    const change = { slot: 7n, slotIterations: 320, entropy: new Uint8Array(32).fill(1) };
    timekeeper.follow({ ...tip, change });
    expect(timekeeper.slot).toBe(6n);
    expect(timekeeper.proofAt(7n)).toBeNull();
    await timekeeper.stop();
  });

  it('goes on with the slot after a jump to another branch', async () => {
    const made: PotProof[] = [];
    const timekeeper = await keepTime(3);
    timekeeper.onProof((proof) => made.push(proof));
    const output = new Uint8Array(16).fill(9);
    timekeeper.follow({ slot: 20n, output, iterations: 320, change: null });
    expect(timekeeper.slot).toBe(20n);
    await timekeeper.stop();
  });
});

describe('SlotFile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'allotment-slots-'));
  const path = join(folder, 'slots.log');
  afterEach(() => rmSync(path, { force: true }));

  it('gives back what was appended, without what was truncated or torn', async () => {
    const log = new SlotFile(path);
    const timekeeper = await keepTime(6, log);
    const proofs = [1n, 2n, 3n, 4n, 5n, 6n].map((slot) => timekeeper.proofAt(slot)!);
    await timekeeper.stop();
    const again = new SlotFile(path);
    expect(again.read()).toEqual(proofs);
    again.truncateFrom(5n);
    again.close();
    const shorter = new SlotFile(path);
    expect(shorter.read()).toEqual(proofs.slice(0, 4));
    shorter.close();
    truncateSync(path, statSync(path).size - 1);
    const torn = new SlotFile(path);
    expect(torn.read()).toEqual(proofs.slice(0, 3));
    torn.append(proofs[3]!);
    torn.close();
    const mended = new SlotFile(path);
    expect(mended.read()).toEqual(proofs.slice(0, 4));
    mended.close();
  });
});
