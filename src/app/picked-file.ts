/** Files to save into, which only some browsers let a page pick and come back to. */

declare global {
  interface Window {
    showSaveFilePicker?(options: { id: string; suggestedName: string }): Promise<FileSystemFileHandle>;
  }
  interface FileSystemFileHandle {
    /** Chromium’s. */
    remove?(): Promise<void>;
  }
}

/** Whether this browser lets the person pick the file; the others have a place for all downloads. */
export const canPickFiles = (): boolean => typeof window.showSaveFilePicker === 'function';

/** The file that the person picks; null when they pick none. Rejects with a sentence where the browser cannot make it. */
export async function pickFile(name: string): Promise<FileSystemFileHandle | null> {
  // oxlint-disable-next-line no-control-regex
  const suggestedName = name.replace(/[/\\:*?"<>|\u0000-\u001f\u007f]/g, '_').replace(/^\.+/, '_');
  try {
    return (await window.showSaveFilePicker?.({ id: 'save', suggestedName })) ?? null;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null;
    throw new Error('The browser could not make the file there. Choose another place.', { cause: error });
  }
}

/** Asks the person for access to a file that was picked before, which browsers allow from a click only. */
export async function askToWrite(file: FileSystemFileHandle | null): Promise<boolean> {
  return file === null || (await file.requestPermission({ mode: 'readwrite' })) === 'granted';
}

/** Removes the empty file that the browser made when it was picked. */
export async function removeEmpty(file: FileSystemFileHandle | null): Promise<void> {
  try {
    if (file !== null && (await file.getFile()).size === 0) await file.remove?.();
  } catch {
    // Without access, or gone already: an empty file is no harm.
  }
}
