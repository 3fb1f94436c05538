import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { person } from '../identity/testing/person.ts';
import { signedFiles, STATEMENT_ENDING } from './sign-files.ts';

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

it('files are signed inside where they are media, and beside where they are not', async () => {
  const ada = await person(() => Promise.reject(new Error('nothing of this is on the web')));
  const { did } = await ada.createIdentity({ name: 'Ada' });
  const photo = new Blob([await readFile('public/icon-192.png')], { type: 'image/png' });
  const letter = new Blob(['Dear reader'], { type: 'text/plain' });
  const files = [
    { path: 'album/photo.png', content: photo },
    { path: 'album/letter.txt', content: letter },
  ];
  const signed = await signedFiles(files, { did, origin: 'human' }, ada);
  expect(signed.map(({ path }) => path)).toEqual([
    'album/photo.png',
    'album/letter.txt',
    `album/letter.txt${STATEMENT_ENDING}`,
  ]);
  const [picture, text, statement] = await Promise.all(signed.map(({ content }) => bytesOf(content)));
  expect(await ada.verifyMedia({ content: picture! })).toMatchObject({ did, origin: 'human' });
  expect(text).toEqual(await bytesOf(letter));
  expect(await ada.verifyContent({ content: text!, statement: statement! })).toMatchObject({
    did,
    mediaType: 'text/plain',
  });
  await expect(signedFiles(signed, { did, origin: 'human' }, ada)).rejects.toThrow('media-signed');
});
