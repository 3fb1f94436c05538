/** The Merkle mountain range of all blocks: peaks in state, one leaf appended by every block for its parent. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat } from '../../src/protocol/bytes.ts';
import { ScaleWriter } from '../../src/protocol/scale.ts';
import type { BlockContext } from './context.ts';
import { itemKey, keys } from './keys.ts';

/** Blocks whose roots stay in state. */
const ROOT_HASH_COUNT = 1024;

const items = {
  rootHash: itemKey('Mmr', 'RootHash'),
  leaves: itemKey('Mmr', 'NumberOfLeaves'),
};

/** Hash of two nodes: Keccak-256 of one after the other. */
export function mergeNodes(left: Uint8Array, right: Uint8Array): Uint8Array {
  return keccak_256(concat(left, right));
}

/** SCALE of the leaf of a block: version 0, number, hash, state root, extrinsics root. */
export function encodeLeaf(leaf: {
  number: number;
  hash: Uint8Array;
  stateRoot: Uint8Array;
  extrinsicsRoot: Uint8Array;
}): Uint8Array {
  return new ScaleWriter(104)
    .u8(0)
    .u32(leaf.number)
    .raw(leaf.hash, 32)
    .raw(leaf.stateRoot, 32)
    .raw(leaf.extrinsicsRoot, 32)
    .bytes();
}

export function leafHash(leaf: Uint8Array): Uint8Array {
  return keccak_256(leaf);
}

/** Heights of the mountains over that many leaves, from left to right. */
export function mountains(leaves: bigint): number[] {
  const heights: number[] = [];
  for (let height = leaves.toString(2).length - 1; height >= 0; height -= 1)
    if ((leaves >> BigInt(height)) & 1n) heights.push(height);
  return leaves === 0n ? [] : heights;
}

/** Positions of the peaks over that many leaves, counting all nodes in the order they were made. */
export function peakPositions(leaves: bigint): bigint[] {
  let size = 0n;
  return mountains(leaves).map((height) => {
    size += (1n << BigInt(height + 1)) - 1n;
    return size - 1n;
  });
}

/** Root over peaks, from left to right: the rightmost is bagged first. */
export function bagPeaks(peaks: Uint8Array[]): Uint8Array {
  const rest = [...peaks];
  let root = rest.pop();
  if (root === undefined) throw new RangeError('a range without leaves has no root');
  for (let peak = rest.pop(); peak !== undefined; peak = rest.pop()) root = mergeNodes(root, peak);
  return root;
}

/** `on_initialize`: appends the parent's leaf. Returns the number of mountains, which decides the weight. */
export function initialiseMmr(context: BlockContext): number {
  const before = context.read(items.leaves, (reader) => reader.u64()) ?? 0n;
  const oldPositions = peakPositions(before);
  const peaks = oldPositions.map((position) => {
    const node = context.storage.get(keys.mmrNode(position));
    if (node === null) throw new Error(`the peak at position ${position} is missing in state`);
    return node;
  });
  const leaf = encodeLeaf({
    number: context.number - 1,
    hash: context.parentHash,
    ...context.host.parentRoots,
  });
  let node = leafHash(leaf);
  for (let full = before; full & 1n; full >>= 1n) node = mergeNodes(peaks.pop()!, node);
  peaks.push(node);
  const after = before + 1n;
  const positions = peakPositions(after);
  for (const position of oldPositions)
    if (!positions.includes(position)) context.remove(keys.mmrNode(position));
  context.storage.set(keys.mmrNode(positions.at(-1)!), node);
  const root = bagPeaks(peaks);
  context.write(items.leaves, (writer) => writer.u64(after));
  context.storage.set(items.rootHash, root);
  context.storage.set(keys.mmrRoot(context.number), root);
  if (context.number >= ROOT_HASH_COUNT) context.remove(keys.mmrRoot(context.number - ROOT_HASH_COUNT));
  return Math.max(oldPositions.length, positions.length);
}
