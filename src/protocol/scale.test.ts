import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from './bytes.ts';
import { DecodeError } from './errors.ts';
import { decodeAll, ScaleReader, ScaleWriter } from './scale.ts';

const compactOf = (value: bigint | number) => toHex(new ScaleWriter().compact(value).bytes());
const readCompact = (hex: string, limit?: bigint) =>
  decodeAll(fromHex(hex), 'compact', (reader) => reader.compactBig(limit));

describe('compact integers', () => {
  const known: [value: bigint, hex: string][] = [
    [0n, '00'],
    [1n, '04'],
    [63n, 'fc'],
    [64n, '0101'],
    [16_383n, 'fdff'],
    [16_384n, '02000100'],
    [0x3fff_ffffn, 'feffffff'],
    [0x4000_0000n, '0300000040'],
    [0xffff_ffffn, '03ffffffff'],
    [0x1_0000_0000n, '070000000001'],
    [(1n << 64n) - 1n, '13ffffffffffffffff'],
    [1n << 64n, '17000000000000000001'],
    [(1n << 536n) - 1n, `ff${'ff'.repeat(67)}`],
  ];

  it.each(known)('%s has one form', (value, hex) => {
    expect(compactOf(value)).toBe(hex);
    expect(readCompact(hex)).toBe(value);
  });

  it('are refused in a longer form', () => {
    const longer = [
      '0100',
      'fd00',
      '02000000',
      'feff0000',
      '03ffffff3f',
      '0700000040',
      '07ffffffff00',
      '030100000000',
    ];
    for (const hex of longer) expect(() => readCompact(hex)).toThrow(DecodeError);
    expect(readCompact('070000000101')).toBe(0x1_0100_0000n);
  });

  it('have a limit, inclusive', () => {
    expect(readCompact('fc', 63n)).toBe(63n);
    expect(() => readCompact('0101', 63n)).toThrow('exceeds 63');
    const u32 = (hex: string) => decodeAll(fromHex(hex), 'compact', (reader) => reader.compact());
    expect(u32('03ffffffff')).toBe(0xffff_ffff);
    expect(() => u32('070000000001')).toThrow(DecodeError);
  });

  it('are neither negative nor larger than their largest form', () => {
    for (const value of [-1, -1n, 1n << 536n]) expect(() => compactOf(value)).toThrow(RangeError);
  });

  it('are read as they were written', () => {
    const any = fc.nat(536).chain((bits) => fc.bigInt(0n, (1n << BigInt(bits)) - 1n));
    fc.assert(
      fc.property(any, (value) => {
        expect(readCompact(compactOf(value))).toBe(value);
      }),
    );
  });
});

describe('fixed integers', () => {
  it('are little-endian and refuse what does not fit', () => {
    const writer = new ScaleWriter();
    writer
      .u8(1)
      .u16(0x0203)
      .u32(0x0405_0607)
      .u64(0x08n)
      .u128((9n << 64n) | 10n)
      .bool(true)
      .bool(false);
    expect(toHex(writer.bytes())).toBe(
      `01${'0302'}${'07060504'}${'0800000000000000'}${'0a00000000000000'}${'0900000000000000'}0100`,
    );
    const reader = new ScaleReader(writer.bytes(), 'integers');
    expect([reader.u8(), reader.u16(), reader.u32(), reader.u64()]).toEqual([1, 0x0203, 0x0405_0607, 8n]);
    expect([reader.u128(), reader.bool(), reader.bool()]).toEqual([(9n << 64n) | 10n, true, false]);
    reader.finish();
    const max = (1n << 128n) - 1n;
    expect(decodeAll(new ScaleWriter().u128(max).bytes(), 'u128', (each) => each.u128())).toBe(max);
    const wrong: ((into: ScaleWriter) => unknown)[] = [
      (into) => into.u8(256),
      (into) => into.u8(-1),
      (into) => into.u16(65_536),
      (into) => into.u32(2 ** 32),
      (into) => into.u64(1n << 64n),
      (into) => into.u64(-1n),
      (into) => into.u128(1n << 128n),
      (into) => into.u128(-1n),
      (into) => into.raw(new Uint8Array(3), 4),
    ];
    for (const write of wrong) expect(() => write(new ScaleWriter())).toThrow(RangeError);
  });
});

describe('what is read', () => {
  const read = <T>(hex: string, take: (reader: ScaleReader) => T) => decodeAll(fromHex(hex), 'value', take);

  it('ends where the bytes end', () => {
    expect(() => read('0100', (reader) => reader.u8())).toThrow(DecodeError);
    expect(() => read('01', (reader) => reader.u16())).toThrow(DecodeError);
    expect(read('0102', (reader) => reader.raw(2))).toEqual(Uint8Array.of(1, 2));
    expect(read('0102', (reader) => [reader.window(1), reader.window(1)])).toEqual([
      Uint8Array.of(1),
      Uint8Array.of(2),
    ]);
  });

  it('has a byte order mark where there is one', () => {
    const bytes = new ScaleWriter().text('\ufeffa').bytes();
    expect(new ScaleReader(bytes, 'text').text()).toBe('\ufeffa');
  });

  it('is refused where it is no boolean, no option, no text', () => {
    expect(() => read('02', (reader) => reader.bool())).toThrow(DecodeError);
    expect(read('0107', (reader) => reader.option((some) => some.u8()))).toBe(7);
    expect(read('00', (reader) => reader.option((some) => some.u8()))).toBeNull();
    expect(() => read('0207', (reader) => reader.option((some) => some.u8()))).toThrow(DecodeError);
    expect(read('08c3a9', (reader) => reader.text())).toBe('é');
    expect(() => read('04c3', (reader) => reader.text())).toThrow('not UTF-8');
    expect(() => read('08c3a9', (reader) => reader.text(1))).toThrow('at most 1');
  });

  it('is counted before anything is made of it', () => {
    const items = (hex: string, minimal?: number, limit?: number) =>
      read(hex, (reader) => reader.vec((each) => each.u8(), minimal, limit));
    expect(items('080102')).toEqual([1, 2]);
    expect(items('080102', 1, 2)).toEqual([1, 2]);
    expect(() => items('080102', 1, 1)).toThrow('at most 1');
    expect(() => items('080102', 2)).toThrow('do not fit');
    expect(() => items('0c0102')).toThrow('do not fit');
    expect(read('080102', (reader) => reader.byteVector(2))).toEqual(Uint8Array.of(1, 2));
    expect(() => read('080102', (reader) => reader.byteVector(1))).toThrow('at most 1');
  });
});
