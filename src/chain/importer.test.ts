import { beforeAll, describe, expect, it } from 'vitest';
import { recordedChain } from '../../tests/support/recorded-chain.ts';
import { RECEIVED_AT } from '../../tests/support/verified-chain.ts';
import { JobPriority } from '../crypto/jobs.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import { PotVerifier } from '../crypto/pot-verifier.ts';
import { loadWasm } from '../crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../network/presets.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { genesisContext } from './genesis.ts';
import { treeOf } from './followed-chain.ts';
import { Importer } from './importer.ts';
import { BlockVerifier } from './verifier.ts';

const { facts, blocks } = recordedChain('chain');
const main = blocks.filter(({ branch }) => branch === 'main').slice(0, 12);
const slotOf = (number: number) => subspaceDigests(main[number - 1]!.header).preDigest.slot;
const options = { priority: JobPriority.catchUp };

beforeAll(async () => {
  await loadWasm();
});

/** An importer at genesis. `latest`: the last slot that the clock allows. */
function open(latest: bigint | null = null) {
  const pool = createInlinePool();
  const verifier = new BlockVerifier(pool, new PotVerifier(pool, { mode: 'full' }), PUBLIC_CONSTANTS);
  const tree = treeOf(
    { header: facts.header, context: genesisContext(facts) },
    PUBLIC_CONSTANTS,
    RECEIVED_AT,
  );
  const inserted: number[] = [];
  const events = { inserted: ({ number }: { number: number }) => void inserted.push(number) };
  const importer = new Importer(
    verifier,
    tree,
    events,
    () => RECEIVED_AT,
    () => latest,
  );
  return { importer, tree, inserted };
}

describe('blocks that are imported', () => {
  it('are those of a run that the tree lacks, each once', async () => {
    const { importer, inserted } = open();
    const first = await importer.import(main.slice(0, 5), options);
    expect(first).toEqual({ imported: 5, refused: null, early: null });
    const second = await importer.import(main.slice(2, 8), options);
    expect(second).toEqual({ imported: 3, refused: null, early: null });
    expect(await importer.import(main.slice(0, 8), options)).toMatchObject({ imported: 0 });
    expect(inserted).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('go on from the tree, and are followed no further than they hang together', async () => {
    const { importer, tree } = open();
    expect(await importer.import(main.slice(1, 3), options)).toMatchObject({ imported: 0, refused: null });
    const gap = [...main.slice(0, 2), ...main.slice(3, 5)];
    expect(await importer.import(gap, options)).toMatchObject({ imported: 2, refused: null });
    expect(tree.best.context.number).toBe(2);
  });

  it('are none whose slot has not come yet, up to which they are', async () => {
    const { importer, tree } = open(slotOf(4));
    const result = await importer.import(main.slice(0, 6), options);
    expect(result).toEqual({ imported: 4, refused: null, early: slotOf(5) });
    expect(tree.best.context.number).toBe(4);
  });
});
