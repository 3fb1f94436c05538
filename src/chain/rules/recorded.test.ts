/** The rules against the parent alone, on every recorded block as it is, and with one thing in it changed. */
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  recordedChain,
  recordedContinuation,
  type RecordedBlock,
} from '../../../tests/support/recorded-chain.ts';
import { PUBLIC_CONSTANTS } from '../../network/presets.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { SubspaceDigests } from '../../protocol/types.ts';
import { blockId, type Block, type BlockContext } from '../block.ts';
import { genesisContext } from '../genesis.ts';
import { readBlock } from './header.ts';
import { checkAfterSolution, checkBeforeSolution, contextAfter } from './import.ts';

interface Step {
  block: Block;
  parent: BlockContext;
}

function check({ block, parent }: Step): void {
  checkBeforeSolution(block, parent, PUBLIC_CONSTANTS);
  checkAfterSolution(block, parent, PUBLIC_CONSTANTS);
}

/** The blocks of a chain, each with what its parent handed to it. All of them pass the rules. */
function replayed(genesis: BlockContext, blocks: readonly RecordedBlock[]): Step[] {
  const contexts = new Map([[blockId(genesis.hash), genesis]]);
  return blocks.map((recorded) => {
    const block = readBlock(recorded);
    const parent = contexts.get(blockId(block.header.parentHash));
    if (parent === undefined) throw new Error(`block ${recorded.number} has no parent`);
    check({ block, parent });
    contexts.set(blockId(block.hash), contextAfter(block, parent, PUBLIC_CONSTANTS));
    return { block, parent };
  });
}

function ruleOf(step: Step): string | null {
  try {
    check(step);
    return null;
  } catch (error) {
    if (error instanceof ProtocolError) return error.rule;
    throw error;
  }
}

let steps: Step[];
beforeAll(() => {
  const chain = recordedChain('chain');
  const forks = recordedChain('forks');
  steps = [
    ...replayed(genesisContext(chain.facts), [...chain.blocks, ...recordedContinuation()]),
    ...replayed(genesisContext(forks.facts), forks.blocks),
  ];
});

const flipped = (bytes: Uint8Array, at: number) =>
  bytes.map((byte, index) => (index === at % bytes.length ? byte ^ 1 : byte));
const withDigests = (block: Block, digests: Partial<SubspaceDigests>): Block => ({
  ...block,
  digests: { ...block.digests, ...digests },
});
const withPreDigest = (block: Block, change: Partial<SubspaceDigests['preDigest']>): Block =>
  withDigests(block, { preDigest: { ...block.digests.preDigest, ...change } });

/** Changes of a block, `n` a number of the test's choice, and the rules of which one refuses it; null: none to make. */
type Change = (step: Step, n: number) => Block | null;
const CHANGES: Record<string, [rules: string[], Change]> = {
  'another parent': [
    ['parent-known'],
    ({ block }, n) => ({
      ...block,
      header: { ...block.header, parentHash: flipped(block.header.parentHash, n) },
    }),
  ],
  'another number': [
    ['number'],
    ({ block }, n) => ({ ...block, header: { ...block.header, number: block.header.number + 1 + n } }),
  ],
  'a slot that has passed': [
    ['slot-increase'],
    ({ block, parent }, n) => {
      const slot = parent.slot - BigInt(n);
      return slot < 0n ? null : withPreDigest(block, { slot });
    },
  ],
  'another range': [
    ['solution-range-digest'],
    ({ block }, n) => withDigests(block, { solutionRange: block.digests.solutionRange + 1n + BigInt(n) }),
  ],
  'another proof of its slot': [
    ['pot-output'],
    ({ block }, n) => withPreDigest(block, { proofOfTime: flipped(block.digests.preDigest.proofOfTime, n) }),
  ],
  'another seed': [
    ['justification-seed'],
    ({ block }, n) => ({
      ...block,
      justification: { ...block.justification, seed: flipped(block.justification.seed, n) },
    }),
  ],
  'a slot more in its justification': [
    ['justification-count'],
    ({ block }) => {
      const { checkpoints } = block.justification;
      return {
        ...block,
        justification: { ...block.justification, checkpoints: [...checkpoints, new Uint8Array(128)] },
      };
    },
  ],
  'a slot less in its justification': [
    ['justification-count'],
    ({ block }) => ({
      ...block,
      justification: { ...block.justification, checkpoints: block.justification.checkpoints.slice(0, -1) },
    }),
  ],
  'other iterations': [
    ['pot-slot-iterations-digest'],
    ({ block }, n) => withDigests(block, { potSlotIterations: block.digests.potSlotIterations + 1 + n }),
  ],
  'no change of time where one is due': [
    ['pot-parameters-change-digest', 'justification-seed'],
    ({ block }) =>
      block.digests.potParametersChange === null ? null : withDigests(block, { potParametersChange: null }),
  ],
  'another change of time': [
    ['pot-parameters-change-digest', 'justification-seed'],
    ({ block }, n) => {
      const change = block.digests.potParametersChange;
      if (change === null) return null;
      const { slot, entropy } = change;
      const other = n % 2 === 0 ? { slot: slot + BigInt(n + 1) } : { entropy: flipped(entropy, n) };
      return withDigests(block, { potParametersChange: { ...change, ...other } });
    },
  ],
  'a change of time where none is due': [
    ['pot-parameters-change-digest'],
    ({ block, parent }, n) => {
      const { potParametersChange, potSlotIterations } = block.digests;
      if (potParametersChange !== null) return null;
      const slot = parent.provenSlot + 100n + BigInt(n);
      const entropy = new Uint8Array(16).fill(n);
      return withDigests(block, {
        potParametersChange: { slot, entropy, slotIterations: potSlotIterations },
      });
    },
  ],
  'the next range left out': [
    ['next-solution-range-digest'],
    ({ block }) =>
      block.digests.nextSolutionRange === null ? null : withDigests(block, { nextSolutionRange: null }),
  ],
  'another next range, or one where none is due': [
    ['next-solution-range-digest'],
    ({ block }, n) =>
      withDigests(block, {
        nextSolutionRange: (block.digests.nextSolutionRange ?? block.digests.solutionRange) + BigInt(n + 1),
      }),
  ],
  'a key for a network that has begun': [
    ['root-plot-public-key-digest'],
    ({ block, parent }, n) =>
      parent.number === 0
        ? null
        : withDigests(block, { rootPlotPublicKeyUpdate: { key: new Uint8Array(32).fill(n) } }),
  ],
  'no key where the network begins': [
    ['root-plot-public-key-digest'],
    ({ block, parent }) =>
      parent.expectsRootPlotKey ? withDigests(block, { rootPlotPublicKeyUpdate: null }) : null,
  ],
  'another author while one is set': [
    ['root-plot-public-key'],
    ({ block, parent }, n) => {
      const { solution } = block.digests.preDigest;
      const other = { ...solution, publicKey: flipped(solution.publicKey, n) };
      return parent.rootPlotKey === null ? null : withPreDigest(block, { solution: other });
    },
  ],
  'a segment that is not the next': [
    ['segment-commitment-digest'],
    ({ block, parent }, n) => {
      const segmentIndex = BigInt(parent.commitments.length + 1 + n);
      const announced = [{ segmentIndex, commitment: new Uint8Array(48) }];
      return block.digests.segmentCommitments.length > 0
        ? null
        : withDigests(block, { segmentCommitments: announced });
    },
  ],
  'more history than there can be': [
    ['segment-commitment-digest'],
    ({ block, parent }) => {
      const segmentIndex = BigInt(parent.commitments.length);
      const announced = [{ segmentIndex, commitment: new Uint8Array(48) }];
      // Until then the genesis block alone is archived, which fills the first segment.
      const isEarly = block.header.number <= PUBLIC_CONSTANTS.confirmationDepthK;
      return isEarly && segmentIndex > 0n && block.digests.segmentCommitments.length === 0
        ? withDigests(block, { segmentCommitments: announced })
        : null;
    },
  ],
};

