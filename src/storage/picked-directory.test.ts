import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PickedDirectory } from './picked-directory.ts';
import type { PlaceWatch } from './directory.ts';
import type { StorageError } from './errors.ts';
import { MemoryDirectory } from './memory-directory.ts';

/** A folder as File System Access gives it, in memory, with a drive that can go away or refuse. */
class Drive {
  readonly kind = 'directory';
  readonly name = 'Farm';
  readonly files = new Map<string, Uint8Array>();
  permission: PermissionState = 'granted';
  gone = false;
  readOnly = false;
  room = Number.MAX_SAFE_INTEGER;

  get handle(): FileSystemDirectoryHandle {
    return this as unknown as FileSystemDirectoryHandle;
  }

  private reach(): void {
    if (this.gone) throw new DOMException('gone', 'NotFoundError');
    if (this.permission !== 'granted') throw new DOMException('ask first', 'NotAllowedError');
  }

  async queryPermission(): Promise<PermissionState> {
    return this.permission;
  }

  async *keys(): AsyncGenerator<string> {
    this.reach();
    yield* this.files.keys();
  }

  async *values(): AsyncGenerator<unknown> {
    this.reach();
    for (const name of this.files.keys()) yield { kind: 'file', name, ...this.file(name) };
  }

  async getFileHandle(name: string, options: { create?: boolean } = {}): Promise<unknown> {
    this.reach();
    if (!this.files.has(name)) {
      if (options.create !== true) throw new DOMException('no such file', 'NotFoundError');
      this.files.set(name, new Uint8Array());
    }
    return this.file(name);
  }

  private file(name: string) {
    return {
      getFile: async () => {
        const bytes = this.files.get(name) as Uint8Array<ArrayBuffer>;
        const file = new File([bytes], name);
        const whole = file.slice.bind(file);
        file.slice = (from, to) => {
          this.reach();
          // What the browser reads must be what it opened.
          if (this.files.get(name) !== bytes) throw new DOMException('touched', 'NotReadableError');
          return whole(from, to);
        };
        return file;
      },
      createWritable: async () => {
        if (this.readOnly) throw new DOMException('read-only', 'NoModificationAllowedError');
        const parts: Uint8Array[] = [];
        return {
          write: async (part: Uint8Array) => void parts.push(part),
          close: async () => {
            const bytes = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
            if (bytes.length > this.room) throw new DOMException('full', 'QuotaExceededError');
            this.reach();
            this.files.set(name, bytes);
          },
          abort: async () => undefined,
        };
      },
    };
  }

  async removeEntry(name: string): Promise<void> {
    this.reach();
    if (!this.files.delete(name)) throw new DOMException('no such file', 'NotFoundError');
  }
}

/** Web Locks of one browser, as far as a farm uses them. */
function webLocks() {
  const held = new Set<string>();
  return {
    request: async (name: string, _: unknown, work: (lock: object | null) => Promise<void> | undefined) => {
      if (held.has(name)) return work(null);
      held.add(name);
      try {
        await work({});
      } finally {
        held.delete(name);
      }
    },
  };
}

/** What hears of a folder that is held. */
function watch() {
  return { lost: vi.fn<PlaceWatch['lost']>(), reached: vi.fn<PlaceWatch['reached']>() };
}

let drive: Drive;
beforeEach(() => {
  vi.stubGlobal('navigator', { locks: webLocks() });
  drive = new Drive();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const open = (owner = 'this farm'): Promise<PickedDirectory> =>
  PickedDirectory.at(drive.handle, new MemoryDirectory(), owner);

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error as StorageError).code,
  );

const lease = (): { owner: string; renewed: number } =>
  JSON.parse(new TextDecoder().decode(drive.files.get('farm.lease'))) as { owner: string; renewed: number };

