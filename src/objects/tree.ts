/** The tree of nodes below a head: which leaves hold a file's bytes, which heads stand in a folder. */
import { decodeNode, MAX_LINKS, type DagNode, type NodeType } from '../protocol/dag.ts';
import { toHex } from '../protocol/bytes.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { ObjectError } from './errors.ts';

/** Gives the bytes of nodes by their hash (32 bytes), verified. */
export interface NodeSource {
  node(hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

/** Deepest tree that is read: with 1626 links a node, 8 levels hold more than any history can. */
const MAX_DEPTH = 8;
/** Leaves fetched ahead of the one that is read, 64 KiB each. */
const LEAVES_AHEAD = 32;

/** Decodes a node. Throws ObjectError `malformed`. */
export function readNode(hash: Uint8Array, bytes: Uint8Array): DagNode {
  try {
    return decodeNode(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw malformed(hash, error.message, error);
  }
}

function malformed(node: Uint8Array, message: string, cause?: unknown): ObjectError {
  const sentence = 'This object is not made the way files and folders are.';
  return new ObjectError({ code: 'malformed', message, sentence, node, cause });
}

function outOfBounds(node: Uint8Array, message: string): ObjectError {
  const sentence = 'This object claims to be larger or deeper than any file can be.';
  return new ObjectError({ code: 'out-of-bounds', message, sentence, node });
}

function sizeLies(node: Uint8Array, message: string): ObjectError {
  const sentence = 'This object states a size that its content does not have.';
  return new ObjectError({ code: 'size-lies', message, sentence, node });
}

interface Kinds {
  inner: readonly NodeType[];
  leaf: NodeType | null;
}

/** What may stand below each kind of head. Descriptions have the inner nodes of files. */
const BELOW: Partial<Record<NodeType, Kinds>> = {
  file: { inner: ['fileInlink'], leaf: 'fileChunk' },
  metadata: { inner: ['fileInlink', 'metadataInlink'], leaf: 'metadataChunk' },
  folder: { inner: ['folderInlink'], leaf: null },
};

/** A node below a head, still to be read. */
interface Pending {
  hash: Uint8Array;
  /** Depth that it has to be below. */
  below: number;
}

function requireHead(hash: Uint8Array, head: DagNode): Kinds {
  const kinds = BELOW[head.type];
  if (kinds === undefined) throw malformed(hash, `a ${head.type} is no head of a file or folder`);
  if (head.linkDepth > MAX_DEPTH) throw outOfBounds(hash, `${head.linkDepth} levels`);
  requireLinks(hash, head);
  return kinds;
}

function requireLinks(hash: Uint8Array, { links }: DagNode): void {
  if (links.length > MAX_LINKS) throw outOfBounds(hash, `${links.length} links in a node`);
}

/**
 * Reads an inner node and checks that it stands one level or more below the one above it, which rules cycles out.
 */
async function readInner(
  source: NodeSource,
  { hash, below }: Pending,
  inner: readonly NodeType[],
  signal: AbortSignal,
): Promise<DagNode> {
  const node = readNode(hash, await source.node(hash, signal));
  if (!inner.includes(node.type)) throw malformed(hash, `a ${node.type} in the place of an inner node`);
  if (node.linkDepth >= below)
    throw malformed(hash, `depth ${node.linkDepth} below a node of depth ${below}`);
  if (node.links.length === 0) throw malformed(hash, 'an inner node without links');
  requireLinks(hash, node);
  return node;
}

/** The heads in a folder, in order. Throws ObjectError. */
export async function* folderEntries(
  source: NodeSource,
  hash: Uint8Array,
  head: DagNode,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { inner } = requireHead(hash, head);
  async function* walk(node: DagNode): AsyncGenerator<Uint8Array> {
    if (node.linkDepth === 0) {
      yield* node.links;
      return;
    }
    for (const link of node.links) {
      yield* walk(await readInner(source, { hash: link, below: node.linkDepth }, inner, signal));
    }
  }
  yield* walk(head);
}

/** Hashes of a node and all below it, each once it was read, in no promised order. Throws ObjectError. */
export async function* allNodes(
  source: NodeSource,
  hash: Uint8Array,
  node: DagNode,
  signal: AbortSignal,
  levels = 2 * MAX_DEPTH,
): AsyncGenerator<Uint8Array> {
  if (levels === 0) throw outOfBounds(hash, `more than ${2 * MAX_DEPTH} levels`);
  requireLinks(hash, node);
  yield hash;
  const reads = node.links.map((link) => () => source.node(link, signal));
  for (let at = 0; at < reads.length; at += LEAVES_AHEAD) {
    const bytes = await Promise.all(reads.slice(at, at + LEAVES_AHEAD).map((read) => read()));
    for (const [index, child] of bytes.entries()) {
      const link = node.links[at + index]!;
      yield* allNodes(source, link, readNode(link, child), signal, levels - 1);
    }
  }
}

/** How a balanced tree is filled: what lies left of a leaf follows from its number. */
interface Shape {
  /** Bytes of every leaf but the last. */
  leafBytes: number;
  /** Leaves below every node of a depth but the last one: by depth. */
  leavesBelow: number[];
}

/**
 * Looks down the left edge of a file's tree for the size of its leaves and the fan-out of its levels; null when
 * the tree does not have one size of leaves for what it claims to hold.
 */
async function shapeOf(
  source: NodeSource,
  hash: Uint8Array,
  head: DagNode,
  signal: AbortSignal,
): Promise<Shape | null> {
  const { inner, leaf } = requireHead(hash, head);
  const fanOut: number[] = [];
  let node = head;
  let depth = head.linkDepth;
  while (depth > 1) {
    const first = node.links[0];
    if (first === undefined) return null;
    node = await readInner(source, { hash: first, below: depth }, inner, signal);
    if (node.linkDepth !== depth - 1) return null;
    depth -= 1;
    fanOut.unshift(node.links.length);
  }
  const first = node.links[0];
  if (first === undefined) return null;
  const { data } = readLeaf(first, await source.node(first, signal), leaf);
  const leavesBelow = [1];
  for (const links of fanOut) leavesBelow.push(leavesBelow.at(-1)! * links);
  return { leafBytes: data.length, leavesBelow };
}

function readLeaf(hash: Uint8Array, bytes: Uint8Array, type: NodeType | null): { data: Uint8Array } {
  const node = readNode(hash, bytes);
  if (node.type !== type || node.data === null)
    throw malformed(hash, `a ${node.type} in the place of a leaf`);
  if (node.data.length === 0) throw sizeLies(hash, 'a leaf without content');
  return { data: node.data };
}

/** Hashes of a file's leaves in the order of the content, from a leaf's number on. */
async function* leavesFrom(
  source: NodeSource,
  head: DagNode,
  kinds: Kinds,
  shape: Shape | null,
  first: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let skip = first;
  async function* walk(node: DagNode): AsyncGenerator<Uint8Array> {
    const size = shape?.leavesBelow[node.linkDepth - 1] ?? 1;
    const jump = Math.min(node.links.length, Math.floor(skip / size));
    skip -= jump * size;
    for (const link of node.links.slice(jump)) {
      if (node.linkDepth <= 1) yield link;
      else yield* walk(await readInner(source, { hash: link, below: node.linkDepth }, kinds.inner, signal));
    }
  }
  yield* walk(head);
}

/**
 * The stored bytes of a file from byte `from` on, leaf by leaf, each verified by its hash. Leaves are fetched a few
 * ahead of the reader and no further. A start behind the first byte goes straight to its leaf where all leaves
 * are of one size.
 *
 * @param head The file's or description's head, `hash` its own.
 * @throws ObjectError
 */
export async function* storedBytes(
  source: NodeSource,
  hash: Uint8Array,
  head: DagNode,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const kinds = requireHead(hash, head);
  if (kinds.leaf === null) throw malformed(hash, 'a folder has no bytes');
  const size = storedSize(hash, head);
  if (from >= size) return;
  if (head.data !== null) {
    yield head.data.subarray(from);
    return;
  }
  const shape = from === 0 ? null : await shapeOf(source, hash, head, signal);
  const first = shape === null ? 0 : Math.floor(from / shape.leafBytes);
  let at = shape === null ? 0 : first * shape.leafBytes;
  for await (const leaf of ahead(leavesFrom(source, head, kinds, shape, first, signal), source, signal)) {
    const { data } = readLeaf(leaf.hash, leaf.bytes, kinds.leaf);
    const end = at + data.length;
    if (end > size) throw sizeLies(hash, `more than the ${size} bytes stated`);
    if (shape !== null && end < size && data.length !== shape.leafBytes) {
      throw sizeLies(leaf.hash, `a leaf of ${data.length} bytes among those of ${shape.leafBytes}`);
    }
    if (end > from) yield data.subarray(Math.max(0, from - at));
    at = end;
  }
  if (at !== size) throw sizeLies(hash, `${at} bytes where ${size} are stated`);
}

/** Bytes that a head states to hold. Throws ObjectError. */
export function storedSize(hash: Uint8Array, head: DagNode): number {
  const { size } = head;
  if (size === null) throw malformed(hash, 'a head without a size');
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw outOfBounds(hash, `${size} bytes`);
  return Number(size);
}

interface FetchedLeaf {
  hash: Uint8Array;
  bytes: Uint8Array;
}

/** Fetches leaves ahead of their reader, a bounded number at once, and gives them in order. */
async function* ahead(
  leaves: AsyncGenerator<Uint8Array>,
  source: NodeSource,
  signal: AbortSignal,
): AsyncGenerator<FetchedLeaf> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const queue: Promise<FetchedLeaf>[] = [];
  let more = true;
  const fill = async (): Promise<void> => {
    while (more && queue.length < LEAVES_AHEAD) {
      const next = await leaves.next();
      if (next.done) {
        more = false;
        return;
      }
      const hash = next.value;
      const fetched = source.node(hash, both).then((bytes) => ({ hash, bytes }));
      fetched.catch(() => undefined);
      queue.push(fetched);
    }
  };
  try {
    await fill();
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      yield await next;
      await fill();
    }
  } finally {
    stop.abort(new DOMException('the reader has stopped', 'AbortError'));
  }
}

/** Key of a hash in maps. */
export function keyOf(hash: Uint8Array): string {
  return toHex(hash);
}
