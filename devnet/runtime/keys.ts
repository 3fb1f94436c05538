/** Storage keys of the runtime's items. */
import { concat, littleEndian, utf8 } from '../../src/protocol/bytes.ts';
import { blake2b128 } from '../../src/protocol/hash.ts';
import { twox128, twox64 } from './twox.ts';

const prefixes = new Map<string, Uint8Array>();

/** Key of a plain item, and prefix of a map's keys: twox-128 of the pallet's and of the item's name. */
export function itemKey(pallet: string, item: string): Uint8Array {
  const name = `${pallet}.${item}`;
  let key = prefixes.get(name);
  if (key === undefined) {
    key = concat(twox128(utf8(pallet)), twox128(utf8(item)));
    prefixes.set(name, key);
  }
  return key;
}

/** Entry of a map with the hasher `Twox64Concat`. */
export function twox64Key(pallet: string, item: string, key: Uint8Array): Uint8Array {
  return concat(itemKey(pallet, item), twox64(key), key);
}

/** Entry of a map with the hasher `Blake2_128Concat`. */
export function blake2Key(pallet: string, item: string, key: Uint8Array): Uint8Array {
  return concat(itemKey(pallet, item), blake2b128(key), key);
}

/** Entry of a map with the hasher `Identity`. */
export function identityKey(pallet: string, item: string, key: Uint8Array): Uint8Array {
  return concat(itemKey(pallet, item), key);
}

export const keys = {
  code: utf8(':code'),
  extrinsicIndex: utf8(':extrinsic_index'),
  account: (id: Uint8Array) => blake2Key('System', 'Account', id),
  blockHash: (number: number) => twox64Key('System', 'BlockHash', littleEndian(number, 4)),
  segmentCommitment: (index: bigint) => twox64Key('Subspace', 'SegmentCommitment', littleEndian(index, 8)),
  mmrNode: (position: bigint) => identityKey('Mmr', 'Nodes', littleEndian(position, 8)),
  mmrRoot: (number: number) => twox64Key('SubspaceMmr', 'MmrRootHashes', littleEndian(number, 4)),
};
