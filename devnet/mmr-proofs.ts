/** Proofs of leaves of the Merkle mountain range, as nodes generate them. */
import { fromHex } from '../src/protocol/bytes.ts';
import {
  mergeMmrNodes,
  mmrLeafHash,
  mmrProofNodes,
  type MmrLeaf,
  type MmrProof,
} from '../src/protocol/mmr.ts';
import type { Block, Chain } from './chain.ts';

function leafOf({ number, hash, header }: Block): MmrLeaf {
  const { stateRoot, extrinsicsRoot } = header;
  return { number, hash: fromHex(hash, 32), stateRoot, extrinsicsRoot };
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
export function generateProof(
  chain: Chain,
  head: Block,
  numbers: readonly number[],
  size: number,
): { leaves: MmrLeaf[]; proof: MmrProof } {
  if (size < 1 || size > head.number) throw new RangeError(`the range at block ${size} is not known`);
  const indices = [...new Set(numbers.map((number) => number - 1))].sort((a, b) => a - b);
  if (indices.length === 0 || indices[0]! < 0 || indices.at(-1)! >= size)
    throw new RangeError('a block appended no leaf to this range');
  const branch = branchOf(chain, head);
  const leaf = (index: number): MmrLeaf => leafOf(branch(index));
  const node = (height: number, first: number): Uint8Array =>
    height === 0
      ? mmrLeafHash(leaf(first))
      : mergeMmrNodes(node(height - 1, first), node(height - 1, first + 2 ** (height - 1)));
  return { leaves: indices.map(leaf), proof: { indices, size, nodes: mmrProofNodes(indices, size, node) } };
}
