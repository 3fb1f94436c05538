/** The tree of nodes below a head: which leaves hold a file's bytes, which heads stand in a folder. */
import { abortWith } from '../async/on-abort.ts';
import { leafBytes as fullLeafBytes } from '../protocol/dag-builder.ts';
import { decodeNode, LINK_BYTES, MAX_LINKS, type DagNode, type NodeType } from '../protocol/dag.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { ObjectError } from './errors.ts';

/** Gives the bytes of nodes by their hash (32 bytes), verified. */
export interface NodeSource {
  node(hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** The same of the head of an object that no other one led to. */
  head?(hash: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** Told that what is read next begins about so many bytes before a node that was read, where things are stored. */
  expect?(hash: Uint8Array, bytesBefore: number): void;
}

/** Deepest tree that is read: with 1626 links a node, 8 levels hold more than any history can. */
const MAX_DEPTH = 8;
/** Nodes fetched ahead of the one that is read, 64 KiB each: at first, and as the reader goes on (eight pieces). */
const FIRST_AHEAD = 32;
const MOST_AHEAD = 128;
/** Bytes of content in a leaf, unless the writer chose another size. */
const LEAF_BYTES = fullLeafBytes();

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

function requireLinks(hash: Uint8Array, { links }: Pick<DagNode, 'links'>): void {
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

/** The inner nodes that `links` of a node name, in order, each asked for while the one before it is read. */
async function* innerNodes(
  source: NodeSource,
  { linkDepth: below }: DagNode,
  links: readonly Uint8Array[],
  inner: readonly NodeType[],
  signal: AbortSignal,
): AsyncGenerator<DagNode> {
  const read = (hash: Uint8Array | undefined): Promise<DagNode> | null => {
    if (hash === undefined) return null;
    const node = readInner(source, { hash, below }, inner, signal);
    node.catch(() => undefined);
    return node;
  };
  let next = read(links[0]);
  for (let at = 1; next !== null; at += 1) {
    const node = await next;
    next = read(links[at]);
    yield node;
  }
}

/** The heads in a folder, in order. Throws ObjectError. */
export async function* folderEntries(
  source: NodeSource,
  hash: Uint8Array,
  head: DagNode,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { inner } = requireHead(hash, head);
  source.expect?.(hash, Number(head.size ?? 0n));
  async function* walk(node: DagNode): AsyncGenerator<Uint8Array> {
    if (node.linkDepth === 0) yield* node.links;
    else for await (const child of innerNodes(source, node, node.links, inner, signal)) yield* walk(child);
  }
  yield* walk(head);
}

/**
 * Hashes of a node and all below it, each once it was read. What is below a node that many link to is walked once: a few
 * such nodes make a tree without end. Throws ObjectError.
 */
export async function* allNodes(
  source: NodeSource,
  hash: Uint8Array,
  node: DagNode,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const walked = new Set<string>();
  async function* walk(
    at: Uint8Array,
    { type, size, links }: DagNode,
    levels: number,
  ): AsyncGenerator<Uint8Array> {
    if (levels === 0) throw outOfBounds(at, `more than ${2 * MAX_DEPTH} levels`);
    requireLinks(at, { links });
    yield at;
    if (BELOW[type] !== undefined) source.expect?.(at, Number(size ?? 0n));
    const below = [...new Map(links.map((link) => [keyOf(link), link]))];
    const open = below.flatMap(([key, link]) => (walked.has(key) ? [] : [link]));
    for await (const child of nodesAhead(open, source, signal)) {
      if (walked.has(keyOf(child.hash))) continue;
      yield* walk(child.hash, readNode(child.hash, child.bytes), levels - 1);
      walked.add(keyOf(child.hash));
    }
  }
  yield* walk(hash, node, 2 * MAX_DEPTH);
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
  source.expect?.(hash, storedSize(hash, head));
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

/** Where in a file's leaves to begin. */
interface Start {
  /** Number of the first leaf. */
  leaf: number;
  shape: Shape | null;
  /** Stored bytes from there to the file's end. */
  bytesLeft: number;
}

/** Hashes of a file's leaves in the order of the content, from a leaf's number on. */
async function* leavesFrom(
  source: NodeSource,
  hash: Uint8Array,
  head: DagNode,
  { leaf, shape, bytesLeft }: Start,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { inner } = requireHead(hash, head);
  // Inner nodes are stored between the leaves and the head.
  const innerBytes = head.linkDepth > 1 ? Math.ceil(storedSize(hash, head) / LEAF_BYTES) * LINK_BYTES : 0;
  if (innerBytes > 0) source.expect?.(hash, innerBytes);
  let skip = leaf;
  let atLeaves = false;
  async function* walk(node: DagNode): AsyncGenerator<Uint8Array> {
    const size = shape?.leavesBelow[node.linkDepth - 1] ?? 1;
    const jump = Math.min(node.links.length, Math.floor(skip / size));
    skip -= jump * size;
    const links = node.links.slice(jump);
    if (node.linkDepth <= 1) {
      if (!atLeaves) source.expect?.(hash, bytesLeft + innerBytes);
      atLeaves = true;
      yield* links;
    } else for await (const child of innerNodes(source, node, links, inner, signal)) yield* walk(child);
  }
  yield* walk(head);
}

/**
 * The stored bytes of a file from byte `from` on, leaf by leaf, each verified by its hash. Leaves are fetched a few
 * ahead of the reader and no further. A start behind the first byte goes straight to its leaf where all leaves
 * are of one size.
 *
 * @param head The file's or description's head, `hash` its own.
 * @param to Byte before which the reader will stop: nothing is fetched ahead behind it.
 * @throws ObjectError
 */
export async function* storedBytes(
  source: NodeSource,
  hash: Uint8Array,
  head: DagNode,
  { from, to }: { from: number; to: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { leaf: leafType } = requireHead(hash, head);
  if (leafType === null) throw malformed(hash, 'a folder has no bytes');
  const size = storedSize(hash, head);
  if (from >= size) return;
  if (head.data !== null) {
    yield head.data.subarray(from);
    return;
  }
  const shape = from === 0 ? null : await shapeOf(source, hash, head, signal);
  const first = shape === null ? 0 : Math.floor(from / shape.leafBytes);
  let at = shape === null ? 0 : first * shape.leafBytes;
  let leafBytes = shape?.leafBytes ?? LEAF_BYTES;
  const leaves = leavesFrom(source, hash, head, { leaf: first, shape, bytesLeft: size - at }, signal);
  const wanted = (): number => Math.ceil((to - at) / leafBytes);
  for await (const leaf of nodesAhead(leaves, source, signal, wanted)) {
    const { data } = readLeaf(leaf.hash, leaf.bytes, leafType);
    const end = at + data.length;
    if (end > size) throw sizeLies(hash, `more than the ${size} bytes stated`);
    if (shape !== null && end < size && data.length !== shape.leafBytes) {
      throw sizeLies(leaf.hash, `a leaf of ${data.length} bytes among those of ${shape.leafBytes}`);
    }
    leafBytes = data.length;
    const begin = at;
    at = end;
    if (end > from) yield data.subarray(Math.max(0, from - begin));
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

/** A node that was fetched and verified. */
export interface FetchedNode {
  hash: Uint8Array;
  bytes: Uint8Array;
}

async function fetchNode(source: NodeSource, hash: Uint8Array, signal: AbortSignal): Promise<FetchedNode> {
  return { hash, bytes: await source.node(hash, signal) };
}

/** Of a promise that is waited for later, by whom its failure is heard then. */
const HEARD_LATER = (): void => undefined;

/**
 * Fetches nodes ahead of their reader, a bounded number at once, and gives them in order. Whoever stops reading stops
 * the fetching.
 *
 * @param wanted How many the reader will take from here on at most, as far as is known.
 */
export async function* nodesAhead(
  hashes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  source: NodeSource,
  signal: AbortSignal,
  wanted: () => number = () => Number.POSITIVE_INFINITY,
): AsyncGenerator<FetchedNode> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const leave = abortWith(signal, stop);
  const queue: Promise<FetchedNode>[] = [];
  let ahead = FIRST_AHEAD;
  let more = true;
  const iterator =
    Symbol.asyncIterator in hashes ? hashes[Symbol.asyncIterator]() : hashes[Symbol.iterator]();
  const fill = async (): Promise<void> => {
    while (more && queue.length < Math.max(1, Math.min(ahead, wanted()))) {
      const next = await iterator.next();
      if (next.done === true) {
        more = false;
        return;
      }
      const fetched = fetchNode(source, next.value, stop.signal);
      fetched.catch(HEARD_LATER);
      queue.push(fetched);
    }
  };
  try {
    await fill();
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      yield await next;
      ahead = Math.min(MOST_AHEAD, ahead + 1);
      await fill();
    }
  } finally {
    leave();
    stop.abort(new DOMException('the reader has stopped', 'AbortError'));
  }
}

/** Key of a hash (32 bytes) in maps: a character a byte, which is made faster than its hex. */
export function keyOf(hash: Uint8Array): string {
  // An array's spread would make it five times as slow.
  return String.fromCharCode.apply(null, hash as unknown as number[]);
}
