import { describe, expect, test } from 'vitest';
import { COMMANDS, parse } from './commands.ts';
import { accountOf, requireTaken, UsageError, wholeNumber } from './usage.ts';

/** As `main` reads a command line. */
function read(...args: string[]): void {
  const { values, positionals } = parse(args);
  const [command = '', ...rest] = positionals;
  requireTaken(command, values, rest, COMMANDS.get(command)!);
}

describe('a command line', () => {
  test.each([
    [['sync', '--nonsense'], 'there is no option --nonsense'],
    [['get', '-x'], 'there is no option -x'],
    [['sync', '--endpoint'], '--endpoint needs a value'],
    [['sync', '--endpoint', '--cores', '1'], '--endpoint needs a value'],
    [['get', '-o'], '--output needs a value'],
    [['check-farm', '--repair=now'], '--repair takes no value'],
    [['sync', 'now'], 'sync has no use for “now”'],
    [['balance', 'su1', 'su2'], 'balance has no use for “su2”'],
    [['balance', 'su1', '--sectors', '2'], 'balance takes no --sectors'],
    [['status', '--network', 'local'], 'status takes no --network'],
  ])('%j says what is wrong', (args, sentence) => {
    expect(() => read(...args)).toThrow(new UsageError(sentence));
  });

  test('is understood where everything in it is taken', () => {
    const got = [
      'get',
      'bafkr6i',
      '-o',
      '-',
      '--range',
      '0-9',
      '--endpoint',
      'ws://a',
      '--endpoint',
      'ws://b',
    ];
    expect(() => read(...got)).not.toThrow();
    expect(() => read('check-farm', '--farm', 'x', '--repair')).not.toThrow();
  });
});

test('numbers are whole, from 1 on, and in their range', () => {
  expect(wholeNumber('cores', '12')).toBe(12);
  for (const text of ['', '0', '-1', '1.5', '1e3', '0x10', ' 1', 'two', '99999999999999999999'])
    expect(() => wholeNumber('cores', text)).toThrow(new UsageError('--cores takes a number from 1 on'));
  expect(() => wholeNumber('pot-checkpoints', '9', 8)).toThrow(
    '--pot-checkpoints takes a number from 1 to 8',
  );
});

test('an address is one, or named as none', () => {
  expect(accountOf('sufsKsx4kZ26i7bJXc1TFguysVzjkzsDtE2VDiCEBY2WjyGAj')).toHaveLength(32);
  const oneLetterOff = 'sufsKsx4kZ26i7bJXc1TFguysVzjkzsDtE2VDiCEBY2WjyGAk';
  for (const text of ['', 'alice', oneLetterOff])
    expect(() => accountOf(text)).toThrow(new UsageError(`“${text}” is no address of an account`));
});
