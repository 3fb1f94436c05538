/** Plots, audits and proves in the browser's own storage, for the benchmarks of farming. */
import { createWebPool } from '../../src/crypto/pool/web.ts';
import { OpfsDirectory } from '../../src/storage/opfs-directory.ts';
import { FarmWork, type FarmWorkName } from '../farm-work.ts';

const work = new FarmWork({
  async vector(name) {
    const response = await fetch(`/vectors/${name}`);
    if (!response.ok) throw new Error(`${name}: HTTP ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },
  directory: (name) => OpfsDirectory.at(name),
  pool: () => createWebPool(2, null),
  async writeSparse(directory, name, size, end) {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(directory, { create: true });
    const file = await folder.getFileHandle(name, { create: true });
    const handle = await file.createSyncAccessHandle();
    handle.truncate(size);
    handle.write(end, { at: size - end.length });
    handle.close();
  },
  // Sparse or not, a file counts in full against what the browser allows.
  auditedFiles: 4,
});

self.onmessage = ({ data }: MessageEvent<FarmWorkName>) => {
  work[data]().then(
    (seconds) => self.postMessage(seconds),
    (error: unknown) => self.postMessage(String(error)),
  );
};
