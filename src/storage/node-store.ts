import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InOrder } from '../async/in-order.ts';
import { StorageError } from './errors.ts';
import { storing } from './node-errors.ts';
import { HISTORY_LIMIT, LOG_LIMIT } from './store.ts';
import type { FarmRecord, HistoryEntry, LogEntry, NodeStore } from './store.ts';

const FARMS = 'farms.json';
const SETTINGS = 'settings.json';
const IDENTITY = 'farmer-entropy.bin';
const HISTORY = 'history.jsonl';
const LOG = 'log.jsonl';

/** Opens the store of a folder under Node.js: JSON files, the identity readable by its owner only. */
export async function openNodeStore(path: string): Promise<NodeStore> {
  await storing(path, () => mkdir(path, { recursive: true }));
  return new FolderStore(path);
}

class FolderStore implements NodeStore {
  /** Writes happen one after the other, so that two changes of one file cannot lose each other. */
  private readonly queue = new InOrder();
  private readonly lines = new Map<string, number>();

  constructor(private readonly path: string) {}

  private inOrder<T>(file: string, work: () => Promise<T>): Promise<T> {
    return this.queue.run(() => storing(join(this.path, file), work));
  }

  private async readBytes(file: string): Promise<Uint8Array | null> {
    try {
      return new Uint8Array(await readFile(join(this.path, file)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  private async readJson<T>(file: string, empty: T): Promise<T> {
    const bytes = await this.readBytes(file);
    if (bytes === null) return empty;
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as T;
    } catch (error) {
      throw new StorageError('damaged', file, 'not JSON', error);
    }
  }

  private async replace(file: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
    const target = join(this.path, file);
    await writeFile(`${target}.tmp`, data, { mode });
    await rename(`${target}.tmp`, target);
  }

  farms(): Promise<FarmRecord[]> {
    return this.inOrder(FARMS, () => this.readJson<FarmRecord[]>(FARMS, []));
  }

  putFarm(farm: FarmRecord): Promise<void> {
    return this.inOrder(FARMS, async () => {
      const farms = (await this.readJson<FarmRecord[]>(FARMS, [])).filter(({ id }) => id !== farm.id);
      await this.replace(FARMS, JSON.stringify([...farms, farm]));
    });
  }

  removeFarm(id: string): Promise<void> {
    return this.inOrder(FARMS, async () => {
      const farms = await this.readJson<FarmRecord[]>(FARMS, []);
      await this.replace(FARMS, JSON.stringify(farms.filter((farm) => farm.id !== id)));
    });
  }

  setting<T>(name: string): Promise<T | null> {
    return this.inOrder(SETTINGS, async () => {
      const settings = await this.readJson<Record<string, unknown>>(SETTINGS, {});
      return (settings[name] as T | undefined) ?? null;
    });
  }

  putSetting(name: string, value: unknown): Promise<void> {
    return this.inOrder(SETTINGS, async () => {
      const settings = await this.readJson<Record<string, unknown>>(SETTINGS, {});
      await this.replace(SETTINGS, JSON.stringify({ ...settings, [name]: value }));
    });
  }

  identity(): Promise<Uint8Array | null> {
    return this.inOrder(IDENTITY, () => this.readBytes(IDENTITY));
  }

  putIdentity(entropy: Uint8Array): Promise<void> {
    return this.inOrder(IDENTITY, () => this.replace(IDENTITY, entropy, 0o600));
  }

  addHistory(entry: HistoryEntry): Promise<void> {
    return this.inOrder(HISTORY, () => this.appendLine(HISTORY, entry, HISTORY_LIMIT));
  }

  history(limit: number): Promise<HistoryEntry[]> {
    return this.inOrder(HISTORY, async () => {
      const entries = await this.readLines<HistoryEntry>(HISTORY);
      return entries.reverse().slice(0, limit);
    });
  }

  addLog(entry: LogEntry): Promise<void> {
    return this.inOrder(LOG, () => this.appendLine(LOG, entry, LOG_LIMIT));
  }

  log(): Promise<LogEntry[]> {
    return this.inOrder(LOG, async () => (await this.readLines<LogEntry>(LOG)).slice(-LOG_LIMIT));
  }

  private async readLines<T>(file: string): Promise<T[]> {
    const bytes = await this.readBytes(file);
    if (bytes === null) return [];
    const entries: T[] = [];
    for (const line of new TextDecoder().decode(bytes).split('\n')) {
      try {
        if (line !== '') entries.push(JSON.parse(line) as T);
      } catch {
        // The last line of a program that was killed while it wrote; the next line starts afresh.
      }
    }
    return entries;
  }

  /** Appends, and cuts the file back to `limit` lines whenever it has grown to twice that. */
  private async appendLine(file: string, entry: unknown, limit: number): Promise<void> {
    const known = this.lines.get(file) ?? (await this.readLines(file)).length;
    await appendFile(join(this.path, file), `\n${JSON.stringify(entry)}`);
    this.lines.set(file, known + 1);
    if (known + 1 < 2 * limit) return;
    const kept = (await this.readLines(file)).slice(-limit);
    await this.replace(file, kept.map((line) => JSON.stringify(line)).join('\n'));
    this.lines.set(file, kept.length);
  }

  clear(): Promise<void> {
    return this.inOrder('.', async () => {
      for (const file of [FARMS, SETTINGS, HISTORY, LOG]) await rm(join(this.path, file), { force: true });
      this.lines.clear();
    });
  }

  async close(): Promise<void> {
    await this.queue.settled();
  }
}
