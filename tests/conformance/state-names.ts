/** Names that recordings give to keys of the state, and what they mean. */
import { concat, fromHex, utf8 } from '../../src/protocol/bytes.ts';
import type { RuntimeMetadata, StorageEntry } from '../../src/protocol/metadata.ts';
import { STORAGE_HASHERS } from '../../src/protocol/storage-key.ts';
import { expectSame } from './protocol-support.ts';

/** Keys of a state with what they hold (null: nothing), and the nodes that prove it; bytes as `0x` hex. */
export interface ProofEntry {
  name?: string;
  keys: string[];
  values: (string | null)[];
  proof: string[];
}

/** Account ids, hex without prefix, by the names that a recording gives them. */
export type AccountNames = ReadonlyMap<string, string>;

/** A storage item such as `Subspace.SegmentCommitment[1]` at the beginning of a name. */
const ITEM = /^(\w+)\.(\w+)(?:\[([^\]]+)\])?(?= |$)/;

export interface NamedItem {
  entry: StorageEntry;
  argument: string | null;
  /** What follows in the name. */
  rest: string;
}

/** The storage item that a name begins with; null for a name of another kind. */
export function namedItem(metadata: RuntimeMetadata, name: string): NamedItem | null {
  const match = ITEM.exec(name);
  if (match === null) return null;
  const [whole, pallet, item, argument] = match as unknown as [string, string, string, string | undefined];
  return {
    entry: metadata.storage(pallet, item),
    argument: argument ?? null,
    rest: name.slice(whole.length),
  };
}

/** Compares a key with the item that names it; accounts that the recording does not give stay as they are. */
export function checkItemKey({ entry, argument }: NamedItem, key: Uint8Array, accounts: AccountNames): void {
  const map = entry.decodeKey(key);
  expectSame('map keys', map.length, argument === null ? 0 : 1);
  expectSame('key', entry.key(...map), key);
  if (argument === null) return;
  if (/^\d+$/.test(argument)) expectSame('map key', map[0], argument);
  const account = argument === 'all zero key' ? '00'.repeat(32) : accounts.get(argument);
  if (account !== undefined) expectSame('account', map[0], account);
}

/** The key that a name of no storage item stands for, as far as it is one of the known kinds. */
function otherKey(metadata: RuntimeMetadata, name: string): Uint8Array | null {
  const [, literal] = /^(0x(?:[0-9a-f]{2})*|:\w+)(?: |$)/.exec(name) ?? [];
  if (literal !== undefined) return literal.startsWith(':') ? utf8(literal) : fromHex(literal);
  const [, pallet] = /^prefix of an existing key: twox128\((\w+)\) only/.exec(name) ?? [];
  if (pallet !== undefined) return STORAGE_HASHERS.Twox128.hash(utf8(pallet));
  const [, item, more] = /^extension of an existing key: (\S+) \+\+ (0x[0-9a-f]+)/.exec(name) ?? [];
  if (item === undefined || more === undefined) return null;
  const found = namedItem(metadata, item);
  return found && concat(found.entry.key(), fromHex(more));
}

/** Compares the key and, where it says so, the absence of a value with the name of an entry of one key. */
export function checkNamedEntry(
  metadata: RuntimeMetadata,
  accounts: AccountNames,
  recorded: ProofEntry,
): void {
  const { name = '', keys, values } = recorded;
  const key = fromHex(keys[0] ?? '');
  const absence = /\((absent\b[^)]*)\)$/.exec(name);
  if (absence !== null) expectSame('value', values, [null]);
  const item = namedItem(metadata, name);
  if (item === null) {
    const other = otherKey(metadata, name);
    if (other !== null) expectSame('key', key, other);
    return;
  }
  if (item.rest !== '' && item.rest !== ' (absent)') return;
  checkItemKey(item, key, accounts);
  const [value] = values;
  if (typeof value !== 'string') return;
  const bytes = fromHex(value);
  expectSame('encoded again', item.entry.encode(item.entry.decode(bytes)), bytes);
}
