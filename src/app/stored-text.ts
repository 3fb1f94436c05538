/** What is read whole out of the network's history: an issuer's list of revocations, a copy of a wallet. */

/** Longest text that is fetched, in bytes. */
const MAX_BYTES = 1024 * 1024;
/** How long the service worker may take to begin. */
const PATIENCE_MS = 30_000;
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
  const address = objectPath(parseObjectLink(link));
  await answering();
  const response = await fetch(address);
  const blob = await response.blob();
  if (!response.ok) throw new Error(await blob.text());
  if (blob.size > limit) throw new Error(tooLarge);
  return blob;
}

/** Waits for the service worker, which answers for objects: on a first visit it comes a while after the page. */
async function answering(): Promise<void> {
  const { serviceWorker } = navigator;
  if (serviceWorker === undefined) throw new Error('This browser lets no page fetch objects here.');
  if (serviceWorker.controller !== null) return;
  const late = AbortSignal.timeout(PATIENCE_MS);
  await new Promise<void>((done, failed) => {
    serviceWorker.addEventListener('controllerchange', () => done(), { once: true, signal: late });
    late.addEventListener('abort', () => {
      failed(new Error('The app’s service worker does not run yet. Load the page again.'));
    });
  });
}
