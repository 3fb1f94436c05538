import { beforeAll, describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { recordedChain } from '../../tests/support/recorded-chain.ts';
import { VerifiedChain } from '../../tests/support/verified-chain.ts';
import { concat } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import { decodeChainRecord, encodeChainRecord } from './record.ts';

let verified: VerifiedChain;

beforeAll(async () => {
  verified = await VerifiedChain.open(recordedChain('chain'), 153);
});

describe('a stored chain', () => {
  it('comes back as it was, contexts included', () => {
    for (const number of [0, 1, 101, 153]) {
      const record = decodeChainRecord(verified.record(number));
      const contexts = [record.final, ...record.blocks].map(({ context }) => context);
      expect(contexts.at(-1)?.number).toBe(number);
      const known = contexts.filter((context) => context.number > 0);
      expect(known).toEqual(known.map((context) => verified.blocks[context.number - 1]?.context));
      expect(encodeChainRecord(record)).toEqual(verified.record(number));
    }
  });

  it('is refused when any byte is different or missing', () => {
    const record = verified.record(20);
    fc.assert(
      fc.property(fc.nat(record.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const damaged = record.slice();
        damaged[at]! ^= mask;
        expect(() => decodeChainRecord(damaged)).toThrow(DecodeError);
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(fc.nat(record.length - 1), (length) => {
        expect(() => decodeChainRecord(record.subarray(0, length))).toThrow(DecodeError);
      }),
      { numRuns: 100 },
    );
  });

  it('is refused in another version, and when it is not whole under its checksum', () => {
    const body = verified.record(3).slice(32);
    const sealed = (bytes: Uint8Array) => concat(blake3Hash(bytes), bytes);
    expect(decodeChainRecord(sealed(body)).blocks.length).toBe(3);
    const other = body.slice();
    other[0] = 99;
    expect(() => decodeChainRecord(sealed(other))).toThrow(/version 99/);
    for (const cut of [1, 10, 700, 1_500]) {
      expect(() => decodeChainRecord(sealed(body.subarray(0, body.length - cut)))).toThrow(DecodeError);
    }
    expect(() => decodeChainRecord(sealed(concat(body, Uint8Array.of(0))))).toThrow(DecodeError);
  });
});
