/**
 * The zip format, for files that are stored as they are and written as they are read: APPNOTE 6.3.10, with the 64-bit
 * records of its section 4.5.3 where a number needs them, and only there.
 */
import { concat, utf8 } from '../protocol/bytes.ts';
import { crc32 } from './crc32.ts';

export interface ZipEntry {
  /** Names down from the archive's root, divided by slashes. */
  path: string;
  /** What the file holds, asked for when its turn has come, with where in the zip file it begins; null for a folder. */
  content: ((at: number) => AsyncIterable<Uint8Array>) | null;
  /** Bytes of the content; null where only reading will tell. */
  size: number | null;
}

/** Entries whose number every program reads right. */
export const MAX_ENTRIES = 65_534;
/** Bytes of a path in UTF-8, with a folder's last slash. */
export const MAX_NAME_BYTES = 65_534;

/** Of a number that stands in a 64-bit record instead. */
const ELSEWHERE_32 = 0xffff_ffff;
/** Version that brought 64-bit records, as the one that is needed to read. */
const VERSION = 45;
/** Sizes come after the content, names are UTF-8. */
const FLAGS = 0x0808;
const UNIX = 3;
/** The kind and the permissions that Unix gives a file and a folder. */
const FILE_MODE = 0o100_664;
const FOLDER_MODE = 0o040_775;

/** What was written of an entry. */
interface Written {
  name: Uint8Array;
  isFolder: boolean;
  crc: number;
  size: number;
  /** Where its header begins in the file. */
  at: number;
}

/**
 * The bytes of a zip file, its entries in their order, all of one time. Nothing but their names and sizes is held.
 *
 * @throws RangeError for more entries or longer names than fit, and for more content than was stated where that makes a
 *   difference; what the contents throw.
 */
export async function* zipFile(entries: AsyncIterable<ZipEntry>, time: Date): AsyncGenerator<Uint8Array> {
  const stamp = dosTime(time);
  const all: Written[] = [];
  let at = 0;
  for await (const { path, content, size: stated } of entries) {
    const isFolder = content === null;
    const written: Written = { name: utf8(isFolder ? `${path}/` : path), isFolder, crc: 0, size: 0, at };
    if (written.name.length > MAX_NAME_BYTES) throw new RangeError(`a name of ${written.name.length} bytes`);
    if (all.push(written) > MAX_ENTRIES) throw new RangeError('more entries than a zip file has');
    // What may turn out to be large has to be announced as large.
    const is64 = !isFolder && (stated === null || stated >= ELSEWHERE_32);
    const header = concat(localHeader(written.name, stamp, is64), written.name, is64 ? extra(0, 0) : extra());
    yield header;
    for await (const part of content?.(at + header.length) ?? []) {
      written.crc = crc32(part, written.crc);
      written.size += part.length;
      yield part;
    }
    if (!is64 && written.size >= ELSEWHERE_32)
      throw new RangeError(`${written.size} bytes, ${stated} stated`);
    const trailer = descriptor(written, is64);
    yield trailer;
    at += header.length + written.size + trailer.length;
  }
  const begin = at;
  for (const written of all) {
    const header = centralHeader(written, stamp);
    yield header;
    at += header.length;
  }
  yield ending(all.length, begin, at);
}

function localHeader(name: Uint8Array, stamp: number, is64: boolean): Uint8Array {
  const size = is64 ? ELSEWHERE_32 : 0;
  return fields(
    [4, 0x0403_4b50],
    [2, VERSION],
    [2, FLAGS],
    [2, 0],
    [4, stamp],
    [4, 0],
    [4, size],
    [4, size],
    [2, name.length],
    [2, is64 ? 20 : 0],
  );
}

function descriptor({ crc, size }: Written, is64: boolean): Uint8Array {
  const width = is64 ? 8 : 4;
  return fields([4, 0x0807_4b50], [4, crc], [width, size], [width, size]);
}

function centralHeader({ name, isFolder, crc, size, at }: Written, stamp: number): Uint8Array {
  const sizes = size >= ELSEWHERE_32 ? [size, size] : [];
  const more = extra(...sizes, ...(at >= ELSEWHERE_32 ? [at] : []));
  const header = fields(
    [4, 0x0201_4b50],
    [1, VERSION],
    [1, UNIX],
    [2, VERSION],
    [2, FLAGS],
    [2, 0],
    [4, stamp],
    [4, crc],
    [4, Math.min(size, ELSEWHERE_32)],
    [4, Math.min(size, ELSEWHERE_32)],
    [2, name.length],
    [2, more.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 0],
    [2, isFolder ? FOLDER_MODE : FILE_MODE],
    [4, Math.min(at, ELSEWHERE_32)],
  );
  return concat(header, name, more);
}

/** The 64-bit numbers that stand in no header; nothing where there are none. */
function extra(...numbers: number[]): Uint8Array {
  if (numbers.length === 0) return new Uint8Array(0);
  return fields([2, 1], [2, 8 * numbers.length], ...numbers.map((number): Field => [8, number]));
}

/** What stands behind the list of entries, which lies from `begin` to before `end`. */
function ending(count: number, begin: number, end: number): Uint8Array {
  const size = end - begin;
  const long = fields(
    [4, 0x0606_4b50],
    [8, 44],
    [1, VERSION],
    [1, UNIX],
    [2, VERSION],
    [4, 0],
    [4, 0],
    [8, count],
    [8, count],
    [8, size],
    [8, begin],
    [4, 0x0706_4b50],
    [4, 0],
    [8, end],
    [4, 1],
  );
  const short = fields(
    [4, 0x0605_4b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, Math.min(size, ELSEWHERE_32)],
    [4, Math.min(begin, ELSEWHERE_32)],
    [2, 0],
  );
  return Math.max(begin, size) >= ELSEWHERE_32 ? concat(long, short) : short;
}

/** Bytes of a number, and the number. */
type Field = [1 | 2 | 4 | 8, number];

/** Numbers one after the other, the lowest byte first. */
function fields(...all: Field[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(all.reduce((sum, [width]) => sum + width, 0)));
  let at = 0;
  for (const [width, value] of all) {
    if (width === 1) view.setUint8(at, value);
    else if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return new Uint8Array(view.buffer);
}

/** Bytes at the beginning of a zip file that tell its time. */
export const TIMED_BYTES = 14;

/** The time of a zip file, as exact as it says it, by its first 14 bytes. */
export function timeOfZip(begin: Uint8Array): Date {
  const stamp = new DataView(begin.buffer, begin.byteOffset).getUint32(TIMED_BYTES - 4, true);
  const bits = (from: number, count: number): number => (stamp >>> from) & (2 ** count - 1);
  return new Date(1980 + bits(25, 7), bits(21, 4) - 1, bits(16, 5), bits(11, 5), bits(5, 6), 2 * bits(0, 5));
}

/** Local time in steps of two seconds: the format's time in the lower 16 bits, its date in the upper ones. */
function dosTime(time: Date): number {
  const year = Math.max(0, time.getFullYear() - 1980);
  const date = (year << 9) | ((time.getMonth() + 1) << 5) | time.getDate();
  const day = (time.getHours() << 11) | (time.getMinutes() << 5) | (time.getSeconds() >> 1);
  return ((date << 16) | day) >>> 0;
}
