/** Zip files above four gigabytes: what stands in their headers. Small ones are read by another program's code. */
import { unzipSync } from 'fflate';
import { describe, expect, it, vi } from 'vitest';
import { concat, equal, utf8 } from '../protocol/bytes.ts';
import { MAX_NAME_BYTES, zipFile, type ZipEntry } from './zip-file.ts';

/** Gigabytes are not summed up here. */
vi.mock('./crc32.ts', async (original) => {
  const { crc32 } = await original<{ crc32(bytes: Uint8Array, before?: number): number }>();
  return { crc32: (bytes: Uint8Array, before = 0) => (bytes.length > 2 ** 20 ? 7 : crc32(bytes, before)) };
});

const TIME = new Date(2026, 10, 26, 21, 30, 58);
const GIB = new Uint8Array(2 ** 30);
const ELSEWHERE = 0xffff_ffff;

async function* given<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

const entry = (path: string, size: number | null, ...content: Uint8Array[]): ZipEntry => ({
  path,
  content: () => given(...content),
  size,
});
const zeros = (path: string, gib: number, size: number | null = gib * 2 ** 30): ZipEntry =>
  entry(path, size, ...Array.from({ length: gib }, () => GIB));

/** The parts of a zip file but for contents of a gigabyte, by where they begin. */
async function partsOf(...entries: ZipEntry[]): Promise<{ parts: Map<number, Uint8Array>; length: number }> {
  const parts = new Map<number, Uint8Array>();
  let length = 0;
  for await (const part of zipFile(given(...entries), TIME)) {
    if (part !== GIB) parts.set(length, part);
    length += part.length;
  }
  return { parts, length };
}

interface Listed {
  name: string;
  size: number;
  at: number;
  /** The 64-bit numbers beside them. */
  more: number[];
  local: { size: number; more: number[] };
  /** Bytes of the sizes behind the content. */
  width: number;
}

/** Throws for a zip file that is not as the format says. */
function must(is: unknown, should: unknown): void {
  if (JSON.stringify(is) !== JSON.stringify(should)) throw new Error(`${String(is)}, not ${String(should)}`);
}

/** Reads a zip file as its format says: from its end, through the list of its entries, to their headers. */
function listed({ parts, length }: Awaited<ReturnType<typeof partsOf>>): Listed[] {
  const view = (at: number): DataView => {
    const begin = [...parts.keys()].findLast((start) => start <= at)!;
    const part = parts.get(begin)!;
    return new DataView(part.buffer, part.byteOffset + at - begin, part.length - (at - begin));
  };
  const extraOf = (at: number, bytes: number): number[] => {
    if (bytes === 0) return [];
    must([view(at).getUint16(0, true), view(at).getUint16(2, true)], [1, bytes - 4]);
    return Array.from({ length: (bytes - 4) / 8 }, (_, field) => long(at + 4 + 8 * field));
  };
  const long = (at: number): number => Number(view(at).getBigUint64(0, true));
  const end = view(length - 22);
  must(end.getUint32(0, true), 0x0605_4b50);
  const count = end.getUint16(10, true);
  const size = end.getUint32(12, true);
  let at = end.getUint32(16, true);
  if (at === ELSEWHERE) {
    const locator = length - 22 - 20;
    must(view(locator).getUint32(0, true), 0x0706_4b50);
    const record = long(locator + 8);
    must([view(record).getUint32(0, true), long(record + 4)], [0x0606_4b50, 44]);
    must([long(record + 24), long(record + 32), long(record + 40)], [count, count, size]);
    at = long(record + 48);
    must(at + size, record);
  } else must(at + size, length - 22);
  const listEnd = at + size;
  const all: Listed[] = [];
  while (at < listEnd) {
    const header = view(at);
    must(header.getUint32(0, true), 0x0201_4b50);
    const [nameBytes, extraBytes] = [header.getUint16(28, true), header.getUint16(30, true)];
    const bytes = new Uint8Array(header.buffer, header.byteOffset + 46, nameBytes);
    const more = extraOf(at + 46 + nameBytes, extraBytes);
    const fields = { size: header.getUint32(24, true), at: header.getUint32(42, true) };
    must(header.getUint32(20, true), fields.size);
    // The fields that are elsewhere stand there in this order, and no others: section 4.5.3.
    const left = [...more];
    const whole = { size: fields.size, at: fields.at };
    if (fields.size === ELSEWHERE) {
      whole.size = left.shift()!;
      must(left.shift(), whole.size);
    }
    if (fields.at === ELSEWHERE) whole.at = left.shift()!;
    must(left, []);
    const local = view(whole.at);
    must(local.getUint32(0, true), 0x0403_4b50);
    const localExtra = local.getUint16(28, true);
    const content = whole.at + 30 + nameBytes + localExtra;
    const width = localExtra > 0 ? 8 : 4;
    const behind = view(content + whole.size);
    must([behind.getUint32(0, true), behind.getUint32(4, true)], [0x0807_4b50, header.getUint32(16, true)]);
    const stated = width === 8 ? long(content + whole.size + 8) : behind.getUint32(8, true);
    must(stated, whole.size);
    all.push({
      name: new TextDecoder().decode(bytes),
      ...whole,
      more,
      local: { size: local.getUint32(22, true), more: extraOf(whole.at + 30 + nameBytes, localExtra) },
      width,
    });
    at += 46 + nameBytes + extraBytes;
  }
  must(all.length, count);
  return all;
}

