import { expect, test } from 'vitest';
import { lacking } from './needs.ts';

const COMPLETE = { isSecureContext: true, WebAssembly: {}, indexedDB: {}, navigator: { locks: {} } };

test('nothing is lacking in a browser of these days', () => {
  expect(lacking(COMPLETE)).toBeNull();
});

test.each([
  ['isSecureContext', false, 'https://'],
  ['WebAssembly', undefined, 'WebAssembly is turned off'],
  ['indexedDB', null, 'ordinary window'],
  ['navigator', {}, 'too old'],
] as const)('without %s it says what to do', (name, value, words) => {
  expect(lacking({ ...COMPLETE, [name]: value })).toContain(words);
});

test('what explains most is said first: an insecure page lacks the rest, too', () => {
  expect(lacking({ isSecureContext: false, navigator: {} })).toContain('https://');
});
