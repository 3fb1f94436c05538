import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Archiver, extendGenesisBlock, type ClosedSegment } from './archiver.ts';
import { concat, toHex } from './bytes.ts';
import { PIECES_IN_SEGMENT, RAW_RECORD_BYTES, RECORDED_SEGMENT_BYTES } from './constants.ts';
import { ProtocolError } from './errors.ts';
import { blake3Hash } from './hash.ts';
import { fetchObject } from './object-retrieval.ts';
import { Reconstructor } from './reconstructor.ts';
import { recordFromRaw } from './record.ts';
import { ScaleWriter } from './scale.ts';
import { segmentHeaderHash, segmentOfPiece, sourcePosition } from './segment.ts';
import { segmentItems } from './segment-item.ts';
import type { BlockObject, GlobalObject, PieceIndex, SegmentHeader } from './types.ts';

/** Bytes that repeat nowhere near, made quickly. */
function bytes(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4) + 1);
  let state = seed + 1;
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

/** An object's encoding in a block, and its hash. */
function object(data: Uint8Array): { encoded: Uint8Array; hash: Uint8Array } {
  return { encoded: new ScaleWriter().byteVector(data).bytes(), hash: blake3Hash(data) };
}

/** Segments as they would be archived, the commitments left out. */
class History {
  readonly headers: SegmentHeader[] = [];
  readonly segments: Uint8Array[] = [];
  readonly objects: GlobalObject[] = [];

  constructor(private readonly archiver: Archiver) {}

  add(block: Uint8Array, objects: BlockObject[] = []): void {
    const archived = this.archiver.addBlock(block, objects);
    archived.segments.forEach((segment) => this.close(segment));
    this.objects.push(...archived.objects);
  }

  private close(segment: ClosedSegment): void {
    const parent = this.headers.at(-1) ?? null;
    this.segments.push(segment.record(parent));
    this.headers.push({
      segmentIndex: segment.segmentIndex,
      segmentCommitment: new Uint8Array(48).fill(this.headers.length),
      prevSegmentHeaderHash: parent === null ? new Uint8Array(32) : segmentHeaderHash(parent),
      lastArchivedBlock: segment.lastArchivedBlock,
    });
  }

  async pieces(indices: PieceIndex[]): Promise<(Uint8Array | null)[]> {
    return indices.map((index) => {
      const segment = this.segments[Number(segmentOfPiece(index))];
      if (segment === undefined) return null;
      const start = sourcePosition(index) * RAW_RECORD_BYTES;
      return concat(recordFromRaw(segment.subarray(start, start + RAW_RECORD_BYTES)), new Uint8Array(96));
    });
  }

  fetch(mapping: GlobalObject, maxLength?: number): Promise<Uint8Array> {
    return fetchObject(mapping, (indices) => this.pieces(indices), maxLength);
  }
}

const GENESIS = extendGenesisBlock(bytes(300, 1), new Uint8Array(32).fill(7));

/** A history whose second segment has `room` bytes left after its version, parent header and first blocks. */
function historyWithRoom(room: number): History {
  const history = new History(new Archiver());
  history.add(GENESIS);
  const parentHeader = 1 + 98;
  const continuation = 1 + 1 + 6;
  const filling = RECORDED_SEGMENT_BYTES - 1 - parentHeader - continuation - room;
  history.add(bytes(filling - 1 - 4, 2));
  return history;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof ProtocolError ? error.code : String(error)),
  );
}

