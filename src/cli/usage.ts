/** What all commands read of the command line. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { decodeAddress } from '../protocol/ss58.ts';

/** A command line that cannot be understood; the message, a sentence without its full stop, says why. */
export class UsageError extends Error {}

/** What a command takes. */
export interface Takes<Option extends string> {
  options: readonly Option[];
  /** Arguments at most, the command's own name not counted. */
  arguments: number;
}

/** Options and other words of a command line, this program's unless one is given. Throws UsageError. */
export function parseOptions<const O extends NonNullable<ParseArgsConfig['options']>>(
  options: O,
  args: string[] = process.argv.slice(2),
) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(complaintOf(error as NodeJS.ErrnoException), { cause: error });
  }
}

/** Node.js explains at length how a value may begin with a dash; what is wrong is a few words. */
function complaintOf({ code, message }: NodeJS.ErrnoException): string {
  const option = /'(?:-\w, )?(--?[^ ']*)/.exec(message)?.[1] ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `there is no option ${option}`;
  return message.includes('does not take') ? `${option} takes no value` : `${option} needs a value`;
}

/** Throws UsageError for an option or argument that `command` would leave unread. */
export function requireTaken(
  command: string,
  values: object,
  positionals: readonly string[],
  takes: Takes<string>,
): void {
  const option = Object.keys(values).find((name) => !takes.options.includes(name));
  if (option !== undefined) throw new UsageError(`${command} takes no --${option}`);
  const extra = positionals[takes.arguments];
  if (extra !== undefined) throw new UsageError(`${command} has no use for “${extra}”`);
}

/** The number, from 1 to `most`, that the option `--name` gives. Throws UsageError. */
export function wholeNumber(name: string, text: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? 'from 1 on' : `from 1 to ${most}`;
  throw new UsageError(`--${name} takes a number ${range}`);
}

/** The account of an address. Throws UsageError for what is none. */
export function accountOf(text: string): Uint8Array {
  try {
    return decodeAddress(text).account;
  } catch (cause) {
    throw new UsageError(`“${text.slice(0, 80)}” is no address of an account`, { cause });
  }
}

/** Where everything is kept: the folder that `--data` names, or the one of this user. */
export function dataFolder(named: string | undefined): string {
  return named ?? join(homedir(), '.allotment');
}
