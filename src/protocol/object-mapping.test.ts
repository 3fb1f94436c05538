import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex } from './bytes.ts';
import { DecodeError } from './errors.ts';
import { encodeExtrinsic } from './extrinsic.ts';
import { blake3Hash } from './hash.ts';
import { RuntimeMetadata } from './metadata.ts';
import { blockObjects, encodeBlockObjectMapping } from './object-mapping.ts';
import { ScaleWriter, type ScaleReader } from './scale.ts';
import { encodeHeader } from './header.ts';

const HEADER = encodeHeader({
  parentHash: new Uint8Array(32),
  number: 7,
  stateRoot: new Uint8Array(32),
  extrinsicsRoot: new Uint8Array(32),
  digest: [],
});

const remark = (data: Uint8Array, kind: 0 | 7 = 0): Uint8Array =>
  new ScaleWriter().u8(0).u8(kind).byteVector(data).bytes();
const batch = (calls: Uint8Array[], kind: 0 | 2 | 4 = 0): Uint8Array =>
  new ScaleWriter()
    .u8(8)
    .u8(kind)
    .vec(calls, (writer, call) => writer.raw(call))
    .bytes();
const asDerivative = (call: Uint8Array): Uint8Array => concat(Uint8Array.of(8, 1, 5, 0), call);
const dispatchAs = (call: Uint8Array): Uint8Array =>
  concat(Uint8Array.of(8, 3, 0, 1), new Uint8Array(32), call);
const withWeight = (call: Uint8Array): Uint8Array => concat(Uint8Array.of(8, 5), call, Uint8Array.of(4, 8));
const transfer = concat(Uint8Array.of(5, 0, 0), new Uint8Array(32), Uint8Array.of(4));

function block(...calls: Uint8Array[]): Uint8Array {
  const extrinsics = calls.map((call) => encodeExtrinsic({ kind: 'bare', version: 5, call }));
  return new ScaleWriter()
    .raw(HEADER)
    .vec(extrinsics, (writer, extrinsic) => writer.raw(extrinsic))
    .u8(0)
    .bytes();
}

/** The data that stands, with its length, where each object is said to be. */
function found(bytes: Uint8Array, skip?: (reader: ScaleReader) => boolean): Uint8Array[] {
  return blockObjects(bytes, skip).map(({ hash, offset }) => {
    const length = bytes[offset]! >> 2;
    const data = bytes.slice(offset + 1, offset + 1 + length);
    expect(blake3Hash(data)).toEqual(hash);
    return data;
  });
}

const data = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

describe('blockObjects', () => {
  it('finds what the runtime found in recorded blocks', () => {
    const path = new URL('../../tests/vectors/chain/chain.json.gz', import.meta.url);
    const chain = JSON.parse(gunzipSync(readFileSync(path)).toString()) as {
      blocks: { headerScale: string; extrinsics: string[]; objectMappingScale?: string }[];
    };
    let mapped = 0;
    for (const { headerScale, extrinsics, objectMappingScale } of chain.blocks) {
      const bytes = new ScaleWriter()
        .raw(fromHex(headerScale))
        .vec(extrinsics, (writer, extrinsic) => writer.raw(fromHex(extrinsic)))
        .bytes();
      const objects = blockObjects(bytes);
      mapped += objects.length;
      const recorded = objectMappingScale === undefined ? [] : [fromHex(objectMappingScale)];
      expect(objects.length === 0 ? [] : [encodeBlockObjectMapping(objects)]).toEqual(recorded);
    }
    expect(mapped).toBeGreaterThan(0);
  });

  it('looks into the calls of the utility pallet', () => {
    const calls = [
      batch([remark(data(1)), remark(data(2, 2), 7)]),
      batch([asDerivative(remark(data(3))), batch([remark(data(4))], 2)], 4),
      withWeight(remark(data(5))),
      batch([withWeight(remark(data(6))), remark(data(7))]),
      dispatchAs(remark(data())),
    ];
    expect(found(block(...calls))).toEqual([
      data(1),
      data(2, 2),
      data(3),
      data(4),
      data(5),
      data(6),
      data(7),
      data(),
    ]);
  });

  it('looks ten calls deep and no deeper', () => {
    const nested = (depth: number): Uint8Array =>
      depth === 0 ? remark(data(9)) : batch([nested(depth - 1)]);
    expect(found(block(nested(10)))).toEqual([data(9)]);
    expect(found(block(nested(11)))).toEqual([]);
  });

  it('finds objects behind other calls when it is told their form', () => {
    const skip = (reader: ScaleReader): boolean => {
      if (reader.u8() !== 5) return false;
      reader.window(transfer.length - 1);
      return true;
    };
    const bytes = block(batch([remark(data(1)), transfer, remark(data(2))]), remark(data(3)));
    expect(found(bytes)).toEqual([data(1), data(3)]);
    expect(found(bytes, skip)).toEqual([data(1), data(2), data(3)]);
  });

  it('finds objects behind any call that the runtime describes', () => {
    const path = new URL('../../tests/vectors/chain/chronos-metadata-v14.hex.gz', import.meta.url);
    const metadata = RuntimeMetadata.decode(fromHex(gunzipSync(readFileSync(path)).toString().trim()));
    const vote = metadata.encodeCall('Sudo', 'set_key', { new: { type: 'Id', value: new Uint8Array(32) } });
    const bytes = block(batch([remark(data(1)), transfer, batch([vote, remark(data(2))]), remark(data(3))]));
    expect(found(bytes, (reader) => metadata.skipCall(reader))).toEqual([data(1), data(2), data(3)]);
  });

  it('leaves sudo, if_else and origins of other pallets alone', () => {
    const sudo = concat(Uint8Array.of(100, 0), remark(data(1)));
    const ifElse = concat(Uint8Array.of(8, 6), remark(data(1)), remark(data(2)));
    const otherOrigin = concat(Uint8Array.of(8, 3, 12, 0), remark(data(1)));
    expect(found(block(sudo, ifElse, otherOrigin))).toEqual([]);
    const skip = (reader: ScaleReader): boolean => reader.window(otherOrigin.length).length > 0;
    expect(found(block(batch([otherOrigin, remark(data(2))])), skip)).toEqual([data(2)]);
  });

  it('refuses a block that ends early or claims more than it holds', () => {
    const bytes = block(batch([remark(data(1)), remark(data(2))]));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 2 }), (length) => {
        expect(() => blockObjects(bytes.subarray(0, length))).toThrow(DecodeError);
      }),
    );
    expect(() => blockObjects(block(concat(Uint8Array.of(8, 0), data(0xfe, 0xff, 0xff, 0xff))))).toThrow(
      DecodeError,
    );
  });
});
