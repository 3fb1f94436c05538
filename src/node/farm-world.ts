import type { FarmSeat } from '../cluster/farmer.ts';
import type { ComputePool } from '../crypto/jobs.ts';
import type { FarmerIdentity } from '../farm/identity.ts';
import type { SectorPlotter } from '../farm/plotter.ts';
import type { AuthoringNode, PieceSource, VerifiedHistory } from '../farm/source.ts';

/** What farms need of the node that runs them. */
export interface FarmWorld {
  pool: ComputePool;
  history: VerifiedHistory;
  node: AuthoringNode;
  pieces: PieceSource;
  /** 32 bytes of the network's genesis hash. */
  genesisHash: Uint8Array;
  /** Key of the farm that has none of its own. */
  identity: FarmerIdentity;
  /** 32 bytes: the account that all farms are paid to. */
  rewardAccount: Uint8Array;
  /** A seat in the farming cluster for a farm of that key (32 bytes), or null. */
  seat(publicKey: Uint8Array): FarmSeat | null;
  /** Who plots for farms without a seat; this program when left out. */
  plotter?: SectorPlotter;
}
