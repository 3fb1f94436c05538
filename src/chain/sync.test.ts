/** What is fetched of a source and in which order, on blocks of which nothing but their places counts. */
import { describe, expect, it } from 'vitest';
import { ScriptedSource } from '../../tests/support/scripted-source.ts';
import { JobPriority } from '../crypto/jobs.ts';
import type { ImportableBlock } from '../network/source.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import type { BlockContext } from './block.ts';
import type { GenesisFacts } from './genesis.ts';
import type { BlockInfo, Importer, ImportResult } from './importer.ts';
import { Peer } from './peer.ts';
import { EarlyBlock, RefusedBlock, Synchronizer } from './sync.ts';
import { ForkTree, type TreeBlock } from './tree.ts';
import { UnreliableSource } from './unreliable.ts';
import type { VerifyOptions } from './verifier.ts';

const empty = () => new Uint8Array(32);
const blank = { parentHash: empty(), stateRoot: empty(), extrinsicsRoot: empty(), digest: [] };
const zero: ImportableBlock = { header: { ...blank, number: 0 }, justification: null };

/** `count` blocks on top of another one; `salt` tells branches apart. */
function blocksOn(parent: ImportableBlock, count: number, salt = 0): ImportableBlock[] {
  const blocks: ImportableBlock[] = [];
  for (let last = parent; blocks.length < count; last = blocks.at(-1)!) {
    const [parentHash, number] = [headerHash(last.header), last.header.number + 1];
    const header = { ...blank, parentHash, number, stateRoot: empty().fill(salt) };
    blocks.push({ header, justification: null });
  }
  return blocks;
}

const main = blocksOn(zero, 400);
const announced = ({ header }: ImportableBlock) => ({ header, hash: headerHash(header) });
const treeBlock = ({ header }: ImportableBlock): TreeBlock<BlockInfo> => {
  const { number } = header;
  const context = { hash: headerHash(header), number, weight: BigInt(number) } as BlockContext;
  return { header, context, extra: {} as BlockInfo };
};

/** A tree from final block `final` to `best` of the main chain, a source, and what was imported of it. */
function setUp(final: number, best: number) {
  const all = [zero, ...main];
  const tree = new ForkTree(treeBlock(all[final]!), 1_000);
  for (const block of all.slice(final + 1, best + 1)) tree.insert(treeBlock(block));
  const runs: { numbers: number[]; options: VerifyOptions }[] = [];
  const told: number[] = [];
  const outcome: Partial<ImportResult> = {};
  const importer = {
    tree,
    import: async (blocks: ImportableBlock[], options: VerifyOptions): Promise<ImportResult> => {
      runs.push({ numbers: blocks.map(({ header }) => header.number), options });
      const fresh = blocks.filter((block) => {
        if (tree.get(block.header.parentHash) === null || tree.get(announced(block).hash) !== null)
          return false;
        tree.insert(treeBlock(block));
        return true;
      });
      return { imported: fresh.length, refused: null, early: null, ...outcome };
    },
  } as unknown as Importer;
  const headShare = () => ({ mode: 'full' as const });
  const sync = new Synchronizer(importer, { imported: (count) => told.push(count), headShare }, 5_000);
  const source = new ScriptedSource('a node', { header: zero.header } as GenesisFacts);
  const events = { changed: () => undefined, heard: () => undefined, lied: () => undefined };
  const peer = new Peer(source, events, () => 0);
  /** The source has these blocks now and calls the last of them its best. */
  const has = (blocks: ImportableBlock[]): void => {
    source.extend(blocks);
    peer.claimedBest = announced(blocks.at(-1)!);
  };
  return { tree, source, peer, sync, runs, told, outcome, has, signal: new AbortController().signal };
}

const ruleOf = (work: Promise<void>): Promise<string | null> =>
  work.then(
    () => null,
    (error: unknown) => {
      if (error instanceof RefusedBlock) return `${error.block.header.number} ${error.cause.rule}`;
      if (error instanceof ProtocolError) return error.rule;
      throw error;
    },
  );

describe('what is wanted of a source', () => {
  it('is a head above the final block that is not held and was not looked into', () => {
    const { peer, sync, has } = setUp(10, 20);
    expect(sync.wants(peer)).toBe(false);
    has(main.slice(0, 21));
    expect(sync.wants(peer)).toBe(true);
    peer.doneWith(peer.claimedBest!);
    expect(sync.wants(peer)).toBe(false);
    has(blocksOn(main[9]!, 1, 1));
    expect(sync.wants(peer)).toBe(true);
    for (const other of [blocksOn(main[8]!, 1, 1), main.slice(0, 20)]) {
      has(other);
      expect(sync.wants(peer)).toBe(false);
    }
  });

  it('is fetched by its hash up to eight blocks ahead', () => {
    const { sync } = setUp(0, 20);
    expect([28, 29].map((number) => sync.isFar(announced(main[number - 1]!)))).toEqual([false, true]);
  });
});

