import 'fake-indexeddb/auto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openNodeChainStore } from './chain-store-node.ts';
import { openBrowserChainStore, type ChainStore } from './chain-store.ts';
import { StorageError } from './errors.ts';

const folder = await mkdtemp(join(tmpdir(), 'chain-store-'));

afterAll(() => rm(folder, { recursive: true }));

const kinds: [string, (network: string) => Promise<ChainStore>][] = [
  ['a browser', (network) => openBrowserChainStore(network, 'test')],
  ['a folder', (network) => openNodeChainStore(folder, network)],
];

describe.each(kinds)('the chain store of %s', (_kind, open) => {
  it('keeps the newest record of each network, also when opened again', async () => {
    const [local, other] = [await open('local'), await open('chronos/../x')];
    expect(await local.load()).toBe(null);
    await local.save(Uint8Array.of(1));
    await Promise.all([local.save(Uint8Array.of(2)), local.save(Uint8Array.of(3))]);
    await other.save(Uint8Array.of(9));
    await local.close();
    const again = await open('local');
    expect(await again.load()).toEqual(Uint8Array.of(3));
    await again.clear();
    expect(await again.load()).toBe(null);
    expect(await other.load()).toEqual(Uint8Array.of(9));
    await again.close();
    await other.close();
  });
});

describe('a folder', () => {
  it('is left with the old record when writing the new one did not finish', async () => {
    const store = await openNodeChainStore(folder, 'torn');
    await store.save(Uint8Array.of(1));
    await writeFile(join(folder, 'chain-torn.bin.tmp'), Uint8Array.of(2));
    expect(await (await openNodeChainStore(folder, 'torn')).load()).toEqual(Uint8Array.of(1));
    expect((await readdir(folder)).filter((name) => name.startsWith('chain-torn'))).toHaveLength(2);
  });

  it('that cannot be used is a StorageError', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(openNodeChainStore(join(folder, 'file'), 'x')).rejects.toBeInstanceOf(StorageError);
  });
});
