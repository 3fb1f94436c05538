import { describe, expect, it } from 'vitest';
import type { RetrievalEvent } from '../objects/nodes.ts';
import { listFolder, openHash, readStored, type OpenedObject } from '../objects/object.ts';
import { prepareTree } from '../objects/prepare.ts';
import type { ObjectService } from '../objects/service.ts';
import { keyOf } from '../objects/tree.ts';
import { Transfers, type TransfersOptions } from './transfers.ts';

const LINK = { cid: `bafkr6i${'a'.repeat(52)}`, hints: [] };

/** A store of settings in memory. */
function memoryStore(): TransfersOptions['store'] {
  const settings = new Map<string, unknown>();
  return {
    setting: async <T>(name: string) => (settings.get(name) ?? null) as T | null,
    putSetting: async (name, value) => void settings.set(name, structuredClone(value)),
  };
}

/** Objects of four parts of ten bytes, each in a piece of its own; a part comes when the test gives it. */
async function world(store = memoryStore()) {
  let give: () => void = () => undefined;
  let fail: string | null = null;
  let [room, promised] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const kept: string[][] = [];
  const service = (watch: (event: RetrievalEvent) => void) =>
    ({
      open: () => Promise.resolve({ kind: 'file', name: 'a.txt', storedBytes: 40 } as OpenedObject),
      async *readStored(_object: OpenedObject, signal: AbortSignal) {
        for (let part = 0; part < 4; part += 1) {
          await new Promise<void>((resolve, reject) => {
            give = resolve;
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          });
          if (fail !== null) throw new Error(fail);
          watch({ kind: 'verified', cid: `part-${part}`, pieceIndex: BigInt(part) } as RetrievalEvent);
          yield new Uint8Array(10);
        }
      },
    }) as unknown as ObjectService;
  const transfers = await Transfers.open({
    store,
    originOf: (index) => ({ kind: index === '0' ? 'cache' : 'tab', from: 'somebody' }),
    serviceWatchedBy: service,
    settled: () => Promise.resolve(),
    roomFor: () => promised,
    here: async ({ length }) => Math.min(room, length),
    done: (_view, _link, pieces) => kept.push(pieces),
  });
  const view = () => transfers.views()[0]!;
  const part = async (): Promise<void> => {
    const before = view().bytes;
    give();
    await expect.poll(() => view().bytes !== before || view().state !== 'running').toBe(true);
  };
  return {
    transfers,
    view,
    part,
    kept,
    failWith: (message: string | null) => (fail = message),
    keepOnly: (pieces: number) => (room = pieces),
    promise: (pieces: number) => (promised = pieces),
  };
}

