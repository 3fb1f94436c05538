import { describe, expect, it } from 'vitest';
import { concat } from './bytes.ts';
import { DecodeError } from './errors.ts';
import { blake2b256 } from './hash.ts';
import { decodeTrieNode, encodeTrieNode, MAX_PARTIAL_NIBBLES, type TrieNode } from './trie-node.ts';
import { PROOF_LIMITS, StorageProof } from './trie-proof.ts';

const INLINE = { kind: 'inline', bytes: Uint8Array.of(7) } as const;
const HASHED = { kind: 'hashed', hash: new Uint8Array(32).fill(9) } as const;
const pathOf = (nibbles: number) => Uint8Array.from({ length: nibbles }, (_, index) => (index * 7) % 16);
const child = (at: number) =>
  Array.from({ length: 16 }, (_, index) => (index === at ? Uint8Array.of(1) : null));

describe('trie node', () => {
  const kinds: [name: string, prefix: number, bits: number, node: Omit<TrieNode, 'path'>][] = [
    ['leaf', 0x40, 6, { value: INLINE, children: null }],
    ['leaf of a hashed value', 0x20, 5, { value: HASHED, children: null }],
    ['branch', 0x80, 6, { value: null, children: child(0) }],
    ['branch with a value', 0xc0, 6, { value: INLINE, children: child(15) }],
    ['branch with a hashed value', 0x10, 4, { value: HASHED, children: child(9) }],
  ];

  it.each(kinds)('%s counts its nibbles in as many bytes as they take', (_, prefix, bits, node) => {
    const max = 2 ** bits - 1;
    for (const nibbles of [0, 1, 2, max - 1, max, max + 1, max + 254, max + 255, max + 256, max + 510]) {
      const bytes = encodeTrieNode({ ...node, path: pathOf(nibbles) });
      const rest = nibbles - max;
      const counted =
        rest < 0
          ? [prefix + nibbles]
          : [prefix + max, ...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255];
      expect([...bytes.subarray(0, counted.length)]).toEqual(counted);
      expect(decodeTrieNode(bytes)).toEqual({ ...node, path: pathOf(nibbles) });
      expect(() => decodeTrieNode(concat(bytes, Uint8Array.of(0)))).toThrow(DecodeError);
    }
  });

  it('is refused with a key too long, padding, an unknown beginning, or children that cannot be', () => {
    const leaf = (path: Uint8Array) => encodeTrieNode({ path, value: INLINE, children: null });
    expect(decodeTrieNode(leaf(pathOf(MAX_PARTIAL_NIBBLES)))?.path.length).toBe(MAX_PARTIAL_NIBBLES);
    expect(() => decodeTrieNode(leaf(pathOf(MAX_PARTIAL_NIBBLES + 1)))).toThrow('too long');
    expect(() => decodeTrieNode(Uint8Array.of(0x41, 0x10, 4, 7))).toThrow('padding');
    expect(decodeTrieNode(Uint8Array.of(0x41, 0x01, 4, 7))?.path).toEqual(Uint8Array.of(1));
    for (const first of [1, 0x0f])
      expect(() => decodeTrieNode(Uint8Array.of(first, 4, 7))).toThrow(DecodeError);
    expect(() => decodeTrieNode(Uint8Array.of(0x80, 0, 0))).toThrow('without children');
    const withChild = (length: number) =>
      concat(Uint8Array.of(0x80, 1, 0, length << 2), new Uint8Array(length).fill(1));
    expect(decodeTrieNode(withChild(32))?.children?.[0]?.length).toBe(32);
    expect(() => decodeTrieNode(withChild(33))).toThrow('a child of 33 bytes');
    expect(decodeTrieNode(Uint8Array.of(0))).toBeNull();
    expect(() => decodeTrieNode(Uint8Array.of(0, 0))).toThrow(DecodeError);
  });
});

describe('storage proof of one node', () => {
  const proofOf = (node: TrieNode, limits = PROOF_LIMITS) => {
    const bytes = encodeTrieNode(node);
    return { root: blake2b256(bytes), proof: new StorageProof([bytes], limits) };
  };

  it('tells the hash of a value that it holds and of one that it does not', () => {
    const key = Uint8Array.of(0x12);
    const path = Uint8Array.of(1, 2);
    const inline = proofOf({ path, value: INLINE, children: null });
    expect(inline.proof.readHash(inline.root, key)).toEqual(blake2b256(INLINE.bytes));
    const hashed = proofOf({ path, value: HASHED, children: null });
    expect(hashed.proof.readHash(hashed.root, key)).toEqual(HASHED.hash);
    expect(hashed.proof.readHash(hashed.root, Uint8Array.of(0x13))).toBeNull();
  });

  it('holds no value under half a byte and none under a key longer than allowed', () => {
    const odd = proofOf({ path: pathOf(3), value: INLINE, children: null });
    expect(() => odd.proof.readPrefix(odd.root, new Uint8Array())).toThrow('half a byte');
    const limits = { ...PROOF_LIMITS, keyBytes: 2 };
    const long = proofOf({ path: pathOf(4), value: INLINE, children: null }, limits);
    expect(long.proof.readPrefix(long.root, new Uint8Array())).toHaveLength(1);
    const longer = proofOf({ path: pathOf(6), value: INLINE, children: null }, limits);
    expect(() => longer.proof.readPrefix(longer.root, new Uint8Array())).toThrow('too long');
  });
});
