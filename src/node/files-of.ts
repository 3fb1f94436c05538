/** What of an object has bytes. */
import type { FolderEntry, OpenedObject } from '../objects/object.ts';
import type { ObjectService } from '../objects/service.ts';

/** A file itself, or the files in a folder in the order of a zip file. Throws ObjectError. */
export async function* filesOf(
  service: ObjectService,
  object: OpenedObject,
  signal: AbortSignal,
): AsyncGenerator<OpenedObject | FolderEntry> {
  if (object.kind !== 'folder') yield object;
  else
    for await (const entry of service.entries(object, signal, true)) if (entry.kind !== 'folder') yield entry;
}
