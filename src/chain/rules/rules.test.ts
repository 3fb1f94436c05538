import { describe, expect, it } from 'vitest';
import { PUBLIC_CONSTANTS } from '../../network/presets.ts';
import { pieceIndexOfSolution } from '../../protocol/solution-check.ts';
import type { Header, SubspaceDigests } from '../../protocol/types.ts';
import type { Block, BlockContext } from '../block.ts';
import { genesisContext } from '../genesis.ts';
import { checkNumber, checkParent, checkSlot } from './ancestry.ts';
import { derive } from './import.ts';
import { claimedSlots } from './proof-of-time.ts';
import { checkRootPlotUpdate } from './root-plot.ts';
import { checkSegmentCommitments, pieceCheckOf } from './segments.ts';
import { checkNextSolutionRange } from './solution-range.ts';

const ERA = PUBLIC_CONSTANTS.eraDurationInBlocks;
const RANGE = 1n << 60n;

const HEADER: Header = {
  parentHash: new Uint8Array(32),
  number: 0,
  stateRoot: new Uint8Array(32),
  extrinsicsRoot: new Uint8Array(32),
  digest: [],
};

const DIGESTS: SubspaceDigests = {
  preDigest: {
    slot: 0n,
    solution: {
      publicKey: new Uint8Array(32),
      rewardAddress: new Uint8Array(32),
      sectorIndex: 0,
      historySize: 1n,
      pieceOffset: 0,
      recordCommitment: new Uint8Array(48),
      recordWitness: new Uint8Array(48),
      chunk: new Uint8Array(32),
      chunkWitness: new Uint8Array(48),
      proofOfSpace: new Uint8Array(160),
    },
    proofOfTime: new Uint8Array(16),
    futureProofOfTime: new Uint8Array(16),
  },
  seal: null,
  potSlotIterations: 16,
  solutionRange: RANGE,
  potParametersChange: null,
  nextSolutionRange: null,
  segmentCommitments: [],
  enableSolutionRangeAdjustment: null,
  rootPlotPublicKeyUpdate: null,
};

function block(number: number, slot: bigint, digests: Partial<SubspaceDigests> = {}): Block {
  return {
    header: { ...HEADER, number },
    hash: new Uint8Array(32),
    digests: { ...DIGESTS, preDigest: { ...DIGESTS.preDigest, slot }, ...digests },
    justification: { seed: new Uint8Array(16), checkpoints: [] },
  };
}

function parentAt(number: number, changes: Partial<BlockContext> = {}): BlockContext {
  const genesis = genesisContext({
    header: HEADER,
    solutionRange: RANGE,
    potSlotIterations: 16,
    externalEntropy: '',
    restricted: false,
    adjusting: false,
    firstCommitment: null,
  });
  return { ...genesis, number, ...changes };
}

const check = (child: Block, parent: BlockContext) => checkNextSolutionRange(child, parent, PUBLIC_CONSTANTS);
const after = (child: Block, parent: BlockContext) => derive(child, parent, PUBLIC_CONSTANTS, []);

describe('the place of a block', () => {
  const parent = parentAt(7, { hash: new Uint8Array(32).fill(7), slot: 40n });
  const childOf = (parentHash: Uint8Array): Block => {
    const child = block(8, 41n);
    return { ...child, header: { ...child.header, parentHash } };
  };

  it('is on its parent, whole', () => {
    checkParent(childOf(parent.hash), parent);
    for (let at = 0; at < 32; at += 1) {
      const other = parent.hash.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(() => checkParent(childOf(other), parent)).toThrow('parent-known');
    }
  });

  it('is the next number', () => {
    checkNumber(block(8, 41n), parent);
    for (const number of [0, 6, 7, 9, 2 ** 32 - 1])
      expect(() => checkNumber(block(number, 41n), parent)).toThrow('number');
  });

  it('is a later slot, however much later', () => {
    for (const slot of [41n, 2n ** 64n - 1n]) checkSlot(block(8, slot), parent);
    for (const slot of [0n, 39n, 40n])
      expect(() => checkSlot(block(8, slot), parent)).toThrow('slot-increase');
  });
});

