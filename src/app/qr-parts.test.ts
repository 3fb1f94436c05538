import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { QrCollector, qrParts } from './qr-parts.ts';
import { MAX_QR_BYTES } from './qr.ts';

test('a text is read back from its codes, in any order and more than once', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4000, size: 'max' }),
      fc.infiniteStream(fc.nat()),
      (text, order) => {
        const parts = qrParts(text);
        for (const part of parts)
          expect(new TextEncoder().encode(part).length).toBeLessThanOrEqual(MAX_QR_BYTES);
        const collector = new QrCollector();
        const shuffled = parts
          .map((part) => ({ part, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ part }) => part);
        const found = [...shuffled.slice(0, -1).flatMap((part) => [part, part]), shuffled.at(-1)!].map(
          (part) => collector.take(part),
        );
        expect(found.at(-1)).toBe(text);
        expect(found.slice(0, -1).every((one) => one === null)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
});

test('codes of different texts, damaged and foreign ones are told apart', () => {
  const [one, other] = [qrParts('a'.repeat(3000)), qrParts('b'.repeat(3000))];
  const collector = new QrCollector();
  expect(collector.progress).toBeNull();
  expect(collector.take(one[0]!)).toBeNull();
  expect(collector.progress).toEqual({ read: 1, of: one.length });
  // Another text begins: what was read of the first is left.
  expect(collector.take(other[1]!)).toBeNull();
  expect(collector.progress).toEqual({ read: 1, of: other.length });
  expect(() => collector.take(one[0]!.replace('/1/', '/9/'))).toThrow('damaged');
  const forged = [...one.slice(0, -1), one.at(-1)!.replace(/a$/, 'c')];
  for (const part of forged.slice(0, -1)) expect(collector.take(part)).toBeNull();
  expect(() => collector.take(forged.at(-1)!)).toThrow('do not fit');
  expect(collector.take('a plain code')).toBe('a plain code');
  expect(() => qrParts('x'.repeat(500_000))).toThrow(RangeError);
});
