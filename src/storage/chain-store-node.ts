import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InOrder } from '../async/in-order.ts';
import type { ChainStore } from './chain-store.ts';
import { storing } from './node-errors.ts';

/** The store of a network's chain in a folder under Node.js: one file, replaced by renaming. */
export async function openNodeChainStore(folder: string, network: string): Promise<ChainStore> {
  await storing(folder, () => mkdir(folder, { recursive: true }));
  return new FileChainStore(join(folder, `chain-${encodeURIComponent(network)}.bin`));
}

class FileChainStore implements ChainStore {
  /** Writes happen one after the other, so that they do not share the temporary file. */
  private readonly queue = new InOrder();

  constructor(private readonly path: string) {}

  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    return this.queue.run(() => storing(this.path, work));
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
    await this.queue.settled();
  }
}
