/**
 * The state trie, as a shape that never changes: a change gives a new trie that shares all untouched nodes with
 * the one before, so that every block keeps its own state.
 */
import { concat, compare, equal } from '../src/protocol/bytes.ts';
import { blake2b256 } from '../src/protocol/hash.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';

/** Values from this length on are stored by their hash (state version 1). */
const HASHED_VALUE_BYTES = 33;

interface Node {
  /** Nibbles between the parent and this node. */
  readonly path: Uint8Array;
  readonly value: Value | null;
  /** 16 of them, or null for a leaf. */
  readonly children: readonly (Node | null)[] | null;
  encoded?: Uint8Array;
  hash?: Uint8Array;
}

interface Value {
  readonly bytes: Uint8Array | null;
  /** BLAKE2b-256 of the bytes, where they are stored by hash. */
  hash?: Uint8Array;
}

const NO_CHILDREN: readonly null[] = new Array<null>(16).fill(null);

function nibblesOf(key: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(2 * key.length);
  key.forEach((byte, index) => {
    nibbles[2 * index] = byte >> 4;
    nibbles[2 * index + 1] = byte & 15;
  });
  return nibbles;
}

function bytesOf(nibbles: number[]): Uint8Array {
  return Uint8Array.from(
    { length: nibbles.length / 2 },
    (_, i) => (nibbles[2 * i]! << 4) | nibbles[2 * i + 1]!,
  );
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a[length] === b[length]) length += 1;
  return length;
}

function withChild(
  children: readonly (Node | null)[] | null,
  index: number,
  child: Node | null,
): readonly (Node | null)[] {
  const changed = [...(children ?? NO_CHILDREN)];
  changed[index] = child;
  return changed;
}

function insert(node: Node | null, path: Uint8Array, value: Value): Node {
  if (node === null) return { path, value, children: null };
  const shared = sharedLength(node.path, path);
  if (shared === node.path.length && shared === path.length) return { ...bare(node), value };
  if (shared === node.path.length) {
    const index = path[shared]!;
    const child = insert(node.children?.[index] ?? null, path.subarray(shared + 1), value);
    return { ...bare(node), children: withChild(node.children, index, child) };
  }
  const moved: Node = { ...bare(node), path: node.path.subarray(shared + 1) };
  const children = withChild(null, node.path[shared]!, moved);
  const prefix = path.subarray(0, shared);
  if (shared === path.length) return { path: prefix, value, children };
  const leaf: Node = { path: path.subarray(shared + 1), value, children: null };
  return { path: prefix, value: null, children: withChild(children, path[shared]!, leaf) };
}

function bare({ path, value, children }: Node): Node {
  return { path, value, children };
}

function remove(node: Node | null, path: Uint8Array): Node | null {
  if (node === null) return null;
  const shared = sharedLength(node.path, path);
  if (shared < node.path.length) return node;
  if (shared === path.length) return node.value === null ? node : collapse({ ...bare(node), value: null });
  const index = path[shared]!;
  const before = node.children?.[index] ?? null;
  const after = remove(before, path.subarray(shared + 1));
  if (after === before) return node;
  return collapse({ ...bare(node), children: withChild(node.children, index, after) });
}

/** A node without value is worth keeping only with two children or more. */
function collapse(node: Node): Node | null {
  const present = node.children?.flatMap((child, index) => (child === null ? [] : [{ child, index }])) ?? [];
  if (present.length === 0) return node.value === null ? null : { ...node, children: null };
  if (present.length > 1 || node.value !== null) return node;
  const { child, index } = present[0]!;
  return { ...bare(child), path: concat(node.path, new Uint8Array([index]), child.path) };
}

function isHashed(value: Value): boolean {
  return value.bytes === null || value.bytes.length >= HASHED_VALUE_BYTES;
}

function valueHash(value: Value): Uint8Array {
  value.hash ??= blake2b256(value.bytes!);
  return value.hash;
}

function encodeHeader(writer: ScaleWriter, prefix: number, bits: number, length: number): void {
  const max = (1 << bits) - 1;
  if (length < max) {
    writer.u8(prefix | length);
    return;
  }
  writer.u8(prefix | max);
  let rest = length - max;
  for (; rest >= 255; rest -= 255) writer.u8(255);
  writer.u8(rest);
}

