/** What all commands read of the command line. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** A command line that cannot be understood; the message says why. */
export class UsageError extends Error {}

/** Options and other words of a command line, this program's unless one is given. Throws UsageError. */
export function parseOptions<const O extends NonNullable<ParseArgsConfig['options']>>(
  options: O,
  args: string[] = process.argv.slice(2),
) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** The number, from 1 on, that the option `--name` gives. Throws UsageError. */
export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`--${name} takes a number from 1 on`);
  return value;
}

/** Where everything is kept: the folder that `--data` names, or the one of this user. */
export function dataFolder(named: string | undefined): string {
  return named ?? join(homedir(), '.allotment');
}
