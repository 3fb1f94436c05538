/**
 * The Merkle mountain range that the runtime keeps of all blocks: Keccak-256, a leaf for every block, appended by
 * the block after it, so that the range as of block n has the n leaves of blocks 0 to n − 1.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, equal } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import { headerHash } from './header.ts';
import { decodeAll, ScaleWriter } from './scale.ts';
import type { Header } from './types.ts';

/** What a block's leaf says; hashes of 32 bytes. */
export interface MmrLeaf {
  number: number;
  hash: Uint8Array;
  stateRoot: Uint8Array;
  extrinsicsRoot: Uint8Array;
}

/** A proof of leaves as nodes send it. */
export interface MmrProof {
  /** Ascending; a leaf's index is its block's number. */
  indices: number[];
  /** Leaves of the range. */
  size: number;
  /** 32 bytes each. */
  nodes: Uint8Array[];
}

const LEAF_BYTES = 101;
const HASH_BYTES = 32;
/** Leaves and nodes of one proof. */
const MAX_ITEMS = 100_000;
/** Numbers beyond are not exact in the arithmetic here; no chain gets there. */
const MAX_LEAVES = 2 ** 40;

function refuse(message: string): never {
  throw new ProtocolError({
    code: 'bad-mmr-proof',
    rule: 'mmr-proof',
    message,
    sentence: 'The proof that a block belongs to the chain does not hold.',
  });
}

/** The leaf of a block. */
export function mmrLeafOf(header: Header): MmrLeaf {
  const { number, stateRoot, extrinsicsRoot } = header;
  return { number, hash: headerHash(header), stateRoot, extrinsicsRoot };
}

/** SCALE of a leaf: version 0, number, hash, state root, extrinsics root. 101 bytes. */
function encodeMmrLeaf(leaf: MmrLeaf): Uint8Array {
  return new ScaleWriter(LEAF_BYTES)
    .u8(0)
    .u32(leaf.number)
    .raw(leaf.hash, HASH_BYTES)
    .raw(leaf.stateRoot, HASH_BYTES)
    .raw(leaf.extrinsicsRoot, HASH_BYTES)
    .bytes();
}

/** Throws DecodeError. */
function decodeMmrLeaf(bytes: Uint8Array): MmrLeaf {
  return decodeAll(bytes, 'mmr-leaf', (reader) => {
    const version = reader.u8();
    if (version !== 0) reader.fail(`unknown version ${version}`);
    return {
      number: reader.u32(),
      hash: reader.raw(HASH_BYTES),
      stateRoot: reader.raw(HASH_BYTES),
      extrinsicsRoot: reader.raw(HASH_BYTES),
    };
  });
}

/** Leaves of an answer of `mmr_generateProof`: a vector of byte vectors. Throws DecodeError. */
export function decodeMmrLeaves(bytes: Uint8Array): MmrLeaf[] {
  const encoded = decodeAll(bytes, 'mmr-leaves', (reader) =>
    reader.vec((each) => each.byteVector(LEAF_BYTES), 1, MAX_ITEMS),
  );
  return encoded.map(decodeMmrLeaf);
}

/** Leaves of an answer of `mmr_generateProof`. */
export function encodeMmrLeaves(leaves: readonly MmrLeaf[]): Uint8Array {
  return new ScaleWriter((LEAF_BYTES + 2) * leaves.length + 4)
    .vec(leaves, (item, leaf) => item.byteVector(encodeMmrLeaf(leaf)))
    .bytes();
}

/** Proof of an answer of `mmr_generateProof`. Throws DecodeError. */
export function decodeMmrProof(bytes: Uint8Array): MmrProof {
  return decodeAll(bytes, 'mmr-proof', (reader) => {
    const small = (value: bigint): number =>
      value <= BigInt(MAX_LEAVES) ? Number(value) : reader.fail(`${value} leaves`);
    return {
      indices: reader.vec((each) => small(each.u64()), 8, MAX_ITEMS),
      size: small(reader.u64()),
      nodes: reader.vec((each) => each.raw(HASH_BYTES), HASH_BYTES, MAX_ITEMS),
    };
  });
}

/** Proof of an answer of `mmr_generateProof`. */
export function encodeMmrProof({ indices, size, nodes }: MmrProof): Uint8Array {
  return new ScaleWriter(32 * nodes.length + 8 * indices.length + 16)
    .vec(indices, (item, index) => item.u64(BigInt(index)))
    .u64(BigInt(size))
    .vec(nodes, (item, node) => item.raw(node, HASH_BYTES))
    .bytes();
}

/** Hash of a leaf: Keccak-256 of its SCALE. */
export function mmrLeafHash(leaf: MmrLeaf): Uint8Array {
  return keccak_256(encodeMmrLeaf(leaf));
}

/** Hash of two nodes: Keccak-256 of one after the other. */
export function mergeMmrNodes(left: Uint8Array, right: Uint8Array): Uint8Array {
  return keccak_256(concat(left, right));
}

/** Heights of the mountains over that many leaves, from left to right. */
export function mountainHeights(leaves: number): number[] {
  const heights: number[] = [];
  let rest = leaves;
  while (rest > 0) {
    const height = Math.floor(Math.log2(rest));
    heights.push(height);
    rest -= 2 ** height;
  }
  return heights;
}

