/** What the node needs of the place it runs in: a browser's worker or Node.js. */
import type { GpuAccelerator } from '../crypto/gpu/verifier.ts';
import type { Connect } from '../cluster/link.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { TableMaker } from '../crypto/table-maker.ts';
import type { PeerPlatform } from '../dsn/peer.ts';
import type { OpenSocket } from '../network/socket.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { FarmRecord, NodeStore } from '../storage/store.ts';
import type { MachineInfo } from './api.ts';
import type { DeskPlatform } from './desk.ts';

export interface NodePlatform extends DeskPlatform {
  store: NodeStore;
  openSocket: OpenSocket;
  /** The stored chain of a network; `network` is its genesis hash in hex, or the name of a preset. */
  openChainStore(network: string): Promise<ChainStore>;
  /** Where a farm's sectors lie, or another folder that the person chose. Throws StorageError. */
  openFarmDirectory(
    farm: Pick<FarmRecord, 'id' | 'kind' | 'name' | 'handle' | 'begun'>,
    mode?: 'read' | 'readwrite',
  ): Promise<FarmDirectory>;
  /** Where a new farm goes when the person chose no place. */
  readonly defaultFarm: Pick<FarmRecord, 'kind' | 'name'>;
  /** A folder of the program's own, for work under way. Throws StorageError. */
  openWorkDirectory(name: string): Promise<FarmDirectory>;
  /** How this place reaches NATS servers. */
  connectNats(): Promise<Connect>;
  /** Where pieces of the storage network are kept; null: nowhere. Throws StorageError. */
  openPieceDirectory(): Promise<FarmDirectory | null>;
  /** How this place reaches peers of the storage network. */
  peerPlatform(): Promise<PeerPlatform>;
  createPool(workers: number): Promise<ComputePool>;
  /** A graphics processor that verifies proofs of time faster than the pool, or null; left out: there is none. */
  openAccelerator?(pool: ComputePool, log: (line: string) => void): Promise<GpuAccelerator | null>;
  /** A graphics processor that makes proof-of-space tables, or null; left out: there is none. */
  openTables?(): Promise<TableMaker | null>;
  machine(): Promise<MachineInfo>;
}
