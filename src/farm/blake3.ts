import { createBLAKE3 } from 'hash-wasm';

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
