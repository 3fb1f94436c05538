import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_QR_BYTES, qrPattern, readQr, type Pixels } from './qr.ts';

/** A QR code as a camera would see it, four pixels a module with a quiet zone. */
function picture(pattern: boolean[][], scale = 4, quiet = 4): Pixels {
  const side = (pattern.length + 2 * quiet) * scale;
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const dark = pattern[Math.floor(y / scale) - quiet]?.[Math.floor(x / scale) - quiet] === true;
      if (dark) data.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  }
  return { data, width: side, height: side };
}

test('what is drawn is read back, whatever the script', async () => {
  const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      expect(await readQr(picture(qrPattern(text)))).toBe(text);
    }),
    { numRuns: 15, examples: [['suABC'], ['Grüße, 世界']] },
  );
});

test('a picture without a code is none, and too much text is refused', async () => {
  expect(await readQr({ data: new Uint8ClampedArray(64 * 64 * 4), width: 64, height: 64 })).toBeNull();
  expect(() => qrPattern('x'.repeat(MAX_QR_BYTES + 1))).toThrow(RangeError);
  expect(qrPattern('x'.repeat(MAX_QR_BYTES)).length).toBeGreaterThan(100);
});
