import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromRpcSignedBlock } from './block.ts';
import { fromHex, toHex } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import { blake2b256 } from './hash.ts';
import { headerHash } from './header.ts';
import {
  decodeMmrLeaves,
  decodeMmrProof,
  encodeMmrLeaves,
  encodeMmrProof,
  mergeMmrNodes,
  mmrLeafHash,
  MmrPeaks,
  mmrProofNodes,
  mountainHeights,
  verifyMmrProof,
  type MmrLeaf,
} from './mmr.ts';

const folder = new URL('../../tests/vectors/wire/', import.meta.url);
const json = <T>(name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as T;

function rootOver(leaves: readonly MmrLeaf[]): Uint8Array {
  const peaks = new MmrPeaks();
  for (const leaf of leaves) peaks.append(mmrLeafHash(leaf));
  return peaks.root();
}

function nodeOf(leaves: readonly MmrLeaf[]) {
  const node = (height: number, first: number): Uint8Array =>
    height === 0
      ? mmrLeafHash(leaves[first]!)
      : mergeMmrNodes(node(height - 1, first), node(height - 1, first + 2 ** (height - 1)));
  return node;
}

function isRefused(call: () => void): boolean {
  try {
    call();
    return false;
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}

describe('recorded proofs', () => {
  const { blocks } = json<{ blocks: { hash: string; reply: unknown }[] }>('blocks.json');
  const leaves = blocks.map(({ reply }): MmrLeaf => {
    const { header } = fromRpcSignedBlock(reply);
    const { number, stateRoot, extrinsicsRoot } = header;
    return { number, hash: headerHash(header), stateRoot, extrinsicsRoot };
  });
  const numberOf = (hash: string) => leaves.findIndex((leaf) => toHex(leaf.hash) === hash.slice(2));
  const { calls } = json<{ calls: { request: string; reply: string }[] }>('rpc_calls_long_chain.json');
  const answers = calls
    .map(({ request, reply }) => ({ request: JSON.parse(request), reply: JSON.parse(reply) }))
    .filter(({ request, reply }) => request.method === 'mmr_generateProof' && reply.result);

  it.each(answers.map((answer) => [JSON.stringify(answer.request.params), answer] as const))(
    '%s',
    (_, answer) => {
      const { result } = answer.reply as { result: { blockHash: string; leaves: string; proof: string } };
      const [numbers, best] = answer.request.params as [number[], number | null];
      const seen = decodeMmrLeaves(fromHex(result.leaves));
      const proof = decodeMmrProof(fromHex(result.proof));
      const size = best ?? numberOf(result.blockHash);
      expect(proof.size).toBe(size);
      expect(proof.indices).toEqual(numbers.map((number) => number - 1));
      verifyMmrProof(rootOver(leaves.slice(0, size)), seen, proof);
      expect(mmrProofNodes(proof.indices, size, nodeOf(leaves))).toEqual(proof.nodes);
      expect(toHex(encodeMmrLeaves(seen))).toBe(result.leaves.slice(2));
      expect(toHex(encodeMmrProof(proof))).toBe(result.proof.slice(2));
    },
  );
});

describe('mountain range', () => {
  const leaves = Array.from({ length: 70 }, (_, number): MmrLeaf => {
    const hash = blake2b256(new Uint8Array([number]));
    return { number, hash, stateRoot: hash, extrinsicsRoot: hash };
  });
  const node = nodeOf(leaves);

  it('has a mountain for every bit of its size', () => {
    expect(mountainHeights(0)).toEqual([]);
    expect(mountainHeights(11)).toEqual([3, 1, 0]);
    expect(mountainHeights(10_000_000)[0]).toBe(23);
  });

  it('proves any leaves of any size, and nothing else', () => {
    const wanted = fc
      .integer({ min: 1, max: leaves.length })
      .chain((size) =>
        fc.tuple(
          fc.constant(size),
          fc.uniqueArray(fc.nat(size - 1), { minLength: 1, maxLength: 9 }),
          fc.nat(),
        ),
      );
    fc.assert(
      fc.property(wanted, ([size, some, at]) => {
        const indices = some.sort((a, b) => a - b);
        const root = rootOver(leaves.slice(0, size));
        const proof = { indices, size, nodes: mmrProofNodes(indices, size, node) };
        const proven = indices.map((index) => leaves[index]!);
        verifyMmrProof(root, proven, proof);
        const changed = proven.map((leaf, index) =>
          index === at % proven.length ? { ...leaf, hash: leaves[69]!.hash } : leaf,
        );
        const same = changed.every((leaf, index) => toHex(leaf.hash) === toHex(proven[index]!.hash));
        expect(isRefused(() => verifyMmrProof(root, changed, proof))).toBe(!same);
        expect(
          isRefused(() => verifyMmrProof(root, proven, { ...proof, nodes: [...proof.nodes, root] })),
        ).toBe(true);
        expect(
          isRefused(() => verifyMmrProof(root, proven, { ...proof, indices: [...indices].reverse() })),
        ).toBe(indices.length > 1);
        if (proof.nodes.length === 0) return;
        expect(isRefused(() => verifyMmrProof(root, proven, { ...proof, nodes: proof.nodes.slice(1) }))).toBe(
          true,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('is proven by leaves in order, one for each index, within the range', () => {
    const size = 11;
    const root = rootOver(leaves.slice(0, size));
    const verify = (indices: number[], proven: MmrLeaf[], change: { size?: number } = {}) =>
      verifyMmrProof(root, proven, { indices, size, nodes: mmrProofNodes([2, 5], size, node), ...change });
    const [two, five] = [leaves[2]!, leaves[5]!];
    verify([2, 5], [two, five]);
    expect(() => verify([2, 5], [two])).toThrow('not a leaf for every index');
    expect(() => verifyMmrProof(root, [], { indices: [], size, nodes: [root] })).toThrow('not a leaf');
    expect(() => verify([2, 2], [two, two])).toThrow('out of order');
    expect(() => verify([5, 2], [five, two])).toThrow('out of order');
    expect(() => verify([2, 11], [two, leaves[11]!])).toThrow('out of order');
    expect(() => verify([2, 5], [two, { ...five, number: 6 }])).toThrow('a leaf of another block');
    for (const wrong of [0, -1, 2 ** 53]) {
      expect(() => verify([2, 5], [two, five], { size: wrong })).toThrow(`a range of ${wrong} leaves`);
    }
  });

  it('has leaves of version 0', () => {
    const bytes = encodeMmrLeaves(leaves.slice(0, 2));
    expect(decodeMmrLeaves(bytes)).toEqual(leaves.slice(0, 2));
    const lengthBytes = 3;
    bytes[lengthBytes] = 1;
    expect(() => decodeMmrLeaves(bytes)).toThrow('unknown version 1');
  });

  it('decodes any bytes to what they encode, or refuses them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const refused = isRefused(() => void decodeMmrProof(bytes));
        expect(refused || toHex(encodeMmrProof(decodeMmrProof(bytes))) === toHex(bytes)).toBe(true);
        const unread = isRefused(() => void decodeMmrLeaves(bytes));
        expect(unread || toHex(encodeMmrLeaves(decodeMmrLeaves(bytes))) === toHex(bytes)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
