import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { metadata as metadataCodec } from '@polkadot-api/substrate-bindings';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, littleEndian, toHex, utf8 } from './bytes.ts';
import { decodeWith, encodeWith } from './codec.ts';
import { DecodeError, ProtocolError } from './errors.ts';
import { MAX_METADATA_BYTES, RuntimeMetadata } from './metadata.ts';
import { ScaleReader } from './scale.ts';

const recorded = new URL('../../tests/vectors/chain/chronos-metadata-v15.hex.gz', import.meta.url);
const realBytes = fromHex(gunzipSync(readFileSync(recorded)).toString().trim());
const real = RuntimeMetadata.decode(realBytes);

const tag = <T extends string, V>(name: T, value: V) => ({ tag: name, value });
const type = (id: number, def: unknown, path: string[] = []) => ({ id, path, params: [], def, docs: [] });

/** Metadata of a small runtime: one pallet with a plain item, a map of two keys and a type that holds itself. */
function smallMetadata(): Uint8Array {
  const field = (name: string, of: number) => ({ name, type: of, typeName: undefined, docs: [] });
  const value = {
    lookup: [
      type(0, tag('primitive', tag('u32', undefined))),
      type(1, tag('primitive', tag('i16', undefined))),
      type(2, tag('sequence', 3)),
      type(
        3,
        tag('variant', [
          { name: 'Leaf', fields: [field('size', 0)], index: 4, docs: [] },
          { name: 'Branch', fields: [{ ...field('', 2), name: undefined }], index: 9, docs: [] },
        ]),
        ['small', 'Tree'],
      ),
      type(4, tag('tuple', [0, 0])),
      type(5, tag('sequence', 6)),
      type(6, tag('composite', [])),
      type(7, tag('composite', [field('tree', 3), field('empty', 5)])),
      type(8, tag('primitive', tag('char', undefined))),
      type(9, tag('array', { len: 1025, type: 11 })),
      type(10, tag('array', { len: 2, type: 1 })),
      type(11, tag('composite', [field('left', 6), field('right', 6)])),
    ],
    pallets: [
      {
        name: 'Wood',
        storage: {
          prefix: 'Forest',
          items: [
            { name: 'Letter', modifier: 0, type: tag('plain', 8), fallback: '0x00', docs: [] },
            { name: 'Nothing', modifier: 0, type: tag('plain', 9), fallback: '0x00', docs: [] },
            { name: 'Pair', modifier: 0, type: tag('plain', 10), fallback: '0x00', docs: [] },
            {
              name: 'Hashed',
              modifier: 0,
              type: tag('map', { hashers: [tag('Blake2256', undefined)], key: 0, value: 1 }),
              fallback: '0x00',
              docs: [],
            },
            {
              name: 'Odd',
              modifier: 0,
              type: tag('map', {
                hashers: [tag('Identity', undefined), tag('Identity', undefined)],
                key: 0,
                value: 1,
              }),
              fallback: '0x00',
              docs: [],
            },
            { name: 'Oak', modifier: 1, type: tag('plain', 7), fallback: '0x040700000000', docs: [] },
            {
              name: 'Map',
              modifier: 0,
              type: tag('map', {
                hashers: [tag('Twox64Concat', undefined), tag('Identity', undefined)],
                key: 4,
                value: 1,
              }),
              fallback: '0x00',
              docs: [],
            },
          ],
        },
        calls: 3,
        events: undefined,
        constants: [{ name: 'Cold', type: 1, value: '0xfeff', docs: [] }],
        errors: 3,
        index: 7,
      },
    ],
    extrinsic: {
      type: 0,
      version: 4,
      signedExtensions: [{ identifier: 'Ring', type: 6, additionalSigned: 0 }],
    },
    type: 0,
  };
  return metadataCodec.enc({ magicNumber: 0x6174656d, metadata: tag('v14', value) } as never);
}

const small = RuntimeMetadata.decode(smallMetadata());

