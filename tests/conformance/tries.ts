/** Tries and proofs of them, as the network's own trie library makes them. */
import { loadWasm } from '../../src/crypto/wasm.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import type { StateVersion } from '../../src/protocol/trie-node.ts';
import { readProof } from '../../src/protocol/trie-proof.ts';
import { orderedTrieRoot, Trie } from '../../src/protocol/trie.ts';
import { casesOf, expectSame, fromJson } from './protocol-support.ts';
import type { ConformanceSuite } from './types.ts';

interface TriesFile {
  tries?: {
    version: StateVersion;
    root: string;
    entries: [key: string, value: string][];
    /** Nodes of a proof may stand in any order. */
    queries: { keys: string[]; values: (string | null)[]; proof: string[] }[];
  }[];
  /** Roots of lists, under compact indices, by state version. */
  ordered?: { items: string[]; v0: string; v1: string }[];
}

const hex = (text: string): Uint8Array => fromHex(text);

function checkTrie({ version, root, entries, queries }: NonNullable<TriesFile['tries']>[number]): void {
  const trie = Trie.from(
    version,
    entries.map(([key, value]) => ({ key: hex(key), value: hex(value) })),
  );
  expectSame('root', trie.root(), root);
  for (const { keys, values, proof } of queries) {
    expectSame('proof', trie.prove(keys.map(hex)).map(toHex).sort(), proof.toSorted());
    expectSame('values', readProof(hex(root), proof.map(hex), keys.map(hex)), values);
  }
}

export const tries: ConformanceSuite = {
  files: [/^tries\.json$/],
  async cases(ctx, files) {
    await loadWasm();
    return fromJson<TriesFile>(ctx, files, 'tries.json', (file) => [
      ...casesOf(
        file.tries ?? [],
        ({ version, entries }, index) => ({
          name: `trie ${index} of version ${version}, ${entries.length} entries`,
          rule: 'storage-proof',
        }),
        checkTrie,
      ),
      ...casesOf(
        file.ordered ?? [],
        ({ items }, index) => ({ name: `list ${index} of ${items.length} items`, rule: 'extrinsics-root' }),
        ({ items, v0, v1 }) => {
          expectSame('root of version 0', orderedTrieRoot(items.map(hex), 0), v0);
          expectSame('root of version 1', orderedTrieRoot(items.map(hex), 1), v1);
        },
      ),
    ]);
  },
};
