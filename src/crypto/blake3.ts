/** BLAKE3 in WebAssembly, four chunks side by side: some forty times as fast as in JavaScript. */
import { loadWasm, wasm } from './wasm.ts';

/** BLAKE3 of data that comes in parts. */
export interface StreamingHash {
  update(part: Uint8Array): void;
  /** 32 bytes. */
  digest(): Uint8Array;
}

/** BLAKE3 of sectors and files too large to hold at once. */
export async function createBlake3(): Promise<StreamingHash> {
  await loadWasm();
  return new wasm.Blake3();
}

/** Has `blake3Hash` of this thread hash in WebAssembly from then on. */
export function loadBlake3(): Promise<void> {
  return loadWasm();
}
