/** The page's end of the node worker: one worker a tab, one snapshot that React reads. */
import * as Comlink from 'comlink';
import { useSyncExternalStore } from 'react';
import type { NodeApi, NodeSnapshot } from '../node/api.ts';
import { lendWebRtc } from './rtc-lender.ts';

let current: NodeSnapshot | null = null;
const listeners = new Set<() => void>();

const worker = new Worker(new URL('../../workers/node.ts', import.meta.url), {
  type: 'module',
  name: 'allotment-node',
});

/** Commands to the node; each rejects with a sentence for the person. */
export const node: Comlink.Remote<NodeApi> = Comlink.wrap<NodeApi>(worker);

const rtc = new MessageChannel();
lendWebRtc(rtc.port1);
void node.lendWebRtc(Comlink.transfer(rtc.port2, [rtc.port2]));

void node.subscribe(
  Comlink.proxy((snapshot: NodeSnapshot) => {
    current = snapshot;
    for (const listener of listeners) listener();
  }),
);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The node's newest snapshot; null until the worker has sent its first. */
export function useSnapshot(): NodeSnapshot | null {
  return useSyncExternalStore(subscribe, () => current);
}
