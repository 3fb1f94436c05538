/** What a node says of its network before anything is verified. */
import { FarmerRpc } from '../network/farmer-rpc.ts';
import { NodeRpc } from '../network/node-rpc.ts';
import { RpcClient } from '../network/rpc.ts';
import type { OpenSocket } from '../network/socket.ts';
import { toHex } from '../protocol/bytes.ts';
import { sectorFileSize } from '../farm/sector-file.ts';
import type { NetworkProbe } from './api.ts';
import { sentenceOf } from './causes.ts';

const TIMEOUT_MS = 8_000;

const UNKNOWN = {
  genesisHash: null,
  chainName: null,
  best: null,
  maxPiecesInSector: null,
  historySize: null,
  sectorBytes: null,
};

/** Asks one endpoint. Never rejects: what goes wrong stands in `error`, as a sentence. */
export async function probeEndpoint(endpoint: string, openSocket: OpenSocket): Promise<NetworkProbe> {
  const unreachable = (error: string): NetworkProbe => ({ endpoint, reachable: false, ...UNKNOWN, error });
  if (!isEndpoint(endpoint))
    return unreachable('A node’s address begins with ws:// or wss://, such as ws://127.0.0.1:9944.');
  const client = new RpcClient(endpoint, { openSocket, timeoutMs: TIMEOUT_MS });
  const node = new NodeRpc(client);
  try {
    const [genesis, chainName, best] = await Promise.race([
      Promise.all([node.blockHash(0), node.chainName(), node.header(undefined)]),
      firstFailure(client),
    ]);
    // A node that refuses farmers can still be followed.
    const info = await new FarmerRpc(client, endpoint).appInfo().catch(() => null);
    const pieces = info?.protocolInfo.maxPiecesInSector ?? null;
    return {
      endpoint,
      reachable: true,
      genesisHash: genesis && toHex(genesis),
      chainName,
      best: best?.number ?? null,
      maxPiecesInSector: pieces,
      historySize: info === null ? null : String(info.protocolInfo.historySize),
      sectorBytes: pieces === null ? null : sectorFileSize(pieces),
      error: null,
    };
  } catch (error) {
    return unreachable(`No node answers at ${endpoint}. Is it running? (${sentenceOf(error)})`);
  } finally {
    client.close();
  }
}

/** Rejects when the first attempt to connect fails: whoever asks is waiting, so there is no second one. */
function firstFailure(client: RpcClient): Promise<never> {
  return new Promise((_, failed) => {
    client.onState(() => {
      if (client.state === 'waiting') failed(new Error(client.reason ?? 'the connection failed'));
    });
  });
}

function isEndpoint(text: string): boolean {
  return URL.canParse(text) && ['ws:', 'wss:'].includes(new URL(text).protocol);
}
