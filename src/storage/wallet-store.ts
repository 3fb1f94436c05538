/** Where a wallet's sealed records lie: IndexedDB in the browser, a JSON file under Node. Nothing here is secret. */
import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import { InOrder } from '../async/in-order.ts';
import { StorageError, storing } from './errors.ts';

/** A way to unlock: header and wrapped data key. */
export interface StoredSlot {
  header: { kid: string } & Record<string, unknown>;
  nonce: string;
  ct: string;
}

/** An encrypted record. */
export interface StoredRecord {
  id: string;
  type: string;
  v: number;
  nonce: string;
  ct: string;
}

export interface StoredWallet {
  v: number;
  slots: StoredSlot[];
  records: StoredRecord[];
}

/** Every change is whole or not at all. Methods throw StorageError. */
export interface WalletStore {
  /** The wallet, or null when there is none. */
  load(): Promise<StoredWallet | null>;
  /** Puts a whole wallet in the place of what was there. */
  replace(wallet: StoredWallet): Promise<void>;
  putSlots(slots: readonly StoredSlot[]): Promise<void>;
  putRecords(records: readonly StoredRecord[]): Promise<void>;
  removeRecord(id: string): Promise<void>;
  /** Forgets the wallet. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

const WALLET_DATABASE = 'autoid-wallet';

interface Schema extends DBSchema {
  slots: { key: string; value: StoredSlot };
  records: { key: string; value: StoredRecord };
}

type Both = ['slots', 'records'];
type WriteTransaction = IDBPTransaction<Schema, Both, 'readwrite'>;

const BOTH: Both = ['slots', 'records'];

/** Migration number i brings a database of version i to version i + 1; a released one is never edited. */
const MIGRATIONS: ((database: IDBPDatabase<Schema>) => void)[] = [
  (database) => {
    database.createObjectStore('slots', { keyPath: 'header.kid' });
    database.createObjectStore('records', { keyPath: 'id' });
  },
];

/** Opens the browser's wallet store, migrating an older one. `name` differs in tests only. */
export async function openBrowserWalletStore(name: string = WALLET_DATABASE): Promise<WalletStore> {
  const database = await storing(name, () =>
    openDB<Schema>(name, MIGRATIONS.length, {
      upgrade(db, from) {
        for (const migrate of MIGRATIONS.slice(from)) migrate(db);
      },
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    }),
  );
  const change = (work: (transaction: WriteTransaction) => Promise<unknown>[]): Promise<void> =>
    storing(name, async () => {
      const transaction = database.transaction(BOTH, 'readwrite');
      await Promise.all([...work(transaction), transaction.done]);
    });
  return {
    load: () =>
      storing(name, async () => {
        const transaction = database.transaction(BOTH);
        const [slots, records] = await Promise.all([
          transaction.objectStore('slots').getAll(),
          transaction.objectStore('records').getAll(),
        ]);
        return slots.length === 0 && records.length === 0 ? null : { v: 1, slots, records };
      }),
    replace: ({ slots, records }) =>
      change((transaction) => [
        ...BOTH.map((store) => transaction.objectStore(store).clear()),
        ...slots.map((slot) => transaction.objectStore('slots').put(slot)),
        ...records.map((record) => transaction.objectStore('records').put(record)),
      ]),
    putSlots: (slots) =>
      change((transaction) => {
        const store = transaction.objectStore('slots');
        return [store.clear(), ...slots.map((slot) => store.put(slot))];
      }),
    putRecords: (records) =>
      change((transaction) => records.map((record) => transaction.objectStore('records').put(record))),
    removeRecord: (id) => change((transaction) => [transaction.objectStore('records').delete(id)]),
    clear: () => change((transaction) => BOTH.map((store) => transaction.objectStore(store).clear())),
    close: async () => database.close(),
  };
}

/** Keeps a wallet in memory: for tests, and where nothing can be stored. */
export function createMemoryWalletStore(initial: StoredWallet | null = null): WalletStore {
  let text = initial === null ? null : JSON.stringify(initial);
  const read = (): StoredWallet | null => (text === null ? null : (JSON.parse(text) as StoredWallet));
  return changingWhole(
    async () => read(),
    async (wallet) => {
      text = wallet === null ? null : JSON.stringify(wallet);
    },
  );
}

/** A store that reads and writes the wallet as a whole; `write(null)` removes it. */
export function changingWhole(
  read: () => Promise<StoredWallet | null>,
  write: (wallet: StoredWallet | null) => Promise<void>,
): WalletStore {
  const queue = new InOrder();
  const change = (edit: (wallet: StoredWallet) => StoredWallet): Promise<void> =>
    queue.run(async () => write(edit((await read()) ?? { v: 1, slots: [], records: [] })));
  return {
    load: () => queue.run(read),
    replace: (wallet) => queue.run(() => write(wallet)),
    putSlots: (slots) => change((wallet) => ({ ...wallet, slots: [...slots] })),
    putRecords: (records) =>
      change((wallet) => {
        const merged = new Map(wallet.records.map((record) => [record.id, record]));
        for (const record of records) merged.set(record.id, record);
        return { ...wallet, records: [...merged.values()] };
      }),
    removeRecord: (id) =>
      change((wallet) => ({ ...wallet, records: wallet.records.filter((record) => record.id !== id) })),
    clear: () => queue.run(() => write(null)),
    close: () => queue.settled(),
  };
}

/** A wallet of the JSON text of a file. Throws StorageError `damaged`. */
export function parseStoredWallet(text: string, file: string): StoredWallet {
  try {
    const wallet = JSON.parse(text) as StoredWallet;
    if (Array.isArray(wallet.slots) && Array.isArray(wallet.records)) return wallet;
  } catch {
    // Falls through to the one refusal of files that are no wallets.
  }
  throw new StorageError('damaged', file, 'not a wallet');
}
