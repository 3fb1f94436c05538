/** The page's end of objects: commands of the node's desk, and its status while somebody looks. */
import * as Comlink from 'comlink';
import type { ObjectRequest } from '../node/object-ports.ts';
import type { ObjectCommands, ObjectsStatus } from '../node/objects.ts';
import { node } from './node-client.ts';
import { commands, usePolled } from './wallet-client.ts';

/** Commands of objects; each rejects with a sentence for the person. */
export const objects = commands<ObjectCommands>((name, input) => node.objects(name, input));

const POLL_MS = 1_000;

const loadStatus = (): Promise<ObjectsStatus> => objects.status();

/** What the node's desk of objects does, looked at every second; the error says why there is none yet. */
export function useObjects(): { status: ObjectsStatus | null; error: string | null; refresh: () => void } {
  const { value: status, error, reload: refresh } = usePolled(loadStatus, POLL_MS);
  return { status, error, refresh };
}

/** Hands requests of the service worker on to the node. */
export function relayObjectRequests(): void {
  if (!('serviceWorker' in navigator)) return;
  navigator.serviceWorker.addEventListener('message', ({ data, ports }: MessageEvent<ObjectRequest>) => {
    const [port] = ports;
    if (data.kind === 'object-request' && port !== undefined)
      void node.serveObject(data, Comlink.transfer(port, [port]));
  });
  navigator.serviceWorker.startMessages();
}
