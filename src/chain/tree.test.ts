import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { littleEndian } from '../protocol/bytes.ts';
import type { Header } from '../protocol/types.ts';
import type { BlockContext } from './block.ts';
import { ForkTree, type Insertion, type TreeBlock } from './tree.ts';

const hashOf = (id: number): Uint8Array => {
  const hash = new Uint8Array(32);
  hash.set(littleEndian(id, 4));
  return hash;
};

/** A block that matters by its place and weight only. */
function block(id: number, parent: TreeBlock<null> | null, weight: bigint): TreeBlock<null> {
  const number = parent === null ? 0 : parent.context.number + 1;
  const header: Header = {
    parentHash: parent?.context.hash ?? new Uint8Array(32),
    number,
    stateRoot: new Uint8Array(32),
    extrinsicsRoot: new Uint8Array(32),
    digest: [],
  };
  const total = (parent?.context.weight ?? 0n) + weight;
  const context = { hash: hashOf(id), number, slot: BigInt(number), weight: total } as BlockContext;
  return { header, context, extra: null };
}

const genesis = block(0, null, 0n);
const open = (depth = 100, maxForkBlocks?: number) => new ForkTree(genesis, depth, maxForkBlocks);

describe('ForkTree', () => {
  it('follows the heavier branch, not the longer one, and keeps the first at a tie', () => {
    const tree = open();
    const a1 = block(1, genesis, 10n);
    const b1 = block(2, genesis, 4n);
    const b2 = block(3, b1, 4n);
    const c1 = block(4, genesis, 10n);
    expect(tree.insert(a1)).toEqual({ best: true, reorg: null, finalized: [] });
    expect(tree.insert(b1).best).toBe(false);
    expect(tree.insert(b2).best).toBe(false);
    expect(tree.insert(c1).best).toBe(false);
    expect(tree.best.context).toBe(a1.context);
    expect(tree.forks().map(({ tip, length }) => [tip.number, length])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    const b3 = block(5, b2, 4n);
    expect(tree.insert(b3)).toMatchObject({
      best: true,
      reorg: { depth: 1, from: a1.context, to: b3.context },
    });
    expect(tree.isOnBestChain(b1.context.hash)).toBe(true);
    expect(tree.isOnBestChain(a1.context.hash)).toBe(false);
    expect(tree.onBestChain(2)?.context).toBe(b2.context);
    expect(tree.onBestChain(9)).toBe(null);
  });

  it('takes a block once, and only after its parent', () => {
    const tree = open();
    const a1 = block(1, genesis, 1n);
    expect(() => tree.insert(block(2, a1, 1n))).toThrow('before its parent');
    tree.insert(a1);
    expect(tree.insert(a1)).toEqual({ best: false, reorg: null, finalized: [] });
    expect(tree.size).toBe(2);
  });

  it('makes blocks final at their depth and drops what leaves below', () => {
    const tree = open(2);
    const line = [genesis];
    const side = block(100, genesis, 1n);
    for (let id = 1; id <= 5; id += 1) {
      const next = block(id, line.at(-1)!, 5n);
      line.push(next);
      const { finalized } = tree.insert(next);
      expect(finalized.map(({ context }) => context.number)).toEqual(id >= 3 ? [id - 2] : []);
      if (id === 1) tree.insert(side);
    }
    expect(tree.final.context).toBe(line[3]!.context);
    expect(tree.get(side.context.hash)).toBe(null);
    expect(tree.get(line[2]!.context.hash)).toBe(null);
    expect(tree.size).toBe(3);
    expect([...tree.blocks()].map(({ context }) => context.number)).toEqual([4, 5]);
    expect([4, 3, 2].map((number) => tree.onBestChain(number)?.context.number)).toEqual([4, 3, undefined]);
  });

  it('never holds more than its bound, and lets the lightest tips go first', () => {
    const tree = open(100, 8);
    const main = block(1, genesis, 1_000n);
    tree.insert(main);
    for (let id = 2; id < 200; id += 1) tree.insert(block(id, genesis, BigInt(id)));
    expect(tree.size).toBeLessThanOrEqual(8 + 2);
    expect(tree.best.context).toBe(main.context);
    expect(tree.forks()[0]?.tip.weight).toBe(199n);
    expect(tree.get(hashOf(2))).toBe(null);
    // A short heavy branch leaves the whole of a long light one beside the best chain.
    const light = open(100, 8);
    let tip = genesis;
    for (let id = 1; id <= 20; id += 1) light.insert((tip = block(id, tip, 1n)));
    light.insert(block(21, genesis, 100n));
    expect(light.size).toBe(8 + 2);
    // The best one stays, though it weighs no more than the others.
    const even = open(100, 2);
    for (let id = 1; id <= 9; id += 1) even.insert(block(id, genesis, 10n));
    expect(even.isOnBestChain(hashOf(1))).toBe(true);
    // However high the final block is.
    const high = new ForkTree(tip, 100, 8);
    for (let id = 100; id < 200; id += 1) high.insert(block(id, tip, BigInt(id)));
    expect(high.size).toBe(8 + 2);
  });

  it('is always on a heaviest block, whatever the order of arrival', () => {
    const weights = fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 9 })), { maxLength: 60 });
    fc.assert(
      fc.property(weights, (choices) => {
        const tree = open();
        const blocks = [genesis];
        let heaviest = 0n;
        choices.forEach(([parent, weight], index) => {
          const next = block(index + 1, blocks[parent % blocks.length]!, BigInt(weight));
          blocks.push(next);
          const before = tree.best.context;
          const { best } = tree.insert(next);
          expect(best).toBe(next.context.weight > heaviest);
          expect(tree.best.context).toBe(best ? next.context : before);
          if (next.context.weight > heaviest) heaviest = next.context.weight;
          expect(tree.best.context.weight).toBe(heaviest);
        });
        expect(tree.size).toBe(blocks.length);
        expect([...tree.blocks()].length).toBe(blocks.length - 1);
      }),
    );
  });

  it('holds what descends from the final block, and tells of every change, whatever arrives', () => {
    const arrivals = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 9 })), { maxLength: 80 });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 4 }), (choices, depth) => {
        const tree = open(depth);
        const parents = new Map<TreeBlock<null>, TreeBlock<null> | null>([[genesis, null]]);
        const contextsOf = ({ finalized, ...rest }: Insertion<null>) => ({
          ...rest,
          finalized: finalized.map(({ context }) => context),
        });
        const lineOf = (tip: TreeBlock<null>): TreeBlock<null>[] => {
          const line: TreeBlock<null>[] = [];
          for (let at: TreeBlock<null> | null = tip; at !== null; at = parents.get(at) ?? null)
            line.unshift(at);
          return line;
        };
        let held = [genesis];
        let [best, final] = [genesis, genesis];
        choices.forEach(([choice, weight], index) => {
          const parent = held[choice % held.length]!;
          const next = block(index + 1, parent, BigInt(weight));
          parents.set(next, parent);
          held.push(next);
          const seen = tree.insert(next);
          const before = lineOf(best);
          const isBest = next.context.weight > best.context.weight;
          const now = isBest ? lineOf(next) : before;
          const left = before.filter((one) => !now.includes(one)).length;
          const reorg = { depth: left, from: best.context, to: next.context };
          const last = Math.max(final.context.number, now.at(-1)!.context.number - depth);
          const finalized = now.slice(final.context.number + 1, last + 1);
          expect(contextsOf(seen)).toEqual({
            best: isBest,
            reorg: isBest && parent !== best ? reorg : null,
            finalized: finalized.map(({ context }) => context),
          });
          best = now.at(-1)!;
          final = finalized.at(-1) ?? final;
          held = held.filter((one) => lineOf(one).includes(final));
          expect(tree.final.context).toBe(final.context);
          expect(tree.best.context).toBe(best.context);
          expect(tree.insert(next)).toEqual({ best: false, reorg: null, finalized: [] });
          expect(tree.size).toBe(held.length);
          expect([...tree.blocks()].length).toBe(held.length - 1);
          for (const one of held) {
            expect(tree.get(one.context.hash)?.context).toBe(one.context);
            expect(tree.isOnBestChain(one.context.hash)).toBe(now.includes(one));
          }
          const weights = tree.forks().map(({ tip }) => tip.weight);
          expect(weights).toEqual(weights.toSorted((a, b) => Number(b - a)));
          const tips = held.filter(
            (one) => !now.includes(one) && !held.some((other) => parents.get(other) === one),
          );
          const beside = (tip: TreeBlock<null>) => lineOf(tip).filter((one) => !now.includes(one)).length;
          const byTip = (forks: { tip: BlockContext; length: number }[]) =>
            new Map(forks.map(({ tip, length }) => [tip, length]));
          expect(byTip(tree.forks())).toEqual(
            byTip(tips.map((tip) => ({ tip: tip.context, length: beside(tip) }))),
          );
        });
      }),
    );
  });
});
