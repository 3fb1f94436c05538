import { describe, expect, it } from 'vitest';
import { concat, fromHex, utf8 } from '../protocol/bytes.ts';
import { compress, decompress, looksCompressed } from './compression.ts';
import { ObjectError } from './errors.ts';

async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return concat(...all);
}

describe('a file that carries the flag of compression', () => {
  it.each([
    ['78da', true],
    ['7801', true],
    ['789c', true],
    // A window of 256 bytes, the smallest.
    ['081d', true],
    // Checksums that do not fit.
    ['78db', false],
    ['7800', false],
    // Another method, and a window that is too large, with checksums that fit.
    ['7709', false],
    ['7994', false],
    ['881c', false],
    ['78', false],
    ['', false],
  ])('that begins with %s: compressed %s', (hex, is) => {
    expect(looksCompressed(fromHex(hex))).toBe(is);
  });
});

describe('decompression', () => {
  const plain = utf8('one and one and one '.repeat(2_000));

  it.each([
    ['cut off', (stored: Uint8Array) => stored.subarray(0, -5)],
    ['changed at its end', (stored: Uint8Array) => stored.with(stored.length - 1, stored.at(-1)! ^ 1)],
    ['changed inside', (stored: Uint8Array) => stored.with(2, 0xff)],
  ])('of a stream that was %s is refused as damaged', async (_, harm) => {
    const stored = harm(await collect(compress(inParts(plain, 1_000), 9)));
    const error = await collect(decompress(inParts(stored, 10))).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ObjectError);
    expect((error as ObjectError).code).toBe('damaged');
  });

  it('passes on why the stored bytes could not be had', async () => {
    const lost = new Error('the network was lost');
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield (await collect(compress(inParts(plain, 1_000), 9))).subarray(0, 10);
      throw lost;
    }
    await expect(collect(decompress(breaking()))).rejects.toBe(lost);
  });

  it('stops asking for stored bytes when its reader stops', async () => {
    const stored = await collect(compress(inParts(plain, 1_000), 9));
    let isLeft = false;
    async function* watched(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield stored;
      } finally {
        isLeft = true;
      }
    }
    for await (const part of decompress(watched())) {
      expect(part.length).toBeGreaterThan(0);
      break;
    }
    await expect.poll(() => isLeft).toBe(true);
  });
});
