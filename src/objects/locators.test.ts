/** How long nodes are waited for that may know places, and what comes of those that say nothing. */
import { describe, expect, it } from 'vitest';
import { RpcError } from '../network/rpc-error.ts';
import type { SubscriptionNews } from '../network/rpc.ts';
import type { GlobalObject } from '../protocol/types.ts';
import { nodeLocator, type MappingNode } from './locators.ts';

const { signal } = new AbortController();
const PLACE: GlobalObject = { hash: new Uint8Array(32).fill(1), pieceIndex: 4n, offset: 9 };
const LIMITS = { waitMs: 40, takesMs: 400 };

/** Asks a node that does with the question what it is told to. Counts how often it was told to stop. */
function asked(tell: (say: (objects: GlobalObject[]) => void, news: SubscriptionNews) => void) {
  const stops: number[] = [];
  const node: MappingNode = {
    name: 'node',
    onFilteredObjectMappings: (_, listener, news) => {
      setTimeout(() => tell((objects) => listener({ objects }), news));
      return () => stops.push(1);
    },
  };
  return { stops, answer: nodeLocator(node, LIMITS).locate([PLACE.hash, new Uint8Array(32)], signal) };
}

describe('a node that may know places', () => {
  it('has its time from when it took the question, however long that took', async () => {
    const { stops, answer } = asked((say, { begun }) => {
      setTimeout(() => begun?.(), 3 * LIMITS.waitMs);
      setTimeout(() => say([PLACE]), 3.5 * LIMITS.waitMs);
    });
    expect(await answer).toEqual([PLACE]);
    expect(stops).toHaveLength(1);
  });

  it('is heard though the thread was busy for longer than it is waited for', async () => {
    const { answer } = asked((say, { begun }) => {
      begun?.();
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        say([PLACE]);
        port1.close();
      };
      // The clock's turn comes next, before that of messages.
      setImmediate(() => {
        port2.postMessage(null);
        for (const until = performance.now() + 2 * LIMITS.waitMs; performance.now() < until;);
      });
    });
    expect(await answer).toEqual([PLACE]);
  });

  it('knows nothing where it refuses or says nothing more, and is a failure where it does not answer', async () => {
    const refused = new RpcError(-32601, 'subscribe', 'unknown');
    expect(await asked((_, { failed }) => failed?.(refused)).answer).toEqual([]);
    expect(await asked((_, { begun }) => begun?.()).answer).toEqual([]);
    const lost = new RpcError('timeout', 'subscribe', 'no answer');
    await expect(asked((_, { failed }) => failed?.(lost)).answer).rejects.toBe(lost);
    const silent = asked(() => undefined);
    await expect(silent.answer).rejects.toMatchObject({ code: 'timeout' });
    expect(silent.stops).toHaveLength(1);
  });
});
