/** What a person is told when a command fails. */
import { explained } from '../node/causes.ts';
import { NodeError } from '../node/errors.ts';
import { StorageError } from '../storage/errors.ts';
import { UsageError } from './usage.ts';

/** Sentences for the errors of Node.js about files, whose own words are for programmers. */
const OF_FILES: Record<string, (path: string) => string> = {
  ENOENT: (path) => `There is no file or folder ${path}.`,
  ENOTDIR: (path) => `A part of the path ${path} is no folder.`,
  EISDIR: (path) => `${path} is a folder.`,
  EEXIST: (path) => `${path} exists already.`,
  EACCES: (path) => `This user may not use ${path}.`,
  EPERM: (path) => `This user may not use ${path}.`,
  EROFS: (path) => `${path} lies on a drive that cannot be written to.`,
  ENOSPC: (path) => `The disk of ${path} is full.`,
};

/** Exit code and text for standard error. `of`: the words that stand before `--help` in the command line at hand. */
export function failureOf(error: unknown, of: string): { code: 1 | 2; text: string } {
  if (error instanceof UsageError)
    return { code: 2, text: `${error.message}; see “npm run allotment -- ${of}--help”.` };
  // Choices are made by options here.
  if (error instanceof NodeError && error.code === 'choice') return { code: 2, text: error.sentence };
  return { code: 1, text: fileSentence(error) ?? explained(error) };
}

function fileSentence(error: unknown): string | null {
  const cause = error instanceof StorageError ? error.cause : error;
  const { code, path } = (cause ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== 'string' || !Object.hasOwn(OF_FILES, code)) return null;
  const place = path ?? (error instanceof StorageError ? error.file : null);
  return place === null ? null : OF_FILES[code]!(place);
}
