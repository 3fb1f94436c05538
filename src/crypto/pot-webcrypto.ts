/**
 * The proof-of-time walk by WebCrypto. x ← AES(key, x) repeated is AES-CBC encryption of zero blocks with x as
 * the initialisation vector: block i of the ciphertext is x after i + 1 encryptions.
 */
import { POT_BLOCK_BYTES } from '../protocol/constants.ts';

/** Blocks per call until it is measured: 256 KiB, the best in most browsers. */
const USUAL_BLOCKS = 16_384;
/**
 * Blocks per call that are tried, 64 KiB to 1 MiB. A call costs some ten microseconds whatever its length, and memory
 * for its result, which is dear beyond what the processor's caches or the allocator keep; where that is differs.
 */
const TRIED_BLOCKS = [4096, 8192, USUAL_BLOCKS, 32_768, 65_536] as const;
/** Calls of each length, of which the median counts. */
const TRIALS = 7;
/** How much faster another length must be to be taken instead of the usual one: less may be chance. */
const WORTHWHILE = 1.05;

let blocksPerCall = USUAL_BLOCKS;
let zeros = new Uint8Array(blocksPerCall * POT_BLOCK_BYTES);

function useBlocksPerCall(blocks: number): void {
  blocksPerCall = blocks;
  zeros = new Uint8Array(blocks * POT_BLOCK_BYTES);
}

/**
 * Finds by measuring, some 30 ms, how many blocks a call should have on this thread, and walks so from then on.
 * Returns the iterations a second of each number of blocks.
 */
export async function tuneWebCrypto(): Promise<ReadonlyMap<number, number>> {
  const key = new Uint8Array(POT_BLOCK_BYTES);
  const trials = TRIED_BLOCKS.map((blocks) => ({ blocks, milliseconds: [] as number[] }));
  // In turns, so that a moment in which the machine is busy slows all of them.
  for (let trial = 0; trial < TRIALS; trial += 1) {
    for (const { blocks, milliseconds } of trials) {
      useBlocksPerCall(blocks);
      const started = performance.now();
      await walkWebCrypto(key, key, blocks);
      milliseconds.push(performance.now() - started);
    }
  }
  const rates = new Map(
    trials.map(({ blocks, milliseconds }) => {
      const median = milliseconds.sort((a, b) => a - b)[TRIALS >> 1]!;
      // Browsers round times, some to a tenth of a millisecond.
      return [blocks, (1000 * blocks) / Math.max(median, 0.05)];
    }),
  );
  const [[best, rate]] = [...rates].sort(([, a], [, b]) => b - a) as [[number, number]];
  useBlocksPerCall(rate > WORTHWHILE * rates.get(USUAL_BLOCKS)! ? best : USUAL_BLOCKS);
  return rates;
}

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
  for (let left = iterations; left > 0;) {
    signal?.throwIfAborted();
    const blocks = Math.min(left, blocksPerCall);
    const length = blocks * POT_BLOCK_BYTES;
    const ciphertext = await crypto.subtle.encrypt(
      { name: 'AES-CBC', iv: block },
      imported,
      zeros.subarray(0, length),
    );
    // WebCrypto appends a block of padding.
    block = new Uint8Array(ciphertext.slice(length - POT_BLOCK_BYTES, length));
    left -= blocks;
  }
  return block;
}
