/** State: `state_*`, `childstate_*`. */
import { compare, fromHex, toHex, toPrefixedHex } from '../../src/protocol/bytes.ts';
import { blake2b256 } from '../../src/protocol/hash.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import type { Block } from '../chain.ts';
import { InvalidTransaction } from '../runtime/context.ts';
import { invalidParams, RpcFailure } from './failure.ts';
import {
  blockAt,
  bytes,
  integer,
  isMissing,
  list,
  text,
  unsubscriber,
  type ReadableChain,
} from './params.ts';
import type { Method } from './server.ts';
import { subscription } from './subspace.ts';

const MAX_PAGE = 1000;

/** Calls a runtime API after a block; null when the runtime does not export it. Throws DecodeError. */
export type RuntimeCall = (block: Block, method: string, input: Uint8Array) => Uint8Array | null;

export function stateMethods(chain: ReadableChain, callRuntime: RuntimeCall): Record<string, Method> {
  const stateAt = (at: unknown) => chain.stateOf(blockAt(chain, at).hash);
  const key = (value: unknown): Uint8Array => bytes(value, 'storage key');

  const getStorage: Method = ([wanted, at]) => {
    const value = stateAt(at).get(key(wanted));
    return value && toPrefixedHex(value);
  };
  const getStorageHash: Method = ([wanted, at]) => {
    const value = stateAt(at).get(key(wanted));
    return value && toPrefixedHex(blake2b256(value));
  };
  const getStorageSize: Method = ([wanted, at]) => stateAt(at).get(key(wanted))?.length ?? null;

  const getKeysPaged: Method = ([prefix, count, startKey, at]) => {
    const limit = integer(count, 'count');
    if (limit > MAX_PAGE)
      throw new RpcFailure(4002, `count exceeds maximum value. value: ${limit}, max: ${MAX_PAGE}`);
    const after = isMissing(startKey) ? null : key(startKey);
    const found: string[] = [];
    if (limit === 0) return found;
    for (const [name] of stateAt(at).entries(isMissing(prefix) ? new Uint8Array(0) : key(prefix), after)) {
      found.push(toPrefixedHex(name));
      if (found.length === limit) break;
    }
    return found;
  };

  const call: Method = ([name, input, at]) => {
    const block = blockAt(chain, at);
    const method = text(name, 'method');
    const failed = (why: string): RpcFailure =>
      new RpcFailure(4003, `Client error: Execution failed: ${why}`);
    let result: Uint8Array | null;
    try {
      result = callRuntime(block, method, bytes(input, 'data'));
    } catch (error) {
      if (error instanceof DecodeError || error instanceof InvalidTransaction)
        throw failed(
          `Execution aborted due to trap: wasm trap: wasm \`unreachable\` instruction executed: ${error.message}`,
        );
      throw error;
    }
    if (result === null) throw failed(`Other: Exported method ${method} is not found`);
    return toPrefixedHex(result);
  };

  const changeSet = (hash: string, keys: readonly Uint8Array[]): unknown => {
    const state = chain.stateOf(hash);
    const changes = keys.map((name) => {
      const value = state.get(name);
      return [toPrefixedHex(name), value && toPrefixedHex(value)];
    });
    return { block: `0x${hash}`, changes };
  };

  return {
    state_getStorage: getStorage,
    state_getStorageAt: getStorage,
    state_getStorageHash: getStorageHash,
    state_getStorageHashAt: getStorageHash,
    state_getStorageSize: getStorageSize,
    state_getStorageSizeAt: getStorageSize,
    state_getKeysPaged: getKeysPaged,
    state_getKeysPagedAt: getKeysPaged,
    state_getKeys: ([prefix, at]) => {
      const found = [...stateAt(at).entries(key(prefix))];
      return found.map(([name]) => toPrefixedHex(name));
    },
    state_getPairs: ([prefix, at]) => {
      const found = [...stateAt(at).entries(key(prefix))];
      return found.map(([name, value]) => [toPrefixedHex(name), toPrefixedHex(value)]);
    },
    state_getReadProof: ([wanted, at]) => {
      const block = blockAt(chain, at);
      const keys = list(wanted, 'keys').map(key);
      const proof = chain.stateOf(block.hash).prove(keys);
      return { at: `0x${block.hash}`, proof: proof.map(toPrefixedHex) };
    },
    state_call: call,
    state_callAt: call,
    state_queryStorageAt: ([wanted, at]) => [
      changeSet(blockAt(chain, at).hash, list(wanted, 'keys').map(key)),
    ],
    state_queryStorage: ([wanted, from, to]) => {
      const keys = list(wanted, 'keys').map(key);
      const first = blockAt(chain, from);
      const last = blockAt(chain, to);
      if (last.number - first.number > MAX_PAGE) throw invalidParams('too many blocks');
      const sets: unknown[] = [changeSet(first.hash, keys)];
      for (let number = first.number + 1; number <= last.number; number += 1) {
        const hash = chain.hashAt(number)!;
        const changed = new Set(chain.changesOf(hash).map((change) => toHex(change.key)));
        const own = keys.filter((name) => changed.has(toHex(name)));
        if (own.length > 0) sets.push(changeSet(hash, own));
      }
      return sets;
    },
    state_subscribeStorage: subscription('state_storage', (sink, [wanted]) => {
      const keys = isMissing(wanted) ? null : list(wanted, 'keys').map(key);
      if (keys === null) throw invalidParams('storage is subscribed to by its keys');
      sink.notify(changeSet(chain.best.hash, keys));
      let before = chain.best.hash;
      sink.onClose(
        chain.on('best', (block) => {
          const old = chain.stateOf(before);
          const now = chain.stateOf(block.hash);
          before = block.hash;
          const changed = keys.filter((name) => !sameValue(old.get(name), now.get(name)));
          if (changed.length > 0) sink.notify(changeSet(block.hash, changed));
        }),
      );
    }),
    state_unsubscribeStorage: unsubscriber,
    // The consensus chain keeps no child tries.
    childstate_getStorage: () => null,
    childstate_getKeysPaged: () => [],
    childstate_getStorageHash: () => null,
    childstate_getStorageSize: () => null,
    state_getChildReadProof: ([child, , at]) => {
      const block = blockAt(chain, at);
      const proof = chain.stateOf(block.hash).prove([fromHex(text(child, 'child storage key'))]);
      return { at: `0x${block.hash}`, proof: proof.map(toPrefixedHex) };
    },
  };
}

function sameValue(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : compare(a, b) === 0;
}
