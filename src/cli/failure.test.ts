import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { NodeError } from '../node/errors.ts';
import { asStorageError } from '../storage/errors.ts';
import { failureOf } from './failure.ts';
import { UsageError } from './usage.ts';

test('a file that is not there is named in words, whoever looked for it', async () => {
  const error: unknown = await readFile('/nowhere/a').catch((reason: unknown) => reason);
  const told = { code: 1, text: 'There is no file or folder /nowhere/a.' };
  expect(failureOf(error, '')).toEqual(told);
  expect(failureOf(asStorageError(error, 'a'), '')).toEqual(told);
});

test('what the options got wrong is wrong usage, and other failures keep their words', () => {
  expect(failureOf(new UsageError('there is no role “x”'), 'cluster ')).toEqual({
    code: 2,
    text: 'there is no role “x”; see “npm run allotment -- cluster --help”.',
  });
  expect(failureOf(new NodeError('choice', 'Allow at least one core.'), '').code).toBe(2);
  expect(failureOf(new Error('Nobody answers.'), '')).toEqual({ code: 1, text: 'Nobody answers.' });
});
