import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, toHex } from './bytes.ts';
import { DecodeError } from './errors.ts';
import {
  encodeExtra,
  encodeImplicit,
  eraBirth,
  IMMORTAL,
  mortalEra,
  readEra,
  signingPayload,
  writeEra,
} from './extrinsic.ts';
import { blake2b256 } from './hash.ts';
import { decodeAll, ScaleWriter } from './scale.ts';

function encoded(era: Parameters<typeof writeEra>[1]): Uint8Array {
  const writer = new ScaleWriter();
  writeEra(writer, era);
  return writer.bytes();
}

describe('era', () => {
  it('is encoded as Substrate does', () => {
    expect(toHex(encoded(IMMORTAL))).toBe('00');
    expect([...encoded(mortalEra(64, 42))]).toEqual([5 + (42 % 16) * 16, Math.floor(42 / 16)]);
    expect([...encoded(mortalEra(32_768, 20_000))]).toEqual([14 + (2500 % 16) * 16, Math.floor(2500 / 16)]);
  });

  it('has a period of a power of two from 4 to 65536, and a phase that its encoding can say', () => {
    const periods = [0, 1, 3, 4, 5, 64, 65, 4096, 8192, 65_536, 65_537].map((period) =>
      mortalEra(period, 9999),
    );
    expect(periods.map((era) => (era.kind === 'mortal' ? [era.period, era.phase] : null))).toEqual([
      [4, 3],
      [4, 3],
      [4, 3],
      [4, 3],
      [8, 7],
      [64, 15],
      [128, 15],
      [4096, 1807],
      [8192, 1806],
      [65_536, 9984],
      [65_536, 9984],
    ]);
  });

  it('begins with the block at which it was made, or a few before', () => {
    const any = fc.tuple(fc.integer({ min: 4, max: 65_536 }), fc.integer({ min: 0, max: 2 ** 31 }));
    fc.assert(
      fc.property(any, fc.nat(65_535), ([period, current], later) => {
        const era = mortalEra(period, current);
        if (era.kind !== 'mortal') throw new Error('not mortal');
        expect(decodeAll(encoded(era), 'era', readEra)).toEqual(era);
        const birth = eraBirth(era, current);
        expect(birth).toBeLessThanOrEqual(current);
        expect(current - birth).toBeLessThan(Math.max(1, era.period / 4096));
        // It is the same era for a period, and another one after it.
        const at = later % era.period;
        expect(eraBirth(era, birth + at)).toBe(birth);
        expect(eraBirth(era, birth + era.period + at)).toBe(birth + era.period);
      }),
    );
    expect(eraBirth(IMMORTAL, 1234)).toBe(0);
    // Before its first block there is none earlier than its phase.
    expect(eraBirth(mortalEra(64, 42), 3)).toBe(42);
  });

  it('is refused with a period below 4 or a phase beyond its period', () => {
    const read = (...bytes: number[]) => decodeAll(Uint8Array.from(bytes), 'era', readEra);
    expect(read(1, 0)).toEqual({ kind: 'mortal', period: 4, phase: 0 });
    expect(read(0x31, 0)).toEqual({ kind: 'mortal', period: 4, phase: 3 });
    expect(() => read(0x41, 0)).toThrow(DecodeError);
    expect(() => read(0x10, 0)).toThrow(DecodeError);
    expect(read(0xff, 0xff)).toEqual({ kind: 'mortal', period: 65_536, phase: 65_520 });
  });
});

describe('the payload that is signed', () => {
  const extra = { era: IMMORTAL, nonce: 0n, tip: 0n };
  const implicit = {
    specVersion: 1,
    transactionVersion: 2,
    genesisHash: new Uint8Array(32).fill(3),
    eraBirthHash: new Uint8Array(32).fill(4),
  };

  it('is call, extra and implicit, hashed where it is longer than 256 bytes', () => {
    const tail = concat(encodeExtra(extra), encodeImplicit(implicit));
    expect(toHex(tail)).toBe(`000000${'01000000'}${'02000000'}${'03'.repeat(32)}${'04'.repeat(32)}`);
    const short = new Uint8Array(256 - tail.length).fill(7);
    expect(signingPayload(short, extra, implicit)).toEqual(concat(short, tail));
    const long = new Uint8Array(257 - tail.length).fill(7);
    expect(signingPayload(long, extra, implicit)).toEqual(blake2b256(concat(long, tail)));
  });
});
