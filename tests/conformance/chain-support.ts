/** What the suites of chains share: recorded blocks, and their replay through the light client's rules. */
import { createInlinePool } from '../../src/crypto/pool/inline.ts';
import { JobPriority, type ComputePool } from '../../src/crypto/jobs.ts';
import { PotVerifier } from '../../src/crypto/pot-verifier.ts';
import { loadWasm } from '../../src/crypto/wasm.ts';
import { blockId, type BlockContext } from '../../src/chain/block.ts';
import { genesisContext, type GenesisFacts } from '../../src/chain/genesis.ts';
import { ForkTree } from '../../src/chain/tree.ts';
import { BlockVerifier, type VerifiedBlock } from '../../src/chain/verifier.ts';
import type { ImportableBlock } from '../../src/network/source.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { decodeHeader } from '../../src/protocol/header.ts';
import type { ChainConstants } from '../../src/protocol/types.ts';
import type { Recorded } from './protocol-support.ts';

/** A recorded header with its justification (null: none), both `0x` hex. */
export interface RecordedBlock {
  headerScale: string;
  justification: string | null;
}

export function importable({ headerScale, justification }: RecordedBlock): ImportableBlock {
  return {
    header: decodeHeader(fromHex(headerScale)),
    justification: justification === null ? null : fromHex(justification),
  };
}

/**
 * `0x` hex inside a recorded value without its prefix, so that it compares with bytes. Fields of an object are read
 * when they are asked for: what nobody checks stays unread.
 */
export function unprefixed(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('0x') ? value.slice(2) : value;
  if (Array.isArray(value)) return value.map(unprefixed);
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.keys(value).map((key): [string, PropertyDescriptor] => [
    key,
    { enumerable: true, get: () => unprefixed((value as Recorded)[key]) },
  ]);
  return Object.defineProperties({}, Object.fromEntries(fields));
}

const OPTIONS = { priority: JobPriority.catchUp };

/** A recorded chain on its way through verification and fork choice. */
export class Replay {
  /** Contexts of all blocks imported, by id, also of those that the tree let go. */
  readonly contexts = new Map<string, BlockContext>();
  readonly tree: ForkTree<null>;

  private constructor(
    readonly verifier: BlockVerifier,
    genesis: GenesisFacts,
  ) {
    const context = genesisContext(genesis);
    this.contexts.set(blockId(context.hash), context);
    const { confirmationDepthK } = verifier.constants;
    this.tree = new ForkTree({ header: genesis.header, context, extra: null }, confirmationDepthK);
  }

  static async open(
    genesis: GenesisFacts,
    constants: ChainConstants,
    potOf = (pool: ComputePool) => new PotVerifier(pool, { mode: 'full' }),
  ): Promise<Replay> {
    await loadWasm();
    const pool = createInlinePool();
    return new Replay(new BlockVerifier(pool, potOf(pool), constants), genesis);
  }

  contextOf(hash: Uint8Array): BlockContext {
    const context = this.contexts.get(blockId(hash));
    if (context === undefined) throw new Error('the parent was not imported');
    return context;
  }

  /** Verifies blocks that follow one another. Throws what the first bad one is refused with. */
  async verify(blocks: ImportableBlock[], parent: BlockContext): Promise<VerifiedBlock[]> {
    const { verified, refused } = await this.verifier.verify(blocks, parent, OPTIONS);
    if (refused !== null) throw refused.error;
    return verified;
  }

  async verifyAlone(block: ImportableBlock): Promise<void> {
    await this.verifier.verifyAlone(block, OPTIONS);
  }

  /** Verifies blocks that follow one another and imports them. */
  async import(blocks: ImportableBlock[]): Promise<VerifiedBlock[]> {
    const first = blocks[0] as ImportableBlock;
    const verified = await this.verify(blocks, this.contextOf(first.header.parentHash));
    for (const { block, context } of verified) {
      this.contexts.set(blockId(context.hash), context);
      this.tree.insert({ header: block.header, context, extra: null });
    }
    return verified;
  }
}
