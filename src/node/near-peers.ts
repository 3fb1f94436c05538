/**
 * A node on this machine is asked as a peer as well, where it listens for pages: peers gossip proofs of time ahead of the
 * blocks that carry them, which RPC does not.
 */
import type { LightClient } from '../chain/light-client.ts';
import { isThisMachine } from '../network/local-access.ts';
import type { ChainSource, RpcSource } from '../network/source.ts';
import { messageOf } from '../protocol/errors.ts';

/** A WebSocket on this machine, with the peer's identity. */
const NEAR = /^\/(?:ip4\/127\.0\.0\.1|ip6\/::1|dns[46]?\/localhost)\/tcp\/\d+\/ws\/p2p\/\w+$/;

/**
 * Adds such peers to a light client, each once its node's RPC is connected. Returns what stops looking.
 *
 * @param connect Reaches a multiaddress.
 * @param known Endpoints that are asked already.
 */
export function addNearPeers(
  sources: readonly Pick<RpcSource, 'name' | 'state' | 'onState' | 'node'>[],
  client: Pick<LightClient, 'addSource'>,
  connect: (address: string) => Promise<ChainSource>,
  known: readonly string[],
  log: (line: string) => void,
): () => void {
  const asked = new Set(known);
  const stops = sources
    .filter(({ name }) => name.startsWith('ws://') && isThisMachine(new URL(name).hostname))
    .map((source) => {
      const add = async (): Promise<void> => {
        const address = (await source.node.localListenAddresses()).find((one) => NEAR.test(one));
        if (address === undefined || asked.has(address)) return;
        asked.add(address);
        client.addSource(await connect(address));
      };
      const look = (): void => {
        if (source.state !== 'connected') return;
        stop();
        add().catch((error: unknown) => log(`${source.name} is not asked as a peer: ${messageOf(error)}`));
      };
      const stop = source.onState(look);
      look();
      return stop;
    });
  return () => {
    for (const stop of stops) stop();
  };
}
