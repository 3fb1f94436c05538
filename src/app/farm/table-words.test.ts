import { expect, test } from 'vitest';
import { NO_TABLES } from '../../crypto/table-pool.ts';
import { tableWords } from './table-words.ts';

const measured = { adapter: 'acme x1', gpuSeconds: 0.25, workerSeconds: 1, reason: null };

test('a person reads who makes tables and how fast', () => {
  expect(tableWords({ ...measured, state: 'used' })).toMatch(/acme x1.*250 ms.*core.*1\.0 s/);
  expect(tableWords({ ...measured, state: 'slower', gpuSeconds: 3 })).toMatch(
    /^the processor’s cores, 1\.0 s.*3\.0 s/,
  );
  expect(tableWords({ ...measured, state: 'failed', reason: 'the device was lost' })).toContain(
    'the device was lost',
  );
  expect(tableWords(NO_TABLES)).toContain('when plotting begins');
});
