import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, concat, fromHex, toHex, utf8 } from './bytes.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { blake2b256 } from './hash.ts';
import { decodeTrieNode, encodeTrieNode, type StateVersion, type TrieNode } from './trie-node.ts';
import { PROOF_LIMITS, readProof, StorageProof } from './trie-proof.ts';
import { orderedTrieRoot, Trie } from './trie.ts';

/** Keys that share beginnings, so that all kinds of nodes arise. */
const key = fc.oneof(
  fc.uint8Array({ maxLength: 6 }),
  fc.array(fc.constantFrom(0, 1, 0x10, 0x11), { maxLength: 5 }).map((bytes) => Uint8Array.from(bytes)),
  fc.uint8Array({ minLength: 40, maxLength: 70 }).map((tail) => concat(new Uint8Array(40), tail)),
);
const value = fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ minLength: 30, maxLength: 90 }));
const version = fc.constantFrom<StateVersion>(0, 1);
const change = fc.record({ key, value: fc.option(value, { freq: 4 }) });
const changes = fc.array(change, { maxLength: 40 });

type Model = Map<string, Uint8Array>;

function modelOf(all: readonly { key: Uint8Array; value: Uint8Array | null }[]): Model {
  const model: Model = new Map();
  for (const one of all) {
    if (one.value === null) model.delete(toHex(one.key));
    else model.set(toHex(one.key), one.value);
  }
  return model;
}

function sorted(model: Model): [Uint8Array, Uint8Array][] {
  const entries = [...model].map(([name, content]): [Uint8Array, Uint8Array] => [fromHex(name), content]);
  return entries.sort(([a], [b]) => compare(a, b));
}

function isRefused(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    if (error instanceof ProtocolError && error.rule === 'storage-proof') return true;
    throw error;
  }
}

describe('trie', () => {
  it('has the network’s root of nothing', () => {
    const empty = '03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314';
    expect(toHex(Trie.empty(1).root())).toBe(empty);
    expect(toHex(orderedTrieRoot([], 0))).toBe(empty);
  });

  it('equals a map, and its root depends on its content alone', () => {
    fc.assert(
      fc.property(version, changes, (format, all) => {
        const trie = all.reduce(
          (before, one) => (one.value === null ? before.remove(one.key) : before.set(one.key, one.value)),
          Trie.empty(format),
        );
        const model = sorted(modelOf(all));
        expect([...trie.entries()]).toEqual(model);
        for (const one of all) expect(trie.get(one.key)).toEqual(modelOf(all).get(toHex(one.key)) ?? null);
        const entries = model.map(([name, content]) => ({ key: name, value: content }));
        expect(trie.root()).toEqual(Trie.from(format, entries.reverse()).root());
      }),
      { numRuns: 120 },
    );
  });

  it('leaves a trie as it was when another is made from it', () => {
    fc.assert(
      fc.property(version, changes, changes, (format, first, second) => {
        const before = Trie.from(format, first);
        const root = before.root();
        const after = before.apply(second);
        expect(before.root()).toEqual(root);
        expect([...before.entries()]).toEqual(sorted(modelOf(first)));
        expect(after.root()).toEqual(Trie.from(format, [...first, ...second]).root());
      }),
    );
  });

  it('gives another root for every other value, and roots by version only where values are long', () => {
    fc.assert(
      fc.property(changes, key, value, (all, name, content) => {
        const trie = Trie.from(1, all).set(name, content);
        const other = concat(content, new Uint8Array([1]));
        expect(trie.set(name, other).root()).not.toEqual(trie.root());
        const long = [...trie.entries()].some(([, { length }]) => length > 32);
        expect(toHex(Trie.from(0, entriesOf(trie)).root()) !== toHex(trie.root())).toBe(long);
      }),
    );
  });

  it('walks keys by prefix and from a key on', () => {
    fc.assert(
      fc.property(changes, key, fc.option(key), fc.nat(5), (all, prefix, after, count) => {
        const trie = Trie.from(1, all);
        const wanted = sorted(modelOf(all)).filter(
          ([name]) => toHex(name).startsWith(toHex(prefix)) && (after === null || compare(name, after) > 0),
        );
        expect([...trie.entries(prefix, after)]).toEqual(wanted);
        expect(trie.nextKeys(prefix, after, count)).toEqual(wanted.slice(0, count).map(([name]) => name));
      }),
      { numRuns: 120 },
    );
  });

  it('knows a value by its hash alone', () => {
    const long = new Uint8Array(100).fill(7);
    const whole = Trie.from(1, [
      { key: utf8('code'), value: long },
      { key: utf8('cold'), value: utf8('x') },
    ]);
    const hashed = whole.setHash(utf8('code'), blake2b256(long));
    expect(hashed.root()).toEqual(whole.root());
    expect(hashed.get(utf8('code'))).toBeNull();
    expect(hashed.has(utf8('code'))).toBe(true);
  });
});

