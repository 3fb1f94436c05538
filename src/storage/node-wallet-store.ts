import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { storing } from './node-errors.ts';
import { changingWhole, parseStoredWallet, type StoredWallet, type WalletStore } from './wallet-store.ts';

const FILE = 'wallet.json';

/** Opens the wallet store of a folder under Node.js: one JSON file, readable by its owner only. */
export async function openNodeWalletStore(folder: string): Promise<WalletStore> {
  await storing(folder, () => mkdir(folder, { recursive: true }));
  const path = join(folder, FILE);
  const read = (): Promise<StoredWallet | null> =>
    storing(path, async () => {
      try {
        return parseStoredWallet(await readFile(path, 'utf8'), FILE);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    });
  const write = (wallet: StoredWallet | null): Promise<void> =>
    storing(path, async () => {
      if (wallet === null) return rm(path, { force: true });
      await writeFile(`${path}.tmp`, JSON.stringify(wallet), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    });
  return changingWhole(read, write);
}
