/** What a node says of its network before anything is verified. */
import { FarmerRpc } from '../network/farmer-rpc.ts';
import { askedBefore, keptFrom, originElsewhere } from '../network/local-access.ts';
import { NodeRpc } from '../network/node-rpc.ts';
import { PRESETS } from '../network/presets.ts';
import { RpcClient } from '../network/rpc.ts';
import type { OpenSocket } from '../network/socket.ts';
import { chainConstants } from '../chain/state/constants.ts';
import { toHex } from '../protocol/bytes.ts';
import { subspaceDigests } from '../protocol/digest.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { headerHash } from '../protocol/header.ts';
import { RuntimeMetadata } from '../protocol/metadata.ts';
import { readRewardPoints, subsidyAt } from '../protocol/rewards.ts';
import { decodeAll } from '../protocol/scale.ts';
import { storagePrefix } from '../protocol/storage-key.ts';
import type { Header } from '../protocol/types.ts';
import { canBeEstimated } from '../farm/estimate.ts';
import { sectorFileSize } from '../farm/sector-file.ts';
import type { NetworkProbe } from './api.ts';
import { knownNotation, tokenOf } from './notation.ts';

const TIMEOUT_MS = 8_000;

const UNKNOWN = {
  genesisHash: null,
  chainName: null,
  best: null,
  maxPiecesInSector: null,
  historySize: null,
  sectorBytes: null,
  figures: null,
  token: null,
};

/** Asks one endpoint. Never rejects: what goes wrong stands in `error`, as a sentence. */
export async function probeEndpoint(endpoint: string, openSocket: OpenSocket): Promise<NetworkProbe> {
  const unreachable = (mayAnswer: boolean, error: string): NetworkProbe => ({
    endpoint,
    reachable: false,
    mayAnswer,
    ...UNKNOWN,
    error,
  });
  if (!isEndpoint(endpoint))
    return unreachable(false, 'A node’s address begins with ws:// or wss://, such as ws://127.0.0.1:9944.');
  const client = new RpcClient(endpoint, { openSocket, timeoutMs: TIMEOUT_MS });
  const node = new NodeRpc(client);
  try {
    const [genesis, chainName, best] = await Promise.race([
      Promise.all([node.blockHash(0), node.chainName(), node.header(undefined)]),
      firstFailure(client),
    ]);
    // A node that refuses farmers can still be followed.
    const info = await new FarmerRpc(client, endpoint).appInfo().catch(() => null);
    const figures = best === null || genesis === null ? null : await figuresOf(node, best, genesis);
    const known = genesis && knownNotation(toHex(genesis));
    const pieces = info?.protocolInfo.maxPiecesInSector ?? null;
    return {
      endpoint,
      reachable: true,
      mayAnswer: false,
      genesisHash: genesis && toHex(genesis),
      chainName,
      best: best?.number ?? null,
      maxPiecesInSector: pieces,
      historySize: info === null ? null : String(info.protocolInfo.historySize),
      sectorBytes: pieces === null ? null : sectorFileSize(pieces),
      figures,
      token: known?.token ?? (await node.properties().then(tokenOf, () => null)),
      error: null,
    };
  } catch (error) {
    return unreachable(true, `No node answers at ${endpoint}. ${await whySilent(endpoint, error)}`);
  } finally {
    client.close();
  }
}

/** What may keep an endpoint silent, in sentences. */
async function whySilent(endpoint: string, error: unknown): Promise<string> {
  const kept = await keptFrom(endpoint);
  if (kept !== null) return kept;
  const origin = originElsewhere();
  const entry = origin === null ? '' : `, and does it let pages of ${origin} in (--rpc-cors)`;
  const asked = await askedBefore(endpoint);
  return `${asked === null ? '' : `${asked} `}Is it running${entry}? (${sentenceOf(error)})`;
}

/** The figures of an estimate, from the best header and the runtime's constants. */
async function figuresOf(node: NodeRpc, best: Header, genesis: Uint8Array): Promise<NetworkProbe['figures']> {
  try {
    const known = PRESETS.find(({ genesisHash }) => genesisHash === toHex(genesis))?.constants;
    const constants = known ?? chainConstants(RuntimeMetadata.decode(await node.metadata(headerHash(best))));
    const { slotProbability, slotDurationMs } = constants;
    const { solutionRange } = subspaceDigests(best);
    if (!canBeEstimated({ solutionRange, slotProbability, slotDurationMs })) return null;
    const [enabled, block, vote] = await Promise.all([
      node.storage(storagePrefix('Rewards', 'RewardsEnabled')),
      subsidyOf(node, 'ProposerSubsidyPoints', best.number),
      subsidyOf(node, 'VoterSubsidyPoints', best.number),
    ]);
    const pays = enabled?.[0] === 1;
    return {
      solutionRange: String(solutionRange),
      slotProbability: [String(slotProbability[0]), String(slotProbability[1])],
      slotDurationMs,
      expectedVotesPerBlock: constants.expectedVotesPerBlock,
      block: String(pays ? block : 0n),
      vote: String(pays ? vote : 0n),
    };
  } catch {
    // The estimate is left out where the node does not tell.
    return null;
  }
}

/** Smallest unit; 0 where the state holds no such points. */
async function subsidyOf(node: NodeRpc, item: string, block: number): Promise<bigint> {
  const stored = await node.storage(storagePrefix('Rewards', item));
  return stored === null ? 0n : subsidyAt(decodeAll(stored, 'reward-points', readRewardPoints), block);
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
