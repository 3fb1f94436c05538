/**
 * Substrate's state trie (BLAKE2b-256, radix 16) as a value that never changes: a change gives another trie that
 * shares all untouched nodes, and their hashes, with the one before.
 */
import { compare, concat } from './bytes.ts';
import { blake2b256 } from './hash.ts';
import { ScaleWriter } from './scale.ts';
import {
  bytesOfNibbles,
  EMPTY_NODE,
  encodeTrieNode,
  HASHED_VALUE_BYTES,
  nibblesOf,
  sharedNibbles,
  TRIE_HASH_BYTES,
  type NodeValue,
  type StateVersion,
} from './trie-node.ts';

export type { StateVersion } from './trie-node.ts';

interface Node {
  /** Nibbles between the parent and this node. */
  readonly path: Uint8Array;
  readonly value: Value | null;
  /** 16 of them, or null for a leaf. */
  readonly children: readonly (Node | null)[] | null;
  /** How the parent refers to this node, once it was asked for. */
  reference?: Uint8Array;
}

interface Value {
  /** Null: only the hash is known. */
  readonly bytes: Uint8Array | null;
  /** BLAKE2b-256 of the bytes, once it was needed. */
  hash?: Uint8Array;
}

/** An entry to write; a null value removes it. */
export interface TrieChange {
  key: Uint8Array;
  value: Uint8Array | null;
}

const NO_CHILDREN: readonly null[] = new Array<null>(16).fill(null);

function withChild(children: Node['children'], index: number, child: Node | null): Node['children'] {
  const changed = [...(children ?? NO_CHILDREN)];
  changed[index] = child;
  return changed;
}

function childAt(node: Node, index: number): Node | null {
  return node.children?.[index] ?? null;
}

function insert(node: Node | null, path: Uint8Array, value: Value): Node {
  if (node === null) return { path, value, children: null };
  const shared = sharedNibbles(node.path, path);
  if (shared === node.path.length) {
    if (shared === path.length) return { path: node.path, value, children: node.children };
    const index = path[shared] as number;
    const child = insert(childAt(node, index), path.subarray(shared + 1), value);
    return { path: node.path, value: node.value, children: withChild(node.children, index, child) };
  }
  const moved: Node = { path: node.path.subarray(shared + 1), value: node.value, children: node.children };
  const children = withChild(null, node.path[shared] as number, moved);
  const prefix = path.subarray(0, shared);
  if (shared === path.length) return { path: prefix, value, children };
  const leaf: Node = { path: path.subarray(shared + 1), value, children: null };
  return { path: prefix, value: null, children: withChild(children, path[shared] as number, leaf) };
}

function remove(node: Node | null, path: Uint8Array): Node | null {
  if (node === null) return null;
  const shared = sharedNibbles(node.path, path);
  if (shared < node.path.length) return node;
  if (shared === path.length) {
    return node.value === null ? node : collapse({ path: node.path, value: null, children: node.children });
  }
  const index = path[shared] as number;
  const before = childAt(node, index);
  const after = remove(before, path.subarray(shared + 1));
  if (after === before) return node;
  return collapse({ path: node.path, value: node.value, children: withChild(node.children, index, after) });
}

/** A node without value remains only with two children or more. */
function collapse(node: Node): Node | null {
  const present = node.children?.flatMap((child, index) => (child === null ? [] : [{ child, index }])) ?? [];
  const [only] = present;
  if (only === undefined) {
    return node.value === null ? null : { path: node.path, value: node.value, children: null };
  }
  if (present.length > 1 || node.value !== null) return node;
  const { child, index } = only;
  const path = concat(node.path, new Uint8Array([index]), child.path);
  return { path, value: child.value, children: child.children };
}

/** A state trie in memory. Tries never change: every change gives another one, which shares what stayed. */
export class Trie {
  private cachedRoot: Uint8Array | null = null;

  private constructor(
    readonly version: StateVersion,
    private readonly top: Node | null,
  ) {}

  /** The trie without entries. */
  static empty(version: StateVersion): Trie {
    return new Trie(version, null);
  }

  /** The trie of these entries. */
  static from(version: StateVersion, entries: Iterable<TrieChange>): Trie {
    return Trie.empty(version).apply(entries);
  }

  private find(key: Uint8Array): Value | null {
    let node = this.top;
    let path = nibblesOf(key);
    while (node !== null) {
      const shared = sharedNibbles(node.path, path);
      if (shared < node.path.length) return null;
      if (shared === path.length) return node.value;
      node = childAt(node, path[shared] as number);
      path = path.subarray(shared + 1);
    }
    return null;
  }

  /** Value under a key; null if there is none, or if only its hash is known. */
  get(key: Uint8Array): Uint8Array | null {
    return this.find(key)?.bytes ?? null;
  }

  /** Whether there is a value under a key. */
  has(key: Uint8Array): boolean {
    return this.find(key) !== null;
  }

  /** The trie with a value under a key. */
  set(key: Uint8Array, value: Uint8Array): Trie {
    return new Trie(this.version, insert(this.top, nibblesOf(key), { bytes: value }));
  }

  /** Sets a long value of which only the BLAKE2b-256 is known (version 1). */
  setHash(key: Uint8Array, hash: Uint8Array): Trie {
    return new Trie(this.version, insert(this.top, nibblesOf(key), { bytes: null, hash }));
  }

