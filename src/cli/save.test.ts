/** Where the disk is full: `/dev/full` stands for it, on which every write fails as there. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { partOf, saveResumed } from './save.ts';

const FULL = '/dev/full';
const WHAT = 'an object';
const CONTENT = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'allotment-save-'));
  file = join(folder, 'film.webm');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function* from(begin: number): AsyncGenerator<Uint8Array> {
  yield CONTENT.subarray(begin, 70_000);
  yield CONTENT.subarray(Math.max(begin, 70_000));
}

test.skipIf(!existsSync(FULL))('a full disk is named, with what stays and how it goes on', async () => {
  const part = partOf(file, WHAT);
  symlinkSync(FULL, part);
  await expect(saveResumed(file, WHAT, CONTENT.length, from)).rejects.toMatchObject({
    code: 'disk-full',
    sentence: `The disk of ${part} is full. What came stays there, and the same command goes on once there is room.`,
  });
  expect(existsSync(file)).toBe(false);
  expect(existsSync(part)).toBe(true);
});

test('what the content fails with comes as it is, and what came before stays', async () => {
  const failure = new Error('nobody gives it');
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield CONTENT.subarray(0, 40_000);
    throw failure;
  };
  await expect(saveResumed(file, WHAT, CONTENT.length, broken)).rejects.toBe(failure);
  expect(await saveResumed(file, WHAT, CONTENT.length, from)).toBe(40_000);
  expect(readFileSync(file).equals(CONTENT)).toBe(true);
});
