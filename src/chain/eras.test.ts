import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SyntheticChain } from '../../tests/support/synthetic-chain.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { buildDigest, subspaceDigests } from '../protocol/digest.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { nextSolutionRange } from '../protocol/solution-range.ts';
import type { Header } from '../protocol/types.ts';
import { MANUAL_SHARE, readEras, UnexaminableHistory, type EraOptions } from './eras.ts';

const constants = { ...PUBLIC_CONSTANTS, eraDurationInBlocks: 50 };
const DUE = 300n;
const RANGE = 10n ** 15n;
const blank = new SyntheticChain({ seed: new Uint8Array(32), head: 1, constants, range: RANGE });
const genesis = blank.header(0);

interface Step {
  slot: bigint;
  range: bigint;
  /** Null: the header names none. */
  next: bigint | null;
}

function headerOf(number: number, { slot, range, next }: Step): Header {
  const plain = blank.header(number);
  const digests = subspaceDigests(plain);
  const digest = buildDigest({
    ...digests,
    seal: new Uint8Array(64),
    preDigest: { ...digests.preDigest, slot },
    solutionRange: range,
    nextSolutionRange: next,
  });
  return { ...plain, digest };
}

/** Boundaries of a chain whose eras took these slots; the first `manual` of them leave the range as it is. */
function stepsOf(slots: readonly bigint[], manual = 0): Step[] {
  let [slot, range] = [0n, RANGE];
  return slots.map((took, index) => {
    const due = nextSolutionRange(slot, slot + took, range, constants.slotProbability, 50);
    const step = { slot: slot + took, range, next: index < manual ? range : due };
    [slot, range] = [step.slot, step.next];
    return step;
  });
}

async function examined(steps: readonly Step[], options: Partial<EraOptions> = {}) {
  const asked: number[] = [];
  const eras = await readEras(
    steps.length,
    async (numbers) => {
      asked.push(...numbers);
      return numbers.map((number) => (number === 0 ? genesis : headerOf(number, steps[number / 50 - 1]!)));
    },
    { constants, genesisHash: headerHash(genesis), genesisRange: RANGE, adjusting: true, ...options },
  );
  return { ...eras, asked };
}

const took = fc.bigInt(DUE / 3n, DUE * 3n);

describe('eras', () => {
  it('are known from every second boundary', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(took, { minLength: 1, maxLength: 12 }), async (slots) => {
        const steps = stepsOf(slots);
        const { eras, read, asked, adjustingFrom } = await examined(steps);
        const truth = steps.map(({ slot, next }, index) => ({ first: (index + 1) * 50, slot, range: next }));
        expect(eras).toEqual([{ first: 0, slot: 0n, range: RANGE }, ...truth]);
        expect(read).toBe(Math.ceil(steps.length / 2));
        expect(new Set(asked).size).toBe(asked.length);
        expect(adjustingFrom).toBe(1);
      }),
      { numRuns: 60 },
    );
  });

  it('whose range is at its limit are read', async () => {
    const { read, eras } = await examined(stepsOf([DUE, DUE, 10n * DUE, DUE, DUE / 10n, DUE]));
    expect(read).toBe(5);
    expect(eras.map(({ range }) => range)).toContain(4n * RANGE);
  });

  it('whose range stays at its limit are read, since more than one slot would explain it', async () => {
    for (const slots of [10n * DUE, DUE / 10n, DUE / 5n]) {
      const steps = stepsOf([DUE, DUE, slots, slots, DUE, DUE]);
      const { eras } = await examined(steps);
      expect(eras.slice(1).map(({ slot }) => slot)).toEqual(steps.map(({ slot }) => slot));
    }
  });

  it('with a range that does not follow are refused wherever it stands', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(took, { minLength: 2, maxLength: 9 }),
        fc.nat(),
        fc.constantFrom('next' as const, 'range' as const, 'slot' as const),
        async (slots, at, field) => {
          const steps = stepsOf(slots);
          const index = at % steps.length;
          const step = steps[index]!;
          // A slot between two boundaries that are read is theirs to say.
          if (index % 2 === 0 && index + 1 < steps.length) return;
          step[field] += field === 'slot' ? 40n : RANGE / 2n;
          await expect(examined(steps)).rejects.toMatchObject({ rule: 'superlight' });
        },
      ),
      { numRuns: 80 },
    );
  });

  it('that begin with another range than the one before announced are refused, though the next one follows', async () => {
    for (const at of [0, 1, 3, 4]) {
      const steps = stepsOf([DUE, DUE, DUE, DUE, DUE]);
      steps[at]!.range = 3n * RANGE;
      for (const step of steps.slice(at)) step.next = 3n * RANGE;
      for (const step of steps.slice(at + 1)) step.range = 3n * RANGE;
      await expect(examined(steps)).rejects.toThrow('did not begin with');
    }
  });

  it('that end without a range, or with one that nothing follows from, are refused', async () => {
    for (const next of [null, 0n]) {
      const steps = stepsOf([DUE, DUE, DUE, DUE]);
      steps[1]!.next = next;
      await expect(examined(steps)).rejects.toMatchObject({ rule: 'superlight' });
    }
  });

  it('set by hand are passed over at the beginning only', async () => {
    const slots = Array.from({ length: 20 }, (_, index) => DUE + BigInt((index % 7) * 20 - 61));
    const early = await examined(stepsOf(slots, 3), { adjusting: false });
    expect(early.adjustingFrom).toBe(200);
    const late = examined(stepsOf(slots, Math.ceil(20 * MANUAL_SHARE) + 1), { adjusting: false });
    await expect(late).rejects.toBeInstanceOf(UnexaminableHistory);
    await expect(examined(stepsOf(slots, 3))).rejects.toBeInstanceOf(ProtocolError);
  });

  it('that take no slots are refused, though the range follows', async () => {
    for (const slots of [
      [DUE, DUE, 0n, DUE],
      [DUE, 0n],
      [0n, DUE],
    ])
      await expect(examined(stepsOf(slots))).rejects.toThrow('takes no slots');
  });

  it('begin with the range of the first boundary where that of the genesis block is not known', async () => {
    const { eras } = await examined(stepsOf([DUE - 5n, DUE, DUE]), { genesisRange: null });
    expect(eras[0]).toEqual({ first: 0, slot: 0n, range: RANGE });
  });

  it('of another genesis block are refused', async () => {
    const other = examined(stepsOf([DUE, DUE]), { genesisHash: new Uint8Array(32) });
    await expect(other).rejects.toThrow('another genesis');
  });
});
