import type { PasswordKey } from './kdf.ts';

/** Argon2id in a worker of its own, which ends afterwards and takes its memory with it. */
export const workerPasswordKey: PasswordKey = (password, kdf) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL('../../workers/kdf.ts', import.meta.url), {
      type: 'module',
      name: 'allotment-kdf',
    });
    const end = (finish: () => void) => {
      worker.terminate();
      finish();
    };
    worker.onmessage = (event: MessageEvent<Uint8Array>) => end(() => resolve(event.data));
    worker.onerror = (event) => end(() => reject(new Error(event.message || 'the key worker did not start')));
    worker.postMessage({ password, kdf });
  });
