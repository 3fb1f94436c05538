import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { ObjectError } from '../objects/errors.ts';
import type { RetrievalEvent } from '../objects/nodes.ts';
import { listFolder, openHash, readObject, readStored } from '../objects/object.ts';
import { BLOCK_BYTES } from '../objects/part-file.ts';
import { prepareTree, type PrepareEntry, type PrepareOptions } from '../objects/prepare.ts';
import type { ObjectService } from '../objects/service.ts';
import { keyOf, type NodeSource } from '../objects/tree.ts';
import { zipFolder } from '../objects/zip.ts';
import { cidOfHash } from '../protocol/cid.ts';
import { concat, equal, utf8 } from '../protocol/bytes.ts';
import type { StoredNode } from '../protocol/dag-builder.ts';
import { encodeNode, hashOfNode, type DagNode } from '../protocol/dag.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import type { SaveView } from './save-view.ts';
import { Saves } from './saves.ts';

function noise(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from(
    { length },
    () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24,
  );
}

const file = (name: string, bytes: Uint8Array): PrepareEntry => ({
  kind: 'file',
  name,
  async *bytes() {
    yield bytes;
  },
});

/** A file that a person picked: what lies in it, and whether this page may write to it. */
class Picked {
  content: Uint8Array | null = null;
  permission: PermissionState = 'granted';
  trouble: DOMException | null = null;
  /** Happens while the last byte is on its way. */
  meanwhile: (() => void) | null = null;
  closes = 0;

  constructor(readonly name: string) {}

  getFile(): Promise<object> {
    return Promise.resolve({ size: this.content?.length ?? 0 });
  }

  queryPermission(): Promise<PermissionState> {
    return Promise.resolve(this.permission);
  }

  createWritable(): Promise<object> {
    if (this.trouble !== null) return Promise.reject(this.trouble);
    const parts: Uint8Array[] = [];
    return Promise.resolve({
      write: async (part: Uint8Array) => {
        parts.push(part.slice());
        this.meanwhile?.();
      },
      close: async () => {
        this.closes += 1;
        this.content = concat(...parts);
      },
      abort: async () => undefined,
    });
  }

  get handle(): FileSystemFileHandle {
    return this as unknown as FileSystemFileHandle;
  }
}

/** An object in history, of which so many nodes can be had, and a browser that saves it; `restart` is a new tab. */
async function world(entry: PrepareEntry | StoredNode[], options: PrepareOptions = {}) {
  const nodes = new Map<string, Uint8Array>();
  let head: StoredNode | null = null;
  for await (const node of Array.isArray(entry) ? entry : prepareTree(entry, options)) {
    nodes.set(keyOf(node.hash), node.bytes);
    head = node;
  }
  const fetched: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  let hangs = false;
  const source: NodeSource = {
    node: (hash, signal) => {
      signal.throwIfAborted();
      if (left <= 0 && hangs) return ended(signal);
      if (left <= 0) {
        const sentence = 'Nobody gives the piece at the moment.';
        return Promise.reject(new ObjectError({ code: 'pieces-missing', message: 'none', sentence }));
      }
      left -= 1;
      fetched.push(keyOf(hash));
      return Promise.resolve(nodes.get(keyOf(hash))!);
    },
  };
  const serviceWatchedBy = (watch: (event: RetrievalEvent) => void): ObjectService =>
    ({
      open: (_: unknown, signal: AbortSignal) => {
        watch({ kind: 'verified', cid: 'head', pieceIndex: 3n } as RetrievalEvent);
        return openHash(source, head!.hash, signal);
      },
      entries: (folder, signal, deep) => listFolder(source, folder, signal, { deep: deep === true }),
      read: (object, signal, wanted) => readObject(source, object, signal, wanted),
      readStored: (object, signal, range) => readStored(source, object, signal, range),
      zip: (folder, signal, ...more) => zipFolder(source, folder, signal, ...more),
    }) as Partial<ObjectService> as ObjectService;
  const directory = new MemoryDirectory();
  const settings = new Map<string, unknown>();
  const passwords = new Map<string, string>();
  const open = (): Promise<Saves> =>
    Saves.open({
      originOf: () => ({ kind: 'node', from: 'ws://a' }),
      serviceWatchedBy,
      directory,
      passwords,
      store: {
        setting: async <T>(name: string) => (settings.get(name) ?? null) as T | null,
        putSetting: async (name, value) => void settings.set(name, structuredCloneOf(value)),
      },
    });
  const link = cidOfHash(head!.hash);
  let saves = await open();
  return {
    link,
    directory,
    settings,
    fetched,
    giveOnly: (count: number, hanging = false) => ([left, hangs] = [count, hanging]),
    passwords,
    restart: async () => {
      passwords.clear();
      saves = await open();
    },
    saves: () => saves,
    /** Waits until a block is here and its row written. */
    keepsBlock: () =>
      expect
        .poll(() => directory.scratches.get(`${saves.views()[0]!.id}.rows`)?.length, { timeout: 10_000 })
        .toBeGreaterThan(0),
    view: (): SaveView => saves.views()[0]!,
    reaches: (state: SaveView['state']) =>
      expect.poll(() => saves.views()[0]?.state, { timeout: 10_000 }).toBe(state),
  };
}

