import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChainStore } from './chain-store.ts';
import { storing } from './errors.ts';

/** The store of a network's chain in a folder under Node.js: one file, replaced by renaming. */
export async function openNodeChainStore(folder: string, network: string): Promise<ChainStore> {
  await storing(folder, () => mkdir(folder, { recursive: true }));
  return new FileChainStore(join(folder, `chain-${encodeURIComponent(network)}.bin`));
}

class FileChainStore implements ChainStore {
  /** Writes happen one after the other, so that they do not share the temporary file. */
  private tail: Promise<unknown> = Promise.resolve();

  constructor(private readonly path: string) {}

  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(() => storing(this.path, work));
    this.tail = result.catch(() => undefined);
    return result;
  }

  load(): Promise<Uint8Array | null> {
    return this.inOrder(async () => {
      try {
        return new Uint8Array(await readFile(this.path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    });
  }

  save(record: Uint8Array): Promise<void> {
    return this.inOrder(async () => {
      await writeFile(`${this.path}.tmp`, record);
      await rename(`${this.path}.tmp`, this.path);
    });
  }

  clear(): Promise<void> {
    return this.inOrder(() => rm(this.path, { force: true }));
  }

  async close(): Promise<void> {
    await this.tail;
  }
}