function entriesOf(trie: Trie): { key: Uint8Array; value: Uint8Array }[] {
  return [...trie.entries()].map(([name, content]) => ({ key: name, value: content }));
}

function decodeOrNull(bytes: Uint8Array): TrieNode | null {
  try {
    return decodeTrieNode(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function decodeAgain(bytes: Uint8Array): TrieNode | null {
  const node = decodeOrNull(bytes);
  return node && decodeTrieNode(encodeTrieNode(node));
}

describe('storage proof', () => {
  it('tells what keys hold, present and absent, and more nodes do no harm', () => {
    fc.assert(
      fc.property(version, changes, fc.array(key, { maxLength: 6 }), (format, all, others) => {
        const trie = Trie.from(format, all);
        const keys = [...others, ...all.slice(0, 6).map((one) => one.key)];
        const values = keys.map((name) => trie.get(name));
        expect(readProof(trie.root(), trie.prove(keys), keys)).toEqual(values);
        const everything = trie.prove([...keys, ...all.map((one) => one.key)]);
        expect(readProof(trie.root(), [...everything.reverse(), utf8('noise')], keys)).toEqual(values);
      }),
      { numRuns: 100 },
    );
  });

  it('needs every node, and every bit of it', () => {
    fc.assert(
      fc.property(version, changes, key, value, fc.nat(), (format, all, name, content, at) => {
        const trie = Trie.from(format, all).set(name, content);
        const proof = trie.prove([name]);
        const index = at % proof.length;
        const without = proof.filter((_, position) => position !== index);
        expect(isRefused(() => readProof(trie.root(), without, [name]))).toBe(true);
        const node = (proof[index] as Uint8Array).slice();
        if (node.length === 0) return;
        node[at % node.length]! ^= 1 << (at % 8);
        expect(isRefused(() => readProof(trie.root(), [...without, node], [name]))).toBe(true);
      }),
      { numRuns: 120 },
    );
  });

  it('reads everything under a prefix or refuses', () => {
    fc.assert(
      fc.property(version, changes, key, fc.nat(), (format, all, prefix, at) => {
        const trie = Trie.from(format, all);
        const wanted = [...trie.entries(prefix)].map(([name, content]) => ({ key: name, value: content }));
        const proof = trie.prove([prefix, ...wanted.map((entry) => entry.key)]);
        expect(new StorageProof(proof).readPrefix(trie.root(), prefix)).toEqual(wanted);
        const without = proof.filter((_, position) => position !== at % proof.length);
        expect(isRefused(() => new StorageProof(without).readPrefix(trie.root(), prefix))).toBe(true);
      }),
    );
  });

  it('is bounded', () => {
    const trie = Trie.from(1, [{ key: utf8('a'), value: utf8('b') }]);
    const proof = trie.prove([utf8('a')]);
    const read = (limits: object) => () =>
      readProof(trie.root(), proof, [utf8('a')], { ...PROOF_LIMITS, ...limits });
    expect(isRefused(read({}))).toBe(false);
    expect(isRefused(read({ nodes: 0 }))).toBe(true);
    expect(isRefused(read({ bytes: 3 }))).toBe(true);
    expect(isRefused(read({ keyBytes: 0 }))).toBe(true);
  });

  it('bounds what a tree with shared nodes makes it visit', () => {
    let node = encodeTrieNode({
      path: new Uint8Array(),
      value: { kind: 'inline', bytes: new Uint8Array(32) },
      children: null,
    });
    const nodes = [node];
    for (let level = 0; level < 12; level += 1) {
      const hash = blake2b256(node);
      const children = Array.from({ length: 16 }, () => hash);
      node = encodeTrieNode({ path: new Uint8Array(), value: null, children });
      nodes.push(node);
    }
    const proof = new StorageProof(nodes, { ...PROOF_LIMITS, visits: 2_000 });
    expect(isRefused(() => proof.readPrefix(blake2b256(node), new Uint8Array()))).toBe(true);
  });

  it('refuses any bytes as nodes without another kind of error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeAgain(bytes)).toEqual(decodeOrNull(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});
