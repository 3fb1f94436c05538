import { beforeAll, expect, test, vi } from 'vitest';
import { eventually } from '../../tests/support/waiting.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { webCryptoWalker } from '../crypto/pot.ts';
import { PotVerifier } from '../crypto/pot-verifier.ts';
import { loadWasm } from '../crypto/wasm.ts';
import type { PotProof } from '../protocol/pot-proof.ts';
import { nextSeed, slotOutput, type PotInput } from '../protocol/pot.ts';
import type { BlockContext } from './block.ts';
import type { Peer } from './peer.ts';
import { TimeAhead } from './time-ahead.ts';

const ITERATIONS = 1600;
/** Slot up to which the head proves time. */
const PROVEN = 100n;
const ENTROPY = new Uint8Array(16).fill(7);
/** Entropy comes in with this slot. */
const CHANGE = { slot: 104n, slotIterations: 3200, entropy: ENTROPY };
const [anna, ben] = [{ name: 'anna' }, { name: 'ben' }] as unknown as [Peer, Peer];
let proofs: PotProof[];

beforeAll(async () => {
  await loadWasm();
  proofs = [];
  let input: PotInput = { slot: PROVEN + 1n, seed: new Uint8Array(16).fill(1), iterations: ITERATIONS };
  for (let left = 6; left > 0; left -= 1) {
    const checkpoints = await webCryptoWalker.prove(input.seed, input.iterations);
    proofs.push({ ...input, checkpoints });
    const slot = input.slot + 1n;
    const output = slotOutput(checkpoints);
    input =
      slot === CHANGE.slot
        ? { slot, seed: nextSeed(output, ENTROPY), iterations: CHANGE.slotIterations }
        : { slot, seed: output, iterations: input.iterations };
  }
});

function contextAt(index: number): BlockContext {
  const proven = proofs[index - 1];
  return {
    provenSlot: PROVEN + BigInt(index),
    provenOutput: proven === undefined ? proofs[0]!.seed : slotOutput(proven.checkpoints),
    childSlotIterations: proven?.iterations ?? ITERATIONS,
    change: CHANGE,
  } as BlockContext;
}

function setUp() {
  const world = { head: contextAt(0) as BlockContext | null, lies: [] as [Peer, string][] };
  const pot = new PotVerifier(createInlinePool(), { mode: 'full' });
  const verify = vi.spyOn(pot, 'verify');
  const ahead = new TimeAhead({
    pot,
    share: () => ({ mode: 'full' }),
    head: () => world.head,
    changed: () => undefined,
    lied: (peer, error) => world.lies.push([peer, error.rule]),
    signal: new AbortController().signal,
  });
  const reached = (slot: bigint | null) => eventually(() => expect(ahead.slot()).toBe(slot));
  return { world, pot, verify, ahead, reached };
}

const broken = (proof: PotProof): PotProof => {
  const checkpoints = proof.checkpoints.slice();
  checkpoints[3]! ^= 1;
  return { ...proof, checkpoints };
};

test('proofs are verified in order, whatever order they come in, over a change of the parameters', async () => {
  const { ahead, reached, verify } = setUp();
  for (const proof of proofs.toReversed()) ahead.heard(anna, proof);
  for (const proof of proofs) ahead.heard(ben, proof);
  await reached(PROVEN + 6n);
  expect(verify.mock.calls.map(([[slot]]) => slot!.slot)).toEqual(proofs.map(({ slot }) => slot));
});

test('who gossips a false proof is named, and another one’s is taken', async () => {
  const { ahead, reached, world } = setUp();
  ahead.heard(anna, broken(proofs[0]!));
  ahead.heard(ben, proofs[0]!);
  await reached(PROVEN + 1n);
  expect(world.lies).toEqual([[anna, 'pot-checkpoints']]);
});

test('what does not follow from the head is neither walked nor held against anybody', async () => {
  const { ahead, verify, world } = setUp();
  const other = { ...proofs[0]!, seed: new Uint8Array(16) };
  for (const proof of [other, proofs[1]!, { ...proofs[0]!, slot: 4n }, { ...proofs[0]!, slot: 10n ** 9n }])
    ahead.heard(anna, proof);
  await Promise.resolve();
  expect(verify).not.toHaveBeenCalled();
  expect(world.lies).toEqual([]);
  expect(ahead.slot()).toBeNull();
});

test('a head that moves on keeps what is still ahead of it, and one on another branch drops it', async () => {
  const { ahead, reached, world, verify } = setUp();
  for (const proof of proofs.slice(0, 4)) ahead.heard(anna, proof);
  await reached(PROVEN + 4n);
  world.head = contextAt(2);
  ahead.headChanged();
  expect(ahead.slot()).toBe(PROVEN + 4n);
  expect(verify).toHaveBeenCalledTimes(4);
  world.head = { ...contextAt(2), provenOutput: new Uint8Array(16).fill(9) };
  ahead.headChanged();
  expect(ahead.slot()).toBeNull();
  world.head = null;
  ahead.headChanged();
  ahead.heard(anna, proofs[0]!);
  expect(ahead.slot()).toBeNull();
});

test('a verification that fails for no fault of the peer is no lie', async () => {
  const { ahead, world, verify } = setUp();
  verify.mockRejectedValueOnce(new Error('the pool closed'));
  ahead.heard(anna, proofs[0]!);
  await eventually(() => expect(verify).toHaveBeenCalled());
  expect(world.lies).toEqual([]);
});

test('a proof that holds counts although the head moved on while it was walked, if it still comes next', async () => {
  const { ahead, reached, world, pot, verify } = setUp();
  const walk = pot.verify.bind(pot);
  verify.mockRestore();
  vi.spyOn(pot, 'verify').mockImplementationOnce(async (slots, options) => {
    const verdict = await walk(slots, options);
    // Another block that proves as much time.
    world.head = contextAt(0);
    return verdict;
  });
  ahead.heard(anna, proofs[0]!);
  await reached(PROVEN + 1n);
  expect(world.lies).toEqual([]);
});

test('what cannot be judged yet is kept for 64 slots, four proofs of each, one of a peer', async () => {
  const other = { ...proofs[0]!, seed: new Uint8Array(16) };
  const peers = ['carl', 'dora', 'emil', 'fritz'].map((name) => ({ name }) as unknown as Peer);
  const verified = async (heard: (ahead: TimeAhead) => void, moved: Partial<BlockContext> = {}) => {
    const { ahead, world, verify } = setUp();
    world.head = { ...contextAt(0), change: null };
    heard(ahead);
    world.head = { ...world.head, ...moved };
    ahead.headChanged();
    await Promise.resolve();
    return verify.mock.calls.length;
  };
  for (const [places, calls] of [
    [3, 1],
    [4, 0],
  ] as const) {
    const seen = await verified((ahead) => {
      for (const peer of peers.slice(0, places)) ahead.heard(peer, other);
      ahead.heard(ben, proofs[0]!);
    });
    expect([places, seen]).toEqual([places, calls]);
  }
  const twice = await verified((ahead) => {
    ahead.heard(ben, other);
    ahead.heard(ben, proofs[0]!);
  });
  expect(twice).toBe(0);
  for (const [slot, calls] of [
    [PROVEN + 64n, 1],
    [PROVEN + 65n, 0],
  ] as const) {
    const seen = await verified((ahead) => ahead.heard(anna, { ...proofs[0]!, slot }), {
      provenSlot: slot - 1n,
    });
    expect([slot, seen]).toEqual([slot, calls]);
  }
});
