/** The chain that a light client holds to be the network's: begun, grown, kept between runs, given up. */
import type { ComputePool } from '../crypto/jobs.ts';
import type { PotShare } from '../crypto/pot-budget.ts';
import type { PotVerifier } from '../crypto/pot-verifier.ts';
import type { ChainConstants, SlotNumber } from '../protocol/types.ts';
import type { Beginning } from './beginning.ts';
import type { ChainBook, VerifiedHeader } from './book.ts';
import {
  chainRecordOf,
  iterationsDue,
  regrown,
  storedTree,
  treeOf,
  type FollowedChain,
} from './followed-chain.ts';
import { Importer, verifiedInfo, type BlockInfo, type ChainTree } from './importer.ts';
import type { ChainKeeper } from './keeper.ts';
import type { Learned } from './learn.ts';
import type { Peer } from './peer.ts';
import type { RuntimeFacts } from './runtime.ts';
import { Synchronizer } from './sync.ts';
import type { Insertion } from './tree.ts';
import { BlockVerifier } from './verifier.ts';

const SAVE_INTERVAL_MS = 5_000;

export interface HeldChainOptions {
  pool: ComputePool;
  pot: PotVerifier;
  book: ChainBook;
  keeper: ChainKeeper;
  patienceMs: number;
  /** How much of the head's proof of time is verified. */
  headShare: () => PotShare;
  /** The last slot that the clock allows, or null while there is no telling. */
  latestSlot: (slotDurationMs: number) => SlotNumber | null;
  /** A block came into the tree. `upgrades`: whether it puts another runtime into force. */
  inserted: (insertion: Insertion<BlockInfo>, upgrades: boolean) => void;
  /** The chain was given up. */
  abandoned: () => void;
  changed: () => void;
  now: () => number;
  log: (line: string) => void;
}

export class HeldChain {
  /** Null until the network is known. */
  chain: FollowedChain | null = null;

  constructor(private readonly options: HeldChainOptions) {}

  /** Iterations of proof of time a second that the network's slots bring; 0 until it is known. */
  get iterationsDue(): number {
    return iterationsDue(this.chain);
  }

  /** A verified header by its hash (32 bytes), as far back as they are remembered. */
  header(hash: Uint8Array): VerifiedHeader | null {
    return this.chain?.tree.get(hash) ?? this.options.book.finalHeader(hash);
  }

  /** What verifies blocks under these constants. */
  readonly verifierOf = (constants: ChainConstants): BlockVerifier =>
    new BlockVerifier(this.options.pool, this.options.pot, constants);

  /** Begins with what was learned. `begunBy`: the source whose word for the rules it rests on, or null. */
  beginWith({ root, above, constants, genesisHash, beginning }: Learned, begunBy: Peer | null): void {
    const { book, now } = this.options;
    const tree = treeOf(root, constants, now());
    for (const block of above) {
      const extra = verifiedInfo(block, now());
      const { finalized } = tree.insert({ header: block.block.header, context: block.context, extra });
      book.finalized(finalized);
      book.verified(extra);
    }
    this.begin(constants, genesisHash, beginning, tree).begunBy = begunBy;
  }

  /** Goes on by other constants; where those before were a source's word that proves false, from the beginning. */
  takeOver({ constants, provenance, specVersion }: RuntimeFacts, chain: FollowedChain): void {
    const { tree, genesisHash, beginning } = chain;
    if (provenance.kind === 'proven' && chain.begunBy !== null)
      this.abandon(`what was told of the rules of version ${specVersion} was false`);
    else this.begin(constants, genesisHash, beginning, regrown(tree, constants));
  }

  /** The facts came from one source; while no block confirmed them, another one may tell others. */
  doubtFacts(): void {
    const { chain } = this;
    if (chain !== null && chain.beginning.kind === 'genesis' && chain.tree.best.context.number === 0)
      this.chain = null;
  }

  /** Forgets a chain whose beginning proves false. */
  abandon(why: string): void {
    const { book, keeper, log, abandoned, changed } = this.options;
    log(`the chain begins anew: ${why}`);
    this.chain = null;
    book.forgetChain();
    abandoned();
    void keeper.clear();
    changed();
  }

  /** Goes on with the stored chain of a network (genesis hash, 32 bytes, or null), if there is one. */
  restore(genesis: Uint8Array | null): Promise<void> {
    const { book, keeper } = this.options;
    return keeper.restore(genesis, (record) => {
      const { constants, genesisHash, beginning } = record;
      const { tree } = this.begin(constants, genesisHash, beginning, storedTree(record));
      for (const { extra } of tree.blocks()) book.verified(extra);
    });
  }

  /** Stores the chain, if there is one worth it. Never rejects. */
  save(): Promise<void> {
    return this.options.keeper.save(() => this.chain && chainRecordOf(this.chain));
  }

  private begin(
    constants: ChainConstants,
    genesisHash: Uint8Array,
    beginning: Beginning,
    tree: ChainTree,
  ): FollowedChain {
    const { patienceMs, headShare, latestSlot, changed, now } = this.options;
    const importer = new Importer(
      this.verifierOf(constants),
      tree,
      {
        // A chain that was given up may still be read to its end.
        inserted: (...what) => {
          if (this.chain === chain) this.inserted(...what);
        },
      },
      now,
      () => latestSlot(constants.slotDurationMs),
    );
    const progress = { imported: (headers: number) => this.imported(headers), headShare };
    const chain: FollowedChain = {
      constants,
      genesisHash,
      beginning,
      begunBy: null,
      tree,
      sync: new Synchronizer(importer, progress, patienceMs),
    };
    this.chain = chain;
    changed();
    return chain;
  }

  private inserted(info: BlockInfo, insertion: Insertion<BlockInfo>, upgrades: boolean): void {
    const { book, inserted, changed } = this.options;
    book.verified(info);
    book.finalized(insertion.finalized);
    inserted(insertion, upgrades);
    if (insertion.reorg !== null) book.reorganised(insertion.reorg);
    changed();
  }

  private imported(headers: number): void {
    const { book, keeper } = this.options;
    book.imported(headers);
    if (keeper.sinceSave > SAVE_INTERVAL_MS) void this.save();
  }
}
