import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromHex, toHex } from '../src/protocol/bytes.ts';
import { nextPotInput, slotOutput, type PotInput } from '../src/protocol/pot.ts';
import { CODE, honest, ScriptedHelper, type Script } from '../tests/support/scripted-helper.ts';
import { eventually } from '../tests/support/waiting.ts';
import { helperIsBuilt, startHelper } from './helper-program.ts';
import { HelperWalker, type FindHelper, type HelperWalkerOptions } from './helper-walker.ts';
import { watchingLateness } from './lateness.ts';
import { MemorySlotLog } from './slot-log.ts';
import { TestNetwork } from './testing/test-network.ts';
import { Timekeeper, type WalkSlot } from './timekeeper.ts';
import { walkSlot } from './walk.ts';

const SEED = new Uint8Array(16).fill(7);

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const walking: Script = (asked, paired) => {
  const { id, method, params } = asked;
  if (method !== 'prove' || !paired) return honest(asked, paired);
  return { id, result: { checkpoints: toHex(walkSlot(fromHex(params.seed!), params.iterations!)) } };
};

async function scripted(script: Script = walking, port = 0): Promise<ScriptedHelper> {
  const helper = await ScriptedHelper.start(script, { port });
  ends.push(() => helper.stop());
  return helper;
}

interface Kept {
  walker: HelperWalker;
  fallback: WalkSlot;
  lines: string[];
}

async function keep(find: FindHelper, options: Partial<HelperWalkerOptions> = {}): Promise<Kept> {
  const lines: string[] = [];
  const fallback = vi.fn<WalkSlot>((seed, iterations) => Promise.resolve(walkSlot(seed, iterations)));
  const log = (line: string): void => void lines.push(line);
  const walker = await HelperWalker.start({ find, fallback, log, retryMs: 20, ...options });
  ends.push(() => walker.close());
  return { walker, fallback, lines };
}

const at =
  (port: number, code = CODE): FindHelper =>
  () =>
    Promise.resolve({ url: `ws://127.0.0.1:${port}`, code });

describe('HelperWalker', () => {
  it('walks by the helper, by itself when the helper is gone, and by the helper again', async () => {
    const helper = await scripted();
    const { walker, fallback, lines } = await keep(at(helper.port));
    const expected = walkSlot(SEED, 3200);
    expect(await walker.walk(SEED, 3200)).toEqual(expected);
    expect(fallback).not.toHaveBeenCalled();
    const { port } = helper;
    await helper.stop();
    expect(await walker.walk(SEED, 3200)).toEqual(expected);
    expect(fallback).toHaveBeenCalledOnce();
    expect(lines).toEqual([
      expect.stringContaining('The helper keeps time'),
      expect.stringContaining('The network walks by itself'),
    ]);
    await scripted(walking, port);
    await eventually(() => expect(lines).toHaveLength(3));
    expect(await walker.walk(SEED, 3200)).toEqual(expected);
    expect(fallback).toHaveBeenCalledOnce();
  });

  const other: Script = ({ id }) => ({ id, result: 'hello' });
  const wrong: Script = (asked, paired) =>
    asked.method === 'prove' && paired
      ? { id: asked.id, result: { checkpoints: '00'.repeat(128) } }
      : honest(asked, paired);
  const short: Script = (asked, paired) =>
    asked.method === 'prove' && paired
      ? { id: asked.id, result: { checkpoints: '00' } }
      : honest(asked, paired);
  it.each<[string, Script, string, string]>([
    ['another program', other, CODE, 'another program answers there'],
    ['what is not JSON', () => '<html>', CODE, 'not JSON'],
    ['one that walks wrongly', wrong, CODE, 'it walks wrongly'],
    ['one that answers too little', short, CODE, 'helper-walk'],
    ['another code', walking, 'f'.repeat(32), 'another code'],
  ])('does not take time from %s', async (_, script, code, reason) => {
    const helper = await scripted(script);
    const { walker, lines } = await keep(at(helper.port, code));
    expect(lines).toEqual([expect.stringContaining(reason)]);
    expect(await walker.walk(SEED, 160)).toEqual(walkSlot(SEED, 160));
  });

  it('tells the code to nobody but a helper', async () => {
    const helper = await scripted(other);
    await keep(at(helper.port));
    expect(helper.asked.map(({ method }) => method)).toContain('info');
    expect(JSON.stringify(helper.asked)).not.toContain(CODE);
  });

  it('keeps the time of a local network, whose blocks its own rules accept', async () => {
    const helper = await scripted();
    const timeSource = { url: `ws://127.0.0.1:${helper.port}`, code: CODE };
    const network = await TestNetwork.start({ timeSource });
    ends.push(() => network.remove());
    await network.reach(8);
    const { timekeeper } = network.network;
    const proof = timekeeper.proofAt(timekeeper.slot)!;
    expect(proof.checkpoints).toEqual(walkSlot(proof.seed, proof.iterations));
    expect(helper.asked.filter(({ method }) => method === 'prove').length).toBeGreaterThan(8);
    expect(network.lines[0]).toContain('The helper keeps time');
  });
});

