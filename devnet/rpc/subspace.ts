/** The farmers' methods, `subspace_*`. */
import {
  farmerAppInfoToJson,
  rewardSignatureFromJson,
  rewardSigningToJson,
  slotInfoToJson,
  solutionResponseFromJson,
} from '../../src/network/farmer-json.ts';
import { fromHex, toHex } from '../../src/protocol/bytes.ts';
import { DecodeError } from '../../src/protocol/errors.ts';
import { globalObjectMappingToJson } from '../../src/protocol/object-mapping.ts';
import { segmentHeaderToJson } from '../../src/protocol/segment.ts';
import type { FarmerAppInfo, GlobalObject } from '../../src/protocol/types.ts';
import type { Chain } from '../chain.ts';
import type { NodeOptions } from '../config.ts';
import type { FarmingHub } from '../farming.ts';
import { historySize } from '../runtime/subspace-state.ts';
import type { BlockObjects } from '../object-log.ts';
import type { Segments } from '../segments.ts';
import { invalidParams, RpcFailure } from './failure.ts';
import { bytes, integer, list, requireConnection, unsubscriber } from './params.ts';
import type { Connection, Method, Sink } from './server.ts';

/** Code of every error of these methods. */
const SUBSPACE_ERROR = 9001;
const MAX_SEGMENT_HEADERS = 1000;
const MAX_FILTERED_HASHES = 1000;
const MAX_OBJECTS_IN_MESSAGE = 1000;

/** What a farmer has to know of this network. */
export function farmerAppInfo(chain: Chain, dsnBootstrapNodes: string[] = []): FarmerAppInfo {
  const { params } = chain;
  return {
    genesisHash: fromHex(chain.genesis.hash, 32),
    dsnBootstrapNodes,
    syncing: false,
    farmingTimeoutMs: params.slotDurationMs * params.blockAuthoringDelay,
    protocolInfo: {
      historySize: historySize(chain.stateOf(chain.best.hash)),
      maxPiecesInSector: params.maxPiecesInSector,
      recentSegments: params.recentSegments,
      recentHistoryFraction: params.recentHistoryFraction,
      minSectorLifetime: params.minSectorLifetime,
    },
  };
}

/**
 * `dsnAddresses`: multiaddresses of the network's own peer of the storage network. `farmingTimeoutMs`: what farmers
 * are told they have for a proof.
 */