describe('Archiver', () => {
  it('makes segment 0 of the extended genesis block', () => {
    const { segments } = new Archiver().addBlock(GENESIS, []);
    expect(segments.map(({ segmentIndex, lastArchivedBlock }) => [segmentIndex, lastArchivedBlock])).toEqual([
      [0n, { number: 0, partialArchived: RECORDED_SEGMENT_BYTES - 6 }],
    ]);
    expect(() => segments[0]!.record({ ...header(), segmentIndex: 0n })).toThrow(ProtocolError);
  });

  it('refuses a parent of another segment or another size', () => {
    const history = historyWithRoom(100);
    const [segment] = new Archiver().addBlock(GENESIS, []).segments;
    expect(() => segment!.record(header())).toThrow(/parent-segment-header/);
    const { segments } = Archiver.resume(history.headers[0]!, GENESIS, []).addBlock(
      new Uint8Array(RECORDED_SEGMENT_BYTES),
      [],
    );
    expect(() => segments[0]!.record(null)).toThrow(/parent-segment-header/);
    const complete = { ...history.headers[0]!, lastArchivedBlock: { number: 0, partialArchived: null } };
    expect(() => segments[0]!.record(complete)).toThrow(/parent-segment-header/);
    expect(segments[0]!.record(history.headers[0]!)).toHaveLength(RECORDED_SEGMENT_BYTES);
  });

  it('resumes with what is left of the last block, and only with more than that', () => {
    const parent = { ...header(), lastArchivedBlock: { number: 4, partialArchived: 10 } };
    expect(() => Archiver.resume(parent, new Uint8Array(10), [])).toThrow(/archiver-resume/);
    const objects = [
      { hash: new Uint8Array(32), offset: 9 },
      { hash: new Uint8Array(32), offset: 12 },
    ];
    const archiver = Archiver.resume(parent, new Uint8Array(20), objects);
    const mapped = archiver.addBlock(new Uint8Array(1), []).objects;
    // Version, parent header, the continuation's kind and length, then two bytes of it.
    expect(mapped.map(({ pieceIndex, offset }) => [pieceIndex, offset])).toEqual([
      [BigInt(PIECES_IN_SEGMENT), 1 + 1 + 98 + 2 + 2],
    ]);
  });

  it.each([
    // Room in the segment, the block's length, and the padding that its shorter first part leaves.
    { room: 100, length: 300, padding: 0 },
    { room: 40, length: 300, padding: 1 },
    { room: 5_000, length: 100_000, padding: 2 },
    { room: 40, length: 100_000, padding: 3 },
    { room: 3, length: 300, padding: 1 },
    { room: 2, length: 300, padding: 2 },
    { room: 1, length: 300, padding: 1 },
    { room: 5, length: 100_000, padding: 3 },
    { room: 302, length: 300, padding: 0 },
  ])(
    'splits a block of $length bytes over $room bytes of room and retrieves its objects',
    async ({ room, length, padding }) => {
      const history = historyWithRoom(room);
      const objects: BlockObject[] = [];
      const block = bytes(length, 3).slice();
      const place = (offset: number, data: Uint8Array): void => {
        const { encoded, hash } = object(data);
        block.set(encoded, offset);
        objects.push({ hash, offset });
      };
      // One object crosses the border wherever it falls; its data ends in zeros, like padding.
      const crossing = concat(bytes(40, 5), new Uint8Array(length - 80));
      place(3, crossing);
      place(length - 33, bytes(30, 6));
      history.add(block, objects);
      history.add(bytes(RECORDED_SEGMENT_BYTES, 4));

      const items = [...segmentItems(history.segments[1]!)];
      expect(items.filter(({ kind }) => kind === 'padding')).toHaveLength(padding);
      expect(history.objects).toHaveLength(2);
      for (const mapping of history.objects) {
        const expected = toHex(mapping.hash) === toHex(blake3Hash(crossing)) ? crossing : bytes(30, 6);
        expect(toHex(await history.fetch(mapping))).toBe(toHex(expected));
      }

      const reconstructor = new Reconstructor();
      const blocks = history.segments
        .slice(0, 3)
        .flatMap((segment) => reconstructor.addSegment(segment).blocks);
      expect(blocks.map(({ number }) => number)).toEqual([0, 1, 2]);
      expect(blocks[2]!.bytes).toEqual(block);
    },
  );
});

function header(): SegmentHeader {
  return {
    segmentIndex: 0n,
    segmentCommitment: new Uint8Array(48),
    prevSegmentHeaderHash: new Uint8Array(32),
    lastArchivedBlock: { number: 0, partialArchived: null },
  };
}