describe('metadata', () => {
  it('names what a runtime has', () => {
    expect(small.version).toBe(14);
    expect(small.palletNames).toEqual(['Wood']);
    expect(small.constant('Wood', 'Cold')).toBe(-2);
    expect(small.extensions).toEqual([{ name: 'Ring', type: 6, implicit: 0 }]);
    expect(small.calls('Wood')).toEqual(
      new Map([
        ['Leaf', 4],
        ['Branch', 9],
      ]),
    );
  });

  it('takes storage keys from the metadata and reads them back', () => {
    const map = small.storage('Wood', 'Map');
    const key = map.key(5, 6);
    // twox128("Forest") twox128("Map") twox64(5) 5 6
    expect(toHex(key.subarray(40))).toBe('0500000006000000');
    expect(map.decodeKey(key)).toEqual([5, 6]);
    expect(toHex(key).startsWith(toHex(map.keyPrefix(5)))).toBe(true);
    expect(() => map.decodeKey(key.subarray(1))).toThrow(DecodeError);
    expect(() => map.decodeKey(key.map((byte, at) => (at === 33 ? byte ^ 1 : byte)))).toThrow(DecodeError);
    expect(() => map.key(5)).toThrow(RangeError);
    expect(() => map.keyPrefix(5, 6, 7)).toThrow('fewer than 3 keys');
    const hashed = small.storage('Wood', 'Hashed');
    expect(() => hashed.decodeKey(hashed.key(5))).toThrow('runtime-metadata');
    expect(() => map.decodeKey(hashed.key(5))).toThrow('no key of Wood.Map');
    expect(() => small.storage('Wood', 'Odd')).toThrow('other keys than hashers');
    expect(['Map', 'Mop'].map((item) => small.hasStorage('Wood', item))).toEqual([true, false]);
    expect(small.hasStorage('Steel', 'Map')).toBe(false);
    const account = '26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9';
    expect(toHex(real.storage('System', 'Account').prefix)).toBe(account);
  });

  it('decodes values, and defaults where nothing is', () => {
    const oak = small.storage('Wood', 'Oak');
    expect(oak.decode(null)).toEqual({ tree: { type: 'Leaf', value: { size: 7 } }, empty: [] });
    expect(small.storage('Wood', 'Map').decode(null)).toBeNull();
    expect(small.storage('Wood', 'Map').decode(fromHex('0080'))).toBe(-32768);
    expect(() => oak.decode(fromHex('04070000000000'))).toThrow(DecodeError);
    expect(() => oak.decode(fromHex('05'))).toThrow(DecodeError);
  });

  it('refuses values nested too deeply and lists of nothing without end', () => {
    const nested = concat(...Array.from({ length: 100 }, () => fromHex('0904')), fromHex('040000000000'));
    expect(() => small.storage('Wood', 'Oak').decode(nested)).toThrow('nested');
    expect(() => small.storage('Wood', 'Oak').decode(fromHex('0400000000feffffff'))).toThrow('items');
  });

  it('holds values to their types, both ways', () => {
    const [letter, pair] = [small.storage('Wood', 'Letter'), small.storage('Wood', 'Pair')];
    const point = (code: number) => letter.decode(littleEndian(code, 4));
    expect([0x61, 0xd7ff, 0xe000, 0x10ffff].map(point)).toEqual(['a', '\ud7ff', '\ue000', '\u{10ffff}']);
    for (const code of [0xd800, 0xdfff, 0x110000]) expect(() => point(code)).toThrow('no character');
    expect(() => small.storage('Wood', 'Nothing').decode(new Uint8Array(0))).toThrow('1025 items');
    expect(toHex(pair.encode([32_767, -32_768]))).toBe('ff7f0080');
    expect(pair.decode(fromHex('ff7f0080'))).toEqual([32_767, -32_768]);
    for (const wrong of [[1], [1, 2, 3], [32_768, 0], [-32_769, 0]])
      expect(() => pair.encode(wrong)).toThrow(RangeError);
    expect([0, 6].map((id) => small.isEmpty(id))).toEqual([false, true]);
  });

  it('pays no amount but one that can be', () => {
    const pay = (value: bigint, type = 'Id') =>
      real.encodeCall('Balances', 'transfer_keep_alive', {
        dest: { type, value: new Uint8Array(32) },
        value,
      });
    const most = (1n << 128n) - 1n;
    expect(real.decodeCall(pay(most)).args).toMatchObject({ value: most });
    for (const value of [most + 1n, -1n]) expect(() => pay(value)).toThrow(RangeError);
    expect(() => pay(1n, 'Nobody')).toThrow(RangeError);
  });

  it('reads the errors of pallets in the four bytes that they have, filled up', () => {
    const { id } = real.types.find(({ path }) => path.join('.') === 'sp_runtime.DispatchError')!;
    const codec = real.codec(id);
    const module = Uint8Array.of(3, real.palletIndex('Balances'), 2, 0, 0, 0);
    const failed = decodeWith(codec, module, 'error');
    expect(failed).toMatchObject({ type: 'Module', value: { type: 'Balances' } });
    expect(failed).toMatchObject({ value: { value: { type: 'InsufficientBalance' } } });
    expect(encodeWith(codec, failed)).toEqual(module);
    for (const wrong of [
      module.subarray(0, -1),
      concat(module, module),
      module.with(2, 255),
      module.with(1, 255),
    ])
      expect(() => decodeWith(codec, wrong, 'error')).toThrow(DecodeError);
  });

  it('reads past calls of pallets that it has', () => {
    const remark = real.encodeCall('System', 'remark', { remark: utf8('hello') });
    const reader = new ScaleReader(concat(remark, utf8('rest')), 'calls');
    expect([real.skipCall(reader), reader.remaining]).toEqual([true, 4]);
    expect(real.skipCall(new ScaleReader(Uint8Array.of(255, 0), 'calls'))).toBe(false);
    expect(() => real.skipCall(new ScaleReader(remark.subarray(0, -1), 'calls'))).toThrow(DecodeError);
  });

  it('round-trips calls', () => {
    const args = { dest: { type: 'Id', value: new Uint8Array(32).fill(3) }, value: 10n ** 30n };
    const call = real.encodeCall('Balances', 'transfer_keep_alive', args);
    expect(real.decodeCall(call)).toEqual({ pallet: 'Balances', call: 'transfer_keep_alive', args });
    const remark = { remark: utf8('hello') };
    expect(toHex(real.encodeCall('System', 'remark', remark))).toBe('00001468656c6c6f');
    expect(() => real.decodeCall(fromHex('00001468'))).toThrow(DecodeError);
    expect(() => real.decodeCall(fromHex('ff00'))).toThrow(DecodeError);
  });

  it.each([
    () => real.constant('Nowhere', 'X'),
    () => real.constant('System', 'X'),
    () => real.storage('System', 'X'),
    () => real.callIndex('System', 'x'),
  ])('names what a runtime lacks', (call) => {
    expect(call).toThrow('runtime-metadata');
  });

  it('takes metadata wrapped as the runtime call returns it', () => {
    const inner = smallMetadata();
    const length = inner.length * 4 + 1;
    const wrapped = concat(new Uint8Array([1, length & 255, length >> 8]), inner);
    expect(RuntimeMetadata.decode(wrapped).palletNames).toEqual(['Wood']);
    expect(() => RuntimeMetadata.decode(concat(wrapped, new Uint8Array(1)))).toThrow('trailing');
    expect(() => RuntimeMetadata.decode(concat(inner, new Uint8Array(1)))).toThrow(DecodeError);
    const large = new Uint8Array(MAX_METADATA_BYTES + 1);
    expect(() => RuntimeMetadata.decode(large)).toThrow('are allowed');
    expect(() => RuntimeMetadata.decode(large.subarray(1))).not.toThrow('are allowed');
    expect(() => RuntimeMetadata.decode(new Uint8Array([0]))).toThrow(DecodeError);
  });
});

