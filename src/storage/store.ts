/** The small things the node remembers between runs, behind one interface for browser and Node. */

/** A farm the person set up. Its sectors and its description lie in the farm's own folder. */
export interface FarmRecord {
  /** ULID, as in the farm's description. */
  id: string;
  kind: 'opfs' | 'picked' | 'folder';
  /** Name of the OPFS folder, or path under Node. */
  name: string;
  /** Handle of a picked folder; kept by the browser only. */
  handle?: FileSystemDirectoryHandle;
  allocatedBytes: number;
  /** Whether its key lies in its folder; the first farm has the key that this store keeps. */
  ownKey?: boolean;
  /** Whether it is a farm of the native farmer, which is only read. */
  readOnly?: boolean;
  /** Whether it was opened before, so that an empty folder in its place is not the farm's. */
  begun?: boolean;
  /** Whether the person paused plotting. */
  paused?: boolean;
}

/** What happened in one slot that concerned the farm; the fields are the farm's own. */
export interface HistoryEntry {
  /** Milliseconds since the epoch. */
  at: number;
  kind: string;
  detail: Record<string, string | number | boolean | null>;
}

export interface LogEntry {
  /** Milliseconds since the epoch. */
  at: number;
  level: 'debug' | 'info' | 'warning' | 'error';
  text: string;
}

/** Entries of history and log kept; older ones are removed. */
export const HISTORY_LIMIT = 5_000;
export const LOG_LIMIT = 2_000;

/** Persistent store. Values of settings are structured-cloneable and, for Node, JSON. */
export interface NodeStore {
  farms(): Promise<FarmRecord[]>;
  putFarm(farm: FarmRecord): Promise<void>;
  removeFarm(id: string): Promise<void>;
  setting<T>(name: string): Promise<T | null>;
  putSetting(name: string, value: unknown): Promise<void>;
  /** 32 bytes of entropy of the farmer's key, or null. */
  identity(): Promise<Uint8Array | null>;
  putIdentity(entropy: Uint8Array): Promise<void>;
  addHistory(entry: HistoryEntry): Promise<void>;
  /** Newest first, at most `limit`. */
  history(limit: number): Promise<HistoryEntry[]>;
  addLog(entry: LogEntry): Promise<void>;
  /** Oldest first. */
  log(): Promise<LogEntry[]>;
  /** Forgets everything but the identity. */
  clear(): Promise<void>;
  close(): Promise<void>;
}
