/** Elliptic curves that states sign passports with, whether their certificates name them or spell them out. */
import { brainpoolP256r1, brainpoolP384r1, brainpoolP512r1 } from '@noble/curves/misc.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { ecdsa, weierstrass, type ECDSA } from '@noble/curves/abstract/weierstrass.js';
import { sha224, sha256 } from '@noble/hashes/sha2.js';
import type { Algorithm } from '../certificate.ts';
import { DerReader, fromBigEndian, TAG } from '../der.ts';

const PRIME_FIELD = '1.2.840.10045.1.1';
const MAX_FIELD_BYTES = 66;

/** NIST P-224 (FIPS 186-4). */
const p224 = ecdsa(
  weierstrass({
    p: 0xffffffffffffffffffffffffffffffff000000000000000000000001n,
    a: 0xfffffffffffffffffffffffffffffffefffffffffffffffffffffffen,
    b: 0xb4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4n,
    n: 0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3dn,
    Gx: 0xb70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21n,
    Gy: 0xbd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34n,
    h: 1n,
  }),
  sha224,
);

/** brainpoolP224r1 (RFC 5639). */
const brainpoolP224r1 = ecdsa(
  weierstrass({
    p: 0xd7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ffn,
    a: 0x68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43n,
    b: 0x2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400bn,
    n: 0xd7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939fn,
    Gx: 0x0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07dn,
    Gy: 0x58aa56f772c0726f24c6b89e4ecdac24354b9e99caa3f6d3761402cdn,
    h: 1n,
  }),
  sha224,
);

/** brainpoolP320r1 (RFC 5639). */
const brainpoolP320r1 = ecdsa(
  weierstrass({
    p: 0xd35e472036bc4fb7e13c785ed201e065f98fcfa6f6f40def4f92b9ec7893ec28fcd412b1f1b32e27n,
    a: 0x3ee30b568fbab0f883ccebd46d3f3bb8a2a73513f5eb79da66190eb085ffa9f492f375a97d860eb4n,
    b: 0x520883949dfdbc42d3ad198640688a6fe13f41349554b49acc31dccd884539816f5eb4ac8fb1f1a6n,
    n: 0xd35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311n,
    Gx: 0x43bd7e9afb53d8b85289bcc48ee5bfe6f20137d10a087eb6e7871e2a10a599c710af8d0d39e20611n,
    Gy: 0x14fdd05545ec1cc8ab4093247f77275e0743ffed117182eaa9c77877aaac6ac7d35245d1692e8ee1n,
    h: 1n,
  }),
  sha256,
);

export interface Curve {
  name: string;
  oid: string;
  ecdsa: ECDSA;
}

const CURVES: readonly Curve[] = [
  { name: 'P-224', oid: '1.3.132.0.33', ecdsa: p224 },
  { name: 'P-256', oid: '1.2.840.10045.3.1.7', ecdsa: p256 },
  { name: 'P-384', oid: '1.3.132.0.34', ecdsa: p384 },
  { name: 'P-521', oid: '1.3.132.0.35', ecdsa: p521 },
  { name: 'brainpoolP224r1', oid: '1.3.36.3.3.2.8.1.1.5', ecdsa: brainpoolP224r1 },
  { name: 'brainpoolP256r1', oid: '1.3.36.3.3.2.8.1.1.7', ecdsa: brainpoolP256r1 },
  { name: 'brainpoolP320r1', oid: '1.3.36.3.3.2.8.1.1.9', ecdsa: brainpoolP320r1 },
  { name: 'brainpoolP384r1', oid: '1.3.36.3.3.2.8.1.1.11', ecdsa: brainpoolP384r1 },
  { name: 'brainpoolP512r1', oid: '1.3.36.3.3.2.8.1.1.13', ecdsa: brainpoolP512r1 },
];

/**
 * Curve of an EC key: named, or spelled out (ECParameters), as ICAO Doc 9303-12 demands of passports. Parameters count
 * only if all of them are a known curve's, its generator included: anybody can make a key fit a generator of their own.
 * Null for a curve that is not known. Throws DecodeError.
 */
export function curveOf({ parameters }: Algorithm): Curve | null {
  if (parameters === null) return null;
  const reader = new DerReader(parameters.raw, 'curve');
  if (parameters.tag === TAG.oid) {
    const oid = reader.oid();
    return CURVES.find((curve) => curve.oid === oid) ?? null;
  }
  const list = reader.enter(TAG.sequence, 'curve parameters');
  list.small('version', 3);
  const field = list.enter(TAG.sequence, 'field');
  if (field.oid('field') !== PRIME_FIELD) return null;
  const p = field.unsigned('prime', MAX_FIELD_BYTES);
  field.finish();
  const equation = list.enter(TAG.sequence, 'curve');
  const a = fromBigEndian(equation.expect(TAG.octetString, 'a').content);
  const b = fromBigEndian(equation.expect(TAG.octetString, 'b').content);
  equation.optional(TAG.bitString);
  equation.finish();
  const generator = list.expect(TAG.octetString, 'generator').content;
  const n = list.unsigned('order', MAX_FIELD_BYTES);
  const h = list.ended ? 1n : list.unsigned('cofactor', MAX_FIELD_BYTES);
  list.finish();
  const found = CURVES.find(({ ecdsa: { Point } }) => {
    const known = Point.CURVE();
    return known.p === p && known.a === a && known.b === b && known.n === n && known.h === h;
  });
  return found !== undefined && isBase(found.ecdsa, generator) ? found : null;
}

function isBase({ Point }: ECDSA, encoded: Uint8Array): boolean {
  try {
    return Point.fromBytes(encoded).equals(Point.BASE);
  } catch {
    return false;
  }
}