describe('a retrieval', () => {
  it('can be paused and goes on, and says where its pieces came from', async () => {
    const { transfers, view, part, kept } = await world();
    const id = transfers.start(LINK);
    await expect.poll(() => view().totalBytes).toBe(40);
    await part();
    await part();
    transfers.pause(id);
    await expect.poll(() => view().state).toBe('paused');
    expect(view()).toMatchObject({ error: null, nodes: 2 });
    transfers.resume(id);
    expect(view()).toMatchObject({ state: 'running', bytes: 0 });
    await expect.poll(() => view().totalBytes).toBe(40);
    for (let count = 0; count < 4; count += 1) await part();
    await expect.poll(() => view().state).toBe('done');
    expect(view()).toMatchObject({ bytes: 40, nodes: 4 });
    expect(view().pieces.map(({ index, kind }) => [index, kind])).toEqual([
      ['0', 'cache'],
      ['1', 'tab'],
      ['2', 'tab'],
      ['3', 'tab'],
    ]);
    expect(kept).toEqual([['0', '1', '2', '3']]);
  });

  it('is there after a reload, paused, with what is known of it; one that is over or cancelled is not', async () => {
    const store = memoryStore();
    const before = await world(store);
    const id = before.transfers.start(LINK);
    await expect.poll(() => before.view().totalBytes).toBe(40);
    await before.part();
    before.transfers.close();
    await expect.poll(() => before.view().state).toBe('paused');
    const { transfers, view, part } = await world(store);
    expect(view()).toMatchObject({
      state: 'paused',
      cid: LINK.cid,
      name: 'a.txt',
      bytes: 10,
      totalBytes: 40,
    });
    expect(view().id).not.toBe(id);
    transfers.resume(view().id);
    await expect.poll(() => view().bytes).toBe(0);
    for (let count = 0; count < 4; count += 1) await part();
    await expect.poll(() => view().state).toBe('done');
    const after = await world(store);
    expect(after.transfers.views()).toEqual([]);
  });

  it('that failed says why and can be tried again; one that is cancelled is gone', async () => {
    const { transfers, view, part, kept, failWith } = await world();
    const id = transfers.start(LINK);
    await expect.poll(() => view().totalBytes).toBe(40);
    failWith('Nobody has it.');
    await part();
    await expect.poll(() => view().state).toBe('failed');
    expect(view().error).toContain('Nobody has it.');
    failWith(null);
    transfers.resume(id);
    expect(view()).toMatchObject({ state: 'running', error: null });
    transfers.cancel(id);
    expect(transfers.views()).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(kept).toEqual([]);
  });

  it('that there is no room for is not called complete, and is once there is', async () => {
    const { transfers, view, part, kept, keepOnly } = await world();
    keepOnly(3);
    const id = transfers.start(LINK);
    await expect.poll(() => view().totalBytes).toBe(40);
    for (let count = 0; count < 4; count += 1) await part();
    await expect.poll(() => view().state).toBe('failed');
    expect(view().error).toContain('of its 4 pieces there was room for 3 only');
    expect(kept).toEqual([]);
    keepOnly(4);
    transfers.resume(id);
    await expect.poll(() => view().totalBytes).toBe(40);
    for (let count = 0; count < 4; count += 1) await part();
    await expect.poll(() => view().state).toBe('done');
    expect(kept).toHaveLength(1);
  });

  it('that there is no room for is refused before anything is fetched', async () => {
    const { transfers, view, promise, part } = await world();
    promise(0);
    const id = transfers.start(LINK);
    await expect.poll(() => view().state).toBe('failed');
    expect(view()).toMatchObject({ bytes: 0, error: expect.stringContaining('there is room for 0 beside') });
    promise(1);
    transfers.resume(id);
    await expect.poll(() => view().totalBytes).toBe(40);
    for (let count = 0; count < 4; count += 1) await part();
    await expect.poll(() => view().state).toBe('done');
  });

  it('of files that are compressed and encrypted wants no password, and is never past its end', async () => {
    const nodes = new Map<string, Uint8Array>();
    let hash: Uint8Array = new Uint8Array(0);
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(300_000);
    };
    const entries = ['a', 'b'].map((name) => ({ kind: 'file' as const, name, bytes }));
    const options = { compressionLevel: 9, password: 'secret' } as const;
    for await (const node of prepareTree({ kind: 'folder', name: 'both', entries }, options)) {
      nodes.set(keyOf(node.hash), node.bytes);
      ({ hash } = node);
    }
    const source = { node: (wanted: Uint8Array) => Promise.resolve(nodes.get(keyOf(wanted))!) };
    const done: number[][] = [];
    const transfers = await Transfers.open({
      store: memoryStore(),
      originOf: () => ({ kind: 'tab', from: 'somebody' }),
      serviceWatchedBy: () =>
        ({
          open: (_, signal) => openHash(source, hash, signal),
          entries: (folder, signal, deep) => listFolder(source, folder, signal, { deep: deep === true }),
          readStored: (file, signal, range) => readStored(source, file, signal, range),
        }) as Partial<ObjectService> as ObjectService,
      settled: () => {
        const { bytes: here, totalBytes } = transfers.views()[0]!;
        done.push([here, totalBytes!]);
        return Promise.resolve();
      },
      roomFor: () => Number.POSITIVE_INFINITY,
      here: async ({ length }) => length,
      done: () => undefined,
    });
    transfers.start(LINK);
    await expect.poll(() => transfers.views()[0]!.state).toBe('done');
    const [[here, total]] = done as [[number, number]];
    expect(here).toBe(total);
    expect(total).toBeLessThan(10_000);
  });
});
