import * as fc from 'fast-check';
import { decode, encode } from 'cborg';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../protocol/bytes.ts';
import { ecKey, ed25519Key, jwkOf, type Jwk } from './keys.ts';
import {
  decodeProvenance,
  decodeStatement,
  describeContent,
  encodeProvenance,
  encodeStatement,
  protectedHeader,
  signProvenance,
  verifyProvenance,
} from './provenance.ts';

const NOW = 1_800_000_000;
const [A, B, P] = ['did:autoid:off:a', 'did:autoid:off:b', 'did:autoid:off:p'];
const keys = new Map([
  [A, ed25519Key(new Uint8Array(32).fill(1))],
  [P, ecKey('p256', new Uint8Array(32).fill(2))],
]);
const keyOf = (did: string): Jwk | null => {
  const key = keys.get(did);
  return key === undefined ? null : jwkOf(key.publicKeyInfo);
};

describe('provenance', () => {
  const content = utf8('a photo');
  const about = { mediaType: 'image/png', time: NOW, did: A, origin: 'human' as const, sources: [] };
  const statement = describeContent(content, { ...about, tool: 'camera' });

  it('no changed byte is accepted', async () => {
    const signed = await signProvenance(keys.get(A)!, statement);
    expect(verifyProvenance(signed, content, keyOf)).toEqual(statement);
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = signed.slice();
        changed[at]! ^= mask;
        expect(() => verifyProvenance(changed, content, keyOf)).toThrow(
          /provenance|signature|issuer-key|content/,
        );
      }),
      { numRuns: 150 },
    );
    expect(() => verifyProvenance(concat(signed, new Uint8Array(1)), content, keyOf)).toThrow('provenance');
    expect(() => verifyProvenance(signed, content, () => null)).toThrow('issuer-key');
  });

  it('unknown members, other versions, headers and encodings are refused', () => {
    const header = protectedHeader('EdDSA', A);
    const whole = (payload: Uint8Array, open = header) => encodeStatement(open, payload, new Uint8Array(64));
    const payload = encodeProvenance(statement);
    expect(decodeStatement(whole(payload)).statement).toEqual(statement);
    const members = (change: (map: Map<unknown, unknown>) => void) => {
      const map = new Map<unknown, unknown>([
        [1, 1],
        [2, statement.contentHash],
        [3, 7],
        [4, 'x'],
        [5, NOW],
        [6, A],
        [7, 'human'],
        [8, []],
      ]);
      change(map);
      return encode(map);
    };
    const plain = members(() => undefined);
    expect(decodeStatement(whole(plain)).statement.contentLength).toBe(7);
    const all = decode(plain, { useMaps: true }) as Map<number, unknown>;
    const inOrder = (order: number[]) =>
      concat(
        Uint8Array.of(0xa0 | order.length),
        ...order.flatMap((key) => [key, all.get(key)].map((part) => new Uint8Array(encode(part)))),
      );
    expect(inOrder([1, 2, 3, 4, 5, 6, 7, 8])).toEqual(new Uint8Array(plain));
    const bad = [
      members((map) => map.set(13, 'x')),
      members((map) => map.set('a', 'x')),
      members((map) => map.set(1, 2)),
      members((map) => map.delete(2)),
      members((map) => map.set(3, -1)),
      members((map) => map.set(7, 'robot')),
      members((map) => map.set(8, [new Uint8Array(31)])),
      members((map) => map.set(9, 1)),
      inOrder([8, 7, 6, 5, 4, 3, 2, 1]),
      concat(inOrder([1, 2, 3, 4, 5, 6, 7, 8]), new Uint8Array(64 * 1024)),
      new Uint8Array([0xbf, 0x01, 0x01, 0xff]),
      new Uint8Array([0xa1, 0x18, 0x01, 0x01]),
    ];
    for (const one of bad) expect(() => decodeStatement(whole(one))).toThrow('provenance');
    expect(() => decodeStatement(whole(payload, protectedHeader('EdDSA', B)))).toThrow('protected header');
  });

  it('is kept as it was said, whoever signs, under the numbers of the format', async () => {
    const text = fc.string({ minLength: 1, maxLength: 40 });
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const saying = fc.record(
      { cid: text, capability: text, tool: text, licence: text, sources: fc.array(hash, { maxLength: 4 }) },
      { requiredKeys: ['sources'] },
    );
    await fc.assert(
      fc.asyncProperty(saying, fc.constantFrom(A, P), async (said, did) => {
        const whole = describeContent(content, { ...about, ...said, did });
        const members = decode(encodeProvenance(whole), { useMaps: true }) as Map<number, unknown>;
        const { cid, capability, tool, licence } = said;
        expect([9, 10, 11, 12].map((key) => members.get(key))).toEqual([cid, capability, tool, licence]);
        const signed = await signProvenance(keys.get(did)!, whole);
        expect(verifyProvenance(signed, content, keyOf)).toEqual(whole);
        // COSE_Sign1 (RFC 9052) with the algorithm of RFC 9053.
        expect(signed[0]).toBe(0xc0 | 18);
        const header = decode(decodeStatement(signed).protectedBytes, { useMaps: true }) as Map<
          number,
          unknown
        >;
        expect(header.get(1)).toBe(did === A ? -8 : -7);
      }),
      { numRuns: 40 },
    );
  });

  it('names as many sources as fit, and no more', () => {
    const from = (count: number) =>
      encodeProvenance({ ...statement, sources: Array.from({ length: count }, () => new Uint8Array(32)) });
    expect(decodeProvenance(from(256)).sources).toHaveLength(256);
    expect(() => decodeProvenance(from(257))).toThrow('provenance');
  });
});
