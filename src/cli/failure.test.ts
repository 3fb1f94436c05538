import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NodeError } from '../node/errors.ts';
import { asStorageError } from '../storage/node-errors.ts';
import { NodeDirectory } from '../storage/node-directory.ts';
import { failureOf } from './failure.ts';
import { UsageError } from './usage.ts';

test('a file that is not there is named in words, whoever looked for it', async () => {
  const error: unknown = await readFile('/nowhere/a').catch((reason: unknown) => reason);
  const told = { code: 1, text: 'There is no file or folder /nowhere/a.' };
  expect(failureOf(error, '')).toEqual(told);
  expect(failureOf(asStorageError(error, 'a'), '')).toEqual(told);
});

test('a farm that another program has is said to be in use, not that its lock exists already', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'allotment-failure-'));
  try {
    const directory = await NodeDirectory.at(folder);
    const lock = await directory.lock();
    const error: unknown = await directory.lock().catch((reason: unknown) => reason);
    expect(failureOf(error, '').text).toMatch(/^This farm is open somewhere else/);
    await lock.release();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what the options got wrong is wrong usage, and other failures keep their words', () => {
  expect(failureOf(new UsageError('there is no role “x”'), 'cluster ')).toEqual({
    code: 2,
    text: 'there is no role “x”; see “npm run allotment -- cluster --help”.',
  });
  expect(failureOf(new NodeError('choice', 'Allow at least one core.'), '').code).toBe(2);
  expect(failureOf(new Error('Nobody answers.'), '')).toEqual({ code: 1, text: 'Nobody answers.' });
});
