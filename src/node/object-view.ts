/** Objects as the page shows them. Sizes are bytes. */
import { mediaTypeOf, previewOf, type Preview } from '../objects/media.ts';
import type { OpenedObject } from '../objects/object.ts';
import type { ObjectService } from '../objects/service.ts';
import { cidOfHash } from '../protocol/cid.ts';

export interface ObjectView {
  cid: string;
  /** Path that opens it in this app, with the place where it lies. */
  path: string;
  kind: 'file' | 'folder' | 'metadata';
  name: string | null;
  storedBytes: number;
  /** Null where only decompression tells. */
  contentBytes: number | null;
  compressed: boolean;
  encrypted: boolean;
  /** Whether it is encrypted and its password is not known here. */
  locked: boolean;
  mediaType: string;
  preview: Preview;
  /** What a folder holds, folders in it included; null for a file. */
  entries: EntryView[] | null;
  /** Who told where the head lies, and the piece it was found in. */
  found: { giver: string; piece: string } | null;
}

export interface EntryView {
  path: string;
  cid: string;
  kind: 'file' | 'folder' | 'metadata';
  bytes: number;
  encrypted: boolean;
  preview: Preview;
}

/** Entries of a folder that a screen shows. */
const MAX_SHOWN = 2_000;

/** What an object's head says of it. */
export function viewOf(
  object: OpenedObject,
): Pick<
  ObjectView,
  'kind' | 'name' | 'storedBytes' | 'contentBytes' | 'compressed' | 'encrypted' | 'mediaType' | 'preview'
> {
  const { kind, name, storedBytes, contentBytes, compressed, encrypted } = object;
  const mediaType = mediaTypeOf(name);
  const preview = kind === 'folder' ? null : previewOf(mediaType);
  return { kind, name, storedBytes, contentBytes, compressed, encrypted, mediaType, preview };
}

/** What a folder holds, as far as a screen shows it. Throws ObjectError. */
export async function entriesOf(
  service: ObjectService,
  folder: OpenedObject,
  signal: AbortSignal,
): Promise<EntryView[]> {
  const entries: EntryView[] = [];
  for await (const entry of service.entries(folder, signal, true)) {
    const { kind, name, storedBytes, contentBytes, encrypted, path, hash } = entry;
    const bytes = contentBytes ?? storedBytes;
    const preview = previewOf(mediaTypeOf(name));
    entries.push({ path, cid: cidOfHash(hash), kind, bytes, encrypted, preview });
    if (entries.length >= MAX_SHOWN) break;
  }
  return entries;
}
