/** Folders of the person's own disk, which only some browsers open. */
import type { FarmView } from '../../node/api.ts';
import { node } from '../node-client.ts';

declare global {
  interface Window {
    showDirectoryPicker?(options: {
      id: string;
      mode: 'read' | 'readwrite';
    }): Promise<FileSystemDirectoryHandle>;
  }
}

export const canPickFolders = typeof window.showDirectoryPicker === 'function';

/** The folder that the person picks; null when they pick none. `purpose`: browsers remember the last place of each. */
export async function pickFolder(
  purpose: 'farm' | 'import' | 'export',
): Promise<FileSystemDirectoryHandle | null> {
  try {
    const mode = purpose === 'import' ? 'read' : 'readwrite';
    return (await window.showDirectoryPicker?.({ id: purpose, mode })) ?? null;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null;
    throw error;
  }
}

/** Asks the person for access to a farm's folder again, which browsers allow from a click only. */
export async function askAccess({ id, readOnly }: FarmView): Promise<boolean> {
  const handle = await node.farmHandle(id);
  const mode = readOnly ? 'read' : 'readwrite';
  return handle !== null && (await handle.requestPermission({ mode })) === 'granted';
}