describe('fetchObject', () => {
  const history = historyWithRoom(2_000);
  const data = bytes(500, 9);
  const { encoded, hash } = object(data);
  history.add(concat(bytes(1_000, 10), encoded, bytes(100, 11)), [{ hash, offset: 1_000 }]);
  history.add(bytes(RECORDED_SEGMENT_BYTES, 12));
  const [mapping] = history.objects as [GlobalObject];

  it('returns what the hash names', async () => {
    expect(await history.fetch(mapping)).toEqual(data);
    expect(await refusal(history.fetch(mapping, 499))).toBe('object-too-large');
  });

  it.each([
    ['not-source-piece', { pieceIndex: 257n }],
    ['piece-offset-too-large', { offset: RAW_RECORD_BYTES }],
    ['piece-offset-in-segment-header', { pieceIndex: 256n, offset: 93 }],
    ['invalid-data-hash', { hash: new Uint8Array(32) }],
    ['piece-not-found', { pieceIndex: 100_000n }],
  ] as const)('refuses with %s', async (code, change) => {
    expect(await refusal(history.fetch({ ...mapping, ...change }))).toBe(code);
  });

  it('returns the right bytes or none, wherever a hint points', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.constant(mapping.pieceIndex), fc.bigInt({ min: 256n, max: 511n })),
        fc.oneof(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: RAW_RECORD_BYTES })),
        async (pieceIndex, offset) => {
          fc.pre(pieceIndex !== mapping.pieceIndex || offset !== mapping.offset);
          expect(await refusal(history.fetch({ hash, pieceIndex, offset }, 10_000))).not.toBe('none');
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('fetchObject of what has no length', () => {
  // Compact integers: beyond what is allowed, not in the shortest form of five, two and four bytes, of 64 bits.
  const lengths = [
    ['object-too-large', [0x03, 0x00, 0x00, 0x00, 0x40]],
    ['length-prefix-too-large', [0x03, 0xff, 0xff, 0xff, 0x3f]],
    ['length-prefix-too-large', [0x01, 0x00]],
    ['length-prefix-too-large', [0xfe, 0xff, 0x00, 0x00]],
    ['length-prefix-too-large', [0x13, 1, 1, 1, 1, 1, 1, 1, 1]],
  ] as const;
  const hash = new Uint8Array(32);

  it.each(lengths)('refuses with %s: %j', async (code, prefix) => {
    const history = new History(new Archiver());
    history.add(GENESIS);
    history.add(concat(bytes(1_000, 10), Uint8Array.from(prefix), bytes(100, 11)), [{ hash, offset: 1_000 }]);
    history.add(bytes(RECORDED_SEGMENT_BYTES, 12));
    expect(await refusal(history.fetch(history.objects[0] as GlobalObject))).toBe(code);
  });

  // At the end of a segment the length could go on in the next one, which is looked at first.
  it.each(lengths.slice(2, 3))('refuses near the end of a segment: %s, %j', async (_, prefix) => {
    const history = historyWithRoom(2_000);
    history.add(concat(bytes(1_000, 10), Uint8Array.from(prefix), bytes(100, 11)), [{ hash, offset: 1_000 }]);
    history.add(bytes(RECORDED_SEGMENT_BYTES, 12));
    const mapping = history.objects[0] as GlobalObject;
    expect(mapping.pieceIndex).toBe(510n);
    expect(await refusal(history.fetch(mapping))).toBe('piece-not-found');
    history.add(bytes(RECORDED_SEGMENT_BYTES, 13));
    expect(await refusal(history.fetch(mapping))).toBe('invalid-object');
  });
});

describe('Reconstructor', () => {
  it('begins anywhere, leaves out what it has no beginning of, keeps the order', () => {
    const history = historyWithRoom(100);
    history.add(bytes(300, 3));
    history.add(bytes(200, 4));
    history.add(bytes(RECORDED_SEGMENT_BYTES, 5));
    const reconstructor = new Reconstructor();
    const { parent, blocks } = reconstructor.addSegment(history.segments[2]!);
    expect(parent).toEqual(history.headers[1]);
    expect(blocks.map(({ number, bytes: { length } }) => [number, length])).toEqual([[3, 200]]);
    expect(() => reconstructor.addSegment(history.segments[1]!)).toThrow(/segment-order/);
    expect(() => reconstructor.addSegment(history.segments[0]!)).toThrow(/segment-order/);
    expect(() => reconstructor.addSegment(history.segments[2]!.subarray(1))).toThrow(/decode-segment/);
  });
});
