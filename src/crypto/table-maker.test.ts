import { describe, expect, test, beforeAll } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { CHUNK_BYTES, RECORD_BYTES, S_BUCKETS } from '../protocol/constants.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { SpaceTable } from './space.ts';
import { checkMasks, encodeByMasks, type RecordMasks } from './table-maker.ts';
import { loadWasm } from './wasm.ts';

const seed = Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 1);
const record = new Uint8Array(RECORD_BYTES);
let table: SpaceTable;
let made: RecordMasks;

beforeAll(async () => {
  await loadWasm();
  for (let at = 1; at < record.length; at += 32) record[at] = at % 251;
  table = new SpaceTable();
  table.build(seed);
  const masks = new Uint8Array(S_BUCKETS * CHUNK_BYTES);
  const samples: RecordMasks['samples'] = [];
  for (let sBucket = 0; sBucket < S_BUCKETS; sBucket += 1) {
    const proof = table.proof(sBucket);
    if (proof !== null) masks.set(blake3Hash(proof), sBucket * CHUNK_BYTES);
    if (sBucket % 9_001 === 0) samples.push({ sBucket, proof: proof ?? new Uint8Array(160) });
  }
  made = { masks, samples };
});

describe('a record encoded by masks', () => {
  test('is what the table encodes', () => {
    const [one, other] = [encodeByMasks(record, made.masks), table.encode(record)];
    expect(equal(one.bitfield, other.bitfield)).toBe(true);
    expect(equal(one.chunks, other.chunks)).toBe(true);
  });

  test('holds plain chunks where too few s-buckets have a mask', () => {
    const few = made.masks.slice().fill(0, (S_BUCKETS / 4) * CHUNK_BYTES);
    const { bitfield, chunks } = encodeByMasks(record, few);
    const all = table.encode(record);
    expect(bitfield.subarray(0, 2048)).toEqual(all.bitfield.subarray(0, 2048));
    expect(bitfield.subarray(2048).every((byte) => byte === 0)).toBe(true);
    expect(chunks).toHaveLength(RECORD_BYTES);
    // The first s-bucket without a mask holds its chunk as it is; the record's own are at even ones.
    const free = Array.from({ length: S_BUCKETS }, (_, b) => b).find(
      (b) => b % 2 === 0 && ((bitfield[b >> 3]! >> (b & 7)) & 1) === 0,
    )!;
    const plain = record.subarray((free / 2) * CHUNK_BYTES, (free / 2 + 1) * CHUNK_BYTES);
    expect(chunks.subarray(free * CHUNK_BYTES, (free + 1) * CHUNK_BYTES)).toEqual(plain);
  });
});

describe('masks', () => {
  test('hold as they are made', () => {
    expect(() => checkMasks(seed, made)).not.toThrow();
  });

  test.each([
    ['a wrong mask', (masks: RecordMasks) => (masks.masks[CHUNK_BYTES * present() + 5]! ^= 1)],
    ['a wrong proof', (masks: RecordMasks) => (sampleOf(masks).proof[80]! ^= 4)],
    ['a short proof', (masks: RecordMasks) => (sampleOf(masks).proof = new Uint8Array(159))],
    ['too few', (masks: RecordMasks) => (masks.masks = masks.masks.slice(32))],
  ])('with %s are refused', (_, spoil) => {
    const wrong = structuredClone(made);
    spoil(wrong);
    expect(() => checkMasks(seed, wrong)).toThrow(expect.objectContaining({ code: 'wrong-masks' }));
  });

  test('of another seed are refused', () => {
    expect(() => checkMasks(new Uint8Array(32), made)).toThrow(
      expect.objectContaining({ code: 'wrong-masks' }),
    );
  });
});

/** A sampled s-bucket that has a proof. */
function present(): number {
  return made.samples.find(({ sBucket }) => table.proof(sBucket) !== null)!.sBucket;
}

function sampleOf(masks: RecordMasks): RecordMasks['samples'][number] {
  const wanted = present();
  return masks.samples.find(({ sBucket }) => sBucket === wanted)!;
}
