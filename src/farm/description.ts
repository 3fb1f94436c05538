/** The file that says whose farm a folder holds: `farm.json`, with the fields of `single_disk_farm.json`. */
import { equal, toHex } from '../protocol/bytes.ts';
import { DecodeError, messageOf } from '../protocol/errors.ts';
import { jsonHex, jsonObject } from '../protocol/json.ts';
import { isUlid } from '../protocol/ulid.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import { readSmall } from '../storage/directory.ts';
import { StorageError } from '../storage/errors.ts';
import { FarmError } from './errors.ts';
import { DESCRIPTION_FILE, IDENTITY_FILE } from './identity.ts';
import { sectorOfFileName } from './sector-file.ts';
import { createUlid } from './ulid.ts';

/** The native farmer's description, in a folder of its own making. */
export const NATIVE_DESCRIPTION = 'single_disk_farm.json';
const MAX_BYTES = 16 * 1024;
/** What errors call it. */
const WHAT = 'farm-description';

export interface FarmDescription {
  /** ULID: 26 characters. */
  id: string;
  /** 32 bytes. */
  genesisHash: Uint8Array;
  /** 32 bytes. */
  publicKey: Uint8Array;
  piecesInSector: number;
  /** Bytes. */
  allocatedSpace: number;
}

/** The description in a folder; null for a folder without one. Throws FarmError `not-a-farm`. */
export async function readDescription(directory: FarmDirectory): Promise<FarmDescription | null> {
  const bytes = await readSmall(directory, DESCRIPTION_FILE, MAX_BYTES);
  if (bytes === null) return null;
  try {
    return decodeDescription(bytes);
  } catch (error) {
    throw new FarmError({
      code: 'not-a-farm',
      message: `${DESCRIPTION_FILE} in ${directory.place} does not parse`,
      sentence: `The description of the farm in ${directory.place} is damaged.`,
      action: 'Remove the farm and plot it again',
      cause: error,
    });
  }
}

/**
 * Throws StorageError `place-lost` for a folder that a farm lay in and that has no description now: a drive that is not
 * mounted may leave an empty folder, in which nothing must be taken for damaged, and nothing written.
 */
export async function requireFarmThere(directory: FarmDirectory): Promise<void> {
  if ((await readSmall(directory, DESCRIPTION_FILE, MAX_BYTES)) !== null) return;
  const message = `${DESCRIPTION_FILE} is missing`;
  const sentence = `There is no ${DESCRIPTION_FILE} where the farm lay. Connect its drive, or put the file back; until then nothing is written there.`;
  throw new StorageError('place-lost', directory.place, message, undefined, sentence);
}

/** Deletes a farm's files from its folder, where the person may keep others. The key is last. */
export async function removeFarmFiles(directory: FarmDirectory): Promise<void> {
  for (const { name } of await directory.list())
    if (sectorOfFileName(name) !== null) await directory.remove(name);
  await directory.remove(DESCRIPTION_FILE);
  await directory.remove(IDENTITY_FILE);
}

/** What a folder that the person thinks of holds. */
export interface FolderContents {
  /** `native`: a farm of the native farmer. */
  kind: 'empty' | 'farm' | 'native' | 'other-files';
  /** How to call it. */
  place: string;
  /** Hex, of a farm; null otherwise. */
  genesisHash: string | null;
  /** Bytes allocated to the farm in it; null without one. */
  allocatedBytes: number | null;
  /** Sectors of a farm of this app. */
  sectors: number;
}

/** Looks into a folder without changing it. Throws StorageError, FarmError `not-a-farm` for a damaged farm. */
export async function describeFolder(directory: FarmDirectory): Promise<FolderContents> {
  const own = await readDescription(directory);
  const native = own === null ? await readSmall(directory, NATIVE_DESCRIPTION, MAX_BYTES) : null;
  const names = (await directory.list()).map(({ name }) => name);
  const described = native === null ? own : readable(native);
  return {
    kind: own !== null ? 'farm' : native !== null ? 'native' : names.length === 0 ? 'empty' : 'other-files',
    place: directory.place,
    genesisHash: described && toHex(described.genesisHash),
    allocatedBytes: described && described.allocatedSpace,
    sectors: names.filter((name) => sectorOfFileName(name) !== null).length,
  };
}