describe('every recorded block passes the rules, and is refused with', () => {
  it.each(Object.entries(CHANGES))('%s', (_, [rules, change]) => {
    const possible = steps.filter((step) => change(step, 1) !== null);
    expect(possible.length).toBeGreaterThan(0);
    fc.assert(
      fc.property(fc.nat(possible.length - 1), fc.nat(40), (at, n) => {
        const step = possible[at]!;
        const block = change(step, n);
        fc.pre(block !== null);
        expect(rules).toContain(ruleOf({ ...step, block }));
      }),
      { numRuns: 300 },
    );
  });
});

/** The rules in the order in which a full node applies them. */
const ORDER = [
  'parent-known',
  'number',
  'root-plot-public-key',
  'slot-increase',
  'solution-range-digest',
  'pot-output',
  'justification-seed',
  'justification-count',
  'segment-commitment-known',
  'segment-commitment-digest',
  'pot-slot-iterations-digest',
  'pot-parameters-change-digest',
  'root-plot-public-key-digest',
  'next-solution-range-digest',
];

/** Outputs that only the block itself brings are looked at once their seed is right; those of its ancestors before. */
function firstOf(rules: readonly string[], { block, parent }: Step): string {
  const [first] = ORDER.filter((rule) => rules.includes(rule));
  const isUnproven = block.digests.preDigest.slot > parent.provenSlot;
  return first === 'pot-output' && rules.includes('justification-seed') && isUnproven
    ? 'justification-seed'
    : first!;
}

describe('a block with two things changed', () => {
  const each = Object.entries(CHANGES);

  it.each(each)(
    'of which one is %s, is refused for what a full node looks at first',
    (_, [rules, change]) => {
      for (const [, [others, second]] of each) {
        // What breaks the same rule changes the same thing, so that one change undoes the other.
        if (rules.some((rule) => others.includes(rule))) continue;
        const changed = steps.flatMap((step, n) => {
          const [one, other] = [change(step, n % 41), second(step, n % 41)];
          const both = one && second({ ...step, block: one }, n % 41);
          return one && other && both ? [{ step, alone: [one, other], both }] : [];
        });
        const spread = changed.filter((__, at) => at % Math.ceil(changed.length / 20) === 0);
        for (const { step, alone, both } of spread) {
          const broken = alone.map((block) => ruleOf({ ...step, block })!);
          expect(ruleOf({ ...step, block: both })).toBe(firstOf(broken, step));
        }
      }
    },
  );
});

describe('a justification that does not reach its block’s slot', () => {
  it('is refused for its length, since it says nothing of the slot', () => {
    for (const { block, parent } of steps) {
      const empty = { ...block, justification: { ...block.justification, checkpoints: [] } };
      expect(ruleOf({ block: empty, parent })).toBe('justification-count');
    }
  });
});
