import { expect, test } from 'vitest';
import { addressBeginning, addressIn } from './addresses.ts';

test.each([
  [6094, 'su…'],
  [42, '5…'],
  [0, '1…'],
  [2, ''],
])('addresses under prefix %i begin with “%s”', (prefix, beginning) => {
  expect(addressBeginning(prefix)).toBe(beginning);
});

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
