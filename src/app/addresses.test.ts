import { expect, test } from 'vitest';
import { addressIn } from './addresses.ts';

test.each([
  [' suABC ', 'suABC'],
  ['substrate:suABC:0x12:My name', 'suABC'],
  ['SUBSTRATE:suABC', 'suABC'],
  ['ethereum:0xabc', 'ethereum:0xabc'],
  ['substrate:', ''],
  ['', ''],
])('%j holds the address %j', (text, address) => {
  expect(addressIn(text)).toBe(address);
});