describe('an announced block', () => {
  it('is imported behind those of its ancestors that are missing, as a head', async () => {
    const { peer, sync, has, runs, told, source, signal } = setUp(10, 20);
    has(main.slice(0, 24));
    await sync.follow(peer, announced(main[23]!), signal);
    expect(runs).toEqual([
      {
        numbers: [21, 22, 23, 24],
        options: { priority: JobPriority.verifyHead, potShare: { mode: 'full' }, signal },
      },
    ]);
    expect([told, source.calls['block']]).toEqual([[4], 4]);
  });

  it('that was final before is left alone, without a question', async () => {
    const { peer, sync, has, runs, source, signal } = setUp(10, 20);
    has(main.slice(0, 20));
    for (const old of [main[3]!, ...blocksOn(main[8]!, 1, 1)])
      await sync.follow(peer, announced(old), signal);
    expect([runs, source.calls['block']]).toEqual([[], undefined]);
  });

  it('is refused where its line does not lead to the tree', async () => {
    const { peer, sync, has, runs, source, signal } = setUp(10, 20);
    const follow = (block: ImportableBlock) => ruleOf(sync.follow(peer, announced(block), signal));
    const below = blocksOn(main[8]!, 4, 1);
    has(below);
    expect(await follow(below.at(-1)!)).toBe('finality');
    const orphans = blocksOn(blocksOn(main[15]!, 1, 2)[0]!, 2, 2);
    source.keep(orphans);
    expect(await follow(orphans[1]!)).toBe('18 parent-known');
    const [jumping] = blocksOn(below[1]!, 1, 3) as [ImportableBlock];
    const far = { ...jumping, header: { ...jumping.header, number: 19 } };
    source.keep([far]);
    expect(await follow(far)).toBe('number');
    expect(runs).toEqual([]);
  });

  it('that is withheld, or another one than asked for, is not imported', async () => {
    const { peer, sync, source, runs, signal } = setUp(10, 20);
    const follow = () => sync.follow(peer, announced(main[20]!), signal);
    await expect(follow()).rejects.toBeInstanceOf(UnreliableSource);
    source.misbehaviour.block = async () => blocksOn(main[19]!, 1, 1)[0]!;
    expect(await ruleOf(follow())).toBe('block-hash');
    expect(runs).toEqual([]);
  });

  it('is judged by what its import found', async () => {
    const { peer, sync, has, outcome, told, signal } = setUp(10, 20);
    has(main.slice(0, 40));
    const error = new ProtocolError({ code: 'invalid-block', rule: 'number', message: '' });
    Object.assign(outcome, { early: 9n });
    await expect(sync.follow(peer, announced(main[20]!), signal)).rejects.toBeInstanceOf(EarlyBlock);
    Object.assign(outcome, { refused: { block: main[21]!, error } });
    expect(await ruleOf(sync.follow(peer, announced(main[21]!), signal))).toBe('22 number');
    expect(told).toEqual([1, 1]);
  });
});

describe('a chain that is caught up with', () => {
  it('is read in batches that grow, from where it leaves ours', async () => {
    const { peer, sync, has, runs, told, tree, source, signal } = setUp(10, 20);
    has(main);
    await sync.catchUp(peer, signal);
    expect(runs.map(({ numbers }) => [numbers[0], numbers.length])).toEqual([
      [21, 16],
      [37, 32],
      [69, 64],
      [133, 128],
      [261, 128],
      [389, 12],
    ]);
    expect(runs[0]!.options).toEqual({ priority: JobPriority.catchUp, signal });
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(380);
    expect(tree.best.context.number).toBe(400);
    expect(source.calls['hashAt']).toBe(1);
  });

  it('that left ours above the final block is read from there, which few questions find', async () => {
    const { peer, sync, has, runs, tree, source, signal } = setUp(10, 200);
    const fork = blocksOn(main[149]!, 80, 1);
    has([...main.slice(0, 150), ...fork]);
    await sync.catchUp(peer, signal);
    expect(tree.best.context.hash).toEqual(announced(fork.at(-1)!).hash);
    expect(source.calls['hashAt']).toBeLessThan(10);
    expect(runs[0]!.numbers[0]).toBeGreaterThan(10);
  });

  it('that left ours below the final block, or is not handed out, is not read', async () => {
    const { peer, sync, has, source, signal } = setUp(10, 20);
    has(blocksOn(zero, 40, 1));
    expect(await ruleOf(sync.catchUp(peer, signal))).toBe('finality');
    source.hashAt = async () => null;
    await expect(sync.catchUp(peer, signal)).rejects.toThrow(UnreliableSource);
    expect(source.calls['blocks']).toBeUndefined();
  });

  it('is taken as far as was asked, and only as it was asked', async () => {
    const { peer, sync, has, runs, source, signal } = setUp(10, 20);
    has(main.slice(0, 40));
    source.misbehaviour.blocks = async (_, from) => main.slice(from - 1, from + 29);
    await sync.catchUp(peer, signal).catch(() => undefined);
    expect(runs[0]!.numbers.length).toBe(16);
    source.misbehaviour.blocks = async (_, from) => main.slice(from, from + 16);
    source.extend(main.slice(0, 60));
    expect(await ruleOf(sync.catchUp(peer, signal))).toBe('block-number');
  });

  it('that is claimed to be longer than it is, or never hangs together, is given up', async () => {
    const { peer, sync, has, source, signal } = setUp(10, 20);
    has(main.slice(0, 30));
    peer.claimedBest = announced(main[99]!);
    await expect(sync.catchUp(peer, signal)).rejects.toThrow('longer chain');
    let salt = 1;
    const strange = () => blocksOn(blocksOn(main[28]!, 1, (salt += 1))[0]!, 3, salt);
    source.misbehaviour.blocks = async (_, from) =>
      strange().map((block, index) => ({
        ...block,
        header: { ...block.header, number: from + index },
      }));
    await expect(sync.catchUp(peer, signal)).rejects.toThrow('hang together');
    expect(source.calls['blocks']).toBeLessThan(20);
  });
});