describe.skipIf(!helperIsBuilt())('the real helper', () => {
  it('keeps time over a change of iterations with entropy, and through the end of the program', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'allotment-helper-'));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const started: { stop(): void }[] = [];
    const find = async (): ReturnType<FindHelper> => {
      const helper = await startHelper(['--code-file', join(folder, 'code')], 0);
      started.push(helper);
      return helper;
    };
    const { walker, fallback, lines } = await keep(find);
    const first: PotInput = { slot: 1n, seed: SEED, iterations: 1_600_000 };
    const change = { slot: 4n, slotIterations: 3_200_000, entropy: new Uint8Array(32).fill(1) };
    const timekeeper = new Timekeeper(
      { pace: () => pause(1), walk: walker.walk, log: new MemorySlotLog() },
      first,
    );
    const tip = { slot: 1n, output: slotOutput(walkSlot(SEED, 1_600_000)), iterations: 1_600_000, change };
    timekeeper.follow(tip);
    timekeeper.start();
    ends.push(() => timekeeper.stop());
    await eventually(() => expect(timekeeper.slot).toBeGreaterThanOrEqual(6n));
    expect(fallback).not.toHaveBeenCalled();
    let input = nextPotInput(1n, first.iterations, tip.output, change);
    while (input.slot <= 6n) {
      const { checkpoints, ...found } = timekeeper.proofAt(input.slot)!;
      expect(found).toEqual(input);
      expect(checkpoints).toEqual(walkSlot(input.seed, input.iterations));
      input = nextPotInput(input.slot, input.iterations, slotOutput(checkpoints), change);
    }
    expect(input.iterations).toBe(3_200_000);
    started[0]!.stop();
    await eventually(() => expect(lines).toHaveLength(3));
    expect(lines[1]).toContain('The network walks by itself');
    expect(started.length).toBeGreaterThan(1);
  });
});

describe('watchingLateness', () => {
  it('says once that time falls behind, and once that it keeps up again', async () => {
    let clock = 0;
    let took = 0;
    const lines: string[] = [];
    const slow: WalkSlot = () => {
      clock += took;
      return Promise.resolve(new Uint8Array(128));
    };
    const log = (line: string): void => void lines.push(line);
    const walk = watchingLateness(slow, { slotDurationMs: 1000, log, now: () => clock });
    const slots = async (...milliseconds: number[]): Promise<void> => {
      for (took of milliseconds) await walk(SEED, 160);
    };
    await slots(500, 1500, 1500, 500, 1500, 1500);
    expect(lines).toEqual([]);
    await slots(3100, 1500, 1500, 1500, 500, 500, 1500);
    expect(lines).toEqual([
      'Time falls behind: the 160 iterations of a slot take 3.1 s, a slot lasts 1.0 s.',
    ]);
    await slots(500, 500, 500, 500);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('Time keeps up again.');
  });
});
