/** The registry of identities of whatever network the node follows. */
import { VerifiedBlocks } from '../chain/verified-blocks.ts';
import type { LightClient } from '../chain/light-client.ts';
import type { IdentityOptions } from '../identity/options.ts';
import { DomainRegistry } from '../identity/domain-registry.ts';
import type { OpenSocket } from '../network/socket.ts';
import { NodeRpc } from '../network/node-rpc.ts';
import { RpcClient } from '../network/rpc.ts';
import { Refusal } from '../wallet/errors.ts';
import type { AccountSigner, WalletService } from '../wallet/service.ts';
import type { NetworkChoice, NetworkId } from './api.ts';

/** A network that is being followed. */
export interface RegistryNetwork {
  network: NetworkChoice;
  client: LightClient;
}

/** Names of networks in DIDs; mainnet has none. */
const DID_NETWORKS: Record<NetworkId, string | null> = {
  local: 'dev',
  mainnet: null,
  chronos: 'chronos',
  custom: 'custom',
};
/** A node that does not answer must not hold up what is shown. */
const CALL_TIMEOUT_MS = 10_000;

/** Where the nodes of a network's Auto ID domain are. */
export function domainEndpoints({ endpoints, domainEndpoints: named }: NetworkChoice): string[] {
  if (named !== undefined && named.length > 0) return named;
  const first = endpoints.find((endpoint) => URL.canParse(endpoint));
  if (first === undefined) return [];
  const url = new URL(first);
  // By convention of the local network; public nodes have no port in their addresses.
  if (url.port === '') return [];
  url.port = String(Number(url.port) + 1);
  return [url.href.replace(/\/$/, '')];
}

/** Options of the identity service: the registry of the network that is followed at the time. */
export function registryOf(
  followed: () => RegistryNetwork | null,
  wallet: WalletService,
  openSocket: OpenSocket,
): IdentityOptions {
  const connections = new Map<string, RpcClient>();
  const nodes = (): NodeRpc[] => {
    const wanted = followed();
    const endpoints = wanted === null ? [] : domainEndpoints(wanted.network);
    for (const [url, client] of connections) {
      if (endpoints.includes(url)) continue;
      client.close();
      connections.delete(url);
    }
    return endpoints.map((url) => {
      let client = connections.get(url);
      if (client === undefined) {
        client = new RpcClient(url, { openSocket, timeoutMs: CALL_TIMEOUT_MS });
        connections.set(url, client);
      }
      return new NodeRpc(client);
    });
  };
  return {
    network: () => DID_NETWORKS[followed()?.network.id ?? 'custom'],
    registry: new DomainRegistry({
      consensus: () => {
        const { client } = followed() ?? {};
        if (client === undefined || !client.sources().some(({ state }) => state === 'connected')) return null;
        return new VerifiedBlocks(client);
      },
      nodes,
      signer: (payer) => payingSigner(wallet, payer),
    }),
  };
}

/**
 * Signer of the wallet's account with this address, or of its first one that can sign. Throws Refusal `locked`,
 * `watch-only`, `unknown-account`, `no-account`.
 */
export async function payingSigner(wallet: WalletService, payer?: string): Promise<AccountSigner> {
  wallet.requireUnlocked();
  if (payer !== undefined) return wallet.signer(payer);
  const { accounts } = await wallet.status();
  const account = accounts.find(({ kind }) => kind === 'phrase');
  if (account !== undefined) return wallet.signer(account.id);
  throw new Refusal('no-account', 'no account can sign', 'The wallet has no account that can pay for this.');
}
