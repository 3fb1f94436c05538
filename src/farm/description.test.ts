import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { equal, utf8 } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import {
  claimFolder,
  decodeDescription,
  describeFolder,
  encodeDescription,
  NATIVE_DESCRIPTION,
  removeFarmFiles,
  requireFarmThere,
} from './description.ts';

const FARM = {
  id: '01M82R666CS5S1DW5SV36Z1Y7E',
  genesisHash: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(32).fill(2),
  piecesInSector: 1000,
  allocatedSpace: 5_000_000_000,
};
const description = encodeDescription(FARM);

const change = fc.record({ at: fc.nat(description.length - 1), byte: fc.nat(255), cut: fc.boolean() });

/** Whether bytes are refused as such, or read the same once they were written again. */
function isStable(bytes: Uint8Array): boolean {
  try {
    const again = encodeDescription(decodeDescription(bytes));
    return equal(encodeDescription(decodeDescription(again)), again);
  } catch (error) {
    return error instanceof DecodeError;
  }
}

test('a description is read as it was written', () => {
  expect(decodeDescription(description)).toEqual(FARM);
});

test('a damaged description is one that is written again as it was, or refused', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = changes.reduce((now, { at, byte, cut }) => {
        const next = now.slice(0, cut ? at : now.length);
        if (at < next.length) next[at] = byte;
        return next;
      }, description.slice());
      expect(isStable(bytes)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('a description has an id, two hashes and two sizes that can be', () => {
  const { v0 } = JSON.parse(new TextDecoder().decode(description)) as { v0: Record<string, unknown> };
  const read = (change: Record<string, unknown>) =>
    decodeDescription(utf8(JSON.stringify({ v0: { ...v0, ...change } })));
  expect(read({ piecesInSector: 65_535, allocatedSpace: 1 })).toMatchObject({ piecesInSector: 65_535 });
  for (const wrong of [
    { id: 1 },
    { id: FARM.id.slice(1) },
    { genesisHash: '00' },
    { publicKey: `${'00'.repeat(31)}0g` },
    { piecesInSector: 0 },
    { piecesInSector: 65_536 },
    { piecesInSector: '1000' },
    { allocatedSpace: 0 },
    { allocatedSpace: 1.5 },
    { allocatedSpace: 2 ** 53 },
    { allocatedSpace: null },
  ])
    expect(() => read(wrong)).toThrow(DecodeError);
  for (const text of ['', '[]', '{}', '{"v1":{}}', '\u0000'])
    expect(() => decodeDescription(utf8(text))).toThrow(DecodeError);
});

test('a folder is a farm’s, a native one’s, empty, or has other files', async () => {
  const directory = new MemoryDirectory();
  expect(await describeFolder(directory)).toMatchObject({ kind: 'empty', allocatedBytes: null });
  await expect(requireFarmThere(directory)).rejects.toMatchObject({
    code: 'place-lost',
    sentence: expect.stringContaining('no farm.json') as string,
  });
  directory.files.set('holiday.jpg', new Uint8Array(1));
  expect(await describeFolder(directory)).toMatchObject({ kind: 'other-files', sectors: 0 });
  directory.files.set(NATIVE_DESCRIPTION, description);
  expect(await describeFolder(directory)).toMatchObject({ kind: 'native', allocatedBytes: 5_000_000_000 });
  await expect(claimFolder(directory, FARM)).rejects.toMatchObject({ code: 'not-a-farm' });
  expect(directory.files.has('farm.json')).toBe(false);
  directory.files.set(NATIVE_DESCRIPTION, utf8('{'));
  expect(await describeFolder(directory)).toMatchObject({ kind: 'native', allocatedBytes: null });
  directory.files.set('farm.json', description);
  directory.files.set('sector-0.bin', new Uint8Array(1));
  expect(await describeFolder(directory)).toMatchObject({ kind: 'farm', sectors: 1 });
  await requireFarmThere(directory);
  for (const [code, damaged] of [
    ['not-a-farm', utf8('{')],
    ['damaged', new Uint8Array(16 * 1024 + 1)],
  ] as const) {
    directory.files.set('farm.json', damaged);
    await expect(describeFolder(directory)).rejects.toMatchObject({ code });
  }
});

test('a farm’s files leave its folder, and the person’s stay', async () => {
  const directory = new MemoryDirectory();
  for (const name of ['farm.json', 'identity.bin', 'sector-0.bin', 'sector-12.bin', 'sectors.txt', 'a.jpg'])
    directory.files.set(name, new Uint8Array(1));
  await removeFarmFiles(directory);
  expect([...directory.files.keys()]).toEqual(['sectors.txt', 'a.jpg']);
});
