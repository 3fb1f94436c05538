/**
 * The proof-of-time walk by WebCrypto. x ← AES(key, x) repeated is AES-CBC encryption of zero blocks with x as
 * the initialisation vector: block i of the ciphertext is x after i + 1 encryptions.
 */
import { POT_BLOCK_BYTES } from '../protocol/constants.ts';

/** Blocks per call: 256 KiB, where browsers are fastest. */
const BLOCKS_PER_CALL = 16_384;
const zeros = new Uint8Array(BLOCKS_PER_CALL * POT_BLOCK_BYTES);

/**
 * Encrypts `start` (16 bytes) `iterations` times with AES-128 under `key` (16 bytes). 16 bytes.
 *
 * @param signal Ends the walk between two calls, with the signal's reason thrown.
 */
export async function walkWebCrypto(
  key: Uint8Array,
  start: Uint8Array,
  iterations: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', key as BufferSource, 'AES-CBC', false, ['encrypt']);
  let block = start.slice();
  for (let left = iterations; left > 0; left -= BLOCKS_PER_CALL) {
    signal?.throwIfAborted();
    const length = Math.min(left, BLOCKS_PER_CALL) * POT_BLOCK_BYTES;
    const ciphertext = await crypto.subtle.encrypt(
      { name: 'AES-CBC', iv: block },
      imported,
      zeros.subarray(0, length),
    );
    // WebCrypto appends a block of padding.
    block = new Uint8Array(ciphertext.slice(length - POT_BLOCK_BYTES, length));
  }
  return block;
}