function encode(node: Node): Uint8Array {
  if (node.encoded !== undefined) return node.encoded;
  const { path, value, children } = node;
  const writer = new ScaleWriter(64);
  const hashed = value !== null && isHashed(value);
  if (children === null) encodeHeader(writer, hashed ? 0x20 : 0x40, hashed ? 5 : 6, path.length);
  else if (value === null) encodeHeader(writer, 0x80, 6, path.length);
  else encodeHeader(writer, hashed ? 0x10 : 0xc0, hashed ? 4 : 6, path.length);
  const odd = path.length % 2;
  if (odd === 1) writer.u8(path[0]!);
  for (let index = odd; index < path.length; index += 2) writer.u8((path[index]! << 4) | path[index + 1]!);
  if (children !== null) {
    writer.u16(children.reduce((bitmap, child, index) => bitmap | (child === null ? 0 : 1 << index), 0));
  }
  if (value !== null) {
    if (hashed) writer.raw(valueHash(value));
    else writer.byteVector(value.bytes!);
  }
  for (const child of children ?? []) if (child !== null) writer.byteVector(reference(child));
  node.encoded = writer.bytes();
  return node.encoded;
}

/** How a parent refers to a node: by itself if shorter than a hash. */
function reference(node: Node): Uint8Array {
  const encoded = encode(node);
  if (encoded.length < 32) return encoded;
  node.hash ??= blake2b256(encoded);
  return node.hash;
}

export class Trie {
  private constructor(private readonly top: Node | null) {}

  static readonly empty = new Trie(null);

  static from(entries: Iterable<{ key: Uint8Array; value: Uint8Array }>): Trie {
    let trie = Trie.empty;
    for (const { key, value } of entries) trie = trie.set(key, value);
    return trie;
  }

  private find(key: Uint8Array): Value | null {
    let node = this.top;
    let path = nibblesOf(key);
    while (node !== null) {
      const shared = sharedLength(node.path, path);
      if (shared < node.path.length) return null;
      if (shared === path.length) return node.value;
      node = node.children?.[path[shared]!] ?? null;
      path = path.subarray(shared + 1);
    }
    return null;
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.find(key)?.bytes ?? null;
  }

  set(key: Uint8Array, value: Uint8Array): Trie {
    return new Trie(insert(this.top, nibblesOf(key), { bytes: value }));
  }

  /** Sets a value of which only the hash is known; reading it gives null. */
  setHash(key: Uint8Array, hash: Uint8Array): Trie {
    return new Trie(insert(this.top, nibblesOf(key), { bytes: null, hash }));
  }

  remove(key: Uint8Array): Trie {
    return new Trie(remove(this.top, nibblesOf(key)));
  }

  apply(changes: Iterable<{ key: Uint8Array; value: Uint8Array | null }>): Trie {
    let { top } = this;
    for (const { key, value } of changes) {
      const path = nibblesOf(key);
      top = value === null ? remove(top, path) : insert(top, path, { bytes: value });
    }
    return new Trie(top);
  }

  /** 32 bytes. */
  root(): Uint8Array {
    return blake2b256(this.top === null ? new Uint8Array([0]) : encode(this.top));
  }

  /** Nodes and values that prove these keys or their absence, sorted, none twice. */
  prove(wanted: Iterable<Uint8Array>): Uint8Array[] {
    const found = new Map<Uint8Array, Uint8Array>();
    const add = (bytes: Uint8Array) => found.set(bytes, bytes);
    for (const key of wanted) {
      let node = this.top;
      let path = nibblesOf(key);
      add(node === null ? new Uint8Array([0]) : encode(node));
      while (node !== null) {
        const encoded = encode(node);
        if (encoded.length >= 32) add(encoded);
        const shared = sharedLength(node.path, path);
        if (shared < node.path.length) break;
        if (shared === path.length) {
          if (node.value?.bytes && isHashed(node.value)) add(node.value.bytes);
          break;
        }
        node = node.children?.[path[shared]!] ?? null;
        path = path.subarray(shared + 1);
      }
    }
    const sorted = [...found.values()].sort(compare);
    return sorted.filter((bytes, index) => index === 0 || !equal(bytes, sorted[index - 1]!));
  }

  /** Entries in the order of their keys, those after `after` that begin with `prefix`. */
  *entries(
    prefix: Uint8Array = new Uint8Array(0),
    after: Uint8Array | null = null,
  ): Generator<[Uint8Array, Uint8Array]> {
    for (const [key, value] of walk(this.top, [])) {
      if (value.bytes === null) continue;
      if (compare(key.subarray(0, prefix.length), prefix) !== 0) continue;
      if (after !== null && compare(key, after) <= 0) continue;
      yield [key, value.bytes];
    }
  }
}

function* walk(node: Node | null, above: number[]): Generator<[Uint8Array, Value]> {
  if (node === null) return;
  const path = [...above, ...node.path];
  if (node.value !== null) yield [bytesOf(path), node.value];
  for (const [index, child] of (node.children ?? []).entries()) yield* walk(child, [...path, index]);
}

/** Root of a list, each item under its compact index: extrinsics of a block. 32 bytes. */
export function orderedRoot(items: readonly Uint8Array[]): Uint8Array {
  return Trie.from(
    items.map((value, index) => ({ key: new ScaleWriter(8).compact(index).bytes(), value })),
  ).root();
}
