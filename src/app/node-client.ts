/** The page's end of the node worker: one worker a tab, one snapshot that React reads. */
import * as Comlink from 'comlink';
import { useCallback, useSyncExternalStore } from 'react';
import { pause } from '../async/pause.ts';
import type { Cause, NodeApi, NodeSnapshot } from '../node/api.ts';
import { unpackSnapshot, type PackedSnapshot } from '../node/sector-wire.ts';
import { addressBeginning } from './addresses.ts';
import { unchanged } from './unchanged.ts';
import { lendWebRtc } from './rtc-lender.ts';
import type { Token } from '../protocol/notation.ts';
import { rewrittenAddress, SS58_PREFIX } from '../protocol/ss58.ts';

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
  Comlink.proxy((snapshot: PackedSnapshot) => {
    current = unchanged(unpackSnapshot(snapshot, current), current);
    for (const listener of listeners) listener();
  }),
);

/** How often the worker is asked for a sign of life, and how long it may take to give one. */
const LOOK_MS = 5_000;
const PATIENCE_MS = 30_000;
/** How long the person sees that before the page begins anew. */
const RESTART_MS = 15_000;
let silent: Cause | null = null;

function setSilent(cause: Cause | null): void {
  if (silent === cause) return;
  silent = cause;
  for (const listener of listeners) listener();
}

/** A worker that died, of memory say, says nothing any more: what the page shows of it would stay as it was. */
async function watch(): Promise<never> {
  for (;;) {
    const since = Date.now();
    const answer = node.alive();
    let timer = setTimeout(() => {
      setSilent(silenceSince(since));
      // A second wait: after a frozen tab wakes, the first is long over before the answer is looked at.
      timer = setTimeout(restart, RESTART_MS);
    }, PATIENCE_MS);
    await answer;
    clearTimeout(timer);
    setSilent(null);
    await pause(LOOK_MS);
  }
}

const RESTARTED = 'restarted';
/** One that dies again within this time, in milliseconds, is left for the person to see. */
const AGAIN_MS = 600_000;

/** Begins anew by itself: nobody may be there to press a button. */
function restart(): void {
  const last = Number(sessionStorage.getItem(RESTARTED) ?? 0);
  if (Date.now() - last < AGAIN_MS) return;
  sessionStorage.setItem(RESTARTED, String(Date.now()));
  window.location.reload();
}

/** Whether this page is one that had to begin anew, a moment ago. */
export function wasRestarted(): boolean {
  return Date.now() - Number(sessionStorage.getItem(RESTARTED) ?? 0) < PATIENCE_MS * 2;
}

function silenceSince(since: number): Cause {
  return {
    code: 'node-silent',
    sentence:
      'The part of this page that does the work no longer answers: what you see is old, and nothing is farmed. The page restarts by itself in a moment, unless it did so just before; finished sectors are kept.',
    action: 'Reload',
    since,
  };
}

void watch();

/** Why the node's worker is taken for dead; null while it answers. */
export function useSilence(): Cause | null {
  return useSyncExternalStore(subscribe, () => silent);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The node's newest snapshot; null until the worker has sent its first. */
export function useSnapshot(): NodeSnapshot | null {
  return useSyncExternalStore(subscribe, () => current);
}

const NO_TOKEN: Token = { symbol: '', decimals: 0 };

/** The network's token. */
export function useToken(): Token {
  return useSyncExternalStore(subscribe, () => current?.notation.token ?? NO_TOKEN);
}

const usePrefix = (): number =>
  useSyncExternalStore(subscribe, () => current?.notation.ss58Prefix ?? SS58_PREFIX);

/** What addresses of the followed network begin with, for a field that waits for one. */
export function useAddressBeginning(): string {
  return addressBeginning(usePrefix());
}

/** Writes addresses as the followed network does. */
export function useWritten(): (address: string) => string {
  const prefix = usePrefix();
  return useCallback((address) => rewrittenAddress(address, prefix), [prefix]);
}
