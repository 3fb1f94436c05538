/** Files from and to the person. */

export interface ChosenFile {
  name: string;
  type: string;
  content: Uint8Array;
}

/** Reads a file that the person chose. */
export async function readFile(file: File): Promise<ChosenFile> {
  return { name: file.name, type: file.type, content: new Uint8Array(await file.arrayBuffer()) };
}

/** Offers bytes or text as a download. */
export function saveFile(name: string, content: Uint8Array | string, type: string): void {
  const part = typeof content === 'string' ? content : content.slice().buffer;
  const url = URL.createObjectURL(new Blob([part], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
