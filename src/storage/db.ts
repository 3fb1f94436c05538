import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction, type StoreNames } from 'idb';
import { storing } from './errors.ts';
import { HISTORY_LIMIT, LOG_LIMIT } from './store.ts';
import type { FarmRecord, HistoryEntry, LogEntry, NodeStore } from './store.ts';

const DATABASE_NAME = 'allotment';

interface Schema extends DBSchema {
  farms: { key: string; value: FarmRecord };
  settings: { key: string; value: unknown };
  identity: { key: 'farmer'; value: Uint8Array };
  history: { key: number; value: HistoryEntry };
  log: { key: number; value: LogEntry };
}

type Upgrade = IDBPTransaction<Schema, StoreNames<Schema>[], 'versionchange'>;

/** Migration number i brings a database of version i to version i + 1; a released one is never edited. */
const MIGRATIONS: ((database: IDBPDatabase<Schema>, transaction: Upgrade) => void)[] = [
  (database) => {
    database.createObjectStore('farms', { keyPath: 'id' });
    database.createObjectStore('settings');
    database.createObjectStore('identity');
    database.createObjectStore('history', { autoIncrement: true });
    database.createObjectStore('log', { autoIncrement: true });
  },
];

/** Opens the browser's store, migrating an older one. `name` differs in tests only. */
export async function openBrowserStore(name: string = DATABASE_NAME): Promise<NodeStore> {
  const database = await storing(name, () =>
    openDB<Schema>(name, MIGRATIONS.length, {
      upgrade(db, from, _to, transaction) {
        for (const migrate of MIGRATIONS.slice(from)) migrate(db, transaction);
      },
      // A newer version of the app in another tab wants to migrate: let it.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    }),
  );
  return new BrowserStore(database);
}

class BrowserStore implements NodeStore {
  constructor(private readonly database: IDBPDatabase<Schema>) {}

  private run<T>(work: () => Promise<T>): Promise<T> {
    return storing(this.database.name, work);
  }

  farms(): Promise<FarmRecord[]> {
    return this.run(() => this.database.getAll('farms'));
  }

  async putFarm(farm: FarmRecord): Promise<void> {
    await this.run(() => this.database.put('farms', farm));
  }

  removeFarm(id: string): Promise<void> {
    return this.run(() => this.database.delete('farms', id));
  }

  async setting<T>(name: string): Promise<T | null> {
    return this.run(async () => ((await this.database.get('settings', name)) as T | undefined) ?? null);
  }

  async putSetting(name: string, value: unknown): Promise<void> {
    await this.run(() => this.database.put('settings', value, name));
  }

  identity(): Promise<Uint8Array | null> {
    return this.run(async () => (await this.database.get('identity', 'farmer')) ?? null);
  }

  async putIdentity(entropy: Uint8Array): Promise<void> {
    await this.run(() => this.database.put('identity', entropy, 'farmer'));
  }

  addHistory(entry: HistoryEntry): Promise<void> {
    return this.append('history', entry, HISTORY_LIMIT);
  }

  history(limit: number): Promise<HistoryEntry[]> {
    return this.run(async () => {
      const entries: HistoryEntry[] = [];
      let cursor = await this.database.transaction('history').store.openCursor(null, 'prev');
      while (cursor !== null && entries.length < limit) {
        entries.push(cursor.value);
        cursor = await cursor.continue();
      }
      return entries;
    });
  }

  addLog(entry: LogEntry): Promise<void> {
    return this.append('log', entry, LOG_LIMIT);
  }

  log(): Promise<LogEntry[]> {
    return this.run(() => this.database.getAll('log'));
  }

  private append<S extends 'history' | 'log'>(
    store: S,
    entry: Schema[S]['value'],
    limit: number,
  ): Promise<void> {
    return this.run(async () => {
      const transaction = this.database.transaction(store, 'readwrite');
      const key = await transaction.store.add(entry);
      await transaction.store.delete(IDBKeyRange.upperBound(key - limit));
      await transaction.done;
    });
  }

  clear(): Promise<void> {
    return this.run(async () => {
      const stores = ['farms', 'settings', 'history', 'log'] as const;
      const transaction = this.database.transaction(stores, 'readwrite');
      await Promise.all(stores.map((store) => transaction.objectStore(store).clear()));
      await transaction.done;
    });
  }

  async close(): Promise<void> {
    this.database.close();
  }
}