/** A description; null for one that does not parse. */
function readable(bytes: Uint8Array): FarmDescription | null {
  try {
    return decodeDescription(bytes);
  } catch {
    return null;
  }
}

/** Writes the description of the farm in a folder. Throws StorageError. */
export async function writeDescription(directory: FarmDirectory, farm: FarmDescription): Promise<void> {
  await directory.write(DESCRIPTION_FILE, [encodeDescription(farm)]);
}

/** JSON text, as `single_disk_farm.json` has it. */
export function encodeDescription(farm: FarmDescription): Uint8Array {
  const v0 = {
    id: farm.id,
    genesisHash: toHex(farm.genesisHash),
    publicKey: toHex(farm.publicKey),
    piecesInSector: farm.piecesInSector,
    allocatedSpace: farm.allocatedSpace,
  };
  return new TextEncoder().encode(JSON.stringify({ v0 }));
}

/** Throws DecodeError for anything that is not a description. */
export function decodeDescription(bytes: Uint8Array): FarmDescription {
  const fields = jsonObject(WHAT, jsonObject(WHAT, parse(bytes))['v0']);
  const { id, genesisHash, publicKey, piecesInSector, allocatedSpace } = fields;
  if (typeof id !== 'string' || !isUlid(id)) throw new DecodeError(WHAT, 'id is not a ULID');
  if (!isCount(piecesInSector, 0xffff)) throw new DecodeError(WHAT, 'piecesInSector is not 1 to 65535');
  if (!isCount(allocatedSpace, Number.MAX_SAFE_INTEGER))
    throw new DecodeError(WHAT, 'allocatedSpace is not a size');
  return {
    id,
    genesisHash: jsonHex(WHAT, genesisHash, 32),
    publicKey: jsonHex(WHAT, publicKey, 32),
    piecesInSector,
    allocatedSpace,
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DecodeError(WHAT, messageOf(error));
  }
}

function isCount(value: unknown, limit: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= limit;
}

/**
 * Takes a folder for a farm: writes a description into an empty one, and refuses one that belongs to another
 * network or another farmer. A changed allocation is stored.
 *
 * @param wanted The farm to be; `piecesInSector` applies to a new farm only.
 * @returns The description that holds now.
 */
export async function claimFolder(
  directory: FarmDirectory,
  wanted: Omit<FarmDescription, 'id'>,
): Promise<FarmDescription> {
  const found = await readDescription(directory);
  if (found === null) {
    if ((await readSmall(directory, NATIVE_DESCRIPTION, MAX_BYTES)) !== null) throw nativeFarm(directory);
    const made = { id: createUlid(), ...wanted };
    await writeDescription(directory, made);
    return made;
  }
  if (!equal(found.genesisHash, wanted.genesisHash)) {
    throw new FarmError({
      code: 'other-network',
      message: `farm of ${toHex(found.genesisHash)}, network is ${toHex(wanted.genesisHash)}`,
      sentence: `The farm in ${directory.place} belongs to another network.`,
      action: 'Choose that network, or remove the farm',
    });
  }
  if (!equal(found.publicKey, wanted.publicKey)) {
    throw new FarmError({
      code: 'other-farmer',
      message: `farm of ${toHex(found.publicKey)}, this farmer is ${toHex(wanted.publicKey)}`,
      sentence: `The farm in ${directory.place} was plotted with another farmer’s key.`,
      action: 'Import that farmer’s identity, or remove the farm',
    });
  }
  if (found.allocatedSpace === wanted.allocatedSpace) return found;
  const changed = { ...found, allocatedSpace: wanted.allocatedSpace };
  await writeDescription(directory, changed);
  return changed;
}

function nativeFarm(directory: FarmDirectory): FarmError {
  return new FarmError({
    code: 'not-a-farm',
    message: `${directory.place} holds ${NATIVE_DESCRIPTION}`,
    sentence: `In ${directory.place} lies a farm of the native farmer. Its sectors can be copied into a farm of this app.`,
    action: 'Choose an empty folder, then import that one',
  });
}
