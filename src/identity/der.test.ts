import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, littleEndian, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { AUTO_ID_PALLET, decodeCall, decodeSerials, encodeCall, encodeSerials } from './calls.ts';
import { keyUsage } from './certificate.ts';
import {
  bigEndian,
  element,
  fromBigEndian,
  oid,
  readDer,
  readTime,
  TAG,
  time,
  type DerReader,
} from './der.ts';
import { OID } from './oids.ts';

const read = <T>(hex: string, take: (reader: DerReader) => T) => readDer(fromHex(hex), 'value', take);

describe('DER', () => {
  it('has lengths in their shortest form and tags of one octet', () => {
    const content = (hex: string) => read(hex, (reader) => reader.next().content.length);
    expect(content(`047f${'00'.repeat(127)}`)).toBe(127);
    expect(content(`048180${'00'.repeat(128)}`)).toBe(128);
    expect(content(`04820100${'00'.repeat(256)}`)).toBe(256);
    for (const wrong of [
      `04817f${'00'.repeat(127)}`,
      `048200ff${'00'.repeat(255)}`,
      '048000',
      '04850000000001',
      '0402',
      '1f0100',
      '3f0100',
    ])
      expect(() => content(wrong)).toThrow(DecodeError);
    expect(() => content('04000400')).toThrow('trailing');
  });

  it('has integers in their shortest form, within what is asked for', () => {
    const small = (hex: string, max?: number) => read(hex, (reader) => reader.small('number', max));
    expect([small('020100'), small('02017f'), small('02020080'), small('02037fffff')]).toEqual([
      0, 127, 128, 0x7fffff,
    ]);
    for (const wrong of ['0200', '02020000', '0202007f', '0202ff80', '020180', '02080100000000000000'])
      expect(() => small(wrong)).toThrow(DecodeError);
    expect(small('020109', 9)).toBe(9);
    expect(() => small('02010a', 9)).toThrow('10 exceeds 9');
  });

  it('has numbers of any length, read at once', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 600n }), fc.nat(9), (value, zeros) => {
        expect(fromBigEndian(concat(new Uint8Array(zeros), bigEndian(value)))).toBe(value);
      }),
    );
    expect(fromBigEndian(new Uint8Array())).toBe(0n);
    // As long as a file may be; whoever takes it byte by byte takes minutes.
    const began = performance.now();
    expect(fromBigEndian(new Uint8Array(2 ** 19).fill(255))).toBe(2n ** (8n * 2n ** 19n) - 1n);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('has object identifiers without padding, and booleans of two values', () => {
    const text = (hex: string) => read(hex, (reader) => reader.oid());
    for (const dotted of ['0.9.2342', '1.2.840.113549.1.1.11', '2.5.29.15', '2.999.3'])
      expect(readDer(oid(dotted), 'value', (reader) => reader.oid())).toBe(dotted);
    for (const wrong of ['0600', '06025580', '0603558001', `062655${'ff'.repeat(36)}7f`])
      expect(() => text(wrong)).toThrow(DecodeError);
    const flag = (hex: string) => read(hex, (reader) => reader.boolean());
    expect([flag('010100'), flag('0101ff')]).toEqual([false, true]);
    for (const wrong of ['0100', '010101', '01020000']) expect(() => flag(wrong)).toThrow(DecodeError);
    expect(() => read('030101', (reader) => reader.bitString())).toThrow('unused bits');
  });
});

describe('times', () => {
  const at = (tag: number, text: string) => readDer(element(tag, utf8(text)), 'time', readTime);

  it('are of both kinds, with zones', () => {
    expect(at(TAG.utcTime, '491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59));
    expect(at(TAG.utcTime, '500101000000Z')).toBe(Date.UTC(1950, 0, 1));
    expect(at(TAG.utcTime, '7001010000Z')).toBe(0);
    expect(at(TAG.generalizedTime, '20500101000000.5Z')).toBe(Date.UTC(2050, 0, 1));
    expect(at(TAG.generalizedTime, '20240229120000+0130')).toBe(Date.UTC(2024, 1, 29, 10, 30));
    expect(at(TAG.generalizedTime, '20240229120000-0130')).toBe(Date.UTC(2024, 1, 29, 13, 30));
    for (const ms of [0, Date.UTC(2049, 11, 31), Date.UTC(2050, 0, 1)])
      expect(readDer(time(ms), 'time', readTime)).toBe(ms);
  });

  it('are refused where no calendar has them', () => {
    for (const text of [
      '20230229000000Z',
      '20241301000000Z',
      '20240100000000Z',
      '20240101240000Z',
      '20240101006000Z',
      '20240101000060Z',
    ])
      expect(() => at(TAG.generalizedTime, text)).toThrow('calendar');
    for (const text of ['20240101000000', '2024', '', `20240101000000.${'0'.repeat(40)}Z`])
      expect(() => at(TAG.generalizedTime, text)).toThrow('not a time');
    expect(() => at(TAG.utf8String, '20240101000000Z')).toThrow('neither');
  });
});

describe('key usages', () => {
  it('are a list of bits of at most two octets', () => {
    const usages = (hex: string) =>
      keyUsage({ extensions: [{ oid: OID.keyUsage, critical: true, value: fromHex(hex) }] });
    expect(usages('03020780')).toEqual(['digitalSignature']);
    expect(usages('0303070080')).toEqual(['decipherOnly']);
    for (const wrong of ['0300', '03020880', '030400000000'])
      expect(() => usages(wrong)).toThrow(DecodeError);
  });
});

describe('calls of the registry', () => {
  it('are of its pallet, of X.509, for a root or a leaf', () => {
    const request = {
      certificate: Uint8Array.of(1),
      signatureAlgorithm: Uint8Array.of(2),
      signature: Uint8Array.of(3),
    };
    const bytes = encodeCall({ kind: 'register', issuer: null, request });
    expect([...bytes.subarray(0, 4)]).toEqual([AUTO_ID_PALLET, 0, 0, 0]);
    expect(decodeCall(bytes)).toEqual({ kind: 'register', issuer: null, request });
    for (const [index, value] of [
      [0, AUTO_ID_PALLET + 1],
      [1, 9],
      [2, 1],
      [3, 2],
    ] as const)
      expect(() => decodeCall(bytes.with(index, value))).toThrow(DecodeError);
    expect(() => decodeCall(concat(bytes, Uint8Array.of(0)))).toThrow(DecodeError);
  });

  it('leave lists of serials in ascending order', () => {
    const list = (...serials: bigint[]) =>
      concat(Uint8Array.of(serials.length << 2), ...serials.map((serial) => littleEndian(serial, 32)));
    expect(encodeSerials(new Set([9n, 1n]))).toEqual(list(1n, 9n));
    expect(decodeSerials(list(1n, 9n))).toEqual(new Set([1n, 9n]));
    for (const wrong of [list(9n, 1n), list(1n, 1n)]) expect(() => decodeSerials(wrong)).toThrow('ascending');
  });
});