describe('the weight of a branch', () => {
  it('grows with every block, and by more where fewer solutions win', () => {
    const parent = parentAt(7, { weight: 1_000n });
    const easy = after(block(8, 41n), parent).weight - parent.weight;
    const hard = after(block(8, 41n, { solutionRange: RANGE / 2n }), parent).weight - parent.weight;
    expect(easy).toBe(2n ** 64n - 1n - RANGE);
    expect(hard).toBe(2n ** 64n - 1n - RANGE / 2n);
  });
});

describe('the last block of an era', () => {
  const slot = 20_000n;
  const enable = { override: null };

  it('adjusts only what was enabled before it, since the era ends before its extrinsics', () => {
    const parent = parentAt(ERA - 1);
    const kept = block(ERA, slot, { nextSolutionRange: RANGE, enableSolutionRangeAdjustment: enable });
    check(kept, parent);
    const context = after(kept, parent);
    expect(context).toMatchObject({ adjusting: true, rangeOverride: null, eraStartSlot: slot });
    expect(context.childSolutionRange).toBe(RANGE);

    const adjusted = (RANGE * slot) / BigInt(ERA) / 6n;
    const early = block(ERA, slot, { nextSolutionRange: adjusted, enableSolutionRangeAdjustment: enable });
    expect(() => check(early, parent)).toThrow('next-solution-range-digest');
    check(block(ERA, slot, { nextSolutionRange: adjusted }), parentAt(ERA - 1, { adjusting: true }));
  });

  it('takes an override at once, and the era after it is adjusted again', () => {
    const parent = parentAt(ERA - 1);
    const override = RANGE * 2n;
    const overridden = block(ERA, slot, {
      nextSolutionRange: override,
      enableSolutionRangeAdjustment: { override },
    });
    check(overridden, parent);
    const context = after(overridden, parent);
    expect(context).toMatchObject({ adjusting: true, rangeOverride: null, childSolutionRange: override });
  });

  it('uses up an override of its era', () => {
    const override = RANGE * 2n;
    const inside = block(ERA - 5, slot, {
      nextSolutionRange: override,
      enableSolutionRangeAdjustment: { override },
    });
    check(inside, parentAt(ERA - 6));
    const context = after(inside, parentAt(ERA - 6));
    expect(context).toMatchObject({ adjusting: true, rangeOverride: override, childSolutionRange: override });
    const end = block(ERA, slot + 9n, { solutionRange: override, nextSolutionRange: override });
    check(end, context);
    expect(after(end, context).rangeOverride).toBeNull();
    const never = block(ERA, slot + 9n, { solutionRange: override });
    expect(() => check(never, context)).toThrow('next-solution-range-digest');
    const between = after(block(ERA - 4, slot + 1n, { solutionRange: override }), context);
    check(end, { ...between, number: ERA - 1 });
    expect(between.rangeOverride).toBe(override);
  });
});

describe('adjustment of the solution range', () => {
  it('is enabled once', () => {
    const enabling = block(7, 9n, { enableSolutionRangeAdjustment: { override: null } });
    check(enabling, parentAt(6));
    expect(() => check(enabling, parentAt(6, { adjusting: true }))).toThrow('next-solution-range-digest');
  });
});

describe('the root plot', () => {
  const open = block(7, 9n, { rootPlotPublicKeyUpdate: { key: null } });
  const set = block(7, 9n, { rootPlotPublicKeyUpdate: { key: new Uint8Array(32) } });

  it('may be lifted by any block, also where there is none, and never set by a later one', () => {
    for (const rootPlotKey of [null, new Uint8Array(32)]) {
      const parent = parentAt(6, { rootPlotKey });
      checkRootPlotUpdate(open, parent);
      expect(after(open, parent).rootPlotKey).toBeNull();
      expect(() => checkRootPlotUpdate(set, parent)).toThrow('root-plot-public-key-digest');
    }
  });

  it('is its author’s from the first block of a restricted network on, which may not open it', () => {
    const parent = parentAt(0, { expectsRootPlotKey: true });
    checkRootPlotUpdate(set, parent);
    expect(after(set, parent)).toMatchObject({ rootPlotKey: new Uint8Array(32), expectsRootPlotKey: false });
    expect(() => checkRootPlotUpdate(open, parent)).toThrow('root-plot-public-key-digest');
  });
});

