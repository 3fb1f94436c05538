/** What is read whole out of the network's history: an issuer's list of revocations, a copy of a wallet. */

/** Longest text that is fetched, in bytes. */
const MAX_BYTES = 1024 * 1024;
const OBJECT = /\bbafkr6i[a-z2-7]{52}\b/;

/** Whether a text is the link of an object rather than the object itself. */
export function isObjectLink(text: string): boolean {
  return text.length < 50_000 && OBJECT.test(text) && !text.trim().includes('.ey');
}

/** The text of a stored object, every byte verified. Throws Error with a sentence. */
export async function storedText(link: string): Promise<string> {
  return (await stored(link, MAX_BYTES, 'This is too large to be a list of revocations.')).text();
}

/** The bytes of a stored object, every one verified. Throws Error with a sentence; `tooLarge` is one. */
export async function storedBytes(link: string, limit: number, tooLarge: string): Promise<Uint8Array> {
  return new Uint8Array(await (await stored(link, limit, tooLarge)).arrayBuffer());
}

async function stored(link: string, limit: number, tooLarge: string): Promise<Blob> {
  const { objectPath, parseObjectLink } = await import('../objects/link.ts');
  if (navigator.serviceWorker.controller === null)
    throw new Error('The app’s service worker does not run yet. Load the page again.');
  const response = await fetch(objectPath(parseObjectLink(link)));
  const blob = await response.blob();
  if (!response.ok) throw new Error(await blob.text());
  if (blob.size > limit) throw new Error(tooLarge);
  return blob;
}
