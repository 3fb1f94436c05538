import { expect, test } from 'vitest';
import type { NodeSnapshot } from '../node/api.ts';
import { untilFollowing, type WatchedNode } from './chain-wait.ts';
import { StatusLine } from './status-line.ts';

const { signal } = new AbortController();
const network = { endpoints: ['ws://127.0.0.1:9'] };

/** A node whose snapshots come one after the other, the last one for good, and what was said of them. */
function watched(
  ...snapshots: { phase: string; target?: number; best?: { number: number }; cause?: unknown }[]
) {
  const said: string[] = [];
  let change: () => void = () => undefined;
  const node: WatchedNode = {
    snapshot: () => {
      const { target = null, best = null, cause = null, phase } = snapshots[0]!;
      const chain = { sources: [], phase, target, best, cause, examination: null, headersPerSecond: 0 };
      return { chain, failure: null, setup: { network } } as unknown as NodeSnapshot;
    },
    onChange: (listener) => (change = listener),
  };
  const status = new StatusLine({ write: (text) => said.push(text) });
  const next = (): void => {
    if (snapshots.length > 1) snapshots.shift();
    change();
  };
  return { node, status, said, next };
}

test('connecting and verifying are said, and the head ends it', async () => {
  const { node, status, said, next } = watched(
    { phase: 'connecting' },
    { phase: 'syncing', target: 145, best: { number: 16 } },
    { phase: 'following', target: 145, best: { number: 145 } },
  );
  const waiting = untilFollowing(node, status, signal);
  next();
  next();
  await waiting;
  expect(said).toEqual(['Connecting to ws://127.0.0.1:9…\n', 'Verifying the chain: block 16 of 145\n']);
});

test('a node that does not answer is named once, however often it is tried, and ends the wait', async () => {
  const offline = { phase: 'offline' };
  const connecting = { phase: 'connecting' };
  const { node, status, said, next } = watched(connecting, offline, connecting, offline, connecting);
  const waiting = untilFollowing(node, status, signal, 1_500);
  for (let times = 0; times < 4; times += 1) next();
  await expect(waiting).rejects.toThrow('No node answers at ws://127.0.0.1:9. --endpoint names another');
  expect(said.slice(1)).toEqual([expect.stringContaining('No node answers at ws://127.0.0.1:9')]);
});

test('a chain that is refused ends the wait at once', async () => {
  const { node, status } = watched({ phase: 'refused', cause: { sentence: 'The chain is another.' } });
  await expect(untilFollowing(node, status, signal)).rejects.toThrow('The chain is another.');
});

test('a signal ends the wait with its own words', async () => {
  const { node, status } = watched({ phase: 'connecting' });
  const ending = new AbortController();
  const waiting = untilFollowing(node, status, ending.signal);
  ending.abort(new Error('told to end'));
  await expect(waiting).rejects.toThrow('told to end');
});
