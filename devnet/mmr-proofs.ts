/** Proofs of leaves of the Merkle mountain range, as nodes generate them. */
import { fromHex } from '../src/protocol/bytes.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import type { Block, Chain } from './chain.ts';
import { bagPeaks, encodeLeaf, leafHash, mergeNodes, mountains } from './runtime/mmr.ts';

export interface MmrProof {
  /** SCALE of the leaves, each as opaque bytes. */
  leaves: Uint8Array;
  /** SCALE of the leaf indices, the number of leaves and the nodes. */
  proof: Uint8Array;
}

/** Leaf of the block `number` of the branch that `at` returns the blocks of. */
function leafOf(block: Block): Uint8Array {
  const { number, hash, header } = block;
  const { stateRoot, extrinsicsRoot } = header;
  return encodeLeaf({ number, hash: fromHex(hash, 32), stateRoot, extrinsicsRoot });
}

/** Blocks of the branch of `head`, by number. */
function branchOf(chain: Chain, head: Block): (number: number) => Block {
  const own: Block[] = [];
  let at = head;
  while (!chain.isCanonical(at)) {
    own[at.number] = at;
    at = chain.block(at.parent)!;
  }
  return (number) => own[number] ?? chain.block(chain.hashAt(number)!)!;
}

/**
 * A proof that blocks' parents are leaves of the range as it was at block `size` of the branch of `head`. Block n
 * stands for the leaf that it appended, which is its parent's.
 *
 * @throws RangeError for a block that appended no leaf to that range.
 */
export function generateProof(chain: Chain, head: Block, numbers: readonly number[], size: number): MmrProof {
  if (size < 1 || size > head.number) throw new RangeError(`the range at block ${size} is not known`);
  const indices = [...new Set(numbers.map((number) => number - 1))].sort((a, b) => a - b);
  if (indices.length === 0 || indices[0]! < 0 || indices.at(-1)! >= size)
    throw new RangeError('a block appended no leaf to this range');
  const branch = branchOf(chain, head);
  const leaves = indices.map((index) => leafOf(branch(index)));
  return {
    leaves: new ScaleWriter(128 * leaves.length).vec(leaves, (item, leaf) => item.byteVector(leaf)).bytes(),
    proof: encodeProof(
      indices,
      size,
      proofNodes(indices, size, (index) => leafHash(leafOf(branch(index)))),
    ),
  };
}

export function encodeProof(indices: number[], size: number, nodes: Uint8Array[]): Uint8Array {
  return new ScaleWriter(32 * nodes.length + 8 * indices.length + 16)
    .vec(indices, (item, index) => item.u64(BigInt(index)))
    .u64(BigInt(size))
    .vec(nodes, (item, node) => item.raw(node, 32))
    .bytes();
}

/**
 * Nodes that lead from leaves to the root over `size` leaves: mountain by mountain from the left, in each level by
 * level. Mountains to the right of the last wanted leaf are bagged into one node.
 */
export function proofNodes(
  indices: readonly number[],
  size: number,
  leaf: (index: number) => Uint8Array,
): Uint8Array[] {
  const node = (height: number, first: number): Uint8Array =>
    height === 0
      ? leaf(first)
      : mergeNodes(node(height - 1, first), node(height - 1, first + 2 ** (height - 1)));
  const nodes: Uint8Array[] = [];
  let toBag = 0;
  let first = 0;
  for (const height of mountains(BigInt(size))) {
    const end = first + 2 ** height;
    let level = indices.filter((index) => index >= first && index < end).map((index) => index - first);
    if (level.length === 0) {
      nodes.push(node(height, first));
      toBag += 1;
    } else {
      toBag = 0;
      for (let below = 0; below < height; below += 1) {
        for (const at of level) {
          const sibling = at ^ 1;
          if (!level.includes(sibling)) nodes.push(node(below, first + sibling * 2 ** below));
        }
        level = [...new Set(level.map((at) => at >> 1))];
      }
    }
    first = end;
  }
  if (toBag > 1) nodes.push(bagPeaks(nodes.splice(nodes.length - toBag)));
  return nodes;
}
