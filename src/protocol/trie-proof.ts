/** Storage proofs: what a state root says about keys, by the trie nodes that lead to them. */
import { concat, toHex } from './bytes.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { blake2b256 } from './hash.ts';
import {
  bytesOfNibbles,
  decodeTrieNode,
  nibblesOf,
  sharedNibbles,
  TRIE_HASH_BYTES,
  type NodeValue,
  type TrieNode,
} from './trie-node.ts';

/** Largest proof that is looked at. */
export interface ProofLimits {
  nodes: number;
  /** All nodes together. */
  bytes: number;
  /** Of one key. */
  keyBytes: number;
  /** Nodes that are visited to read what lies under a prefix. */
  visits: number;
}

/** Limits of proofs that sources give. */
export const PROOF_LIMITS: ProofLimits = {
  nodes: 100_000,
  bytes: 16 * 2 ** 20,
  keyBytes: 1024,
  visits: 200_000,
};

function refuse(message: string, values: Record<string, string | number> = {}, cause?: unknown): never {
  throw new ProtocolError({
    code: 'bad-storage-proof',
    rule: 'storage-proof',
    message,
    sentence: 'The proof of a value in the chain’s state does not hold, so the value was refused.',
    values,
    cause,
  });
}

/**
 * Trie nodes of a proof against one or more roots (rule `storage-proof`). Nodes that no key needs do no harm. All
 * that goes wrong, too large or malformed nodes included, throws ProtocolError of that rule.
 */
export class StorageProof {
  private readonly byHash = new Map<string, Uint8Array>();
  private readonly decoded = new Map<string, TrieNode | null>();

  constructor(
    nodes: readonly Uint8Array[],
    private readonly limits: ProofLimits = PROOF_LIMITS,
  ) {
    if (nodes.length > limits.nodes) refuse(`${nodes.length} nodes where ${limits.nodes} are allowed`);
    const bytes = nodes.reduce((sum, node) => sum + node.length, 0);
    if (bytes > limits.bytes) refuse(`${bytes} bytes where ${limits.bytes} are allowed`);
    for (const node of nodes) this.byHash.set(toHex(blake2b256(node)), node);
  }

  /** What the key holds under a root (32 bytes); null: nothing, which is proven too. */
  read(root: Uint8Array, key: Uint8Array): Uint8Array | null {
    const value = this.find(root, key);
    return value && this.valueOf(value);
  }

  /** BLAKE2b-256 of what the key holds, which needs no more than the nodes that lead to it; null: nothing. */
  readHash(root: Uint8Array, key: Uint8Array): Uint8Array | null {
    const value = this.find(root, key);
    if (value === null) return null;
    return value.kind === 'inline' ? blake2b256(value.bytes) : value.hash;
  }

  private find(root: Uint8Array, key: Uint8Array): NodeValue | null {
    this.requireKey(key);
    let node = this.nodeAt(root);
    let path = nibblesOf(key);
    while (node !== null) {
      const shared = sharedNibbles(node.path, path);
      if (shared < node.path.length) return null;
      if (shared === path.length) return node.value;
      const reference = node.children?.[path[shared] as number] ?? null;
      if (reference === null) return null;
      node = this.childAt(reference);
      path = path.subarray(shared + 1);
    }
    return null;
  }

  /** All entries under a root whose keys begin with `prefix`, in their order. A proof that lacks one is refused. */
  readPrefix(root: Uint8Array, prefix: Uint8Array): { key: Uint8Array; value: Uint8Array }[] {
    this.requireKey(prefix);
    const wanted = nibblesOf(prefix);
    const found: { key: Uint8Array; value: Uint8Array }[] = [];
    let visits = 0;
    const visit = (node: TrieNode | null, above: Uint8Array): void => {
      if (node === null) return;
      visits += 1;
      if (visits > this.limits.visits) refuse(`more than ${this.limits.visits} nodes under a prefix`);
      const path = concat(above, node.path);
      if (path.length > 2 * this.limits.keyBytes)
        refuse('a key is too long', { limit: this.limits.keyBytes });
      if (sharedNibbles(path, wanted) < Math.min(path.length, wanted.length)) return;
      if (node.value !== null && path.length >= wanted.length) {
        if (path.length % 2 === 1) refuse('a value under half a byte');
        found.push({ key: bytesOfNibbles(path), value: this.valueOf(node.value) });
      }
      const only = path.length < wanted.length ? wanted[path.length] : undefined;
      node.children?.forEach((reference, index) => {
        if (reference === null || (only !== undefined && only !== index)) return;
        visit(this.childAt(reference), concat(path, new Uint8Array([index])));
      });
    };
    visit(this.nodeAt(root), new Uint8Array());
    return found;
  }

  private requireKey(key: Uint8Array): void {
    const { keyBytes } = this.limits;
    if (key.length > keyBytes) refuse(`a key of ${key.length} bytes where ${keyBytes} are allowed`);
  }

  private nodeAt(hash: Uint8Array): TrieNode | null {
    const id = toHex(hash);
    const known = this.decoded.get(id);
    if (known !== undefined) return known;
    const bytes = this.byHash.get(id);
    if (bytes === undefined) refuse('a node is missing', { hash: id });
    const node = decode(bytes);
    this.decoded.set(id, node);
    return node;
  }

  private childAt(reference: Uint8Array): TrieNode | null {
    if (reference.length === TRIE_HASH_BYTES) return this.nodeAt(reference);
    const node = decode(reference);
    if (node === null) refuse('an empty node below another one');
    return node;
  }

  private valueOf(value: NodeValue): Uint8Array {
    if (value.kind === 'inline') return value.bytes.slice();
    const id = toHex(value.hash);
    const bytes = this.byHash.get(id);
    if (bytes === undefined) refuse('a value is missing', { hash: id });
    return bytes;
  }
}

function decode(bytes: Uint8Array): TrieNode | null {
  try {
    return decodeTrieNode(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return refuse(`a node is malformed: ${error.message}`, {}, error);
  }
}

/**
 * What each key holds under a state root, null for nothing (rule `storage-proof`).
 *
 * @param root 32 bytes.
 * @param nodes trie nodes and hashed values in any order.
 * @throws ProtocolError if the nodes do not prove the presence or absence of every key.
 */
export function readProof(
  root: Uint8Array,
  nodes: readonly Uint8Array[],
  keys: readonly Uint8Array[],
  limits: ProofLimits = PROOF_LIMITS,
): (Uint8Array | null)[] {
  const proof = new StorageProof(nodes, limits);
  return keys.map((key) => proof.read(root, key));
}
