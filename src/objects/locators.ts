/** Who can be asked where objects lie: nodes that archive, and indexers of the network. */
import { parseJson } from '../network/json.ts';
import { RpcError } from '../network/rpc-error.ts';
import type { SubscriptionNews } from '../network/rpc.ts';
import { onAbort } from '../async/on-abort.ts';
import { within } from '../async/within.ts';
import { toHex } from '../protocol/bytes.ts';
import { DecodeError } from '../protocol/errors.ts';
import { globalObjectMappingFromJson } from '../protocol/object-mapping.ts';
import type { GlobalObject } from '../protocol/types.ts';
import type { Locator } from './locate.ts';
import { keyOf } from './tree.ts';

/** What is needed of a node's RPC. */
export interface MappingNode {
  readonly name: string;
  /** Objects (at most 1000 hashes) as they are archived, each once; returns what stops that. */
  onFilteredObjectMappings(
    hashes: readonly Uint8Array[],
    listener: (notice: { objects: GlobalObject[] }) => void,
    news: SubscriptionNews,
  ): () => void;
}

/** A node tells at once what it knows, once it took the question; most tell only of what they archive from then on. */
const NODE_WAIT_MS = 2_000;
/** Within which it takes the question; connections that are lost meanwhile are made anew. */
const NODE_TAKES_MS = 20_000;

/** A node as a locator. One that refuses the question knows nothing; one that does not answer is a failure. */
export function nodeLocator(
  node: MappingNode,
  { waitMs = NODE_WAIT_MS, takesMs = NODE_TAKES_MS }: { waitMs?: number; takesMs?: number } = {},
): Locator {
  return {
    name: node.name,
    locate: (hashes, signal) =>
      new Promise((resolve, reject) => {
        const found: GlobalObject[] = [];
        const missing = new Set(hashes.map(keyOf));
        const end = (): void => {
          clearTimeout(timer);
          leave();
          stop();
        };
        const finish = (): void => {
          end();
          resolve(found);
        };
        const fail = (reason: unknown): void => {
          end();
          reject(reason);
        };
        const silent = new RpcError('timeout', node.name, `no answer in ${takesMs} ms`);
        let timer = setTimeout(() => fail(silent), takesMs);
        const leave = onAbort(signal, () => fail(signal.reason));
        const listener = ({ objects }: { objects: GlobalObject[] }): void => {
          found.push(...objects);
          for (const { hash } of objects) missing.delete(keyOf(hash));
          if (missing.size === 0) finish();
        };
        // Where the thread was busy all the time, what came meanwhile is heard in the turn after the clock's.
        const overdue = (): void => void (timer = setTimeout(finish));
        const stop = node.onFilteredObjectMappings(hashes, listener, {
          begun: () => {
            clearTimeout(timer);
            timer = setTimeout(overdue, waitMs);
          },
          failed: (error) => (typeof error.code === 'number' ? finish() : fail(error)),
        });
      }),
  };
}

const INDEXER_TIMEOUT_MS = 10_000;
/** Largest answer of an indexer, in characters. */
const MAX_ANSWER = 1_000_000;

/**
 * An indexer over HTTP: `GET BASE/objects/HASH+HASH…`.
 *
 * @param base Address without a slash at its end.
 */
export function indexerLocator(base: string, fetcher: typeof fetch = fetch): Locator {
  return {
    name: base,
    async locate(hashes, signal) {
      const url = `${base}/objects/${hashes.map(toHex).join('+')}`;
      const text = await within(INDEXER_TIMEOUT_MS, signal, async (limit) => {
        const response = await fetcher(url, { signal: limit });
        if (!response.ok) throw new DecodeError('object-mapping', `${base} answered ${response.status}`);
        return response.text();
      });
      if (text.length > MAX_ANSWER) throw new DecodeError('object-mapping', `${text.length} characters`);
      return globalObjectMappingFromJson(parseJson(text));
    },
  };
}