const endings = new WeakMap<AbortSignal, Promise<never>>();

/** Rejects when the signal is given; one listener for all that wait. */
function ended(signal: AbortSignal): Promise<never> {
  const known = endings.get(signal);
  if (known !== undefined) return known;
  const ending = new Promise<never>((_, failed) =>
    signal.addEventListener('abort', () => failed(signal.reason as Error)),
  );
  endings.set(signal, ending);
  return ending;
}

/** Records, whose handles a browser clones and this test keeps. */
function structuredCloneOf(value: unknown): unknown {
  return (value as { target: unknown }[]).map((record) => ({ ...record }));
}

const downloaded = async (saves: Saves, id: string): Promise<{ headers: Headers; bytes: Uint8Array }> => {
  const response = await saves.respond(id, { signal: new AbortController().signal });
  return { headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
};

/** Nine leaves. */
const LENGTH = 2 * BLOCK_BYTES + 12_345;

describe('a save', () => {
  it.each([
    ['plain', {}],
    ['compressed', { compressionLevel: 1 }],
  ] as [string, PrepareOptions][])(
    'of a %s file goes on in a new tab where it stopped, and fetches nothing twice',
    async (_, options) => {
      const bytes = noise(LENGTH);
      const { saves, link, view, reaches, keepsBlock, giveOnly, restart, fetched } = await world(
        file('a.bin', bytes),
        options,
      );
      const target = new Picked('mine.bin');
      giveOnly(7, true);
      const id = await saves().start({ link, target: target.handle });
      await keepsBlock();
      expect(view()).toMatchObject({ state: 'running', name: 'mine.bin', to: 'file', nodes: 1 });
      await restart();
      expect(view()).toMatchObject({
        id,
        state: 'paused',
        bytes: BLOCK_BYTES,
        name: 'mine.bin',
        error: null,
      });
      expect(view().totalBytes).toBeGreaterThan(LENGTH - 100_000);
      const before = fetched.length;
      giveOnly(Number.POSITIVE_INFINITY);
      await saves().resume({ id });
      await reaches('done');
      expect(view().resumedFrom).toBe(BLOCK_BYTES);
      expect(equal(target.content!, bytes)).toBe(true);
      // The head, the first leaf for its size, and what lies behind the first block, in leaves of 65 066 bytes.
      expect(fetched.length - before).toBeLessThanOrEqual(2 + Math.ceil((LENGTH - BLOCK_BYTES) / 65_000) + 1);
    },
  );

  it('checks what is here, and fetches again from the first byte that is not as it was', async () => {
    const bytes = noise(LENGTH);
    const { saves, link, view, reaches, keepsBlock, giveOnly, restart, directory } = await world(
      file('a.bin', bytes),
    );
    giveOnly(7, true);
    const id = await saves().start({ link, target: null });
    await keepsBlock();
    directory.scratches.get(id)![1]! ^= 1;
    await restart();
    giveOnly(Number.POSITIVE_INFINITY);
    await saves().resume({ id });
    await reaches('ready');
    expect(view().resumedFrom).toBe(0);
    expect(equal((await downloaded(saves(), id)).bytes, bytes)).toBe(true);
  });

  it('gives no byte that was damaged after it was fetched, and then fetches it again', async () => {
    const bytes = noise(LENGTH);
    const { saves, link, reaches, directory } = await world(file('a.bin', bytes));
    const id = await saves().start({ link, target: null });
    await reaches('ready');
    directory.scratches.get(id)![BLOCK_BYTES]! ^= 1;
    await expect(downloaded(saves(), id)).rejects.toThrow('damaged');
    await saves().resume({ id });
    await reaches('ready');
    expect(equal((await downloaded(saves(), id)).bytes, bytes)).toBe(true);
  });

  it('is paused and gone on with, fails with a sentence, and leaves nothing when it is cancelled', async () => {
    const { saves, link, view, reaches, keepsBlock, giveOnly, directory, settings } = await world(
      file('a.bin', noise(LENGTH)),
    );
    giveOnly(7, true);
    const id = await saves().start({ link, target: null });
    await keepsBlock();
    saves().pause(id);
    await reaches('paused');
    giveOnly(0);
    await saves().resume({ id });
    await reaches('failed');
    expect(view().error).toContain('Nobody gives the piece at the moment.');
    expect(await saves().start({ link, target: null })).toBe(id);
    await saves().cancel(id);
    expect(saves().views()).toEqual([]);
    expect(directory.scratches.size).toBe(0);
    expect(settings.get('saves')).toEqual([]);
  });

  it('leaves the file as it was picked when a folder’s zip file is cancelled while it is written', async () => {
    const parts = ['a.bin', 'b.bin'].map((name, at) => file(name, noise(3_000_000, at + 1)));
    const { saves, link, view, reaches, directory } = await world({
      kind: 'folder',
      name: 'all',
      entries: parts,
    });
    const target = new Picked('all.zip');
    let cancelled: Promise<void> | null = null;
    let states: string[] = [];
    target.meanwhile = () => {
      states = [...states, view().state];
      cancelled ??= saves().cancel(view().id);
    };
    await saves().start({ link, target: target.handle });
    await expect.poll(() => cancelled, { timeout: 20_000 }).not.toBeNull();
    await cancelled;
    expect(states).toEqual(['writing']);
    expect([target.content, target.closes]).toEqual([null, 0]);
    expect([saves().views().length, directory.scratches.size]).toEqual([0, 0]);
    target.meanwhile = null;
    await saves().start({ link, target: target.handle });
    await reaches('done');
    expect(Object.keys(unzipSync(target.content!))).toEqual(['a.bin', 'b.bin']);
  });

  it('waits for the person where the page may not write to the file any more', async () => {
    const bytes = noise(90_000);
    const { saves, link, view, reaches, fetched, directory } = await world(file('a.bin', bytes));
    const target = new Picked('a.bin');
    target.permission = 'prompt';
    const id = await saves().start({ link, target: target.handle });
    await reaches('ready');
    expect(view().needs).toBe('permission');
    target.permission = 'granted';
    target.trouble = new DOMException('gone', 'NotFoundError');
    await saves().resume({ id });
    await reaches('failed');
    expect(view().error).toMatch(/not there any more/);
    const other = new Picked('b.bin');
    const before = fetched.length;
    await saves().resume({ id, target: other.handle });
    await reaches('done');
    expect(view().name).toBe('b.bin');
    expect(equal(other.content!, bytes)).toBe(true);
    expect(target.content).toBeNull();
    expect(fetched.length - before).toBe(1);
    expect(directory.scratches.size).toBe(0);
  });

  it('writes over nothing that others put into the file, before or meanwhile, and says when its drive is full', async () => {
    const bytes = noise(90_000);
    const { saves, link, view, reaches, fetched, directory } = await world(file('a.bin', bytes));
    const target = new Picked('a.bin');
    target.content = utf8('a letter');
    const id = await saves().start({ link, target: target.handle });
    await reaches('failed');
    expect(view()).toMatchObject({
      needs: 'place',
      error: expect.stringContaining('stays as it is') as string,
    });
    target.content = null;
    target.meanwhile = () => (target.content = utf8('another letter'));
    await saves().resume({ id });
    await reaches('failed');
    expect(view().error).toContain('stays as it is');
    expect(target.content).toEqual(utf8('another letter'));
    const full = new Picked('b.bin');
    full.trouble = new DOMException('full', 'QuotaExceededError');
    await saves().resume({ id, target: full.handle });
    await reaches('failed');
    expect(view()).toMatchObject({ needs: 'place', error: expect.stringContaining('The drive') as string });
    const [before, other] = [fetched.length, new Picked('c.bin')];
    await saves().resume({ id, target: other.handle });
    await reaches('done');
    expect(equal(other.content!, bytes)).toBe(true);
    expect(view()).toMatchObject({ through: 90_000, totalBytes: 90_000 });
    expect([target.content, full.content]).toEqual([utf8('another letter'), null]);
    expect([fetched.length - before, directory.scratches.size]).toEqual([1, 0]);
  });

  it('takes no more room than there is', async () => {
    const { saves, link, view, reaches, directory } = await world(file('a.bin', noise(LENGTH)));
    Object.assign(directory, { quota: 1000 });
    await saves().start({ link, target: null });
    await reaches('failed');
    expect(view()).toMatchObject({ needs: 'room', error: expect.stringContaining('no room') as string });
  });

  it('hands a download over, and removes its copy at the next start', async () => {
    const bytes = noise(70_000);
    const { saves, link, view, reaches, restart, directory } = await world(file('ä b.bin', bytes));
    const id = await saves().start({ link, target: null });
    await expect(downloaded(saves(), id)).rejects.toThrow('not ready');
    await reaches('ready');
    const { headers, bytes: given } = await downloaded(saves(), id);
    expect(equal(given, bytes)).toBe(true);
    expect(headers.get('Content-Disposition')).toBe("attachment; filename*=UTF-8''%C3%A4%20b.bin");
    expect(headers.get('Content-Length')).toBe('70000');
    expect(view().state).toBe('done');
    expect(directory.scratches.size).toBe(2);
    await restart();
    expect(saves().views()).toEqual([]);
    expect(directory.scratches.size).toBe(0);
  });

  it('of a file whose parts differ in size begins anew, and is right', async () => {
    const common = { name: null, uploadOptions: null };
    const made = (node: DagNode): StoredNode => {
      const bytes = encodeNode(node);
      return { hash: hashOfNode(bytes), bytes };
    };
    const leaves = [50_000, ...Array.from({ length: 9 }, () => 60_000)].map((length, seed) => {
      const data = noise(length, seed + 1);
      return { data, size: BigInt(length), type: 'fileChunk' as const, linkDepth: 0, links: [], ...common };
    });
    const nodes = leaves.map((leaf) => made({ ...leaf }));
    const links = nodes.map(({ hash }) => hash);
    const head = made({ data: null, size: 590_000n, type: 'file', linkDepth: 1, links, ...common });
    const { saves, link, view, reaches, keepsBlock, giveOnly, restart } = await world([...nodes, head]);
    giveOnly(7, true);
    const id = await saves().start({ link, target: null });
    await keepsBlock();
    await restart();
    giveOnly(Number.POSITIVE_INFINITY);
    await saves().resume({ id });
    await reaches('ready');
    expect(view().resumedFrom).toBe(0);
    const bytes = concat(...leaves.map(({ data }) => data));
    expect(equal((await downloaded(saves(), id)).bytes, bytes)).toBe(true);
  });

  it('of a folder becomes a zip file, goes on, and names the file that a password does not open', async () => {
    const contents = { 'a.bin': noise(200_000), 'b.bin': noise(200_000, 2), 'c.txt': utf8('last') };
    const entries = Object.entries(contents).map(([name, bytes]) => file(name, bytes));
    const inner: PrepareEntry = { kind: 'folder', name: 'in', entries: entries.slice(1) };
    const folder: PrepareEntry = { kind: 'folder', name: 'all', entries: [entries[0]!, inner] };
    const { saves, link, view, reaches, keepsBlock, giveOnly, restart, passwords } = await world(folder, {
      password: 'right',
    });
    const id = await saves().start({ link, target: null });
    await reaches('failed');
    expect(view()).toMatchObject({ needs: 'password', error: '“a.bin” is encrypted. Enter its password.' });
    await saves().resume({ id, password: 'wrong' });
    await reaches('failed');
    expect(view()).toMatchObject({ needs: 'password', error: 'The password does not open “a.bin”.' });
    expect(passwords.size).toBe(0);
    giveOnly(19, true);
    await saves().resume({ id, password: 'right' });
    await keepsBlock();
    // What lies in the folder opens with it from now on, too.
    expect([...passwords]).toEqual([[link, 'right']]);
    await restart();
    giveOnly(Number.POSITIVE_INFINITY);
    await saves().resume({ id });
    await reaches('failed');
    expect(view()).toMatchObject({
      needs: 'password',
      error: '“in/b.bin” is encrypted. Enter its password.',
    });
    await saves().resume({ id, password: 'right' });
    await reaches('ready');
    expect(view().resumedFrom).toBe(BLOCK_BYTES);
    const zip = unzipSync((await downloaded(saves(), id)).bytes);
    expect(Object.keys(zip)).toEqual(['a.bin', 'in/', 'in/b.bin', 'in/c.txt']);
    expect(equal(zip['a.bin']!, contents['a.bin'])).toBe(true);
    expect(equal(zip['in/b.bin']!, contents['b.bin'])).toBe(true);
    expect(view().name).toBe('all.zip');
  });
});
