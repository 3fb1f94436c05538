/** Plots, audits and proves in the browser's own storage, for the benchmarks of farming. */
import { GpuTables } from '../../src/crypto/gpu/space-tables.ts';
import { createWebPool } from '../../src/crypto/pool/web.ts';
import { TablePool } from '../../src/crypto/table-pool.ts';
import { OpfsDirectory } from '../../src/storage/opfs-directory.ts';
import { FarmWork } from '../farm-work.ts';
import type { FarmPageWork } from './page.ts';

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

/** Pieces of a sector for each core. */
const PIECES_PER_CORE = 16;

/** Seconds by the clock of each piece when all cores plot, and the graphics processor if it may and is faster. */
async function pace(withCard: boolean): Promise<number> {
  const cores = navigator.hardwareConcurrency;
  const options = withCard ? { open: () => GpuTables.open() } : {};
  const pool = new TablePool(createWebPool(cores, null), options);
  await pool.ready();
  const { encodings: concurrency = cores } = pool.status();
  const pieces = cores * PIECES_PER_CORE;
  const seconds = await work.plot(undefined, { pool, concurrency }, pieces);
  await pool.close();
  return seconds / pieces;
}

function carryOut(what: FarmPageWork): Promise<number> {
  if (what === 'pace') return pace(true);
  return what === 'pace.cores' ? pace(false) : work[what]();
}

self.onmessage = ({ data }: MessageEvent<FarmPageWork>) => {
  carryOut(data).then(
    (seconds) => self.postMessage(seconds),
    (error: unknown) => self.postMessage(String(error)),
  );
};
