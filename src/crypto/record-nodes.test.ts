import { describe, expect, it } from 'vitest';
import { concat, equal } from '../protocol/bytes.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { FileBuilder } from '../protocol/dag-builder.ts';
import { nodesOfPiece } from '../protocol/history-nodes.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { nodesIn } from './record-nodes.ts';

/** A source piece with the parts of a file of so many bytes in it. */
function pieceWith(bytes: number): Uint8Array {
  const builder = new FileBuilder({ name: 'a', uploadOptions: null });
  const content = Uint8Array.from({ length: bytes }, (_, index) => (index * 7) % 251);
  const nodes = [...builder.push(content), ...builder.finish()];
  const parts = nodes.map((node) => new ScaleWriter().byteVector(node.bytes).bytes());
  const raw = concat(new Uint8Array(777).fill(0x41), ...parts, new Uint8Array(RAW_RECORD_BYTES));
  return concat(recordFromRaw(raw.subarray(0, RAW_RECORD_BYTES)), new Uint8Array(96).fill(9));
}

describe('nodes unpacked in WebAssembly', () => {
  it.each([300_000, 2_000_000, 10])(
    'are those that JavaScript finds, of a file of %i bytes',
    async (bytes) => {
      const piece = pieceWith(bytes);
      const expected = nodesOfPiece(piece);
      const memory = new Uint8Array(PIECE_BYTES + 5);
      memory.set(piece, 5);
      const found = await nodesIn(memory.subarray(5));
      expect(equal(memory.subarray(5), piece)).toBe(true);
      expect(found!.nodes.length).toBe(expected!.nodes.length);
      expect(found!.nodes.length).toBeGreaterThan(0);
      for (const [at, node] of found!.nodes.entries()) {
        const other = expected!.nodes[at]!;
        expect([node.offset, node.hash]).toEqual([other.offset, other.hash]);
        expect(equal(node.bytes, other.bytes)).toBe(true);
      }
      expect(equal(found!.begin, expected!.begin)).toBe(true);
      expect(found!.end.at).toBe(expected!.end.at);
      expect(equal(found!.end.bytes, expected!.end.bytes)).toBe(true);
    },
  );

  it('are none where a chunk does not begin with zero, and the piece stays what it was', async () => {
    for (const chunk of [0, 1, 32_767]) {
      const piece = pieceWith(300_000);
      piece[32 * chunk] = 1;
      const before = piece.slice();
      expect(await nodesIn(piece)).toBeNull();
      expect(equal(piece, before)).toBe(true);
    }
  });
});
