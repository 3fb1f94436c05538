/** Where the light client keeps what it has verified: one record, replaced as a whole. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { storing } from './errors.ts';

/** Persistent place of one chain's record. Both methods throw StorageError. */
export interface ChainStore {
  /** The record saved last, or null. */
  load(): Promise<Uint8Array | null>;
  /** Replaces the record; a crash leaves the old or the new one, never a mixture. */
  save(record: Uint8Array): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

const CHAIN_DATABASE_NAME = 'allotment-chain';

interface Schema extends DBSchema {
  /** Record by the name of the network. */
  chains: { key: string; value: Uint8Array };
}

/** The browser's store of a network's chain. `database` differs in tests only. */
export async function openBrowserChainStore(
  network: string,
  database: string = CHAIN_DATABASE_NAME,
): Promise<ChainStore> {
  const db = await storing(database, () =>
    openDB<Schema>(database, 1, {
      upgrade: (opened) => void opened.createObjectStore('chains'),
      // A newer version of the app in another tab wants to migrate: let it.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    }),
  );
  return new BrowserChainStore(db, network);
}

class BrowserChainStore implements ChainStore {
  constructor(
    private readonly db: IDBPDatabase<Schema>,
    private readonly network: string,
  ) {}

  load(): Promise<Uint8Array | null> {
    return storing(this.db.name, async () => (await this.db.get('chains', this.network)) ?? null);
  }

  async save(record: Uint8Array): Promise<void> {
    await storing(this.db.name, () => this.db.put('chains', record, this.network));
  }

  clear(): Promise<void> {
    return storing(this.db.name, () => this.db.delete('chains', this.network));
  }

  async close(): Promise<void> {
    this.db.close();
  }
}
