/**
 * Files of a passport's chip as other devices save them: elementary files (EF.SOD, EF.DG1, …) one by one or in a zip, or
 * the JSON of reader apps that gives them by name in base 64. What a file is, its first byte says, never its name.
 */
import { base64 } from '@scure/base';
import { unzipSync } from 'fflate';
import * as v from 'valibot';
import { DecodeError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';
import { fromUtf8, parseJson, shaped } from '../../wallet/json.ts';
import { bounded } from './cms.ts';

export interface PassportFile {
  name: string;
  content: Uint8Array;
}

export interface PassportFiles {
  /** Content of EF.SOD's tag 77, whole: a CMS structure. */
  securityObject: Uint8Array;
  /** Whole data groups by number, tag and length included: what the digests are of. */
  groups: Map<number, Uint8Array>;
  /** Files that no signature covers and that are not looked at. */
  ignored: string[];
}

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_ARCHIVE_BYTES = 8 * 1024 * 1024;
const MAX_FILES = 64;

const SOD_TAG = 0x77;
/** Tags of data groups 1 to 16 (Doc 9303-10). */
const GROUP_TAGS = [
  0x61, 0x75, 0x63, 0x76, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70,
] as const;
/** EF.COM, an index that nobody signs, and what a chip tells of its protocols before anything else. */
const UNSIGNED_TAGS: readonly number[] = [0x60, 0x31];

/** Members of the reader apps' JSON that are no files: what the chip answered to the app's own question. */
const NO_FILES = new Set(['AAChallenge', 'AASignature']);
const dumpSchema = v.record(
  v.pipe(v.string(), v.regex(/^(?:COM|SOD|DG(?:[1-9]|1[0-6])|AAChallenge|AASignature)$/)),
  v.pipe(v.string(), v.maxLength(2 * MAX_FILE_BYTES)),
);

/** Length of a BER-TLV and where its content begins; the whole file must be this one element. Throws DecodeError. */
function contentOf(file: Uint8Array, name: string): Uint8Array {
  const fail = (message: string): never => {
    throw new DecodeError('passport-file', `${name}: ${message}`);
  };
  const first = file[1] ?? fail('cut short');
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (count > 3 || (first >= 0x80 && count === 0)) fail('a length that no chip writes');
  if (file.length < 2 + count) fail('cut short');
  const length = count === 0 ? first : file.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  const content = file.subarray(2 + count);
  if (content.length !== length) fail(`${length} bytes announced, ${content.length} follow`);
  return content;
}

/** Number of the data group that a name speaks of, as in `EF.DG2.bin` or `dg02`. */
function numberInName(name: string): number | null {
  const found = /(?:^|[^A-Za-z])(?:EF[._ -]?)?DG[._ -]?0?(\d{1,2})(?!\d)/i.exec(name);
  return found === null ? null : Number(found[1]);
}

/** Whether a file is a zip. */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
const isJson = (bytes: Uint8Array): boolean => /^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 64)));

/** Files of a zip, folders left out; every size is known before anything is unpacked. Throws DecodeError. */
export function unzipped(file: PassportFile, limit: number): PassportFile[] {
  let total = 0;
  let count = 0;
  try {
    const found = unzipSync(file.content, {
      filter: ({ name, originalSize }) => {
        if (name.endsWith('/') || /(?:^|\/)(?:__MACOSX\/|\.)/.test(name)) return false;
        count += 1;
        total += originalSize;
        if (count > MAX_FILES || total > limit)
          throw new DecodeError('zip', `${count} files, ${total} bytes`);
        return true;
      },
    });
    return Object.entries(found).map(([name, content]) => ({ name, content }));
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError('zip', 'damaged, or packed in a way not known here');
  }
}

function fromDump(file: PassportFile): PassportFile[] {
  const text = fromUtf8(file.content, 'passport-json');
  const dump = shaped(dumpSchema, parseJson(text, 'passport-json'), 'passport-json');
  return Object.entries(dump)
    .filter(([name]) => !NO_FILES.has(name))
    .map(([name, value]) => {
      try {
        return { name, content: base64.decode(value) };
      } catch {
        throw new DecodeError('passport-json', `${name}: not base 64`);
      }
    });
}

function unpacked(file: PassportFile): PassportFile[] {
  bounded(file.content, MAX_ARCHIVE_BYTES, 'passport-file');
  if (isZip(file.content))
    return unzipped(file, MAX_ARCHIVE_BYTES).flatMap((inner) =>
      isJson(inner.content) ? fromDump(inner) : [inner],
    );
  return isJson(file.content) ? fromDump(file) : [file];
}

/**
 * Sorts the files of one passport.
 *
 * @throws DecodeError for what is no file of a chip, and for more than 1 MiB a file or 64 files; Refusal
 *   `data-group-repeated`, `data-group-number` for a name that speaks of another data group than the file is,
 *   `security-object-missing`, `data-group-missing`.
 */
export function sortFiles(given: readonly PassportFile[]): PassportFiles {
  const files = given.flatMap(unpacked);
  if (files.length > MAX_FILES) throw new DecodeError('passport-file', `${files.length} files`);
  const groups = new Map<number, Uint8Array>();
  const ignored: string[] = [];
  let securityObject: Uint8Array | null = null;
  const repeated = (what: string): never => {
    throw new Refusal('data-group-repeated', what, `${what} is given twice.`);
  };
  for (const { name, content } of files) {
    bounded(content, MAX_FILE_BYTES, 'passport-file');
    const tag = content[0] ?? -1;
    if (UNSIGNED_TAGS.includes(tag)) {
      ignored.push(name);
      continue;
    }
    const number = GROUP_TAGS.indexOf(tag as (typeof GROUP_TAGS)[number]) + 1;
    if (tag !== SOD_TAG && number === 0)
      throw new DecodeError(
        'passport-file',
        `${name}: begins with ${tag < 0 ? 'nothing' : `0x${tag.toString(16)}`}`,
        {},
        `“${name}” is no file of a passport’s chip.`,
      );
    const inner = contentOf(content, name);
    if (tag === SOD_TAG) {
      if (securityObject !== null) repeated('The signed list of digests (EF.SOD)');
      securityObject = inner;
      continue;
    }
    const named = numberInName(name);
    if (named !== null && named !== number)
      throw new Refusal(
        'data-group-number',
        `${name} is data group ${number}`,
        `“${name}” holds data group ${number}, not ${named}.`,
      );
    if (groups.has(number)) repeated(`Data group ${number}`);
    groups.set(number, content);
  }
  if (securityObject === null)
    throw new Refusal(
      'security-object-missing',
      'no EF.SOD',
      'The signed list of digests (EF.SOD) is missing.',
    );
  if (!groups.has(1))
    throw new Refusal('data-group-missing', 'no EF.DG1', 'The passport’s data (EF.DG1) are missing.');
  return { securityObject, groups, ignored };
}

/** Characters of the machine-readable zone in EF.DG1. Throws DecodeError. */
export function mrzOf(file: Uint8Array): string {
  const content = contentOf(file, 'EF.DG1');
  const [high, low, length, ...zone] = content;
  if (high !== 0x5f || low !== 0x1f || length !== zone.length || length > 0x7f)
    throw new DecodeError('data-group-1', 'not one machine-readable zone');
  return String.fromCharCode(...zone);
}
