/** The chain that is followed: what exists once the network's facts are known, and what is kept and shown of it. */
import { toHex } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import type { ChainConstants } from '../protocol/types.ts';
import type { Beginning } from './beginning.ts';
import { historySizeOf } from './block.ts';
import type { VerifiedHeader } from './book.ts';
import { genesisInfo, infoOf, type BlockInfo, type ChainTree } from './importer.ts';
import type { Peer } from './peer.ts';
import type { ChainRecord, RecordedTreeBlock } from './record.ts';
import type { ChainSnapshot } from './snapshot.ts';
import type { Synchronizer } from './sync.ts';
import { ForkTree, type TreeBlock } from './tree.ts';

export interface FollowedChain {
  constants: ChainConstants;
  /** 32 bytes. */
  genesisHash: Uint8Array;
  beginning: Beginning;
  /** The source whose word for the runtime the chain was begun by, until that is borne out; null: nobody's. */
  begunBy: Peer | null;
  tree: ChainTree;
  sync: Synchronizer;
}

/** A tree of a root alone. `receivedAt`: milliseconds since the epoch, as of blocks not verified in this run. */
export function treeOf(root: VerifiedHeader, constants: ChainConstants, receivedAt: number): ChainTree {
  return new ForkTree({ ...root, extra: storedInfo(root, receivedAt) }, constants.confirmationDepthK);
}

/** The tree that was stored. */
export function storedTree({ final, blocks, constants }: ChainRecord): ChainTree {
  const tree = treeOf(final, constants, final.receivedAt);
  for (const { receivedAt, ...block } of blocks)
    tree.insert({ ...block, extra: storedInfo(block, receivedAt) });
  return tree;
}

/** The same blocks above the final one, under another depth of confirmation. */
export function regrown(tree: ChainTree, { confirmationDepthK }: ChainConstants): ChainTree {
  const again: ChainTree = new ForkTree(tree.final, confirmationDepthK);
  for (const block of tree.blocks()) again.insert(block);
  return again;
}

/** What is stored of a chain; null: nothing above genesis was verified. */
export function chainRecordOf({
  genesisHash,
  constants,
  beginning,
  tree,
}: FollowedChain): ChainRecord | null {
  if (tree.best.context.number === 0) return null;
  const blocks = [...tree.blocks()].map(recorded);
  return { genesisHash, constants, beginning, final: recorded(tree.final), blocks };
}

function recorded({ header, context, extra }: TreeBlock<BlockInfo>): RecordedTreeBlock {
  return { header, context, receivedAt: extra.receivedAt };
}

/** Milliseconds between blocks, on average. */
export function blockIntervalMs({ slotProbability, slotDurationMs }: ChainConstants): number {
  return (slotDurationMs * Number(slotProbability[1])) / Number(slotProbability[0]);
}

/** Iterations a second that the network's slots bring; 0 until it is known. */
export function iterationsDue(chain: FollowedChain | null): number {
  if (chain === null) return 0;
  return (1_000 * chain.tree.best.context.childSlotIterations) / chain.constants.slotDurationMs;
}

type ChainView = Pick<
  ChainSnapshot,
  | 'genesisHash'
  | 'best'
  | 'finalized'
  | 'beginning'
  | 'forks'
  | 'solutionRange'
  | 'historySize'
  | 'slotDurationMs'
  | 'confirmationDepthK'
>;

const UNKNOWN: ChainView = {
  genesisHash: null,
  best: null,
  finalized: null,
  beginning: null,
  forks: [],
  solutionRange: null,
  historySize: null,
  slotDurationMs: null,
  confirmationDepthK: null,
};

/** What the screen is told of a chain, or of the want of one. */
export function chainView(chain: FollowedChain | null): ChainView {
  if (chain === null) return UNKNOWN;
  const { genesisHash, beginning, tree, constants } = chain;
  const { context: best, extra } = tree.best;
  const { context: final } = tree.final;
  return {
    genesisHash: toHex(genesisHash),
    best: {
      number: best.number,
      hash: toHex(best.hash),
      slot: String(best.slot),
      weight: String(best.weight),
      receivedAt: extra.receivedAt,
    },
    finalized: { number: final.number, hash: toHex(final.hash) },
    beginning,
    forks: tree.forks().map(({ tip, length }) => ({
      hash: toHex(tip.hash),
      number: tip.number,
      length,
      weight: String(tip.weight),
    })),
    solutionRange: String(best.childSolutionRange),
    historySize: String(historySizeOf(best)),
    slotDurationMs: constants.slotDurationMs,
    confirmationDepthK: constants.confirmationDepthK,
  };
}

/** What is shown of a block that was not verified in this run. */
function storedInfo({ header, context }: VerifiedHeader, receivedAt: number): BlockInfo {
  const how = { checks: [], pot: 'stored' as const, receivedAt };
  if (header.number === 0) return genesisInfo(context, how);
  return infoOf(subspaceDigests(header), context, toHex(header.parentHash), how);
}
