/** Takes blocks into the tree: verified as a run, inserted one by one, one run at a time. */
import { InOrder } from '../async/in-order.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import type { SlotNumber, SubspaceDigests } from '../protocol/types.ts';
import type { ImportableBlock } from '../network/source.ts';
import type { BlockContext } from './block.ts';
import { upgradesRuntime } from './runtime.ts';
import type { BlockView } from './snapshot.ts';
import type { ForkTree, Insertion } from './tree.ts';
import type { BlockVerifier, RuleTimes, VerifiedBlock, VerifyOptions } from './verifier.ts';

/** What the tree keeps of a block besides its context. */
export type BlockInfo = Omit<BlockView, 'own' | 'final' | 'onBestChain'>;

export type ChainTree = ForkTree<BlockInfo>;

export interface ImportResult {
  /** Blocks that are in the tree now and were not before. */
  imported: number;
  /** The block that broke a rule, and the rule. */
  refused: { block: ImportableBlock; error: ProtocolError } | null;
  /** Slot of the first block that the clock says is not due yet. */
  early: SlotNumber | null;
}

/** What is told of an import while it goes on. */
export interface ImporterEvents {
  /** A block is in the tree now. `upgrades`: whether the block puts another runtime into force. */
  inserted(info: BlockInfo, insertion: Insertion<BlockInfo>, upgrades: boolean): void;
}

const NOTHING: ImportResult = { imported: 0, refused: null, early: null };

export class Importer {
  private readonly runs = new InOrder();

  /** `latestSlot`: the last slot that the clock allows, or null while there is no telling. */
  constructor(
    private readonly verifier: BlockVerifier,
    readonly tree: ChainTree,
    private readonly events: ImporterEvents,
    private readonly now: () => number,
    private readonly latestSlot: () => SlotNumber | null,
  ) {}

  /**
   * Imports blocks that follow one another; those that the tree has are passed over, and a run that begins at none of
   * its blocks is left alone. Rejects with the signal's reason.
   */
  import(blocks: readonly ImportableBlock[], options: VerifyOptions): Promise<ImportResult> {
    return this.runs.run(() => this.importNow(blocks, options));
  }

  private async importNow(blocks: readonly ImportableBlock[], options: VerifyOptions): Promise<ImportResult> {
    options.signal?.throwIfAborted();
    const fresh = this.runOf(blocks);
    const first = fresh[0];
    if (first === undefined) return NOTHING;
    const parent = this.tree.get(first.header.parentHash);
    if (parent === null) return NOTHING;
    const { verified, refused } = await this.verifier.verify(fresh, parent.context, options);
    let imported = 0;
    for (const block of verified) {
      const latest = this.latestSlot();
      if (latest !== null && block.context.slot > latest) {
        return { ...NOTHING, imported, early: block.context.slot };
      }
      // Finality may have moved past the parent while the run was verified.
      if (this.tree.get(block.block.header.parentHash) === null) return { ...NOTHING, imported };
      this.insert(block);
      imported += 1;
    }
    return { ...NOTHING, imported, refused };
  }

  /** The part of a list that is new and hangs together. */
  private runOf(blocks: readonly ImportableBlock[]): ImportableBlock[] {
    const run: ImportableBlock[] = [];
    let last: Uint8Array | null = null;
    for (const block of blocks) {
      const hash = headerHash(block.header);
      if (run.length === 0 && this.tree.get(hash) !== null) continue;
      if (last !== null && !equal(block.header.parentHash, last)) break;
      run.push(block);
      last = hash;
    }
    return run;
  }

  private insert(block: VerifiedBlock): void {
    const { header } = block.block;
    const info = verifiedInfo(block, this.now());
    const insertion = this.tree.insert({ header, context: block.context, extra: info });
    this.events.inserted(info, insertion, upgradesRuntime(header));
  }
}

/** What is shown of a block that was just verified. `receivedAt`: milliseconds since the epoch. */
export function verifiedInfo({ block, context, times, pot }: VerifiedBlock, receivedAt: number): BlockInfo {
  const how = { checks: checksOf(times), pot, receivedAt };
  return infoOf(block.digests, context, toHex(block.header.parentHash), how);
}

/** What a block's own items say of it, for the screen. */
export function infoOf(
  { preDigest, solutionRange }: SubspaceDigests,
  context: BlockContext,
  parentHash: string,
  how: Pick<BlockInfo, 'checks' | 'pot' | 'receivedAt'>,
): BlockInfo {
  return {
    number: context.number,
    hash: toHex(context.hash),
    parentHash,
    slot: String(context.slot),
    author: toHex(preDigest.solution.publicKey),
    rewardAddress: toHex(preDigest.solution.rewardAddress),
    solutionRange: String(solutionRange),
    ...how,
  };
}

/** What there is to say of the genesis block, which nobody made. */
export function genesisInfo(
  context: BlockContext,
  how: Pick<BlockInfo, 'checks' | 'pot' | 'receivedAt'>,
): BlockInfo {
  return {
    number: 0,
    hash: toHex(context.hash),
    parentHash: '00'.repeat(32),
    slot: '0',
    author: '',
    rewardAddress: '',
    solutionRange: String(context.childSolutionRange),
    ...how,
  };
}

const CHECK_NAMES: Record<keyof RuleTimes, string> = {
  header: 'header',
  signature: 'seal-signature',
  proofOfTime: 'proof-of-time',
  space: 'proof-of-space',
  openings: 'kzg-openings',
  parent: 'parent',
};

function checksOf(times: RuleTimes): { rule: string; ms: number }[] {
  const names = Object.keys(times) as (keyof RuleTimes)[];
  return names.map((name) => ({ rule: CHECK_NAMES[name], ms: times[name] }));
}
