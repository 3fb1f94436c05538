/** Nodes of Substrate's state trie as bytes: headers, partial keys, values and references to children. */
import { ScaleReader, ScaleWriter } from './scale.ts';

/** Format of a trie: version 1 stores long values by their hash, version 0 stores every value in its node. */
export type StateVersion = 0 | 1;

/** Values from this length on are stored by their hash in version 1. */
export const HASHED_VALUE_BYTES = 33;
/** Bytes of a node’s hash: BLAKE2b-256. */
export const TRIE_HASH_BYTES = 32;
/** The node of a trie without entries. */
export const EMPTY_NODE = new Uint8Array([0]);
/** Longest partial key that a node may have, in nibbles. */
export const MAX_PARTIAL_NIBBLES = 0xffff;

/** A value inside its node, or the BLAKE2b-256 (32 bytes) of one that is kept beside the nodes. */
export type NodeValue = { kind: 'inline'; bytes: Uint8Array } | { kind: 'hashed'; hash: Uint8Array };

/** A node taken apart. */
export interface TrieNode {
  /** Nibbles between the parent and this node, one a byte. */
  path: Uint8Array;
  value: NodeValue | null;
  /** Of a branch: 16 references, each 32 bytes of hash, or the node itself if that is shorter; null for a leaf. */
  children: readonly (Uint8Array | null)[] | null;
}

/** The two nibbles of every byte, the higher one first. */
export function nibblesOf(key: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(2 * key.length);
  for (let index = 0; index < key.length; index += 1) {
    const byte = key[index] as number;
    nibbles[2 * index] = byte >> 4;
    nibbles[2 * index + 1] = byte & 15;
  }
  return nibbles;
}

/** Bytes of an even number of nibbles. */
export function bytesOfNibbles(nibbles: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(nibbles.length / 2);
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = ((nibbles[2 * index] as number) << 4) | (nibbles[2 * index + 1] as number);
  }
  return bytes;
}

/** Number of nibbles at the beginning that two paths share. */
export function sharedNibbles(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a[length] === b[length]) length += 1;
  return length;
}

function writePartialKey(writer: ScaleWriter, prefix: number, bits: number, path: Uint8Array): void {
  const max = (1 << bits) - 1;
  if (path.length < max) writer.u8(prefix | path.length);
  else {
    writer.u8(prefix | max);
    let rest = path.length - max;
    for (; rest >= 255; rest -= 255) writer.u8(255);
    writer.u8(rest);
  }
  const odd = path.length % 2;
  if (odd === 1) writer.u8(path[0] as number);
  writer.raw(bytesOfNibbles(path.subarray(odd)));
}

/** Bytes of a node. */
export function encodeTrieNode({ path, value, children }: TrieNode): Uint8Array {
  const writer = new ScaleWriter(children === null ? 96 : 640);
  const hashed = value?.kind === 'hashed';
  if (children === null) writePartialKey(writer, hashed ? 0x20 : 0x40, hashed ? 5 : 6, path);
  else if (value === null) writePartialKey(writer, 0x80, 6, path);
  else writePartialKey(writer, hashed ? 0x10 : 0xc0, hashed ? 4 : 6, path);
  if (children !== null) {
    writer.u16(children.reduce((bits, child, index) => bits | (child === null ? 0 : 1 << index), 0));
  }
  if (value?.kind === 'hashed') writer.raw(value.hash, TRIE_HASH_BYTES);
  else if (value !== null) writer.byteVector(value.bytes);
  for (const child of children ?? []) if (child !== null) writer.byteVector(child);
  return writer.bytes();
}

interface NodeHeader {
  branch: boolean;
  value: 'none' | 'inline' | 'hashed';
  /** Bits of the first byte that count nibbles. */
  bits: number;
}

function headerOf(first: number, reader: ScaleReader): NodeHeader {
  if (first >= 0xc0) return { branch: true, value: 'inline', bits: 6 };
  if (first >= 0x80) return { branch: true, value: 'none', bits: 6 };
  if (first >= 0x40) return { branch: false, value: 'inline', bits: 6 };
  if (first >= 0x20) return { branch: false, value: 'hashed', bits: 5 };
  if (first >= 0x10) return { branch: true, value: 'hashed', bits: 4 };
  return reader.fail(`${first} begins no node`);
}

function readPartialKey(reader: ScaleReader, first: number, bits: number): Uint8Array {
  const max = (1 << bits) - 1;
  let length = first & max;
  if (length === max) {
    let more: number;
    do {
      more = reader.u8();
      length += more;
      if (length > MAX_PARTIAL_NIBBLES) reader.fail('a partial key is too long');
    } while (more === 255);
  }
  const odd = length % 2;
  const nibbles = nibblesOf(reader.window((length + odd) / 2));
  if (odd === 1 && nibbles[0] !== 0) reader.fail('the padding of a partial key is not zero');
  return nibbles.subarray(odd);
}

/**
 * Takes a node apart; null for the node of an empty trie. What it returns may be views of the input.
 *
 * @throws DecodeError.
 */
export function decodeTrieNode(bytes: Uint8Array): TrieNode | null {
  const reader = new ScaleReader(bytes, 'trie-node');
  const first = reader.u8();
  if (first === EMPTY_NODE[0]) {
    reader.finish();
    return null;
  }
  const header = headerOf(first, reader);
  const path = readPartialKey(reader, first, header.bits);
  const bitmap = header.branch ? reader.u16() : 0;
  if (header.branch && bitmap === 0) reader.fail('a branch without children');
  let value: NodeValue | null = null;
  if (header.value === 'inline') value = { kind: 'inline', bytes: reader.window(reader.compact()) };
  if (header.value === 'hashed') value = { kind: 'hashed', hash: reader.window(TRIE_HASH_BYTES) };
  let children: (Uint8Array | null)[] | null = null;
  if (header.branch) {
    children = [];
    for (let index = 0; index < 16; index += 1) {
      children.push((bitmap >> index) & 1 ? readReference(reader) : null);
    }
  }
  reader.finish();
  return { path, value, children };
}

function readReference(reader: ScaleReader): Uint8Array {
  const length = reader.compact();
  if (length > TRIE_HASH_BYTES) reader.fail(`a child of ${length} bytes`);
  return reader.window(length);
}
