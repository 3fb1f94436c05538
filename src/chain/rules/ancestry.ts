import { equal } from '../../protocol/bytes.ts';
import type { Block, BlockContext } from '../block.ts';
import { refuse } from './refuse.ts';

/** Rule `parent-known`. */
export function checkParent({ header }: Block, parent: BlockContext): void {
  if (!equal(header.parentHash, parent.hash)) refuse('parent-known', 'another block is the parent');
}

/** Rule `number`. */
export function checkNumber({ header }: Block, parent: BlockContext): void {
  const { number } = header;
  if (number !== parent.number + 1) {
    refuse('number', `block ${number} on top of block ${parent.number}`, { number, parent: parent.number });
  }
}

/** Rule `slot-increase`. */
export function checkSlot({ digests }: Block, parent: BlockContext): void {
  const { slot } = digests.preDigest;
  if (slot <= parent.slot) {
    refuse('slot-increase', `slot ${slot} after slot ${parent.slot}`, { slot, parent: parent.slot });
  }
}