describe('entropy of earlier blocks', () => {
  it('is kept for as many intervals as it takes to be injected, and no longer', () => {
    const { potEntropyInjectionInterval: interval, potEntropyInjectionLookbackDepth: depth } =
      PUBLIC_CONSTANTS;
    let context = parentAt(0);
    for (let number = 1; number <= 9 * interval; number += 1)
      context = after(block(number, BigInt(number)), context);
    const numbers = context.entropies.map((one) => one.number);
    expect(numbers).toEqual(Array.from({ length: depth + 1 }, (_, index) => (9 - depth + index) * interval));
  });
});

const commitment = (fill: number) => new Uint8Array(48).fill(fill);

describe('announced segments', () => {
  const announcing = (number: number, ...segments: [index: bigint, fill: number][]) =>
    block(number, 9n, {
      segmentCommitments: segments.map(([segmentIndex, fill]) => ({
        segmentIndex,
        commitment: commitment(fill),
      })),
    });
  const checkAll = (child: Block, parent: BlockContext) =>
    checkSegmentCommitments(child, parent, PUBLIC_CONSTANTS);
  const two = parentAt(999, { commitments: [commitment(1), commitment(2)] });

  it('continue the sequence, any number in one block', () => {
    const child = announcing(1000, [2n, 3], [3n, 4]);
    checkAll(child, two);
    expect(after(child, two).commitments).toEqual([1, 2, 3, 4].map(commitment));
    for (const wrong of [[1n], [3n], [2n, 2n], [2n, 4n], [3n, 2n]]) {
      const segments = wrong.map((index): [bigint, number] => [index, 7]);
      expect(() => checkAll(announcing(1000, ...segments), two)).toThrow('segment-commitment-digest');
    }
  });

  it('are no more than blocks as deep as archived ones can fill', () => {
    const parent = (number: number) => parentAt(number, { commitments: [commitment(1)] });
    // 25 blocks of 5 MiB and a header of 64 KiB are the first to fill a segment of 124 MiB.
    checkAll(announcing(125, [1n, 2]), parent(124));
    expect(() => checkAll(announcing(124, [1n, 2]), parent(123))).toThrow('segment-commitment-digest');
    expect(() => checkAll(announcing(125, [1n, 2], [2n, 3]), parent(124))).toThrow(
      'segment-commitment-digest',
    );
    checkAll(announcing(1, [0n, 1]), parentAt(0));
  });

  it('begin with the segment of the genesis block, where that is known', () => {
    const known = parentAt(0, { firstCommitment: commitment(1) });
    checkAll(announcing(1, [0n, 1]), known);
    expect(() => checkAll(announcing(1, [0n, 2]), known)).toThrow('segment-commitment-digest');
    checkAll(announcing(1, [0n, 2]), parentAt(0));
    // A later block could announce another one instead, which nothing would be compared with any more.
    for (const parent of [known, parentAt(0)])
      expect(() => checkAll(announcing(1), parent)).toThrow('segment-commitment-digest');
  });
});

