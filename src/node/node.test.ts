import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recordedChain } from '../../tests/support/recorded-chain.ts';
import { VerifiedChain } from '../../tests/support/verified-chain.ts';
import { createInlinePool } from '../crypto/pool/inline.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { OpenSocket } from '../network/socket.ts';
import { openNodeChainStore } from '../storage/chain-store-node.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { createMemoryWalletStore } from '../storage/wallet-store.ts';
import { argon2idKey } from '../wallet/kdf.ts';
import type { Setup } from './api.ts';
import { AllotmentNode } from './node.ts';
import type { NodePlatform } from './platform.ts';

const setup: Setup = {
  network: {
    id: 'local',
    name: 'Local network',
    endpoints: ['ws://127.0.0.1:9'],
    genesisHash: null,
  },
  farm: null,
  cores: 1,
  potBudget: { mode: 'full' },
};

let folder: string;
let node: AllotmentNode | null = null;
const pools: { pool: ComputePool; closed: boolean }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'allotment-node-'));
  pools.length = 0;
});
afterEach(async () => {
  await node?.stop();
  node = null;
  await rm(folder, { recursive: true, force: true });
});

/** A socket that never connects. */
const deaf: OpenSocket = () => ({ send: () => undefined, close: () => undefined });

async function platform(): Promise<NodePlatform> {
  return {
    store: await openNodeStore(folder),
    openSocket: deaf,
    openChainStore: (network) => openNodeChainStore(folder, network),
    openFarmDirectory: async () => new MemoryDirectory(),
    openPieceDirectory: async () => new MemoryDirectory(),
    peerPlatform: async () => ({ transports: [] }),
    openWorkDirectory: async () => new MemoryDirectory(),
    connectNats: () => Promise.reject(new Error('no cluster in this test')),
    defaultFarm: { kind: 'folder', name: 'farm' },
    createPool: async () => {
      const entry = { pool: createInlinePool(), closed: false };
      pools.push(entry);
      const close = entry.pool.close.bind(entry.pool);
      entry.pool.close = () => {
        entry.closed = true;
        return close();
      };
      return entry.pool;
    },
    openWalletStore: async () => createMemoryWalletStore(),
    passwordKey: argon2idKey,
    machine: async () => ({
      cores: 1,
      crossOriginIsolated: true,
      storage: 'opfs',
      quotaBytes: null,
      usedBytes: null,
      persisted: true,
      missing: [],
    }),
  };
}

describe('AllotmentNode', () => {
  test('asks for the first-run choices, and goes on with them the next time', async () => {
    node = await AllotmentNode.create(await platform());
    expect(node.snapshot()).toMatchObject({ setup: null, chain: null, farms: [], failure: null });
    await node.start(setup);
    expect(node.snapshot().chain?.phase).toBe('connecting');
    await node.stop();
    node = await AllotmentNode.create(await platform());
    expect(node.snapshot().setup).toEqual(setup);
  });

  test('forgets a start for once', async () => {
    node = await AllotmentNode.create(await platform());
    await node.start(setup, false);
    await node.stop();
    node = await AllotmentNode.create(await platform());
    expect(node.snapshot().setup).toBeNull();
  });

  test('runs one chain when choices come while others are being opened', async () => {
    node = await AllotmentNode.create(await platform());
    await Promise.all([node.start(setup), node.start({ ...setup, cores: 2 })]);
    expect(node.snapshot().setup?.cores).toBe(2);
    expect(pools.filter(({ closed }) => !closed)).toHaveLength(1);
  });

  test.each([
    [{ ...setup, cores: 0 }, 'Allow at least one core.'],
    [{ ...setup, network: { ...setup.network, endpoints: [] } }, 'Name at least one node to talk to.'],
    [{ ...setup, farm: { allocatedBytes: 1, rewardAddress: 'suNope' } }, 'The reward address is not'],
  ])('refuses choices that cannot work, and keeps the old ones', async (bad, sentence) => {
    node = await AllotmentNode.create(await platform());
    await node.start(setup);
    await expect(node.start(bad)).rejects.toThrow(sentence);
    expect(node.snapshot().setup).toEqual(setup);
  });

  test('makes a farmer’s key once, and gives it out as the native farmer keeps it', async () => {
    node = await AllotmentNode.create(await platform());
    await expect(node.exportIdentity()).rejects.toMatchObject({ code: 'identity' });
    await node.start(setup);
    const identity = await node.exportIdentity();
    expect(identity).toHaveLength(33);
    await node.start(setup);
    expect(await node.exportIdentity()).toEqual(identity);
  });

  test('forgets everything but the key', async () => {
    node = await AllotmentNode.create(await platform());
    await node.start(setup);
    await node.reset();
    expect(node.snapshot()).toMatchObject({ setup: null, chain: null, helper: { phase: 'off' } });
    expect(await node.exportIdentity()).toHaveLength(33);
    expect(pools.every(({ closed }) => closed)).toBe(true);
  });
});

describe('another beginning of the chain', () => {
  test('forgets what was verified, and the same one does not', async () => {
    const on = await platform();
    const store = await on.openChainStore('local');
    const record = (await VerifiedChain.open(recordedChain('chain'), 3)).record(3);
    node = await AllotmentNode.create(on);
    await node.start({ ...setup, begin: { kind: 'genesis' } });
    await store.save(record);
    await node.start({ ...setup, begin: { kind: 'genesis' } });
    expect(node.snapshot().chain?.best?.number).toBe(3);
    await node.start({ ...setup, begin: { kind: 'examine' } });
    expect(node.snapshot().chain?.best).toBeNull();
    await node.start({ ...setup, begin: { kind: 'examine' } });
    await store.save(record);
    await node.change({ begin: { kind: 'auto' } });
    expect(await store.load()).toBeNull();
  });

  test('at what is no checkpoint is refused in a sentence, and nothing changes', async () => {
    node = await AllotmentNode.create(await platform());
    await node.start(setup);
    const begin = { kind: 'checkpoint' as const, text: 'allotment-checkpoint:1' };
    await expect(node.change({ begin })).rejects.toThrow('neither a checkpoint nor the hash of a block');
    expect(node.snapshot().setup?.begin).toBeUndefined();
  });
});
