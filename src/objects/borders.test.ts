import { describe, expect, it } from 'vitest';
import { concat } from '../protocol/bytes.ts';
import { RAW_RECORD_BYTES } from '../protocol/constants.ts';
import { FileBuilder, type StoredNode } from '../protocol/dag-builder.ts';
import { nodesInRecord } from '../protocol/history-nodes.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import { encodeSegmentHeader } from '../protocol/segment.ts';
import type { PieceIndex } from '../protocol/types.ts';
import { Borders } from './borders.ts';

/** The last source piece of segment 0, and the first of segment 1. */
const LAST: PieceIndex = 254n;
const NEXT: PieceIndex = 256n;
const NODE = smallFile();

function smallFile(): StoredNode {
  const builder = new FileBuilder({ name: 'a', uploadOptions: null });
  return [...builder.push(new Uint8Array(3_000).fill(7)), ...builder.finish()][0]!;
}

/** A remark whose first `own` bytes end a segment, before its padding, and whose others continue in the next. */
function border(own: number, padding: number): { last: Uint8Array; next: Uint8Array } {
  const remark = new ScaleWriter().byteVector(NODE.bytes).bytes();
  const last = new Uint8Array(RAW_RECORD_BYTES).fill(0x55);
  last.fill(0, RAW_RECORD_BYTES - padding);
  last.set(remark.subarray(0, own), RAW_RECORD_BYTES - padding - own);
  const header = encodeSegmentHeader({
    segmentIndex: 0n,
    segmentCommitment: new Uint8Array(48),
    prevSegmentHeaderHash: new Uint8Array(32),
    lastArchivedBlock: { number: 1, partialArchived: 5 },
  });
  const rest = concat(remark.subarray(own), new Uint8Array(40).fill(0x55));
  const begin = concat(
    Uint8Array.of(0, 4),
    header,
    Uint8Array.of(3),
    new ScaleWriter().byteVector(rest).bytes(),
  );
  const next = new Uint8Array(RAW_RECORD_BYTES);
  next.set(begin);
  return { last, next };
}

describe('nodes across the border of two segments', () => {
  it.each([
    [1, 0],
    [2, 0],
    [700, 0],
    [700, 1],
    [700, 2],
    [700, 3],
  ])('%i bytes before it, %i of padding', (own, padding) => {
    const { last, next } = border(own, padding);
    const pieces: [PieceIndex, Uint8Array][] = [
      [LAST, last],
      [NEXT, next],
    ];
    for (const order of [pieces, pieces.toReversed()]) {
      const borders = new Borders();
      const found = order.flatMap(([index, raw]) => [...borders.nodesAt(index, nodesInRecord(raw))]);
      const offset = RAW_RECORD_BYTES - padding - own;
      expect(found.map(({ place }) => place)).toContainEqual({ hash: NODE.hash, pieceIndex: LAST, offset });
    }
  });

  it('are none where the next segment does not go on with a block', () => {
    const { last, next } = border(700, 0);
    const borders = new Borders();
    next[0] = 1;
    const found = [last, next].map((raw, at) => [
      ...borders.nodesAt(at === 0 ? LAST : NEXT, nodesInRecord(raw)),
    ]);
    expect(found).toEqual([[], []]);
  });

  it('are found once, however often the pieces come', () => {
    const { last, next } = border(700, 0);
    const seen: PieceIndex[] = [];
    const borders = new Borders((before) => seen.push(before));
    const at = (index: PieceIndex, raw: Uint8Array) => [...borders.nodesAt(index, nodesInRecord(raw))].length;
    expect([at(LAST, last), at(NEXT, next), at(NEXT, next)]).toEqual([0, 1, 0]);
    expect(seen).toEqual([LAST]);
  });

  it.each([
    [LAST, NEXT],
    [NEXT, LAST],
  ])('are not made of piece %i after it turned out to be wrong', (wrong, right) => {
    const { last, next } = border(700, 0);
    const borders = new Borders();
    const at = (index: PieceIndex) => [
      ...borders.nodesAt(index, nodesInRecord(index === LAST ? last : next)),
    ];
    at(wrong);
    borders.forget(wrong);
    expect(at(right)).toEqual([]);
    expect(at(wrong)).toHaveLength(1);
  });

  it.each([
    [62, 1],
    [63, 0],
  ])('wait for their other side while %i others come: %i', (others, found) => {
    const { last, next } = border(700, 0);
    const borders = new Borders();
    const nodes = nodesInRecord(last);
    expect([...borders.nodesAt(LAST, nodes)]).toEqual([]);
    for (let other = 1n; other <= others; other += 1n) {
      expect([...borders.nodesAt(LAST + 1024n * other, nodes)]).toEqual([]);
    }
    expect([...borders.nodesAt(NEXT, nodesInRecord(next))]).toHaveLength(found);
  });
});
