/**
 * Interchange with the network's native farmer, whose farm is one folder with `single_disk_farm.json`,
 * `identity.bin`, `metadata.bin` and `plot.bin` (protocol section "farm files"). Sectors are the same bytes in both.
 */
import { DecodeError, sentenceOf } from '../protocol/errors.ts';
import { decodeAll, ScaleWriter } from '../protocol/scale.ts';
import { SECTOR_METADATA_BYTES, sectorBytes } from '../protocol/sector.ts';
import { decodeSectorMetadata } from '../protocol/sector-metadata.ts';
import type { SectorIndex } from '../protocol/types.ts';
import { readSmall, type FarmDirectory, type ReadHandle } from '../storage/directory.ts';
import {
  decodeDescription,
  encodeDescription,
  NATIVE_DESCRIPTION,
  type FarmDescription,
} from './description.ts';
import { FarmError } from './errors.ts';
import { decodeIdentityFile, encodeIdentityFile, IDENTITY_FILE } from './identity.ts';
import { isDamage } from './reports.ts';
import { SectorFile, sectorFileName } from './sector-file.ts';

export const METADATA_FILE = 'metadata.bin';
export const PLOT_FILE = 'plot.bin';
const DESCRIPTION_LIMIT = 16 * 1024;
const IDENTITY_LIMIT = 64;

/** Room before the metadata of the first sector. */
export const METADATA_OFFSET = 1024 * 1024;
const METADATA_VERSION = 0;
/** Files of the native farmer are whole pages. */
const PAGE_BYTES = 4096;
const BLOCK_BYTES = 4 * 1024 * 1024;

/** A native farm as its small files describe it. */
export interface NativeFarm {
  description: FarmDescription;
  /** 32 bytes of the farmer's key; null when the folder holds none. */
  entropy: Uint8Array | null;
  /** Sectors that are plotted: those of indices 0 to one less. */
  sectors: number;
}

export interface InterchangeOptions {
  signal?: AbortSignal;
  progress?(sectorsDone: number, sectors: number): void;
}

/**
 * What a folder of the native farmer holds.
 *
 * @throws FarmError `not-a-farm` if files are missing or do not decode; StorageError.
 */
export async function readNativeFarm(directory: FarmDirectory): Promise<NativeFarm> {
  const description = await readSmall(directory, NATIVE_DESCRIPTION, DESCRIPTION_LIMIT);
  if (description === null) throw notNative(directory, `no ${NATIVE_DESCRIPTION}`);
  const identity = await readSmall(directory, IDENTITY_FILE, IDENTITY_LIMIT);
  const metadata = await directory.open(METADATA_FILE);
  try {
    const header = new Uint8Array(3);
    await metadata.read(0, header);
    return {
      description: decodeDescription(description),
      entropy: identity && decodeIdentityFile(identity),
      sectors: decodeAll(header, 'plot-metadata', (reader) => {
        const version = reader.u8();
        if (version !== METADATA_VERSION) reader.fail(`unknown version ${version}`);
        return reader.u16();
      }),
    };
  } catch (error) {
    if (error instanceof DecodeError) {
      throw notNative(directory, error.message, error);
    }
    throw error;
  } finally {
    await metadata.close();
  }
}

/** Throws FarmError `not-a-farm` for a folder that holds a farm of the native farmer. */
export async function requireNoNativeFarm(directory: FarmDirectory): Promise<void> {
  if ((await readSmall(directory, NATIVE_DESCRIPTION, DESCRIPTION_LIMIT)) === null) return;
  throw new FarmError({
    code: 'not-a-farm',
    message: `${directory.place} holds ${NATIVE_DESCRIPTION}`,
    sentence: `In ${directory.place} lies a farm of the native farmer already.`,
    action: 'Choose an empty folder',
  });
}

/** What came of an import or export. */
export interface InterchangeResult {
  sectors: SectorIndex[];
  /** Sectors left out, and why. */
  leftOut: { sectorIndex: SectorIndex; reason: string }[];
}

/**
 * Copies the sectors of a native farm into a folder of this farm, every byte verified. Sectors that are damaged
 * are left out, to be plotted again.
 *
 * @throws FarmError `not-a-farm`; StorageError; the signal's reason.
 */
export async function importNativeFarm(
  from: FarmDirectory,
  to: FarmDirectory,
  options: InterchangeOptions = {},
): Promise<InterchangeResult> {
  const { description, sectors } = await readNativeFarm(from);
  const size = sectorBytes(description.piecesInSector);
  const result: InterchangeResult = { sectors: [], leftOut: [] };
  const plot = await from.open(PLOT_FILE);
  const metadata = await from.open(METADATA_FILE);
  try {
    for (let index = 0; index < sectors; index += 1) {
      options.signal?.throwIfAborted();
      const bytes = new Uint8Array(SECTOR_METADATA_BYTES);
      try {
        await metadata.read(METADATA_OFFSET + index * SECTOR_METADATA_BYTES, bytes);
        const { sectorIndex, piecesInSector } = decodeSectorMetadata(bytes);
        if (sectorIndex !== index || piecesInSector !== description.piecesInSector) {
          throw new DecodeError('plot-metadata', `sector ${sectorIndex} of ${piecesInSector} pieces`);
        }
        await to.write(sectorFileName(index), sectorParts(plot, index * size, size, bytes, options.signal));
        await verifySector(to, index, options.signal);
        result.sectors.push(index);
      } catch (error) {
        leaveOut(result, index, error, options.signal);
        await to.remove(sectorFileName(index));
      }
      options.progress?.(index + 1, sectors);
    }
  } finally {
    await plot.close();
    await metadata.close();
  }
  return result;
}