/** Root over peaks, from left to right: the rightmost is bagged first. Throws RangeError if there is none. */
export function bagPeaks(peaks: readonly Uint8Array[]): Uint8Array {
  const rest = [...peaks];
  let root = rest.pop();
  if (root === undefined) throw new RangeError('a range without leaves has no root');
  for (let peak = rest.pop(); peak !== undefined; peak = rest.pop()) root = mergeMmrNodes(root, peak);
  return root;
}

/** Grows a range leaf by leaf, keeping its peaks alone. */
export class MmrPeaks {
  private peaks: { height: number; node: Uint8Array }[] = [];
  private count = 0;

  get leaves(): number {
    return this.count;
  }

  /** Adds a leaf by its hash (32 bytes). */
  append(leafHash: Uint8Array): void {
    let top = { height: 0, node: leafHash };
    for (let last = this.peaks.at(-1); last?.height === top.height; last = this.peaks.at(-1)) {
      this.peaks.pop();
      top = { height: top.height + 1, node: mergeMmrNodes(last.node, top.node) };
    }
    this.peaks.push(top);
    this.count += 1;
  }

  /** 32 bytes. Throws RangeError without leaves. */
  root(): Uint8Array {
    return bagPeaks(this.peaks.map(({ node }) => node));
  }
}

interface Mountain {
  height: number;
  /** Leaf with which it begins. */
  first: number;
  /** Wanted leaves, counted from the mountain's first. */
  wanted: number[];
}

function mountainsWith(indices: readonly number[], size: number): Mountain[] {
  let first = 0;
  let next = 0;
  return mountainHeights(size).map((height) => {
    const mountain: Mountain = { height, first, wanted: [] };
    const end = first + 2 ** height;
    for (; next < indices.length && (indices[next] as number) < end; next += 1) {
      mountain.wanted.push((indices[next] as number) - first);
    }
    first = end;
    return mountain;
  });
}

/** Parents of places in a level, each once. */
function parentsOf(level: readonly number[]): number[] {
  return [...new Set(level.map((place) => Math.floor(place / 2)))];
}

/**
 * Nodes that lead from leaves to the root over `size` leaves, as nodes of the network order them: mountain by
 * mountain from the left, in each level by level; the mountains right of the last wanted leaf bagged into one.
 *
 * @param indices ascending.
 * @param node the node of a height above a leaf that begins its subtree.
 */
export function mmrProofNodes(
  indices: readonly number[],
  size: number,
  node: (height: number, first: number) => Uint8Array,
): Uint8Array[] {
  const nodes: Uint8Array[] = [];
  let trailing: Uint8Array[] = [];
  for (const { height, first, wanted } of mountainsWith(indices, size)) {
    if (wanted.length === 0) {
      trailing.push(node(height, first));
      continue;
    }
    nodes.push(...trailing);
    trailing = [];
    let level = wanted;
    for (let below = 0; below < height; below += 1) {
      const places = new Set(level);
      for (const place of level) {
        const sibling = place % 2 === 0 ? place + 1 : place - 1;
        if (!places.has(sibling)) nodes.push(node(below, first + sibling * 2 ** below));
      }
      level = parentsOf(level);
    }
  }
  if (trailing.length > 0) nodes.push(bagPeaks(trailing));
  return nodes;
}

/**
 * Verifies that leaves are those of a range (rule `mmr-proof`): each at its place, and its block's number the
 * place. Throws ProtocolError.
 *
 * @param root 32 bytes, from a verified state.
 */
export function verifyMmrProof(root: Uint8Array, leaves: readonly MmrLeaf[], proof: MmrProof): void {
  const { indices, size, nodes } = proof;
  if (leaves.length === 0 || leaves.length !== indices.length) refuse('not a leaf for every index');
  if (size > MAX_LEAVES || size < 1) refuse(`a range of ${size} leaves`);
  indices.forEach((index, at) => {
    if (index >= size || (at > 0 && index <= (indices[at - 1] as number))) refuse('indices out of order');
    if ((leaves[at] as MmrLeaf).number !== index) refuse('a leaf of another block');
  });
  let next = 0;
  const take = (): Uint8Array => {
    const node = nodes[next];
    if (node === undefined) refuse('nodes are missing');
    next += 1;
    return node;
  };
  const hashes = leaves.map(mmrLeafHash);
  let used = 0;
  const mountains = mountainsWith(indices, size);
  const last = mountains.findLastIndex(({ wanted }) => wanted.length > 0);
  const peaks = mountains.slice(0, last + 1).map(({ height, wanted }) => {
    if (wanted.length === 0) return take();
    let level = new Map(wanted.map((place) => [place, hashes[used++] as Uint8Array]));
    for (let below = 0; below < height; below += 1) level = raise(level, take);
    return level.get(0) as Uint8Array;
  });
  if (last + 1 < mountains.length) peaks.push(take());
  if (next !== nodes.length) refuse('nodes are left over');
  if (!equal(bagPeaks(peaks), root)) refuse('another root');
}

/** The level above some nodes of a mountain; siblings that are missing come from the proof. */
function raise(level: Map<number, Uint8Array>, take: () => Uint8Array): Map<number, Uint8Array> {
  const above = new Map<number, Uint8Array>();
  for (const [place, node] of level) {
    const parent = Math.floor(place / 2);
    if (above.has(parent)) continue;
    const right = place % 2 === 1;
    const sibling = (right ? undefined : level.get(place + 1)) ?? take();
    above.set(parent, right ? mergeMmrNodes(sibling, node) : mergeMmrNodes(node, sibling));
  }
  return above;
}
