/**
 * The newer interface of nodes: `chainHead_v1`, `chainSpec_v1`, `transaction_v1`, `transactionWatch_v1`,
 * `archive_v1`. Clients follow the head, pin blocks, and run operations on those they have pinned.
 */
import { concat, toHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { encodeHeader } from '../../src/protocol/header.ts';
import type { Trie } from '../../src/protocol/trie.ts';
import type { Block, Chain } from '../chain.ts';
import { callRuntime } from '../runtime/api.ts';
import { InvalidTransaction } from '../runtime/context.ts';
import type { Metadata } from '../runtime/metadata.ts';
import { runtimeVersion } from '../runtime/version.ts';
import type { TransactionPool } from '../transaction-pool.ts';
import { invalidParams, RpcFailure } from './failure.ts';
import { bytes, integer, isMissing, list, requireConnection, text, unsubscriber } from './params.ts';
import type { Connection, Method, Sink } from './server.ts';
import { chainProperties, CHAIN_NAME } from './system.ts';
import { transactionMethods } from './transaction-watch.ts';

const MAX_FOLLOWS = 4;
/** A client that pins more blocks than this does not keep up and is told to begin anew. */
const MAX_PINNED = 2048;
const MAX_ITEMS = 4096;
/** Items of a storage operation in one event. */
const ITEMS_IN_EVENT = 256;
const SESSION_KEY = 'follows';

const INVALID_BLOCK = new RpcFailure(-32_801, 'Invalid block hash');

type StorageType =
  'value' | 'hash' | 'closestDescendantMerkleValue' | 'descendantsValues' | 'descendantsHashes';

interface StorageQuery {
  key: Uint8Array;
  type: StorageType;
}

/** One `chainHead_v1_follow`. */
class Follow {
  private readonly pinned = new Map<string, Block>();
  /** Blocks told and not finalized or pruned yet. */
  private readonly open = new Set<string>();
  private nextOperation = 1;

  constructor(
    private readonly chain: Chain,
    private readonly sink: Sink,
    private readonly withRuntime: boolean,
    private readonly stop: () => void,
  ) {
    const { finalized } = chain;
    this.pinned.set(finalized.hash, finalized);
    this.event('initialized', {
      finalizedBlockHashes: [`0x${finalized.hash}`],
      ...(withRuntime ? { finalizedBlockRuntime: { type: 'valid', spec: runtimeSpec() } } : {}),
    });
    for (const block of this.unfinalized()) this.announce(block);
    this.bestChanged(chain.best);
    sink.onClose(chain.on('imported', (block) => this.announce(block)));
    sink.onClose(chain.on('best', (block) => this.bestChanged(block)));
    sink.onClose(chain.on('finalized', (block) => this.finalised(block)));
  }

  private event(event: string, fields: Record<string, unknown> = {}): void {
    this.sink.notify({ event, ...fields });
  }

  /** Blocks above the final one, parents first. */
  private unfinalized(): Block[] {
    const found = new Map<string, Block>();
    for (const leaf of this.chain.leaves()) {
      let at = leaf;
      while (at.number > this.chain.finalized.number && !found.has(at.hash)) {
        found.set(at.hash, at);
        at = this.chain.block(at.parent)!;
      }
    }
    return [...found.values()].toSorted((a, b) => a.number - b.number);
  }

  private announce(block: Block): void {
    if (this.pinned.size >= MAX_PINNED) {
      this.event('stop');
      this.stop();
      return;
    }
    this.pinned.set(block.hash, block);
    this.open.add(block.hash);
    this.event('newBlock', {
      blockHash: `0x${block.hash}`,
      parentBlockHash: `0x${block.parent}`,
      ...(this.withRuntime ? { newRuntime: null } : {}),
    });
  }

  private bestChanged(block: Block): void {
    this.event('bestBlockChanged', { bestBlockHash: `0x${block.hash}` });
  }

  private finalised(block: Block): void {
    this.open.delete(block.hash);
    const pruned = [...this.open].filter((hash) => {
      const other = this.pinned.get(hash) ?? this.chain.block(hash)!;
      return other.number <= block.number || !this.descendsFrom(other, block);
    });
    for (const hash of pruned) this.open.delete(hash);
    this.event('finalized', {
      finalizedBlockHashes: [`0x${block.hash}`],
      prunedBlockHashes: pruned.map((hash) => `0x${hash}`),
    });
  }

  private descendsFrom(block: Block, ancestor: Block): boolean {
    let at = block;
    while (at.number > ancestor.number) at = this.chain.block(at.parent)!;
    return at.hash === ancestor.hash;
  }

  block(hash: unknown): Block {
    const block = this.pinned.get(toHex(bytes(hash, 'hash', 32)));
    if (block === undefined) throw INVALID_BLOCK;
    return block;
  }

  unpin(hashes: unknown): void {
    const wanted = Array.isArray(hashes) ? hashes : [hashes];
    const blocks = wanted.map((hash) => this.block(hash));
    for (const { hash } of blocks) this.pinned.delete(hash);
  }

  /** Runs an operation after its reply was sent; it reports by events. */
  operate(run: (operationId: string) => void, started: Record<string, unknown> = {}): unknown {
    const operationId = String(this.nextOperation++);
    setImmediate(() => run(operationId));
    return { result: 'started', operationId, ...started };
  }

  report(event: string, operationId: string, fields: Record<string, unknown> = {}): void {
    this.event(event, { operationId, ...fields });
  }
}

function runtimeSpec(): unknown {
  const { specName, implName, specVersion, implVersion, transactionVersion, apis } = runtimeVersion;
  return { specName, implName, specVersion, implVersion, transactionVersion, apis: Object.fromEntries(apis) };
}

export function chainHeadMethods(
  chain: Chain,
  metadata: Metadata,
  pool: TransactionPool,
): Record<string, Method> {
  return {
    ...followMethods(chain, metadata),
    ...transactionMethods(pool),
    ...archiveMethods(chain, metadata),
    chainSpec_v1_chainName: () => CHAIN_NAME,
    chainSpec_v1_genesisHash: () => `0x${chain.genesis.hash}`,
    chainSpec_v1_properties: () => chainProperties(chain),
  };
}

function followsOf(connection: Connection | null): Map<string, Follow> {
  const { session } = requireConnection(connection);
  const known = session.get(SESSION_KEY) as Map<string, Follow> | undefined;
  if (known !== undefined) return known;
  const follows = new Map<string, Follow>();
  session.set(SESSION_KEY, follows);
  return follows;
}

function followMethods(chain: Chain, metadata: Metadata): Record<string, Method> {
  /** Calls `use` with the follow of a call; `gone` is the reply when it ended. */
  const on =
    (gone: unknown, use: (follow: Follow, params: readonly unknown[]) => unknown): Method =>
    ([id, ...params], connection) => {
      const follow = followsOf(connection).get(text(id, 'follow subscription'));
      return follow === undefined ? gone : use(follow, params);
    };
  const limitReached = { result: 'limitReached' };

  return {
    chainHead_v1_follow: ([withRuntime], connection) => {
      const client = requireConnection(connection);
      const follows = followsOf(client);
      if (follows.size >= MAX_FOLLOWS)
        throw new RpcFailure(-32_800, 'Maximum number of chainHead_follow has been reached');
      const sink = client.subscribe('chainHead_v1_followEvent');
      sink.onClose(() => follows.delete(sink.id));
      const stop = () => void client.unsubscribe(sink.id);
      follows.set(sink.id, new Follow(chain, sink, withRuntime === true, stop));
      return sink.id;
    },
    chainHead_v1_unfollow: (params, connection) => {
      unsubscriber(params, connection);
      return null;
    },
    chainHead_v1_header: on(null, (follow, [hash]) => toPrefixedHex(encodeHeader(follow.block(hash).header))),
    chainHead_v1_body: on(limitReached, (follow, [hash]) => {
      const block = follow.block(hash);
      return follow.operate((operation) => {
        const { extrinsics } = chain.signedBlock(block.hash)!;
        follow.report('operationBodyDone', operation, { value: extrinsics.map(toPrefixedHex) });
      });
    }),
    chainHead_v1_call: on(limitReached, (follow, [hash, name, input]) => {
      const block = follow.block(hash);
      const method = text(name, 'function');
      const parameters = bytes(input, 'call parameters');
      return follow.operate((operation) => {
        const outcome = call(chain, metadata, block, method, parameters);
        if ('error' in outcome) follow.report('operationError', operation, outcome);
        else follow.report('operationCallDone', operation, { output: outcome.output });
      });
    }),
    chainHead_v1_storage: on(limitReached, (follow, [hash, items, childTrie]) => {
      const block = follow.block(hash);
      const queries = readQueries(items, childTrie);
      return follow.operate(
        (operation) => {
          const state = chain.stateOf(block.hash);
          const found = queries.flatMap((query) => answer(state, query));
          for (let from = 0; from < found.length; from += ITEMS_IN_EVENT) {
            const part = found.slice(from, from + ITEMS_IN_EVENT);
            follow.report('operationStorageItems', operation, { items: part });
          }
          follow.report('operationStorageDone', operation);
        },
        { discardedItems: 0 },
      );
    }),
    chainHead_v1_unpin: on(null, (follow, [hashes]) => {
      follow.unpin(hashes);
      return null;
    }),
    // Operations run to their end at once: there is nothing to continue or to stop.
    chainHead_v1_continue: on(null, () => null),
    chainHead_v1_stopOperation: on(null, () => null),
  };
}

function call(
  chain: Chain,
  metadata: Metadata,
  block: Block,
  name: string,
  input: Uint8Array,
): { output: string } | { error: string } {
  try {
    const output = callRuntime(chain, metadata, block, name, input);
    return output === null
      ? { error: `Exported method ${name} is not found` }
      : { output: toPrefixedHex(output) };
  } catch (error) {
    if (error instanceof DecodeError || error instanceof InvalidTransaction) return { error: error.message };
    throw error;
  }
}

const STORAGE_TYPES: readonly StorageType[] = [
  'value',
  'hash',
  'closestDescendantMerkleValue',
  'descendantsValues',
  'descendantsHashes',
];

function readQueries(items: unknown, childTrie: unknown): StorageQuery[] {
  if (!isMissing(childTrie)) return [];
  return list(items, 'items', MAX_ITEMS).map((item) => {
    const { key, type } = (item ?? {}) as Record<string, unknown>;
    const known = STORAGE_TYPES.find((name) => name === type);
    if (known === undefined) throw invalidParams('an item has no known type');
    return { key: bytes(key, 'key'), type: known };
  });
}

function answer(state: Trie, { key, type }: StorageQuery): Record<string, string>[] {
  const named = (name: Uint8Array, field: string, value: Uint8Array) => ({
    key: toPrefixedHex(name),
    [field]: toPrefixedHex(value),
  });
  const value = state.get(key);
  switch (type) {
    case 'value':
      return value === null ? [] : [named(key, 'value', value)];
    case 'hash':
      return value === null ? [] : [named(key, 'hash', blake2b256(value))];
    case 'closestDescendantMerkleValue': {
      const below = digestBelow(state, key);
      return below === null ? [] : [named(key, type, below)];
    }
    case 'descendantsValues':
      return [...state.entries(key)].map(([name, found]) => named(name, 'value', found));
    case 'descendantsHashes':
      return [...state.entries(key)].map(([name, found]) => named(name, 'hash', blake2b256(found)));
  }
}

/** Changes with everything below a key, which is all that clients want of it; null when there is nothing. */
function digestBelow(state: Trie, key: Uint8Array): Uint8Array | null {
  const parts = [...state.entries(key)].flatMap(([name, value]) => [blake2b256(name), blake2b256(value)]);
  return parts.length === 0 ? null : blake2b256(concat(...parts));
}

function archiveMethods(chain: Chain, metadata: Metadata): Record<string, Method> {
  const find = (hash: unknown): Block | null => chain.block(toHex(bytes(hash, 'hash', 32)));
  return {
    archive_v1_genesisHash: () => `0x${chain.genesis.hash}`,
    archive_v1_finalizedHeight: () => chain.finalized.number,
    archive_v1_hashByHeight: ([height]) => {
      const hash = chain.hashAt(integer(height, 'height'));
      return hash === null ? [] : [`0x${hash}`];
    },
    archive_v1_header: ([hash]) => {
      const block = find(hash);
      return block && toPrefixedHex(encodeHeader(block.header));
    },
    archive_v1_body: ([hash]) => {
      const block = find(hash);
      return block && chain.signedBlock(block.hash)!.extrinsics.map(toPrefixedHex);
    },
    archive_v1_call: ([hash, name, input]) => {
      const block = find(hash);
      if (block === null) return null;
      const outcome = call(chain, metadata, block, text(name, 'function'), bytes(input, 'call parameters'));
      return 'error' in outcome
        ? { success: false, error: outcome.error }
        : { success: true, value: outcome.output };
    },
    archive_v1_storage: ([hash, items, childTrie], connection) => {
      const client = requireConnection(connection);
      const block = find(hash);
      const queries = readQueries(items, childTrie);
      const sink = client.subscribe('archive_v1_storageEvent');
      setImmediate(() => {
        if (block === null) sink.notify({ event: 'storageError', error: 'Unknown block' });
        else {
          const state = chain.stateOf(block.hash);
          for (const query of queries)
            for (const item of answer(state, query)) sink.notify({ event: 'storage', ...item });
          sink.notify({ event: 'storageDone' });
        }
        client.unsubscribe(sink.id);
      });
      return sink.id;
    },
    archive_v1_stopStorage: (params, connection) => {
      unsubscriber(params, connection);
      return null;
    },
  };
}
