import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from './bytes.ts';
import { PIECES_IN_SEGMENT, U64_MAX } from './constants.ts';
import { expirationHistorySize, interleavedPieces, pieceIndexOf, recentPolicyActive } from './sector.ts';

const RULES = {
  maxPiecesInSector: 1000,
  recentSegments: 5n,
  recentHistoryFraction: [1n, 10n] as [bigint, bigint],
};
const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const historySize = fc.bigInt(1n, U64_MAX);

describe('pieces of a sector', () => {
  it('are counted in 64 bits that saturate, as the reference counts them', () => {
    const rules = {
      maxPiecesInSector: 17,
      recentSegments: 3n,
      recentHistoryFraction: [7n, 7n] as [bigint, bigint],
    };
    const sector = fromHex('e3fc964e43d6402816f0050792c1ad11ec2c3f88b21148a9ddaa7313ea32186f');
    const history = 2305843009213693951n;
    expect(interleavedPieces(rules)).toBe(34n);
    expect(recentPolicyActive(history, rules)).toBe(true);
    expect([0, 1, 2, 3].map((offset) => pieceIndexOf(sector, offset, history, rules))).toEqual([
      15323393693723317892n,
      18446744073709550943n,
      11323881015511369461n,
      18446744073709551518n,
    ]);
  });

  it('are counted by products that wrap at 64 bits, as the reference’s do', () => {
    const recent = { ...RULES, recentSegments: 1n << 56n };
    // (2^64 − 1) · 2560 leaves 2^64 − 2560, a 256th of which no history below 2^48 segments exceeds.
    expect(recentPolicyActive((1n << 48n) - 1n, recent)).toBe(false);
    expect(recentPolicyActive(1n << 48n, recent)).toBe(true);
    const share: [bigint, bigint] = [1n << 56n, 1n];
    const pieces = { ...RULES, maxPiecesInSector: 0xffff, recentHistoryFraction: share };
    expect(interleavedPieces(pieces)).toBe(((2n ** 64n - 65_535n) / 256n) * 2n);
  });

  it('come from the history, the interleaved ones from its last segments', () => {
    fc.assert(
      fc.property(id, fc.nat(999), historySize, (sector, offset, size) => {
        const index = pieceIndexOf(sector, offset, size, RULES);
        const pieces = size * BigInt(PIECES_IN_SEGMENT);
        const end = pieces > U64_MAX ? U64_MAX : pieces;
        expect(index < end).toBe(true);
        const isRecent = size > 50n && offset < 200 && offset % 2 === 1;
        expect(index >= (isRecent ? end - 5n * BigInt(PIECES_IN_SEGMENT) : 0n)).toBe(true);
      }),
    );
  });

  it('are chosen by the recent policy from segment 51 on', () => {
    expect(recentPolicyActive(50n, RULES)).toBe(false);
    expect(recentPolicyActive(51n, RULES)).toBe(true);
  });
});

describe('expiry of a sector', () => {
  it('lies between the check and four times its history, or beyond 64 bits', () => {
    const commitment = fc.uint8Array({ minLength: 48, maxLength: 48 });
    fc.assert(
      fc.property(id, historySize, commitment, fc.bigInt(1n, 1000n), (sector, size, segment, lifetime) => {
        const expires = expirationHistorySize(sector, size, segment, lifetime);
        const last = lifetime + 4n * size;
        const fits = last <= U64_MAX;
        expect(expires === null).toBe(!fits);
        expect(expires ?? size + lifetime).toBeGreaterThanOrEqual(size + lifetime);
        expect(expires ?? 0n).toBeLessThan(last);
      }),
    );
  });

  it('is not known of a sector without history', () => {
    expect(expirationHistorySize(new Uint8Array(32), 0n, new Uint8Array(48), 4n)).toBeNull();
  });
});
