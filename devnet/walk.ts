/** The proof-of-time walk by Node's AES: encryption of zero blocks in CBC mode is the iteration itself. */
import { createCipheriv } from 'node:crypto';
import { concat } from '../src/protocol/bytes.ts';
import { CHECKPOINTS_IN_SLOT, POT_BLOCK_BYTES } from '../src/protocol/constants.ts';
import { potKey, requireIterations } from '../src/protocol/pot.ts';

const BLOCKS_PER_CALL = 16_384;
const zeros = Buffer.alloc(BLOCKS_PER_CALL * POT_BLOCK_BYTES);

/** Walks a slot on the calling thread: 128 bytes of checkpoints. Throws ProtocolError on a bad iteration count. */
export function walkSlot(seed: Uint8Array, iterations: number): Uint8Array {
  requireIterations(iterations);
  const key = potKey(seed);
  const found: Uint8Array[] = [];
  let block = seed;
  while (found.length < CHECKPOINTS_IN_SLOT) {
    const cipher = createCipheriv('aes-128-cbc', key, block);
    for (let left = iterations / CHECKPOINTS_IN_SLOT; left > 0; left -= BLOCKS_PER_CALL) {
      const length = Math.min(left, BLOCKS_PER_CALL) * POT_BLOCK_BYTES;
      const output = cipher.update(zeros.subarray(0, length));
      block = new Uint8Array(output.subarray(length - POT_BLOCK_BYTES));
    }
    found.push(block);
  }
  return concat(...found);
}
