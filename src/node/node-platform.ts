/** The node under Node.js: JSON files, folders, threads. */
import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createNodePool } from '../crypto/pool/node.ts';
import { compileWasm, loadWasm } from '../crypto/wasm.ts';
import { openNodeSocket } from '../network/socket-node.ts';
import { openNodeChainStore } from '../storage/chain-store-node.ts';
import { NodeDirectory } from '../storage/node-directory.ts';
import { openNodeStore } from '../storage/node-store.ts';
import { openNodeWalletStore } from '../storage/node-wallet-store.ts';
import type { NodePlatform } from './platform.ts';

/** The platform of a folder, which holds everything the node keeps. Throws StorageError. */
export async function createNodePlatform(folder: string): Promise<NodePlatform> {
  const module = await compileWasm();
  await loadWasm(module);
  return {
    store: await openNodeStore(folder),
    openSocket: openNodeSocket,
    openChainStore: (network) => openNodeChainStore(folder, network),
    openFarmDirectory: ({ name, begun }) =>
      begun === true ? NodeDirectory.existing(name) : NodeDirectory.at(name),
    openWorkDirectory: (name) => NodeDirectory.at(join(folder, name)),
    connectNats: async () => (await import('@nats-io/transport-node')).connect,
    defaultFarm: { kind: 'folder', name: join(folder, 'farm') },
    openPieceDirectory: () => NodeDirectory.at(join(folder, 'pieces')),
    peerPlatform: async () => (await import('../dsn/platform-node.ts')).nodePlatform(),
    createPool: async (workers) => createNodePool(workers, module),
    openWalletStore: () => openNodeWalletStore(folder),
    passwordKey: async (password, kdf) => (await import('../wallet/kdf.ts')).argon2idKey(password, kdf),
    machine: async () => {
      const { bavail, blocks, bsize } = await statfs(folder);
      return {
        cores: availableParallelism(),
        crossOriginIsolated: true,
        storage: 'opfs',
        quotaBytes: blocks * bsize,
        usedBytes: (blocks - bavail) * bsize,
        persisted: true,
        missing: [],
      };
    },
  };
}