export function subspaceMethods(
  chain: Chain,
  hub: FarmingHub,
  segments: Segments,
  dsnAddresses: string[],
  { farmingTimeoutMs, withholds = () => false }: Pick<NodeOptions, 'farmingTimeoutMs' | 'withholds'> = {},
): Record<string, Method> {
  const appInfo = (): FarmerAppInfo => {
    const info = farmerAppInfo(chain, dsnAddresses);
    return { ...info, farmingTimeoutMs: farmingTimeoutMs ?? info.farmingTimeoutMs };
  };
  return {
    subspace_getFarmerAppInfo: () => farmerAppInfoToJson(appInfo()),

    subspace_subscribeSlotInfo: subscription('subspace_slot_info', (sink) =>
      sink.onClose(hub.onSlot((slot) => sink.notify(slotInfoToJson(slot)))),
    ),
    subspace_unsubscribeSlotInfo: unsubscriber,

    subspace_submitSolutionResponse: ([response]) => {
      const { slotNumber, solution } = decoded(() => solutionResponseFromJson(response));
      if (!hub.submit(slotNumber, solution)) throw new RpcFailure(SUBSPACE_ERROR, 'Solution was ignored');
      return null;
    },

    subspace_subscribeRewardSigning: subscription('subspace_reward_signing', (sink) =>
      sink.onClose(hub.onRewardSigning((request) => sink.notify(rewardSigningToJson(request)))),
    ),
    subspace_unsubscribeRewardSigning: unsubscriber,

    subspace_submitRewardSignature: ([response]) => {
      const { hash, signature } = decoded(() => rewardSignatureFromJson(response));
      if (signature !== null) hub.submitSignature(hash, signature);
      return null;
    },

    subspace_subscribeArchivedSegmentHeader: subscription('subspace_archived_segment_header', (sink) =>
      sink.onClose(segments.onHeader((header) => sink.notify(segmentHeaderToJson(header)))),
    ),
    subspace_unsubscribeArchivedSegmentHeader: unsubscriber,
    subspace_acknowledgeArchivedSegmentHeader: ([index]) => {
      integer(index, 'segment index');
      return null;
    },

    subspace_segmentHeaders: ([indices]) => {
      const wanted = list(indices, 'segment indices', Number.MAX_SAFE_INTEGER);
      if (wanted.length > MAX_SEGMENT_HEADERS)
        throw new RpcFailure(SUBSPACE_ERROR, `segment_indexes length exceed the limit: ${wanted.length} `);
      return wanted.map((index) => {
        const header = segments.header(BigInt(integer(index, 'segment index')));
        return header && segmentHeaderToJson(header);
      });
    },
    subspace_lastSegmentHeaders: ([limit]) => {
      const count = integer(limit, 'limit');
      if (count > MAX_SEGMENT_HEADERS)
        throw new RpcFailure(SUBSPACE_ERROR, `limit exceed the limit: ${count} `);
      return count === 0 ? [] : segments.headers().slice(-count).map(segmentHeaderToJson);
    },

    subspace_piece: async ([index]) => {
      const wanted = BigInt(integer(index, 'piece index'));
      const piece = withholds(wanted) ? null : await segments.piece(wanted);
      return piece && Buffer.from(piece.buffer).toString('hex');
    },

    subspace_subscribeObjectMappings: subscription('subspace_object_mappings', (sink) =>
      sink.onClose(segments.onObjects((found) => notifyObjects(sink, found, found.objects))),
    ),
    subspace_unsubscribeObjectMappings: unsubscriber,

    subspace_subscribeFilteredObjectMappings: ([hashes], connection) => {
      const wanted = list(hashes, 'hashes', Number.MAX_SAFE_INTEGER);
      if (wanted.length > MAX_FILTERED_HASHES)
        throw new RpcFailure(SUBSPACE_ERROR, `hashes length exceed the limit: ${wanted.length} `);
      const missing = new Set(wanted.map((hash) => toHex(bytes(hash, 'hash', 32))));
      const client = requireConnection(connection);
      const sink = client.subscribe('subspace_filtered_object_mappings');
      const tell = (found: BlockObjects): void => {
        const objects = found.objects.filter(({ hash }) => missing.delete(toHex(hash)));
        notifyObjects(sink, found, objects);
        if (missing.size === 0) client.unsubscribe(sink.id);
      };
      sink.onClose(segments.onObjects(tell));
      // The reference node forgets what it told; this one is the only one, and remembers.
      for (const hash of missing) {
        const place = segments.place(fromHex(hash, 32));
        if (place !== null) tell({ blockNumber: place.blockNumber, objects: [place] });
      }
      return sink.id;
    },
    subspace_unsubscribeFilteredObjectMappings: unsubscriber,
  };
}

/** A method that subscribes: `begin` arranges for notifications. */
export function subscription(
  notification: string,
  begin: (sink: Sink, params: readonly unknown[], connection: Connection) => void,
): Method {
  return (params, connection) => {
    const client = requireConnection(connection);
    const sink = client.subscribe(notification);
    begin(sink, params, client);
    return sink.id;
  };
}

function notifyObjects(sink: Sink, { blockNumber }: BlockObjects, objects: GlobalObject[]): void {
  for (let from = 0; from < objects.length; from += MAX_OBJECTS_IN_MESSAGE) {
    const part = objects.slice(from, from + MAX_OBJECTS_IN_MESSAGE);
    sink.notify({ blockNumber, ...globalObjectMappingToJson(part) });
  }
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) throw invalidParams(error.message);
    throw error;
  }
}
