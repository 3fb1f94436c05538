import { blake3 } from '@noble/hashes/blake3.js';

/** BLAKE3 of data that comes in parts. */
export interface StreamingHash {
  update(part: Uint8Array): void;
  /** 32 bytes. */
  digest(): Uint8Array;
}

/** BLAKE3 of sectors and files too large to hold at once. */
export function createBlake3(): StreamingHash {
  const hasher = blake3.create();
  return {
    update: (part) => void hasher.update(part),
    digest: () => hasher.digest(),
  };
}
