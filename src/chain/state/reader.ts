/** Reads of the state of a verified block, each value proven against its state root. */
import { toHex } from '../../protocol/bytes.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import type { RuntimeMetadata, StorageEntry } from '../../protocol/metadata.ts';
import { PROOF_LIMITS, readProof, StorageProof } from '../../protocol/trie-proof.ts';

/** What the proofs are asked of; `ChainSource` is one. */
export interface ProofSource {
  /** Trie nodes that prove what the keys hold in the state of block `at` (32 bytes). */
  readProof(
    keys: readonly Uint8Array[],
    at: Uint8Array,
    signal?: AbortSignal,
  ): Promise<{ proof: Uint8Array[] }>;
}

/** A source that also lists keys; nothing it says is believed without proof. */
export interface KeySource extends ProofSource {
  /** Keys under a prefix after `start` in their order, at most `count`. */
  keysPaged(
    prefix: Uint8Array,
    count: number,
    start: Uint8Array | null,
    at: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array[]>;
}

/** The verified block whose state is read. */
export interface StateBlock {
  number: number;
  /** 32 bytes. */
  hash: Uint8Array;
  /** 32 bytes. */
  stateRoot: Uint8Array;
}

/** A value that was proven, and where. */
export interface Proven<T> {
  value: T;
  at: { number: number; hash: Uint8Array };
}

/** Keys to read and what their values mean together. */
export interface Query<T> {
  keys: readonly Uint8Array[];
  /** Gets the values in the order of the keys, null where nothing is. Throws ProtocolError. */
  decode(values: readonly (Uint8Array | null)[]): T;
}

/** Reads a storage item under map keys. */
export function itemQuery<T>(entry: StorageEntry, keys: unknown[], decode: (value: unknown) => T): Query<T> {
  return { keys: [entry.key(...keys)], decode: ([value]) => decode(entry.decode(value ?? null)) };
}

/** Several reads as one. */
export function combine<T extends object>(queries: { readonly [K in keyof T]: Query<T[K]> }): Query<T> {
  const entries = Object.entries(queries) as [keyof T, Query<T[keyof T]>][];
  return {
    keys: entries.flatMap(([, query]) => query.keys),
    decode: (values) => {
      const result: Partial<T> = {};
      let at = 0;
      for (const [name, query] of entries) {
        result[name] = query.decode(values.slice(at, at + query.keys.length));
        at += query.keys.length;
      }
      return result as T;
    },
  };
}

/** The same read of many. */
export function all<T>(queries: readonly Query<T>[]): Query<T[]> {
  return {
    keys: queries.flatMap(({ keys }) => keys),
    decode: (values) => {
      let at = 0;
      return queries.map(({ keys, decode }) => decode(values.slice(at, (at += keys.length))));
    },
  };
}

/** Keys asked for in one request. */
const KEYS_IN_REQUEST = 512;
/** Keys listed in one request; nodes allow no more. */
const PAGE = 1000;
/** Entries of a map that are read. */
const MAX_ENTRIES = 100_000;

/**
 * The state of one verified block. Reads reject with ProtocolError: rule `storage-proof` when a proof does not
 * hold, `runtime-metadata` when the runtime lacks what is read; and with what the source rejects with.
 */
export class StateReader {
  constructor(
    private readonly source: ProofSource,
    readonly metadata: RuntimeMetadata,
    readonly block: StateBlock,
  ) {}

  private proven<T>(value: T): Proven<T> {
    return { value, at: { number: this.block.number, hash: this.block.hash } };
  }

  /** Reads by proof. Throws ProtocolError (rule `storage-proof`), and what the source rejects with. */
  async read<T>(query: Query<T>, signal?: AbortSignal): Promise<Proven<T>> {
    return this.proven(query.decode(await this.values(query.keys, signal)));
  }

  /** Value of an item under map keys, in the shapes that `RuntimeCodecs` describes. */
  async item(pallet: string, item: string, ...keys: unknown[]): Promise<Proven<unknown>> {
    return this.read(itemQuery(this.metadata.storage(pallet, item), keys, (value) => value));
  }

  /** Bytes under storage keys, null where nothing is. */
  async values(keys: readonly Uint8Array[], signal?: AbortSignal): Promise<(Uint8Array | null)[]> {
    const values: (Uint8Array | null)[] = [];
    for (let at = 0; at < keys.length; at += KEYS_IN_REQUEST) {
      const part = keys.slice(at, at + KEYS_IN_REQUEST);
      const { proof } = await this.source.readProof(part, this.block.hash, signal);
      values.push(...readProof(this.block.stateRoot, proof, part));
    }
    return values;
  }

  /**
   * All entries of a map, or those under its first map keys: none is left out, which the proof shows. A source
   * that hides keys is refused.
   */
  async entries(
    source: KeySource,
    entry: StorageEntry,
    first: unknown[],
    signal?: AbortSignal,
  ): Promise<Proven<{ keys: unknown[]; value: unknown }[]>> {
    const prefix = entry.keyPrefix(...first);
    const { hash, stateRoot } = this.block;
    const nodes = new Map<string, Uint8Array>();
    let bytes = 0;
    const add = async (keys: Uint8Array[]): Promise<void> => {
      const { proof } = await source.readProof(keys, hash, signal);
      for (const node of proof) {
        const name = toHex(node);
        if (nodes.has(name)) continue;
        nodes.set(name, node);
        bytes += node.length;
        // All of them are one proof at the end, which may be no larger than another.
        if (nodes.size > PROOF_LIMITS.nodes || bytes > PROOF_LIMITS.bytes) tooMany(entry);
      }
    };
    await add([prefix]);
    let count = 0;
    let start: Uint8Array | null = null;
    for (;;) {
      const keys: Uint8Array[] = await source.keysPaged(prefix, PAGE, start, hash, signal);
      count += keys.length;
      if (count > MAX_ENTRIES || keys.length > PAGE) tooMany(entry);
      if (keys.length > 0) await add(keys);
      start = keys.at(-1) ?? null;
      if (keys.length < PAGE) break;
    }
    const found = new StorageProof([...nodes.values()]).readPrefix(stateRoot, prefix);
    return this.proven(
      found.map(({ key, value }) => ({ keys: entry.decodeKey(key), value: entry.decode(value) })),
    );
  }
}

function tooMany(entry: StorageEntry): never {
  throw new ProtocolError({
    code: 'too-many-entries',
    rule: 'storage-proof',
    message: `more entries of ${entry.pallet}.${entry.item}, or more of their proof, than is read`,
    sentence: 'The list in the chain’s state is longer than this app reads.',
  });
}
