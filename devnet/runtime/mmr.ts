/** The Merkle mountain range of all blocks: peaks in state, one leaf appended by every block for its parent. */
import { bagPeaks, mergeMmrNodes, mmrLeafHash, mountainHeights } from '../../src/protocol/mmr.ts';
import { storagePrefix } from '../../src/protocol/storage-key.ts';
import type { BlockContext } from './context.ts';
import { keys } from './keys.ts';

/** Blocks whose roots stay in state. */
const ROOT_HASH_COUNT = 1024;

const items = {
  rootHash: storagePrefix('Mmr', 'RootHash'),
  leaves: storagePrefix('Mmr', 'NumberOfLeaves'),
};

/** Positions of the peaks over that many leaves, counting all nodes in the order they are made. */
function peakPositions(leaves: number): bigint[] {
  let size = 0n;
  return mountainHeights(leaves).map((height) => {
    size += (1n << BigInt(height + 1)) - 1n;
    return size - 1n;
  });
}

/** `on_initialize`: appends the parent's leaf. Returns the number of mountains, which decides the weight. */
export function initialiseMmr(context: BlockContext): number {
  const before = Number(context.read(items.leaves, (reader) => reader.u64()) ?? 0n);
  const oldPositions = peakPositions(before);
  const peaks = oldPositions.map((position) => {
    const peak = context.storage.get(keys.mmrNode(position));
    if (peak === null) throw new Error(`the peak at position ${position} is missing in state`);
    return peak;
  });
  let node = mmrLeafHash({
    number: context.number - 1,
    hash: context.parentHash,
    ...context.host.parentRoots,
  });
  for (let rest = before; rest % 2 === 1; rest = (rest - 1) / 2) node = mergeMmrNodes(peaks.pop()!, node);
  peaks.push(node);
  const positions = peakPositions(before + 1);
  for (const position of oldPositions)
    if (!positions.includes(position)) context.remove(keys.mmrNode(position));
  context.storage.set(keys.mmrNode(positions.at(-1)!), node);
  const root = bagPeaks(peaks);
  context.write(items.leaves, (writer) => writer.u64(BigInt(before + 1)));
  context.storage.set(items.rootHash, root);
  context.storage.set(keys.mmrRoot(context.number), root);
  if (context.number >= ROOT_HASH_COUNT) context.remove(keys.mmrRoot(context.number - ROOT_HASH_COUNT));
  return Math.max(oldPositions.length, positions.length);
}
