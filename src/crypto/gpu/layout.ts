/** Slots in the layout of the shader, and back. */
import { unsafe } from '@noble/ciphers/aes.js';
import { CHECKPOINTS_IN_SLOT, POT_BLOCK_BYTES } from '../../protocol/constants.ts';
import { equal } from '../../protocol/bytes.ts';
import { checkpoint, potKey } from '../../protocol/pot.ts';
import type { PotSlot } from '../pot-slot.ts';
import { PLANES, ROUND_KEYS, SBOX_CONSTANT } from './shader.ts';

/** Blocks that one invocation walks. */
const BLOCKS = 2;
const PAIRS = CHECKPOINTS_IN_SLOT / BLOCKS;
const ROWS = 4;

/** Bit that byte `index` (0..15, column by column) of block `block` has in each plane. */
function place(index: number, block: number): number {
  return 8 * (index % ROWS) + BLOCKS * Math.floor(index / ROWS) + block;
}

/** Eight words for two blocks of 16 bytes. */
export function slice(blocks: readonly [Uint8Array, Uint8Array]): Uint32Array {
  const words = new Uint32Array(PLANES);
  blocks.forEach((bytes, block) => {
    for (let index = 0; index < POT_BLOCK_BYTES; index += 1) {
      for (let plane = 0; plane < PLANES; plane += 1)
        words[plane]! |= ((bytes[index]! >> plane) & 1) << place(index, block);
    }
  });
  return words;
}

/** One of the two blocks behind eight words. */
export function unslice(words: Uint32Array, block: number): Uint8Array {
  return Uint8Array.from({ length: POT_BLOCK_BYTES }, (_, index) => {
    let byte = 0;
    for (let plane = 0; plane < PLANES; plane += 1)
      byte |= ((words[plane]! >>> place(index, block)) & 1) << plane;
    return byte;
  });
}

/** Round keys of a slot's AES-128 as the shader adds them, eight words a round. */
export function roundKeys(seed: Uint8Array): Uint32Array {
  const expanded = unsafe.expandKeyLE(potKey(seed));
  const words = new Uint32Array(ROUND_KEYS * PLANES);
  for (let round = 0; round < ROUND_KEYS; round += 1) {
    const constant = round === 0 ? 0 : SBOX_CONSTANT;
    const bytes = Uint8Array.from(
      { length: POT_BLOCK_BYTES },
      (_, index) => (expanded[ROWS * round + Math.floor(index / ROWS)]! >>> (8 * (index % ROWS))) ^ constant,
    );
    words.set(slice([bytes, bytes]), round * PLANES);
  }
  return words;
}

/** What the shader reads: round keys, the blocks that each checkpoint begins with, and iterations of a checkpoint. */
export interface Packed {
  keys: Uint32Array<ArrayBuffer>;
  states: Uint32Array<ArrayBuffer>;
  lengths: Uint32Array<ArrayBuffer>;
}

/** Slots as the shader takes them: sliced keys and states, and the iterations of each checkpoint. */
export function pack(slots: readonly PotSlot[]): Packed {
  const width = slots.length * PAIRS;
  const packed = {
    keys: new Uint32Array(ROUND_KEYS * PLANES * slots.length),
    states: new Uint32Array(PLANES * width),
    lengths: new Uint32Array(slots.length),
  };
  slots.forEach(({ seed, iterations, checkpoints }, slot) => {
    roundKeys(seed).forEach((word, at) => (packed.keys[at * slots.length + slot] = word));
    packed.lengths[slot] = iterations / CHECKPOINTS_IN_SLOT;
    const start = (index: number) => (index === 0 ? seed : checkpoint(checkpoints, index - 1));
    for (let pair = 0; pair < PAIRS; pair += 1) {
      const words = slice([start(BLOCKS * pair), start(BLOCKS * pair + 1)]);
      words.forEach((word, plane) => (packed.states[plane * width + PAIRS * slot + pair] = word));
    }
  });
  return packed;
}

/** The first checkpoint (0..7) of each slot that the walked states do not end with, or null. */
export function firstWrong(slots: readonly PotSlot[], states: Uint32Array): (number | null)[] {
  const width = slots.length * PAIRS;
  const endOf = (slot: number, index: number): Uint8Array => {
    const at = PAIRS * slot + Math.floor(index / BLOCKS);
    const words = Uint32Array.from({ length: PLANES }, (_, plane) => states[plane * width + at]!);
    return unslice(words, index % BLOCKS);
  };
  return slots.map(({ checkpoints }, slot) => {
    for (let index = 0; index < CHECKPOINTS_IN_SLOT; index += 1)
      if (!equal(endOf(slot, index), checkpoint(checkpoints, index))) return index;
    return null;
  });
}