async function* sectorParts(
  plot: ReadHandle,
  offset: number,
  length: number,
  metadata: Uint8Array,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* blocks(plot, offset, length, signal);
  yield metadata;
}

/** Bytes of a file in blocks. */
async function* blocks(
  file: ReadHandle,
  offset: number,
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    signal?.throwIfAborted();
    const block = new Uint8Array(Math.min(BLOCK_BYTES, length - at));
    await file.read(offset + at, block);
    yield block;
  }
}

async function verifySector(
  directory: FarmDirectory,
  index: SectorIndex,
  signal?: AbortSignal,
): Promise<void> {
  const file = await SectorFile.open(directory, index, true);
  try {
    await file.verify(signal);
  } finally {
    await file.close();
  }
}

/** Notes a sector that is damaged; anything that is wrong with the whole place is thrown again. */
function leaveOut(
  result: InterchangeResult,
  sectorIndex: SectorIndex,
  error: unknown,
  signal?: AbortSignal,
): void {
  signal?.throwIfAborted();
  if (!isDamage(error)) throw error;
  result.leftOut.push({ sectorIndex, reason: sentenceOf(error) });
}

/**
 * Writes a farm's sectors as the files of the native farmer, which counts its sectors from 0 without a gap:
 * those behind a missing or damaged one are left out.
 *
 * @param entropy 32 bytes of the farmer's key.
 * @throws StorageError; the signal's reason.
 */
export async function exportNativeFarm(
  from: FarmDirectory,
  to: FarmDirectory,
  description: FarmDescription,
  entropy: Uint8Array,
  sectorCount: number,
  options: InterchangeOptions = {},
): Promise<InterchangeResult> {
  const result: InterchangeResult = { sectors: [], leftOut: [] };
  const size = sectorBytes(description.piecesInSector);
  for (let index = 0; index < sectorCount; index += 1) {
    try {
      if (result.leftOut.length > 0) throw afterGap(index);
      await verifySector(from, index, options.signal);
      result.sectors.push(index);
    } catch (error) {
      leaveOut(result, index, error, options.signal);
    }
  }
  const count = result.sectors.length;
  await to.write(PLOT_FILE, padded(plotParts(from, size, count, options), size * count));
  const metadataBytes = METADATA_OFFSET + count * SECTOR_METADATA_BYTES;
  await to.write(METADATA_FILE, padded(metadataParts(from, size, count), metadataBytes));
  await to.write(IDENTITY_FILE, [encodeIdentityFile(entropy)]);
  // Last: a folder without it is no farm.
  await to.write(NATIVE_DESCRIPTION, [encodeDescription(description)]);
  return result;
}

async function* plotParts(
  from: FarmDirectory,
  size: number,
  count: number,
  { signal, progress }: InterchangeOptions,
): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index += 1) {
    const file = await from.open(sectorFileName(index));
    try {
      yield* blocks(file, 0, size, signal);
    } finally {
      await file.close();
    }
    progress?.(index + 1, count);
  }
}

async function* metadataParts(from: FarmDirectory, size: number, count: number): AsyncGenerator<Uint8Array> {
  const header = new Uint8Array(METADATA_OFFSET);
  header.set(new ScaleWriter().u8(METADATA_VERSION).u16(count).bytes());
  yield header;
  for (let index = 0; index < count; index += 1) {
    const file = await from.open(sectorFileName(index));
    try {
      yield* blocks(file, size, SECTOR_METADATA_BYTES);
    } finally {
      await file.close();
    }
  }
}

async function* padded(parts: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  yield* parts;
  yield new Uint8Array((PAGE_BYTES - (length % PAGE_BYTES)) % PAGE_BYTES);
}

function afterGap(index: SectorIndex): FarmError {
  return new FarmError({
    code: 'sector-broken',
    message: `sector ${index} follows one that is left out`,
    sentence: `Sector ${index} cannot be exported: one before it is missing or damaged.`,
  });
}

function notNative(directory: FarmDirectory, message: string, cause?: unknown): FarmError {
  return new FarmError({
    code: 'not-a-farm',
    message: `${directory.place}: ${message}`,
    sentence: `${directory.place} does not hold a farm of the native farmer that can be read.`,
    action: 'Choose the folder with single_disk_farm.json',
    cause,
  });
}
