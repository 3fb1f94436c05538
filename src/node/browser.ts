/** The node in a page's worker: IndexedDB, OPFS or a picked folder, Web Workers. */
import { createWebPool } from '../crypto/pool/web.ts';
import { compileWasm, loadWasm } from '../crypto/wasm.ts';
import { haveWebRtc } from './lent-rtc.ts';
import type { PeerPlatform } from '../dsn/peer.ts';
import { openWebSocket } from '../network/socket.ts';
import { MemoryDirectory } from '../storage/memory-directory.ts';
import { OpfsDirectory } from '../storage/opfs-directory.ts';
import { PickedDirectory } from '../storage/picked-directory.ts';
import { privateFiles } from '../storage/private-files.ts';
import { openBrowserChainStore } from '../storage/chain-store.ts';
import { openBrowserStore } from '../storage/db.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { FarmRecord } from '../storage/store.ts';
import { openBrowserWalletStore } from '../storage/wallet-store.ts';
import { workerPasswordKey } from '../wallet/kdf-worker.ts';
import type { MachineInfo } from './api.ts';
import { AllotmentNode } from './node.ts';

/** The node of this browser, running if it was set up before. Throws StorageError. */
export async function createBrowserNode(): Promise<AllotmentNode> {
  const module = await compileWasm();
  await loadWasm(module);
  return AllotmentNode.create({
    store: await openBrowserStore(),
    openSocket: openWebSocket,
    openChainStore: openBrowserChainStore,
    openFarmDirectory,
    openWorkDirectory,
    connectNats: async () => (await import('@nats-io/nats-core')).wsconnect,
    defaultFarm: { kind: 'opfs', name: 'farm' },
    openPieceDirectory: async () => ((await privateFiles()) ? OpfsDirectory.at('pieces') : null),
    peerPlatform,
    createPool: async (workers) => createWebPool(workers, module),
    openAccelerator: async (...options) =>
      (await import('../crypto/gpu/verifier.ts')).openAccelerator(...options),
    openTables: async () => (await import('../crypto/gpu/space-tables.ts')).GpuTables.open(),
    machine,
    openWalletStore: openBrowserWalletStore,
    passwordKey: workerPasswordKey,
  });
}

async function peerPlatform(): Promise<PeerPlatform> {
  const webRtc = await haveWebRtc();
  // Only now: libp2p looks for WebRTC when it is loaded.
  const { browserPlatform } = await import('../dsn/platform-browser.ts');
  return browserPlatform(true, webRtc);
}

/** What work under way may take of memory where it can have no files, in bytes, folder by folder. */
const WORK_IN_MEMORY = 128 * 1024 ** 2;
const inMemory = new Map<string, MemoryDirectory>();

async function openWorkDirectory(name: string): Promise<FarmDirectory> {
  if (await privateFiles()) return OpfsDirectory.at(name);
  const directory = inMemory.get(name) ?? new MemoryDirectory(WORK_IN_MEMORY);
  inMemory.set(name, directory);
  return directory;
}

async function openFarmDirectory(
  farm: Pick<FarmRecord, 'id' | 'kind' | 'name' | 'handle'>,
  mode: 'read' | 'readwrite' = 'readwrite',
): Promise<FarmDirectory> {
  if (farm.kind !== 'picked' || farm.handle === undefined) return OpfsDirectory.at(farm.name);
  return PickedDirectory.at(farm.handle, await OpfsDirectory.at(`scratch-${farm.id}`), farm.id, mode);
}

async function machine(): Promise<MachineInfo> {
  const opfs = await privateFiles();
  const estimate: StorageEstimate = await (navigator.storage?.estimate?.() ?? Promise.resolve({}));
  const missing: MachineInfo['missing'] = [];
  if (!opfs) {
    missing.push({
      capability: 'No private file system',
      consequence: 'this browser can verify the chain but cannot keep a farm.',
    });
  }
  if (!globalThis.crossOriginIsolated) {
    missing.push({
      capability: 'Not isolated',
      consequence: 'times are measured less exactly until the page is opened again.',
    });
  }
  return {
    cores: navigator.hardwareConcurrency || 1,
    crossOriginIsolated: globalThis.crossOriginIsolated,
    storage: opfs ? 'opfs' : 'none',
    quotaBytes: estimate.quota ?? null,
    usedBytes: estimate.usage ?? null,
    persisted: (await navigator.storage?.persisted?.()) ?? false,
    missing,
  };
}