describe('a zip file', () => {
  it('above four gigabytes says 64-bit numbers where one is needed, and nowhere else', async () => {
    const all = listed(
      await partsOf(
        entry('first.txt', 1, utf8('1')),
        zeros('large.bin', 5),
        entry('beyond.txt', 2, utf8('22')),
        { path: 'folder', content: null, size: null },
        zeros('both.bin', 4),
      ),
    );
    expect(all.map(({ name, size, more }) => [name, size, more.length])).toEqual([
      ['first.txt', 1, 0],
      ['large.bin', 5 * 2 ** 30, 2],
      ['beyond.txt', 2, 1],
      ['folder/', 0, 1],
      ['both.bin', 2 ** 32, 3],
    ]);
    expect(all.map(({ width, local }) => [width, local.size, local.more])).toEqual([
      [4, 0, []],
      [8, ELSEWHERE, [0, 0]],
      [4, 0, []],
      [4, 0, []],
      [8, ELSEWHERE, [0, 0]],
    ]);
  });

  it('of smaller files than that has none, but where a size is not known before', async () => {
    const all = listed(await partsOf(zeros('a', 3), entry('b', null, utf8('b')), zeros('c', 4, null)));
    expect(all.map(({ size, more, width }) => [size, more.length, width])).toEqual([
      [3 * 2 ** 30, 0, 4],
      [1, 0, 8],
      [2 ** 32, 2, 8],
    ]);
  });

  it('is read by others, names and time too', async () => {
    const parts: Uint8Array[] = [];
    const big = new Uint8Array(70_000).fill(3);
    const entries = given(entry('ä/ü.txt', null, utf8('one '), utf8('two')), entry('z', 70_000, big));
    for await (const part of zipFile(entries, TIME)) parts.push(part);
    const bytes = concat(...parts);
    const seen: Record<string, Uint8Array> = unzipSync(bytes);
    expect(Object.keys(seen)).toEqual(['ä/ü.txt', 'z']);
    expect(new TextDecoder().decode(seen['ä/ü.txt'])).toBe('one two');
    expect(equal(seen['z']!, big)).toBe(true);
    const header = new DataView(bytes.buffer);
    expect(header.getUint16(10, true)).toBe((21 << 11) | (30 << 5) | 29);
    expect(header.getUint16(12, true)).toBe((46 << 9) | (11 << 5) | 26);
  });

  it('is not written with what does not fit', async () => {
    await expect(partsOf(zeros('a', 4, 5))).rejects.toThrow('5 stated');
    await expect(partsOf(entry('n'.repeat(MAX_NAME_BYTES + 1), 0))).rejects.toThrow('a name of');
  });
});
