/** What `get` writes: whole files, parts, folders; how it goes on after an interruption, and asks for passwords. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { utf8 } from '../protocol/bytes.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { PIECE_BYTES, RAW_RECORD_BYTES } from '../protocol/constants.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { recordFromRaw } from '../protocol/record.ts';
import { ScaleWriter } from '../protocol/scale.ts';
import type { GlobalObject, PieceIndex } from '../protocol/types.ts';
import { objectPath } from '../objects/link.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import { prepareTree, type PrepareEntry, type PrepareOptions } from '../objects/prepare.ts';
import { ObjectService } from '../objects/service.ts';
import { getObject, type GetDesk } from './get.ts';
import type { GetOptions } from './get-options.ts';
import { partOf } from './save.ts';
import { UsageError } from './usage.ts';

const PIECE = 40n;
const LONG = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31 + (at >> 8)) % 256);
const { signal } = new AbortController();

const file = (name: string, content: Uint8Array): PrepareEntry => ({
  kind: 'file',
  name,
  bytes: async function* () {
    yield content;
  },
});

/** Everything stored in one piece; by name. */
const cids = new Map<string, string>();
const places: GlobalObject[] = [];
const raw = new Uint8Array(RAW_RECORD_BYTES);
let piece: Uint8Array;
let folder: string;

