import { expect, test } from 'vitest';
import { countsTokens, limitWords, parseQuestion, powerWords } from './agent-words.ts';

const token = { symbol: 'AI3', decimals: 18 };

test('limits of payments are told in tokens, others as they are counted', () => {
  expect(limitWords('auto:pay', 'per_tx', '1500000000000000000', token)).toBe('each time at most 1.5 AI3');
  expect(limitWords('auto:pay', 'total', '2000000000000000000', token, '1')).toBe(
    'in all at most 2 AI3 (0.000000000000000001 AI3 used)',
  );
  expect(limitWords('auto:sign:content', 'total', '20', token, '3')).toBe('in all at most 20 (3 used)');
  expect(limitWords('ext:a.b/c', 'bytes_read', '7', token)).toBe('bytes read at most 7');
  expect([countsTokens(' auto:pay '), countsTokens('auto:pay:other')]).toEqual([true, false]);
});

test('permissions that are common have words, others their names', () => {
  expect(powerWords('auto:pay', ['spend'])).toBe('Spend tokens');
  expect(powerWords('auto:pay', ['spend', 'see'])).toBe('spend, see auto:pay');
  expect(powerWords('auto:drive:/a/*', ['read'])).toBe('read auto:drive:/a/*');
});

test('a question is read as a wallet makes it, and nothing else is taken for one', () => {
  const question = { audience: 'The shop', nonce: 'abc' };
  expect(parseQuestion(JSON.stringify(question))).toEqual(question);
  // Of a member that is given twice two programs may keep another one each.
  const twice = '{"audience":"The shop","nonce":"abc","audience":"A thief"}';
  for (const text of ['', 'abc', '{}', '{"audience":"The shop"}', '[]', twice])
    expect(() => parseQuestion(text)).toThrow('no question');
});
