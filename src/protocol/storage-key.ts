/** Keys of the state: how the runtime's items are named in the trie. */
import {
  Blake2128,
  Blake2128Concat,
  Blake2256,
  Identity,
  Twox128,
  Twox256,
  Twox64Concat,
} from '@polkadot-api/substrate-bindings';
import { concat, utf8 } from './bytes.ts';

/** How an encoded map key becomes part of a storage key. */
export interface StorageHasher {
  hash(encoded: Uint8Array): Uint8Array;
  /** Bytes of hash in front of the encoded key; null if the key itself is not kept. */
  keptAfter: number | null;
}

/** Hashers of the runtime’s storage, by the names of its metadata. */
export const STORAGE_HASHERS = {
  Blake2128: { hash: Blake2128, keptAfter: null },
  Blake2256: { hash: Blake2256, keptAfter: null },
  Blake2128Concat: { hash: Blake2128Concat, keptAfter: 16 },
  Twox128: { hash: Twox128, keptAfter: null },
  Twox256: { hash: Twox256, keptAfter: null },
  Twox64Concat: { hash: Twox64Concat, keptAfter: 8 },
  Identity: { hash: Identity, keptAfter: 0 },
} as const satisfies Record<string, StorageHasher>;

/** Name of a hasher. */
export type StorageHasherName = keyof typeof STORAGE_HASHERS;

const prefixes = new Map<string, Uint8Array>();

/** Key of a plain item, and what the keys of a map begin with: twox-128 of the pallet's and of the item's name. */
export function storagePrefix(pallet: string, item: string): Uint8Array {
  const name = `${pallet}\0${item}`;
  let prefix = prefixes.get(name);
  if (prefix === undefined) {
    prefix = concat(Twox128(utf8(pallet)), Twox128(utf8(item)));
    prefixes.set(name, prefix);
  }
  return prefix;
}

/** A map key, SCALE-encoded, and how it is hashed. */
export interface HashedPart {
  hasher: StorageHasherName;
  encoded: Uint8Array;
}

/** Storage key of an item under map keys, none for a plain one. */
export function storageKey(pallet: string, item: string, ...parts: HashedPart[]): Uint8Array {
  return concat(
    storagePrefix(pallet, item),
    ...parts.map(({ hasher, encoded }) => STORAGE_HASHERS[hasher].hash(encoded)),
  );
}

/** Key of the runtime's code. */
export const CODE_KEY: Uint8Array = utf8(':code');