describe('a picked folder', () => {
  it('is not opened before access is given', async () => {
    drive.permission = 'prompt';
    expect(await codeOf(open())).toBe('no-permission');
    drive.permission = 'granted';
    expect(await codeOf(open())).toBe('none');
  });

  it('keeps other files, and says which of its own it has', async () => {
    const directory = await open();
    drive.files.set('holiday.jpg', Uint8Array.of(1));
    await directory.write('sector-0.bin', [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect([...drive.files.get('sector-0.bin')!]).toEqual([1, 2, 3]);
    expect((await directory.list()).map(({ name }) => name)).toEqual(['holiday.jpg', 'sector-0.bin']);
  });

  it.each<[string, string, (drive: Drive) => void]>([
    ['is full', 'disk-full', (full) => (full.room = 0)],
    ['is read-only', 'read-only', (locked) => (locked.readOnly = true)],
    ['is taken away', 'no-permission', (taken) => (taken.permission = 'denied')],
  ])('that %s says so, and keeps what was there', async (_, code, happens) => {
    const directory = await open();
    await directory.write('a.bin', [Uint8Array.of(7)]);
    happens(drive);
    expect(await codeOf(directory.write('a.bin', [Uint8Array.of(8)]))).toBe(code);
    expect([...drive.files.get('a.bin')!]).toEqual([7]);
  });

  it('whose drive is pulled is lost, not empty', async () => {
    const directory = await open();
    drive.gone = true;
    expect(await codeOf(directory.list())).toBe('place-lost');
    expect(await codeOf(directory.clean())).toBe('place-lost');
    expect(await codeOf(directory.lock())).toBe('place-lost');
    expect(await codeOf(directory.write('a.bin', []))).toBe('place-lost');
  });

  it('whose drive is pulled while a file is read is lost, and the file is not damaged', async () => {
    const directory = await open();
    await directory.write('a.bin', [Uint8Array.of(1, 2, 3)]);
    const handle = await directory.open('a.bin');
    const read = async (): Promise<number[]> => {
      const into = new Uint8Array(2);
      await handle.read(1, into);
      return [...into];
    };
    expect(await read()).toEqual([2, 3]);
    drive.gone = true;
    expect(await codeOf(read())).toBe('place-lost');
    expect(await codeOf(directory.open('a.bin'))).toBe('place-lost');
    drive.gone = false;
    expect(await read()).toEqual([2, 3]);
    drive.permission = 'prompt';
    expect(await codeOf(read())).toBe('no-permission');
    drive.permission = 'granted';
    // Touched by a program that keeps copies.
    drive.files.set('a.bin', Uint8Array.of(1, 2, 3));
    expect(await read()).toEqual([2, 3]);
    drive.files.set('a.bin', Uint8Array.of(1, 2));
    expect(await codeOf(read())).toBe('too-short');
    drive.files.delete('a.bin');
    expect(await codeOf(read())).toBe('not-found');
  });

  it('is leased: against other tabs, other machines, not against itself after it was killed', async () => {
    const first = await (await open()).lock();
    expect(await codeOf((await open()).lock())).toBe('in-use');
    // Another browser does not know of our Web Lock.
    vi.stubGlobal('navigator', { locks: webLocks() });
    expect(await codeOf((await open('another farm')).lock())).toBe('in-use');
    // A browser that was killed left its lease behind.
    const second = await (await open()).lock();
    await second.release();
    expect(drive.files.has('farm.lease')).toBe(false);
    await (await (await open('another farm')).lock()).release();
    await first.release();
  });

  it('is given up when somebody else took it while this computer slept', async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const { lost, reached } = watch();
    const lock = await (await open()).lock({ lost, reached });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lease()).toEqual({ owner: 'this farm', renewed: 1_060_000 });
    expect(lost).not.toHaveBeenCalled();
    const theirs = JSON.stringify({ owner: 'another machine', renewed: Date.now() });
    drive.files.set('farm.lease', new TextEncoder().encode(theirs));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(lost).toHaveBeenCalledWith(expect.objectContaining({ code: 'in-use' }));
    await lock.release();
    expect(lease().owner).toBe('another machine');
  });

  it('is given up when its lease is gone with everything else: the drive is not mounted', async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const { lost, reached } = watch();
    const lock = await (await open()).lock({ lost, reached });
    drive.files.clear();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(lost).toHaveBeenCalledWith(expect.objectContaining({ code: 'place-lost' }));
    expect(drive.files.size).toBe(0);
    await lock.release();
  });

  it('whose permission is withdrawn, or whose drive fails, is told of and kept until it can be used again', async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const { lost, reached } = watch();
    const lock = await (await open()).lock({ lost, reached });
    const told = async (): Promise<unknown> => {
      await vi.advanceTimersByTimeAsync(30_000);
      return reached.mock.lastCall?.[0]?.code ?? null;
    };
    expect(await told()).toBeNull();
    drive.permission = 'prompt';
    expect(await told()).toBe('no-permission');
    drive.permission = 'granted';
    expect(await told()).toBeNull();
    drive.readOnly = true;
    expect(await told()).toBe('read-only');
    drive.readOnly = false;
    expect(await told()).toBeNull();
    expect(reached).toHaveBeenCalledTimes(5);
    expect(lost).not.toHaveBeenCalled();
    await lock.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reached).toHaveBeenCalledTimes(5);
  });

  it.each(['', '{', '{"owner":1,"renewed":"x"}', '[]'])('takes the lease %j for nobody’s', async (text) => {
    drive.files.set('farm.lease', new TextEncoder().encode(text));
    expect(await codeOf((await open()).lock())).toBe('none');
  });

  it.each([-86_400_000, -121_000, 0, 86_400_000])(
    'may be taken once a lease was not renewed for two minutes, by whatever clock (%d ms off)',
    async (offset) => {
      vi.useFakeTimers({ now: 1_000_000_000_000 });
      const left = { owner: 'a machine that is off', renewed: Date.now() + offset };
      drive.files.set('farm.lease', new TextEncoder().encode(JSON.stringify(left)));
      expect(await codeOf((await open()).lock())).toBe('in-use');
      await vi.advanceTimersByTimeAsync(119_000);
      expect(await codeOf((await open()).lock())).toBe('in-use');
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await codeOf((await open()).lock())).toBe('none');
    },
  );

  it('is not taken while its lease is renewed, by whatever clock', async () => {
    vi.useFakeTimers({ now: 1_000_000_000_000 });
    for (let renewal = 0; renewal < 20; renewal += 1) {
      const theirs = { owner: 'a machine of yesterday', renewed: Date.now() - 86_400_000 };
      drive.files.set('farm.lease', new TextEncoder().encode(JSON.stringify(theirs)));
      expect(await codeOf((await open()).lock())).toBe('in-use');
      await vi.advanceTimersByTimeAsync(30_000);
    }
  });
});
