/** Where farms lie: the person's choice as it is kept, whether two are the same, and whether there is room. */
import { FarmError } from '../farm/errors.ts';
import type { FarmDirectory } from '../storage/directory.ts';
import type { FarmRecord } from '../storage/store.ts';
import type { FarmPlace } from './api.ts';
import type { NodePlatform } from './platform.ts';

/** What is kept of a farm in a place. */
export function recordAt(
  { defaultFarm }: Pick<NodePlatform, 'defaultFarm'>,
  place: FarmPlace,
  id: string,
  allocatedBytes: number,
): FarmRecord {
  switch (place.kind) {
    case 'picked':
      return { id, kind: 'picked', name: place.handle.name, handle: place.handle, allocatedBytes };
    case 'folder':
      return { id, kind: 'folder', name: place.path, allocatedBytes };
    case 'own': {
      const { kind, name } = defaultFarm;
      return { id, kind, name: `${name}-${id}`, allocatedBytes };
    }
  }
}

/** Whether a farm has that place. */
export async function isPlaceOf(place: FarmPlace, record: FarmRecord): Promise<boolean> {
  if (place.kind === 'picked')
    return record.handle !== undefined && (await record.handle.isSameEntry(place.handle));
  return place.kind === 'folder' && record.name === place.path;
}

/** Throws FarmError `too-large` for space that a place does not have, as far as it tells. */
export async function requireRoom(directory: FarmDirectory, allocatedBytes: number): Promise<void> {
  const { available } = await directory.space();
  if (available === null) return;
  const there = (await directory.list()).reduce((sum, { size }) => sum + size, 0);
  if (allocatedBytes - there <= available) return;
  throw new FarmError({
    code: 'too-large',
    message: `${allocatedBytes} bytes wanted, ${there + available} there`,
    sentence: `In ${directory.place} there is room for ${((there + available) / 1e9).toPrecision(3)} GB only.`,
    action: 'Give the farm less space',
  });
}
