/** BLAKE3 in WebAssembly, some twenty times as fast as in JavaScript. */
import { createBLAKE3 } from 'hash-wasm';
import { accelerateBlake3 } from '../protocol/hash.ts';

/** BLAKE3 of data that comes in parts. */
export interface StreamingHash {
  update(part: Uint8Array): void;
  /** 32 bytes. */
  digest(): Uint8Array;
}

/** BLAKE3 of sectors and files too large to hold at once. */
export async function createBlake3(): Promise<StreamingHash> {
  const hasher = await createBLAKE3();
  hasher.init();
  return {
    update: (part) => void hasher.update(part),
    digest: () => hasher.digest('binary'),
  };
}

/** Has `blake3Hash` of this thread hash in WebAssembly from then on. */
export async function loadBlake3(): Promise<void> {
  const hasher = await createBLAKE3();
  accelerateBlake3((parts) => {
    hasher.init();
    for (const part of parts) hasher.update(part);
    return hasher.digest('binary');
  });
}