  /** The trie without a key. */
  remove(key: Uint8Array): Trie {
    const top = remove(this.top, nibblesOf(key));
    return top === this.top ? this : new Trie(this.version, top);
  }

  /** All changes, in their order. */
  apply(changes: Iterable<TrieChange>): Trie {
    let { top } = this;
    for (const { key, value } of changes) {
      const path = nibblesOf(key);
      top = value === null ? remove(top, path) : insert(top, path, { bytes: value });
    }
    return top === this.top ? this : new Trie(this.version, top);
  }

  /** State root: BLAKE2b-256 of the topmost node. 32 bytes. */
  root(): Uint8Array {
    this.cachedRoot ??= blake2b256(this.top === null ? EMPTY_NODE : this.encode(this.top));
    return this.cachedRoot;
  }

  private isHashed(value: Value): boolean {
    return value.bytes === null || (this.version === 1 && value.bytes.length >= HASHED_VALUE_BYTES);
  }

  private nodeValue(value: Value): NodeValue {
    if (value.bytes !== null && !this.isHashed(value)) return { kind: 'inline', bytes: value.bytes };
    value.hash ??= blake2b256(value.bytes as Uint8Array);
    return { kind: 'hashed', hash: value.hash };
  }

  private encode({ path, value, children }: Node): Uint8Array {
    return encodeTrieNode({
      path,
      value: value && this.nodeValue(value),
      children: children && children.map((child) => child && this.referenceOf(child)),
    });
  }

  private referenceOf(node: Node): Uint8Array {
    if (node.reference === undefined) {
      const encoded = this.encode(node);
      node.reference = encoded.length < TRIE_HASH_BYTES ? encoded : blake2b256(encoded);
    }
    return node.reference;
  }

  /**
   * Nodes and hashed values that prove what the keys hold or that they hold nothing, in the order of their
   * bytes, none twice: what a node of the network answers `state_getReadProof` with.
   */
  prove(keys: Iterable<Uint8Array>): Uint8Array[] {
    const nodes = new Set<Node>();
    const values = new Set<Uint8Array>();
    for (const key of keys) {
      let node = this.top;
      let path = nibblesOf(key);
      while (node !== null) {
        if (node === this.top || this.referenceOf(node).length === TRIE_HASH_BYTES) nodes.add(node);
        const shared = sharedNibbles(node.path, path);
        if (shared < node.path.length) break;
        if (shared === path.length) {
          if (node.value?.bytes && this.isHashed(node.value)) values.add(node.value.bytes);
          break;
        }
        node = childAt(node, path[shared] as number);
        path = path.subarray(shared + 1);
      }
    }
    const items = [...[...nodes].map((node) => this.encode(node)), ...values];
    if (this.top === null) items.push(EMPTY_NODE);
    items.sort(compare);
    return items.filter((item, index) => index === 0 || compare(item, items[index - 1] as Uint8Array) !== 0);
  }

  /** Entries in the order of their keys, those that begin with `prefix` and come after `after`. */
  *entries(
    prefix: Uint8Array = new Uint8Array(),
    after: Uint8Array | null = null,
  ): Generator<[Uint8Array, Uint8Array]> {
    for (const [key, { bytes }] of this.walk(prefix, after)) if (bytes !== null) yield [key, bytes];
  }

  /** The next keys after `after`, at most `count`, of those that begin with `prefix`. */
  nextKeys(prefix: Uint8Array, after: Uint8Array | null, count: number): Uint8Array[] {
    const keys: Uint8Array[] = [];
    if (count <= 0) return keys;
    for (const [key] of this.walk(prefix, after)) {
      keys.push(key);
      if (keys.length === count) break;
    }
    return keys;
  }

  private walk(prefix: Uint8Array, after: Uint8Array | null): Generator<[Uint8Array, Value]> {
    return walk(this.top, new Uint8Array(), nibblesOf(prefix), after && nibblesOf(after));
  }
}

function* walk(
  node: Node | null,
  above: Uint8Array,
  prefix: Uint8Array,
  after: Uint8Array | null,
): Generator<[Uint8Array, Value]> {
  if (node === null) return;
  const path = concat(above, node.path);
  if (sharedNibbles(path, prefix) < Math.min(path.length, prefix.length)) return;
  let bound = after;
  if (bound !== null) {
    const shared = sharedNibbles(path, bound);
    if (shared < path.length) {
      if (shared < bound.length && (path[shared] as number) < (bound[shared] as number)) return;
      bound = null;
    }
  }
  if (node.value !== null && bound === null && path.length >= prefix.length) {
    yield [bytesOfNibbles(path), node.value];
  }
  // With a bound left, the path leads to it: children before it are skipped.
  const first = bound?.[path.length] ?? 0;
  for (let index = first; index < 16; index += 1) {
    const child = childAt(node, index);
    const next = index === first && bound !== null && path.length < bound.length ? bound : null;
    if (child !== null) yield* walk(child, concat(path, new Uint8Array([index])), prefix, next);
  }
}

/** Root of a list, each item under its compact index: extrinsics of a block. 32 bytes. */
export function orderedTrieRoot(items: readonly Uint8Array[], version: StateVersion): Uint8Array {
  const keyOf = (index: number) => new ScaleWriter(8).compact(index).bytes();
  return Trie.from(
    version,
    items.map((value, index) => ({ key: keyOf(index), value })),
  ).root();
}