/** Whether bytes are refused, by an error of the protocol and no other. */
function isRefused(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}

/** Everything that metadata is asked for. */
function useAll(metadata: RuntimeMetadata): void {
  const tried = (call: () => unknown) => void isRefused(call);
  for (const pallet of metadata.palletNames) {
    for (const name of metadata.constantNames(pallet)) tried(() => metadata.constant(pallet, name));
    for (const name of metadata.storageNames(pallet)) {
      tried(() => metadata.storage(pallet, name).decode(null));
      tried(() => metadata.storage(pallet, name).decode(new Uint8Array(64)));
    }
    tried(() => metadata.calls(pallet));
  }
  tried(() => metadata.extensions);
  tried(() => metadata.decodeCall(new Uint8Array([7, 4, 0, 0, 0, 0])));
}

describe('hostile metadata and values', () => {
  it('does no more than fail with an error of the protocol', () => {
    const bytes = smallMetadata();
    let refused = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 3 }), (edits) => {
        const mutated = bytes.slice();
        for (const [at, byte] of edits) mutated[at] = byte;
        if (isRefused(() => useAll(RuntimeMetadata.decode(mutated)))) refused += 1;
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(60);
  });

  it('decodes random bytes as any item or refuses them, and encodes what it decoded to the same bytes', () => {
    const entries = real.palletNames.flatMap((pallet) =>
      real.storageNames(pallet).map((item) => real.storage(pallet, item)),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.nat(entries.length - 1), fc.uint8Array({ maxLength: 60 }), (index, bytes) => {
        const entry = entries[index]!;
        if (isRefused(() => entry.decode(bytes))) return;
        accepted += 1;
        const again = entry.encode(entry.decode(bytes));
        expect(entry.decode(again)).toEqual(entry.decode(bytes));
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it('decodes random bytes as calls or refuses them', () => {
    const begin = fc.constantFrom(...real.palletNames.map((name) => real.palletIndex(name)));
    let accepted = 0;
    fc.assert(
      fc.property(begin, fc.nat(20), fc.uint8Array({ maxLength: 80 }), (pallet, call, rest) => {
        const bytes = concat(new Uint8Array([pallet, call]), rest);
        if (isRefused(() => real.decodeCall(bytes))) return;
        accepted += 1;
        const decoded = real.decodeCall(bytes);
        const again = real.encodeCall(decoded.pallet, decoded.call, decoded.args);
        expect(real.decodeCall(again)).toEqual(decoded);
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
