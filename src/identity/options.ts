/** What the commands of identities are given by whoever runs them. */
import type { Web } from '../network/web.ts';
import type { RegistryAccess } from './registry-access.ts';

/** Something that a final block proves. */
export interface ProvenEvent {
  block: number;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface IdentityOptions {
  /** Name of the network in the DIDs of its registry: null for mainnet. */
  network: () => string | null;
  /** The network's registry, or null where none can be reached. */
  registry: RegistryAccess | null;
  /** The newest proven reward of farming to an account (SS58), or null; absent where no chain is followed. */
  lastReward?: (account: string) => Promise<ProvenEvent | null>;
  /**
   * A transaction that an account (SS58) signed, in the block that is named or the oldest one known here; null for none.
   * Absent as `lastReward`.
   */
  accountUse?: (account: string, block: number | null) => Promise<ProvenEvent | null>;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Content of an object of the storage network; null where it cannot be had now. Absent where none is joined. */
  objectContent?: (cid: string) => Promise<Uint8Array | null>;
  /** How issuers and verifiers on the web are spoken to; the platform's `fetch` unless told. */
  web?: Web;
}
