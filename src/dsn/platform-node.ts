/** How a peer under Node.js reaches others: TCP, as native peers do, and WebSocket, as tabs do. */
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { WebSocket } from 'ws';
import type { PeerPlatform } from './peer.ts';

/**
 * As in a browser, a message is an event of its own turn: libp2p listens for messages only some promises after the
 * opening, and a peer that speaks first would not be heard.
 */
class StandardWebSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols, { allowSynchronousEvents: false });
  }
}

/** libp2p is written for a newer Node.js: it takes these two from the platform. */
function complete(): void {
  const platform = globalThis as { WebSocket?: unknown };
  platform.WebSocket ??= StandardWebSocket;
  Promise.withResolvers ??= function withResolvers<T>() {
    let resolve!: (value: T | PromiseLike<T>) => void;
    let reject!: (reason?: unknown) => void;
    const promise = new Promise<T>((res, rej) => {
      resolve = res;
      reject = rej;
    });
    return { promise, resolve, reject };
  };
}

/**
 * @param listen Multiaddresses, e.g. `/ip4/127.0.0.1/tcp/0/ws`; none: this peer only asks.
 * @param relay Whether tabs may meet each other here.
 */
export function nodePlatform(listen: string[] = [], relay = false): PeerPlatform {
  complete();
  return {
    transports: [tcp(), webSockets(), circuitRelayTransport()],
    listen,
    services: relay ? { relay: circuitRelayServer({ reservations: { applyDefaultLimit: false } }) } : {},
  };
}
