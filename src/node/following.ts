/** A network that is followed: the workers, the nodes that are asked, and the light client that checks them. */
import { LightClient } from '../chain/light-client.ts';
import type { TablePool } from '../crypto/table-pool.ts';
import { RpcSource, type ChainSource } from '../network/source.ts';
import { fromHex } from '../protocol/bytes.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import { accelerate } from './accelerate.ts';
import type { NetworkChoice, Setup } from './api.ts';
import { beginChoice } from './begin.ts';
import { AuthoringNodes } from './authoring.ts';
import { NodeError } from './errors.ts';
import type { Journal } from './journal.ts';
import { addNearPeers } from './near-peers.ts';
import { presetOf } from './networks.ts';
import type { NodePlatform } from './platform.ts';
import { createTablePool } from './tables.ts';

/** Why nothing can be handed in. */
export const ONLY_PEERS = 'This needs a node’s RPC; peers alone were named.';

export class Following {
  private constructor(
    readonly pool: TablePool,
    readonly sources: readonly RpcSource[],
    readonly client: LightClient,
    /** Null where peers alone were named. */
    readonly authoring: AuthoringNodes<RpcSource> | null,
    /** Ends what helps the client. */
    private readonly release: () => void,
  ) {}

  /** Opens what a choice asks for; the client waits for its `start`. Leaves nothing open where it throws. */
  static async open(
    platform: NodePlatform,
    { network, begin, cores, potBudget }: Setup,
    journal: Journal,
    changed: () => void,
  ): Promise<Following> {
    const log = (line: string): void => journal.log('info', line);
    const sources: RpcSource[] = [];
    const peers: ChainSource[] = [];
    let pool: TablePool | null = null;
    try {
      pool = await createTablePool(platform, cores, journal, changed);
      for (const endpoint of network.endpoints) {
        if (isPeerAddress(endpoint)) peers.push(await connectPeer(platform, endpoint));
        else sources.push(RpcSource.connect(endpoint, { openSocket: platform.openSocket }));
      }
      const preset = presetOf(network.id);
      const client = await LightClient.open({
        sources: [...sources, ...peers],
        pool,
        store: await chainStore(platform, network),
        runtimes: await chainStore(platform, network, '-runtime'),
        begin: beginChoice(begin, network),
        network: {
          genesisHash: network.genesisHash === null ? null : fromHex(network.genesisHash, 32),
          constants: preset?.constants ?? null,
          potExternalEntropy: preset?.potExternalEntropy ?? null,
        },
        potBudget,
        log,
      });
      const reach = (address: string) => connectPeer(platform, address);
      const authoring =
        sources.length === 0
          ? null
          : new AuthoringNodes({
              sources,
              usable: () => client.sources(),
              genesisHash: () => client.genesisHash(),
              tookOver: ({ name }) => journal.notify('info', 'farm', `Solutions go to ${name} from now on.`),
            });
      const stops = [
        ...(authoring === null ? [] : [client.onChange(() => authoring.look())]),
        accelerate(client, pool, platform, log),
        addNearPeers(sources, client, reach, network.endpoints, log),
      ];
      return new Following(pool, sources, client, authoring, () => stops.forEach((stop) => stop()));
    } catch (error) {
      for (const source of [...sources, ...peers]) source.close();
      await pool?.close();
      throw error;
    }
  }

  /** Nodes whose RPC answers at the moment. */
  connectedNodes(): RpcSource[] {
    return this.sources.filter(({ state }) => state === 'connected');
  }

  /** The node that solutions go to. Throws NodeError `choice` where none was named. */
  requireAuthoring(): AuthoringNodes<RpcSource> {
    if (this.authoring === null) throw new NodeError('choice', ONLY_PEERS);
    return this.authoring;
  }

  /** Stops following; what was verified is kept. */
  async close(): Promise<void> {
    this.release();
    await this.client.stop();
    await this.pool.close();
  }
}

/** Forgets the verified chain of a network. Throws StorageError. */
export async function forgetChain(platform: NodePlatform, network: NetworkChoice): Promise<void> {
  for (const part of ['', '-runtime'] as const) await (await chainStore(platform, network, part)).clear();
}

function chainStore(
  platform: NodePlatform,
  { genesisHash, id }: NetworkChoice,
  part: '' | '-runtime' = '',
): Promise<ChainStore> {
  return platform.openChainStore(`${genesisHash ?? id}${part}`);
}

/** Whether an endpoint is a peer's multiaddress rather than the URL of a node's RPC. */
function isPeerAddress(endpoint: string): boolean {
  return endpoint.startsWith('/');
}

async function connectPeer(platform: NodePlatform, address: string): Promise<ChainSource> {
  const { PeerSource } = await import('../network/peer-source.ts');
  const { transports } = await platform.peerPlatform();
  return PeerSource.connect(address, { transports });
}
