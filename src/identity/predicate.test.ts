import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equal } from '../protocol/bytes.ts';
import { predicates, type Bound } from './predicate.ts';

const opening = { value: 7300, blinding: predicates.newBlinding() };
const statement = (bound: Bound, value = 7300) => ({
  attribute: 'score' as const,
  commitment: predicates.commit({ ...opening, value }),
  bound,
  context: new Uint8Array(32).fill(1),
});

describe('predicates', () => {
  it.each([
    ['at-least', 0],
    ['at-least', 7300],
    ['at-most', 7300],
    ['at-most', 16_383],
  ] as const)('proves that 7300 is %s %i', (kind, value) => {
    const told = statement({ kind, value });
    const proof = predicates.prove(told, opening);
    expect(predicates.verify(told, proof)).toBe(true);
  });

  it('proves nothing that is not so', () => {
    expect(() => predicates.prove(statement({ kind: 'at-least', value: 7301 }), opening)).toThrow(
      'predicate-false',
    );
    expect(() => predicates.prove(statement({ kind: 'at-most', value: 7299 }), opening)).toThrow(
      'predicate-false',
    );
    expect(() => predicates.prove(statement({ kind: 'at-least', value: 0 }, 7301), opening)).toThrow(
      'predicate-opening',
    );
    expect(() => predicates.prove(statement({ kind: 'at-least', value: 16_384 }), opening)).toThrow(
      'predicate-range',
    );
  });

  it('fits no other statement', () => {
    const told = statement({ kind: 'at-least', value: 7000 });
    const proof = predicates.prove(told, opening);
    const others = [
      { ...told, bound: { kind: 'at-least' as const, value: 7001 } },
      { ...told, bound: { kind: 'at-most' as const, value: 7000 } },
      { ...told, context: new Uint8Array(32) },
      { ...told, commitment: predicates.commit({ value: 7300, blinding: predicates.newBlinding() }) },
      { ...told, commitment: new Uint8Array(32).fill(0xff) },
      { ...told, attribute: 'birth_days' as const },
      { ...told, bound: { kind: 'at-least' as const, value: -1 } },
    ];
    for (const other of others) expect(predicates.verify(other, proof)).toBe(false);
  });

  it('no changed byte is accepted', () => {
    const told = statement({ kind: 'at-least', value: 7000 });
    const proof = predicates.prove(told, opening);
    fc.assert(
      fc.property(fc.nat(proof.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = proof.slice();
        changed[at]! ^= mask;
        expect(predicates.verify(told, changed)).toBe(false);
      }),
      { numRuns: 12 },
    );
    expect(predicates.verify(told, proof.slice(1))).toBe(false);
    expect(predicates.verify(told, new Uint8Array())).toBe(false);
  });

  it('hides the number, and derives factors that the phrase brings back', () => {
    expect(
      equal(
        predicates.commit(opening),
        predicates.commit({ ...opening, blinding: predicates.newBlinding() }),
      ),
    ).toBe(false);
    const key = new Uint8Array(32).fill(3);
    expect(predicates.derivedBlinding(key, 'a')).toEqual(predicates.derivedBlinding(key, 'a'));
    expect(predicates.derivedBlinding(key, 'a')).not.toEqual(predicates.derivedBlinding(key, 'b'));
  });
});
