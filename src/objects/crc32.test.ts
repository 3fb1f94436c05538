import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { crc32 } from './crc32.ts';

it('is the sum that the algorithm is known by, of bytes however they come', () => {
  expect(crc32(utf8('123456789'))).toBe(0xcbf4_3926);
  expect(crc32(utf8('The quick brown fox jumps over the lazy dog'))).toBe(0x414f_a339);
  expect(crc32(new Uint8Array(0))).toBe(0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      expect(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at)))).toBe(crc32(bytes));
    }),
  );
});
