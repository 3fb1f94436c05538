/** What the errors of Node.js about files mean, in words for whoever runs the program. */
import { StorageError, storingAs, type StorageErrorCode } from './errors.ts';

/** By the system's code: what it amounts to, and the sentence about a path. */
const MEANINGS: Record<string, [StorageErrorCode, (path: string) => string]> = {
  ENOENT: ['not-found', (path) => `There is no file or folder ${path}.`],
  ENOTDIR: ['input-output', (path) => `A part of the path ${path} is no folder.`],
  EISDIR: ['input-output', (path) => `${path} is a folder.`],
  EEXIST: ['input-output', (path) => `${path} exists already.`],
  EACCES: ['no-permission', (path) => `This user may not use ${path}.`],
  EPERM: ['no-permission', (path) => `This user may not use ${path}.`],
  EROFS: ['read-only', (path) => `${path} lies on a drive that cannot be written to.`],
  ENOSPC: ['disk-full', (path) => `The disk of ${path} is full.`],
  EDQUOT: ['disk-full', (path) => `This user’s share of the disk of ${path} is used up.`],
  EFBIG: ['disk-full', (path) => `${path} would be larger than its drive allows files to be.`],
  EMFILE: [
    'input-output',
    (path) =>
      `The program has too many files open for ${path}. “ulimit -n 4096” before its start allows more.`,
  ],
  ENFILE: ['input-output', (path) => `The programs of this machine have too many files open for ${path}.`],
  EBUSY: ['in-use', (path) => `Another program uses ${path}.`],
  EIO: ['input-output', (path) => `The drive of ${path} failed to read or write.`],
  ENODEV: ['place-lost', (path) => `The drive of ${path} cannot be reached. Connect it again.`],
  ENXIO: ['place-lost', (path) => `The drive of ${path} cannot be reached. Connect it again.`],
};

function meaningOf(error: unknown): [StorageErrorCode, (path: string) => string] | null {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof code === 'string' && Object.hasOwn(MEANINGS, code) ? MEANINGS[code]! : null;
}

/** The sentence for an error of Node.js that names its path; null for any other. */
export function fileSentence(error: unknown): string | null {
  const { path } = (error ?? {}) as NodeJS.ErrnoException;
  return path === undefined ? null : (meaningOf(error)?.[1](path) ?? null);
}

/** The StorageError that an error of Node.js amounts to. `path`: the file or folder, for errors that name none. */
export function asStorageError(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const [code = 'input-output', sentence] = meaningOf(error) ?? [];
  return new StorageError(code, path, message, error, fileSentence(error) ?? sentence?.(path));
}

/** Runs `work` and turns whatever it throws into a StorageError about `path`. */
export const storing = storingAs(asStorageError);
