import { expect, it } from 'vitest';
import { mediaTypeOf, previewOf, savedName } from './media.ts';

it.each([
  ['image/png', 'image'],
  ['video/mp4', 'video'],
  ['audio/ogg', 'audio'],
  ['text/plain', 'text'],
  ['text/csv', 'text'],
  ['application/json', 'text'],
  // What can hold scripts is not shown.
  ['image/svg+xml', null],
  ['text/html', null],
  ['text/xml', null],
  ['application/pdf', null],
  ['application/octet-stream', null],
])('%s is shown as %s', (type, preview) => {
  expect(previewOf(type)).toBe(preview);
});

it.each([
  ['a.PNG', [], 'image/png'],
  ['a.unknown', [], 'application/octet-stream'],
  [null, [0xff, 0xd8, 0xff, 0xe0], 'image/jpeg'],
  [null, [0xff, 0xd8, 0xfe, 0xe0], 'application/octet-stream'],
  // A name is believed before a beginning.
  ['a.txt', [0xff, 0xd8, 0xff, 0xe0], 'text/plain'],
  [null, [0, 0, 0, 0x20, 0x66, 0x74, 0x79, 0x70], 'video/mp4'],
  [null, [0x66, 0x74, 0x79, 0x70], 'application/octet-stream'],
])('%s that begins with %s is %s', (name, begin, type) => {
  expect(mediaTypeOf(name, Uint8Array.from(begin))).toBe(type);
});

it.each([
  ['folder', 'photos', 'photos.zip'],
  ['folder', null, 'folder.zip'],
  ['file', 'a.txt', 'a.txt'],
  ['file', null, 'object'],
])('a %s named %s is saved as %s', (kind, name, saved) => {
  expect(savedName({ kind, name })).toBe(saved);
});
