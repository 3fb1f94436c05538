/** What went wrong with a place that files are kept in. */
export type StorageErrorCode =
  | 'not-found'
  | 'disk-full'
  | 'no-permission'
  | 'read-only'
  | 'in-use'
  | 'too-short'
  | 'place-lost'
  | 'damaged'
  | 'not-empty'
  | 'input-output';

const SENTENCES: Record<StorageErrorCode, string> = {
  'not-found': 'A file of the farm is not there any more.',
  'disk-full':
    'The disk, or the space that the browser gives this app, is full. Free some space or make the farm smaller.',
  'no-permission':
    'The browser wants to ask you again before this page may use the farm’s folder. What lies in it is untouched.',
  'read-only': 'The farm’s folder cannot be written to: it, or its drive, is read-only.',
  'in-use':
    'This farm is open somewhere else. Close the other tab or program first; after a crash, wait two minutes.',
  'too-short': 'A file of the farm is shorter than it should be.',
  'place-lost': 'The farm’s folder or drive cannot be reached. Connect it again.',
  damaged: 'A file of the farm is damaged.',
  'not-empty': 'There is something in the file already.',
  'input-output': 'Reading or writing the farm’s files failed.',
};

/** A failure of storage that a person can act on: `code` for programs, `sentence` for the person. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly sentence: string;
  /** Name of the file or folder. */
  readonly file: string;

  /** `sentence`: where more is known than what the code says. */
  constructor(
    code: StorageErrorCode,
    file: string,
    message: string,
    cause?: unknown,
    sentence = SENTENCES[code],
  ) {
    super(`${code}: ${file}: ${message}`, cause === undefined ? undefined : { cause });
    this.name = 'StorageError';
    this.code = code;
    this.file = file;
    this.sentence = sentence;
  }
}

const CODE_OF_NAME: Record<string, StorageErrorCode> = {
  NotFoundError: 'not-found',
  QuotaExceededError: 'disk-full',
  NotAllowedError: 'no-permission',
  SecurityError: 'no-permission',
  NoModificationAllowedError: 'in-use',
  NotReadableError: 'place-lost',
  InvalidStateError: 'place-lost',
};

/** The StorageError that a browser's DOMException amounts to; those of Node.js have `node-errors.ts`. */
export function asStorageError(error: unknown, file: string): StorageError {
  if (error instanceof StorageError) return error;
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  const known = CODE_OF_NAME[String(name)] ?? 'input-output';
  return new StorageError(known, file, typeof message === 'string' ? message : String(error), error);
}

/** Runs work about a file and turns whatever it throws into what `as` makes of it. */
export const storingAs =
  (as: (error: unknown, file: string) => StorageError) =>
  async <T>(file: string, work: () => Promise<T> | T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw as(error, file);
    }
  };

/** Runs `work` and turns whatever it throws into a StorageError about `file`. */
export const storing = storingAs(asStorageError);
