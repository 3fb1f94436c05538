import { useEffect, useState } from 'react';
import { backOff } from '../async/back-off.ts';
import { pause } from '../async/pause.ts';
import type { NetworkProbe } from '../node/api.ts';
import { node } from './node-client.ts';

/** Wait before an address that is being typed is asked. */
const TYPING_MS = 250;
/** Waits before a node that does not answer is asked again: it may be starting just now. */
const FIRST_AGAIN_MS = 1_000;
const LAST_AGAIN_MS = 8_000;

/**
 * What the node at an address says of its network; null while it is first asked. Asked again until it answers. Nobody is
 * asked while the address is null.
 */
export function useProbe(endpoint: string | null): NetworkProbe | null {
  const [probe, setProbe] = useState<NetworkProbe | null>(null);
  useEffect(() => {
    const left = new AbortController();
    setProbe(null);
    if (endpoint === null) return undefined;
    // The worker that dies restarts the page.
    ask(endpoint, setProbe, left.signal).catch(() => undefined);
    return () => left.abort();
  }, [endpoint]);
  return probe;
}

async function ask(
  endpoint: string,
  heard: (probe: NetworkProbe) => void,
  signal: AbortSignal,
): Promise<void> {
  await pause(TYPING_MS, signal);
  for (let failures = 0; ; failures += 1) {
    const probe = await node.probe(endpoint);
    signal.throwIfAborted();
    heard(probe);
    if (!probe.mayAnswer) return;
    await pause(backOff(failures, FIRST_AGAIN_MS, LAST_AGAIN_MS), signal);
  }
}

/** Why a node is not reachable, and what happens next; null where it is. */
export function probeTrouble({ error, mayAnswer }: NetworkProbe): string | null {
  return mayAnswer ? `${error} It is asked again every few seconds.` : error;
}
