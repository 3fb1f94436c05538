import { beforeAll, expect, it } from 'vitest';
import { loadBlake3 } from '../crypto/blake3.ts';
import { concat } from '../protocol/bytes.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { decodeNode } from '../protocol/dag.ts';
import { FileBuilder } from '../protocol/dag-builder.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { NodeStore } from './nodes.ts';
import { storedBytes } from './tree.ts';

beforeAll(loadBlake3);

it('asks for no piece behind a file, in whatever order the pieces come', async () => {
  const bytes = 12_500_000;
  const builder = new FileBuilder({ name: 'a', uploadOptions: null });
  const nodes = [
    ...builder.push(Uint8Array.from({ length: bytes }, (_, index) => (index * 7) % 251)),
    ...builder.finish(),
  ];
  const parts = nodes.map((node) => new ScaleWriter().byteVector(node.bytes).bytes());
  const head = nodes.at(-1)!;
  const headAt = parts.slice(0, -1).reduce((sum, part) => sum + part.length, 0);
  const place = {
    hash: head.hash,
    pieceIndex: 2n * BigInt(Math.floor(headAt / RAW_RECORD_BYTES)),
    offset: headAt % RAW_RECORD_BYTES,
  };
  const history = concat(...parts, new Uint8Array(20 * RAW_RECORD_BYTES));
  const requested = new Set<PieceIndex>();
  const pieces = {
    pieces: async (indices: readonly PieceIndex[]) => {
      for (const index of indices) requested.add(index);
      // Every second one takes longer than those after it.
      await new Promise((resolve) => setTimeout(resolve, indices[0]! % 4n === 0n ? 30 : 1));
      return indices.map((index) => {
        const at = Number(index / 2n) * RAW_RECORD_BYTES;
        const piece = new Uint8Array(PIECE_BYTES);
        piece.set(recordFromRaw(history.subarray(at, at + RAW_RECORD_BYTES)));
        return piece;
      });
    },
  };
  const { signal } = new AbortController();
  const store = new NodeStore({ pieces, locators: [] });
  store.addLinkHints(head.hash, [place]);
  const file = decodeNode(await store.node(head.hash, signal));
  let read = 0;
  for await (const part of storedBytes(store, head.hash, file, { from: 0, to: Infinity }, signal)) {
    read += part.length;
  }
  expect(read).toBe(bytes);
  expect([...requested].filter((index) => index > place.pieceIndex)).toEqual([]);
});
