import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { unchanged } from './unchanged.ts';

/** Data as it crosses from a worker; no key that only an own property can have. */
const data = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__'));

test('what it gives is what came, whatever was before', () => {
  fc.assert(
    fc.property(data, data, (next, before) => {
      expect(unchanged(next, before)).toEqual(next);
    }),
  );
});

test('what came anew and equals what was is what was', () => {
  fc.assert(
    fc.property(data, (before) => {
      expect(unchanged(structuredClone(before), before)).toBe(before);
    }),
  );
});

test('parts that did not change stay the same objects beside one that did', () => {
  const before = {
    farms: [
      { id: 'a', won: 1 },
      { id: 'b', won: 2 },
    ],
    note: { at: 5 },
  };
  const next = unchanged(
    {
      farms: [
        { id: 'a', won: 1 },
        { id: 'b', won: 3 },
      ],
      note: { at: 5 },
    },
    before,
  );
  expect(next).not.toBe(before);
  expect(next.farms[0]).toBe(before.farms[0]);
  expect(next.farms[1]).toEqual({ id: 'b', won: 3 });
  expect(next.note).toBe(before.note);
});

test('a key that is gone is a change, and one that is undefined is not one that lacks', () => {
  const before = { a: 1, b: undefined };
  expect(unchanged<object>({ a: 1 }, before)).not.toBe(before);
  expect(unchanged<object>({ a: 1, c: undefined }, before)).toEqual({ a: 1, c: undefined });
  expect(Object.keys(unchanged<object>({ a: 1, c: undefined }, before))).toEqual(['a', 'c']);
});

test('other kinds of objects are taken as they came', () => {
  const bytes = Uint8Array.of(1);
  expect(unchanged({ bytes }, { bytes: Uint8Array.of(1) }).bytes).toBe(bytes);
});
