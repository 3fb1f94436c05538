/**
 * The history that the default local network begins with: a recorded chain that holds the sample objects, archived.
 * `prepare-history.ts` makes it.
 */
import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { BLOCKS_FILE } from './block-store.ts';
import { commitmentsFile, HEADERS_FILE, OBJECTS_FILE } from './segments.ts';

/** Segments of the prepared history, that of the genesis block included. */
export const PREPARED_SEGMENTS = 3;

/** Names of the files of the segments that the history needs. */
export function historyFiles(): string[] {
  const commitments = Array.from({ length: PREPARED_SEGMENTS }, (_, index) => commitmentsFile(BigInt(index)));
  return [HEADERS_FILE, OBJECTS_FILE, ...commitments];
}

const shipped = (name: string): URL => new URL(`./data/history/${name}`, import.meta.url);

/** Genesis hash (hex) of the chain that was recorded, or null while none was. */
export function preparedGenesis(): string | null {
  return existsSync(shipped('genesis')) ? readFileSync(shipped('genesis'), 'utf8').trim() : null;
}

/** Puts the prepared history into an empty data folder: 400 MB of blocks, most of them zeros. */
export async function unpackHistory(folder: string): Promise<void> {
  mkdirSync(join(folder, 'segments'), { recursive: true });
  for (const name of historyFiles()) copyFileSync(shipped(name), join(folder, 'segments', name));
  const path = join(folder, BLOCKS_FILE);
  const file = createWriteStream(`${path}.tmp`);
  await pipeline(
    createReadStream(shipped('blocks.br')),
    createBrotliDecompress({ chunkSize: 1 << 20 }),
    file,
  );
  renameSync(`${path}.tmp`, path);
}
