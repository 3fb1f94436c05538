/** Proofs of the Merkle mountain range, against those that the reference node gave. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toPrefixedHex } from '../src/protocol/bytes.ts';
import { fromRpcSignedBlock } from '../src/protocol/block.ts';
import { headerHash } from '../src/protocol/header.ts';
import { ScaleWriter } from '../src/protocol/scale.ts';
import { encodeProof, proofNodes } from './mmr-proofs.ts';
import { bagPeaks, encodeLeaf, leafHash, mergeNodes, mountains, peakPositions } from './runtime/mmr.ts';

const VECTORS = new URL('../tests/vectors/wire/', import.meta.url);

function json<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')) as T;
}

const { blocks } = json<{ blocks: { hash: string; reply: unknown }[] }>('blocks.json');
const leaves = blocks.map(({ reply }) => {
  const { header } = fromRpcSignedBlock(reply);
  const { number, stateRoot, extrinsicsRoot } = header;
  return encodeLeaf({ number, hash: headerHash(header), stateRoot, extrinsicsRoot });
});

interface Call {
  request: { method: string; params: [number[], number | null, string | null] };
  reply: { result?: unknown };
}

const calls = json<{ calls: { request: string; reply: string }[] }>('rpc_calls_long_chain.json').calls.map(
  ({ request, reply }): Call => ({
    request: JSON.parse(request) as Call['request'],
    reply: JSON.parse(reply) as Call['reply'],
  }),
);

function numberOf(hash: string): number {
  return blocks.findIndex((block) => `0x${block.hash.replace('0x', '')}` === hash);
}

function subtree(height: number, first: number): Uint8Array {
  if (height === 0) return leafHash(leaves[first]!);
  return mergeNodes(subtree(height - 1, first), subtree(height - 1, first + 2 ** (height - 1)));
}

function rootOver(size: number): Uint8Array {
  let first = 0;
  const peaks = mountains(BigInt(size)).map((height) => {
    const peak = subtree(height, first);
    first += 2 ** height;
    return peak;
  });
  return bagPeaks(peaks);
}

describe('recorded replies', () => {
  const proofs = calls.filter(({ request, reply }) => request.method === 'mmr_generateProof' && reply.result);

  it.each(proofs.map((call) => [JSON.stringify(call.request.params), call] as const))('%s', (_, call) => {
    const [numbers, best] = call.request.params;
    const { blockHash, ...recorded } = call.reply.result as {
      blockHash: string;
      leaves: string;
      proof: string;
    };
    const size = best ?? numberOf(blockHash);
    const indices = numbers.map((number) => number - 1);
    const nodes = proofNodes(indices, size, (index) => leafHash(leaves[index]!));
    expect(toPrefixedHex(encodeProof(indices, size, nodes))).toBe(recorded.proof);
    const wanted = new ScaleWriter().vec(indices, (item, index) => item.byteVector(leaves[index]!)).bytes();
    expect(toPrefixedHex(wanted)).toBe(recorded.leaves);
  });

  it('have the roots over the same leaves', () => {
    const roots = calls.filter(({ request }) => request.method === 'mmr_root');
    const known = new Set(leaves.map((_, index) => toPrefixedHex(rootOver(index + 1))));
    expect(roots.length).toBeGreaterThan(1);
    for (const { reply } of roots) expect(known).toContain(reply.result as string);
  });
});

describe('positions of peaks', () => {
  it('count all nodes in the order they are made', () => {
    expect(peakPositions(0n)).toEqual([]);
    expect(peakPositions(1n)).toEqual([0n]);
    expect(peakPositions(2n)).toEqual([2n]);
    expect(peakPositions(3n)).toEqual([2n, 3n]);
    expect(peakPositions(11n)).toEqual([14n, 17n, 18n]);
  });
});