describe('the piece of a solution', () => {
  const parent = parentAt(6, { commitments: [commitment(1)] });
  const { preDigest } = DIGESTS;
  /** A solution of history 2 whose piece lies in segment 1. */
  const solution = Array.from({ length: 64 }, (_, sectorIndex) => ({
    ...preDigest.solution,
    sectorIndex,
    historySize: 2n,
  })).find((candidate) => pieceIndexOfSolution(candidate, PUBLIC_CONSTANTS) >= 256n)!;
  const won = { preDigest: { ...preDigest, slot: 9n, solution } };

  it('may lie in a segment that its own block announces', () => {
    const announcing = block(7, 9n, {
      ...won,
      segmentCommitments: [{ segmentIndex: 1n, commitment: commitment(2) }],
    });
    const pieceCheck = pieceCheckOf(announcing, parent, PUBLIC_CONSTANTS);
    expect(pieceCheck.segmentCommitment).toEqual(commitment(2));
    expect(pieceCheck.currentHistorySize).toBe(1n);
  });

  it('lies in no segment that nobody announced, nor in one out of sequence', () => {
    const without = block(7, 9n, won);
    expect(() => pieceCheckOf(without, parent, PUBLIC_CONSTANTS)).toThrow('segment-commitment-known');
    const gap = block(7, 9n, {
      ...won,
      segmentCommitments: [{ segmentIndex: 2n, commitment: commitment(2) }],
    });
    expect(() => pieceCheckOf(gap, parent, PUBLIC_CONSTANTS)).toThrow('segment-commitment-known');
  });

  it('lies in segment 0 before any block announced it', () => {
    const first = { preDigest: { ...preDigest, slot: 9n } };
    const unknown = () => pieceCheckOf(block(1, 9n, first), parentAt(0), PUBLIC_CONSTANTS);
    expect(unknown).toThrow('segment-commitment-known');
    const known = parentAt(0, { firstCommitment: commitment(1) });
    const pieceCheck = pieceCheckOf(block(1, 9n, first), known, PUBLIC_CONSTANTS);
    expect(pieceCheck.segmentCommitment).toEqual(commitment(1));
    expect(pieceCheck.currentHistorySize).toBe(1n);
  });

  it('expires by the last segment of the least lifetime after its sector’s history', () => {
    const { minSectorLifetime } = PUBLIC_CONSTANTS;
    const decisive = Number(solution.historySize + minSectorLifetime);
    const known = Array.from({ length: decisive + 1 }, (_, index) => commitment(index + 1));
    const expiryAt = (commitments: Uint8Array[], announced: SubspaceDigests['segmentCommitments'] = []) => {
      const child = block(7, 9n, { ...won, segmentCommitments: announced });
      return pieceCheckOf(child, parentAt(6, { commitments }), PUBLIC_CONSTANTS).expirySegmentCommitment;
    };
    expect(expiryAt(known)).toEqual(commitment(decisive));
    expect(expiryAt(known.slice(0, decisive))).toEqual(commitment(decisive));
    expect(expiryAt(known.slice(0, decisive - 1))).toBeNull();
    const announced = [{ segmentIndex: BigInt(decisive - 1), commitment: commitment(99) }];
    expect(expiryAt(known.slice(0, decisive - 1), announced)).toEqual(commitment(99));
  });
});

describe('the slots of a justification', () => {
  it('end with the block’s slot and the delay, and begin with slot 1 at the earliest', () => {
    const { blockAuthoringDelay } = PUBLIC_CONSTANTS;
    const claimed = (slot: bigint, count: number) => {
      const child = block(1, slot);
      const checkpoints = Array.from({ length: count }, () => new Uint8Array(128));
      return claimedSlots(
        { ...child, justification: { ...child.justification, checkpoints } },
        blockAuthoringDelay,
      ).map((one) => one.slot);
    };
    expect(claimed(2n, 6)).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
    expect(claimed(2n, 1)).toEqual([6n]);
    expect(() => claimed(2n, 7)).toThrow('pot-checkpoints');
  });

  it('are walked at the new pace from the very slot on at which it changes', () => {
    const delay = PUBLIC_CONSTANTS.blockAuthoringDelay;
    // Slots 40 to 45, at 16 iterations before the change.
    for (let slot = 38n; slot <= 47n; slot += 1n) {
      const change = { slot, slotIterations: 32, entropy: new Uint8Array(32) };
      const child = block(1, 45n - BigInt(delay), { potParametersChange: change });
      const checkpoints = Array.from({ length: 6 }, () => new Uint8Array(128));
      const claimed = claimedSlots(
        { ...child, justification: { ...child.justification, checkpoints } },
        delay,
      );
      expect(claimed.map((one) => one.iterations)).toEqual(claimed.map((one) => (one.slot < slot ? 16 : 32)));
    }
  });
});
