/** The main branch of the recorded chain, verified once, and the records that a client would have stored of it. */
import { encodeChainRecord } from '../../src/chain/record.ts';
import { genesisContext, type GenesisFacts } from '../../src/chain/genesis.ts';
import { ForkTree, type TreeBlock } from '../../src/chain/tree.ts';
import { BlockVerifier, type VerifiedBlock } from '../../src/chain/verifier.ts';
import { JobPriority } from '../../src/crypto/jobs.ts';
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { PotVerifier } from '../../src/crypto/pot-verifier.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { PUBLIC_CONSTANTS } from '../../src/network/presets.ts';
import { headerHash } from '../../src/protocol/header.ts';
import type { ChainConstants } from '../../src/protocol/types.ts';
import type { ChainStore } from '../../src/storage/chain-store.ts';
import type { RecordedChain } from './recorded-chain.ts';

/** A store in memory. */
export class MemoryChainStore implements ChainStore {
  saves = 0;

  constructor(public record: Uint8Array | null = null) {}

  async load(): Promise<Uint8Array | null> {
    return this.record;
  }

  async save(record: Uint8Array): Promise<void> {
    this.record = record;
    this.saves += 1;
  }

  async clear(): Promise<void> {
    this.record = null;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/** When the blocks of the records were received, milliseconds since the epoch. */
export const RECEIVED_AT = 1_700_000_000_123;

export class VerifiedChain {
  private constructor(
    private readonly facts: GenesisFacts,
    private readonly constants: ChainConstants,
    readonly blocks: VerifiedBlock[],
  ) {}

  /** Verifies the first `count` blocks of the main branch. */
  static async open(
    chain: RecordedChain,
    count: number,
    constants = PUBLIC_CONSTANTS,
  ): Promise<VerifiedChain> {
    await loadWasm();
    const pool = createInlinePool();
    const verifier = new BlockVerifier(pool, new PotVerifier(pool, { mode: 'full' }), constants);
    const main = chain.blocks.filter(({ branch }) => branch === 'main').slice(0, count);
    const options = { priority: JobPriority.catchUp };
    const { verified, refused } = await verifier.verify(main, genesisContext(chain.facts), options);
    if (refused !== null) throw refused.error;
    return new VerifiedChain(chain.facts, constants, verified);
  }

  /** The record of a client that has verified the chain up to a block. */
  record(number: number): Uint8Array {
    const { confirmationDepthK } = this.constants;
    const root = { header: this.facts.header, context: genesisContext(this.facts), extra: null };
    const tree = new ForkTree(root, confirmationDepthK);
    for (const { block, context } of this.blocks.slice(0, number)) {
      tree.insert({ header: block.header, context, extra: null });
    }
    const recorded = ({ header, context }: TreeBlock<null>) => ({ header, context, receivedAt: RECEIVED_AT });
    return encodeChainRecord({
      genesisHash: headerHash(this.facts.header),
      constants: this.constants,
      beginning: { kind: 'genesis', reason: null },
      final: recorded(tree.final),
      blocks: [...tree.blocks()].map(recorded),
    });
  }
}