beforeAll(async () => {
  let offset = 300;
  const store = async (name: string, entry: PrepareEntry, options: PrepareOptions = {}) => {
    const nodes: StoredNode[] = [];
    const tree = prepareTree(entry, options);
    for (let step = await tree.next(); ; step = await tree.next()) {
      if (step.done) {
        cids.set(name, cidOfHash(step.value.hash));
        break;
      }
      nodes.push(step.value);
    }
    for (const { hash, bytes } of nodes) {
      places.push({ hash, pieceIndex: PIECE, offset });
      const remark = new ScaleWriter().byteVector(bytes).bytes();
      raw.set(remark, offset);
      offset += remark.length;
    }
  };
  await store('long', file('long.bin', LONG));
  await store('zlib', file('text.txt', utf8('again and '.repeat(1_000))), { compressionLevel: 9 });
  await store('secret', file('secret.txt', utf8('hidden')), { password: 'right' });
  await store('folder', {
    kind: 'folder',
    name: 'all',
    entries: [
      file('a.txt', utf8('first')),
      { kind: 'folder', name: 'in', entries: [file('../b.txt', utf8('second'))] },
      file('long.bin', LONG),
    ],
  });
  await store('evil', file('../../evil.txt', utf8('evil')));
  piece = new Uint8Array(PIECE_BYTES);
  piece.set(recordFromRaw(raw));
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-get-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** `reads`: counts the parts that are fetched. */
function desk(reads: { parts: number } = { parts: 0 }): GetDesk {
  const pieces = {
    pieces: (indices: readonly PieceIndex[]) =>
      Promise.resolve(indices.map((index) => (index === PIECE ? piece : null))),
  };
  const locator = { name: 'an index', locate: () => Promise.resolve(places) };
  return {
    serviceWatchedBy: (watch) =>
      new ObjectService({
        pieces,
        locators: [locator],
        watch: (event) => {
          if (event.kind === 'verified') reads.parts += 1;
          watch(event);
        },
      }),
    network: { originOf: () => ({ from: 'a peer' }), view: () => ({ connections: [] }) },
    searchFor: () => Promise.resolve(false),
    searchView: () => null,
  };
}

function get(name: string, options: Partial<GetOptions> = {}, from = desk()) {
  const ask = options.ask ?? (() => Promise.resolve(null));
  return getObject(from, cids.get(name)!, { output: join(folder, 'out'), ask, signal, ...options });
}

const written = (name = 'out'): Buffer => readFileSync(join(folder, name));

/** A desk whose events are heard here as well. */
function heard(source: GetDesk, listener: (event: RetrievalEvent) => void): GetDesk {
  return {
    ...source,
    serviceWatchedBy: (watch) =>
      source.serviceWatchedBy((event) => {
        watch(event);
        listener(event);
      }),
  };
}

describe('a file', () => {
  it('is written whole, and what is there already is left alone', async () => {
    const got = await get('long');
    expect(written().equals(LONG)).toBe(true);
    expect(got).toMatchObject({ bytes: LONG.length, resumedFrom: 0, name: 'long.bin', kind: 'file' });
    expect(got.pieces).toEqual({ 'a peer': 1 });
    expect(readdirSync(folder)).toEqual(['out']);
    writeFileSync(join(folder, 'out'), 'mine');
    await expect(get('long')).rejects.toThrow('exists already');
    expect(written().toString()).toBe('mine');
  });

  it.each([
    ['0-99', 0, 100],
    ['65060-65080', 65_060, 65_081],
    ['299990-', 299_990, 300_000],
    ['-10', 299_990, 300_000],
    ['100-999999', 100, 300_000],
  ])('comes in part: %s', async (range, from, to) => {
    const reads = { parts: 0 };
    const got = await get('long', { range }, desk(reads));
    expect(written().equals(LONG.subarray(from, to))).toBe(true);
    expect(got.bytes).toBe(to - from);
    expect(reads.parts).toBeLessThan(3 + Math.ceil((to - from) / 50_000));
  });

  it('comes in part although it is compressed', async () => {
    await get('zlib', { range: '20-24' });
    expect(written().toString()).toBe('again');
    await expect(get('zlib', { range: '-5', output: join(folder, 'end') })).rejects.toBeInstanceOf(
      UsageError,
    );
  });

  it.each(['5', 'a-b', '9-3', '-'])('%s is no part', async (range) => {
    await expect(get('long', { range })).rejects.toBeInstanceOf(UsageError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends before some parts', async () => {
    await expect(get('long', { range: '300000-' })).rejects.toMatchObject({ code: 'range' });
  });

  it('is gone on with where an interruption left it', async () => {
    const stop = new AbortController();
    let seen = 0;
    const halting = heard(desk(), (event) => {
      // Once the head and two parts have come.
      if (event.kind === 'verified' && (seen += 1) === 4) stop.abort(new Error('enough'));
    });
    await expect(get('long', { signal: stop.signal }, halting)).rejects.toThrow('enough');
    const [part] = readdirSync(folder);
    expect(part).toMatch(/^out\.[0-9a-f]{12}\.part$/);
    const there = written(part).length;
    expect(there).toBeGreaterThan(0);
    expect(there).toBeLessThan(LONG.length);
    const reads = { parts: 0 };
    const got = await get('long', {}, desk(reads));
    // What was being written when it ended may have come later.
    expect(got.resumedFrom).toBeGreaterThanOrEqual(there);
    expect(got.bytes).toBe(LONG.length);
    expect(written().equals(LONG)).toBe(true);
    expect(readdirSync(folder)).toEqual(['out']);
    // The leaves that are there are not read again, but for the first, which tells their size.
    expect(reads.parts).toBeLessThan(6);
  });

  it('goes on in nothing else’s beginning', async () => {
    const stop = new AbortController();
    stop.abort(new Error('at once'));
    await expect(get('long', { signal: stop.signal })).rejects.toThrow('at once');
    await get('long', { range: '0-9', output: join(folder, 'x') });
    writeFileSync(join(folder, 'y.000000000000.part'), 'something else');
    await get('long', { output: join(folder, 'y') });
    expect(written('y').equals(LONG)).toBe(true);
  });

  it('whose name leads elsewhere is written here', async () => {
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect((await get('evil', { output: undefined })).file).toBe('evil.txt');
    } finally {
      process.chdir(before);
    }
    expect(written('evil.txt').toString()).toBe('evil');
  });
});

describe('an object that nobody knows', () => {
  it('is searched for in all of history where that is wished', async () => {
    const known = desk();
    const place = places.find(({ hash }) => cidOfHash(hash) === cids.get('evil'))!;
    const lost: GetDesk = {
      ...known,
      serviceWatchedBy: (watch) =>
        new ObjectService({
          pieces: {
            pieces: (indices) => Promise.resolve(indices.map((one) => (one === PIECE ? piece : null))),
          },
          locators: [],
          watch,
        }),
      searchFor: () => Promise.resolve(true),
      searchView: () => ({
        pieces: 7,
        totalPieces: 128,
        missingPieces: 0,
        secondsLeft: null,
        path: objectPath({ cid: cids.get('evil')!, hints: [place] }),
      }),
    };
    await expect(get('evil', {}, lost)).rejects.toMatchObject({ code: 'not-located' });
    const vain = { ...lost, searchFor: () => Promise.resolve(false) };
    await expect(get('evil', { search: true }, vain)).rejects.toMatchObject({ code: 'not-located' });
    await get('evil', { search: true }, lost);
    expect(written().toString()).toBe('evil');
  });
});

describe('an object that nobody gives', () => {
  it('is asked for again while somebody does not answer, and not for ever', async () => {
    let silences = 2;
    const asking = (): GetDesk => ({
      ...desk(),
      serviceWatchedBy: (watch) =>
        new ObjectService({
          pieces: { pieces: (indices) => Promise.resolve(indices.map(() => piece)) },
          locators: [
            {
              name: 'a node',
              locate: async () => {
                silences -= 1;
                if (silences >= 0) throw new Error('busy');
                return places;
              },
            },
          ],
          watch,
        }),
    });
    await get('evil', { askAgainMs: 1 }, asking());
    expect(written().toString()).toBe('evil');
    silences = 3;
    await rm(join(folder, 'out'));
    await expect(get('evil', { askAgainMs: 1 }, asking())).rejects.toMatchObject({
      code: 'not-answered',
      sentence: expect.stringContaining('No answer came from a node; try again.'),
    });
  });

  it('ends the wait in words', async () => {
    const silent: GetDesk = {
      ...desk(),
      serviceWatchedBy: (watch) =>
        new ObjectService({
          pieces: {
            pieces: (_, signal) =>
              new Promise((__, reject) =>
                signal?.addEventListener('abort', () => reject(signal.reason as Error)),
              ),
          },
          locators: [{ name: 'an index', locate: () => Promise.resolve(places) }],
          watch,
        }),
    };
    await expect(get('evil', { patienceMs: 1_500 }, silent)).rejects.toThrow(
      'Nobody gave the object within 2 s. The same command goes on later',
    );
  });
});

describe('an encrypted file', () => {
  it('asks for its password, again when it was wrong, three times at most', async () => {
    const asked: string[] = [];
    const answers = ['wrong', 'right'];
    const ask = (question: string) => {
      asked.push(question);
      return Promise.resolve(answers.shift() ?? 'wrong');
    };
    await get('secret', { ask });
    expect(written().toString()).toBe('hidden');
    expect(asked).toHaveLength(2);
    await expect(get('secret', { ask, output: join(folder, 'other') })).rejects.toMatchObject({
      code: 'wrong-password',
    });
    expect(asked).toHaveLength(5);
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('is not written where nobody can be asked, or the given one is wrong', async () => {
    await expect(get('secret')).rejects.toMatchObject({ code: 'password-needed' });
    const ask = () => Promise.reject(new Error('asked'));
    await expect(get('secret', { ask, password: 'wrong' })).rejects.toMatchObject({ code: 'wrong-password' });
    await get('secret', { ask, password: 'right' });
    expect(written().toString()).toBe('hidden');
  });
});

describe('a folder', () => {
  it('becomes a zip file', async () => {
    await get('folder');
    const files = unzipSync(new Uint8Array(written()));
    expect(Object.keys(files).filter((name) => !name.endsWith('/'))).toEqual([
      'a.txt',
      'in/.._b.txt',
      'long.bin',
    ]);
  });

  it('as a zip file is gone on with wherever an interruption left it, and not fetched again', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(2026, 0, 1) });
    onTestFinished(() => void vi.useRealTimers());
    await get('folder');
    const whole = written();
    vi.setSystemTime(new Date(2026, 0, 2));
    const part = partOf(join(folder, 'again'), `${cids.get('folder')!} zip`);
    const again = (from = desk()) => get('folder', { output: join(folder, 'again') }, from);
    // Within its time, in and behind a header, within contents, before the list at its end, and within that.
    const list = whole.indexOf(Buffer.from('PK\u0001\u0002'));
    for (const cut of [1, 12, 20, 35, 38, 200_000, list, whole.length - 1, whole.length]) {
      writeFileSync(part, whole.subarray(0, cut));
      const reads = { parts: 0 };
      const got = await again(desk(reads));
      expect(written('again').equals(whole), `cut at ${cut}`).toBe(cut > 12);
      expect(Object.keys(unzipSync(new Uint8Array(written('again')))).sort()).toContain('long.bin');
      expect(got).toMatchObject({ bytes: whole.length, resumedFrom: cut > 12 ? cut : 0 });
      // Heads alone once the contents are there.
      expect(reads.parts).toBeLessThanOrEqual(cut >= list ? 5 : 10);
      await rm(join(folder, 'again'));
    }
    for (const other of [Buffer.from('something else'), Buffer.concat([whole, Buffer.alloc(1)])]) {
      writeFileSync(part, other);
      expect((await again()).resumedFrom).toBe(0);
      expect(Object.keys(unzipSync(new Uint8Array(written('again'))))).toContain('long.bin');
      await rm(join(folder, 'again'));
    }
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('becomes a folder, whole or not at all', async () => {
    const got = await get('folder', { unpack: true });
    expect(readdirSync(folder)).toEqual(['out']);
    expect(written('out/a.txt').toString()).toBe('first');
    expect(written('out/in/.._b.txt').toString()).toBe('second');
    expect(written('out/long.bin').equals(LONG)).toBe(true);
    expect(got.bytes).toBe(LONG.length + 11);
    await expect(get('folder', { unpack: true })).rejects.toThrow('exists already');
  });

  it('is gone on with where an interruption left it', async () => {
    const stop = new AbortController();
    const halting = heard(desk(), () => {
      const part = readdirSync(folder)[0];
      if (part !== undefined && existsSync(join(folder, part, 'in/.._b.txt')))
        stop.abort(new Error('enough'));
    });
    await expect(get('folder', { unpack: true, signal: stop.signal }, halting)).rejects.toThrow('enough');
    expect(existsSync(join(folder, 'out'))).toBe(false);
    const got = await get('folder', { unpack: true });
    expect(got.resumedFrom).toBeGreaterThanOrEqual(11);
    expect(written('out/long.bin').equals(LONG)).toBe(true);
    expect(readdirSync(folder)).toEqual(['out']);
  });

  it('has no parts, and files are not unpacked', async () => {
    await expect(get('folder', { range: '0-1' })).rejects.toBeInstanceOf(UsageError);
    await expect(get('long', { unpack: true })).rejects.toBeInstanceOf(UsageError);
  });
});
