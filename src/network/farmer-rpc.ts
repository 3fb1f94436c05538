/** The farmer's calls of a node (`subspace_*`): slots, solutions, reward signing, pieces, segment headers. */
import { toHex } from '../protocol/bytes.ts';
import { PIECE_BYTES } from '../protocol/constants.ts';
import type { DecodeError } from '../protocol/errors.ts';
import { jsonArray, jsonHex, jsonObject, jsonU32 } from '../protocol/json.ts';
import { globalObjectMappingFromJson } from '../protocol/object-mapping.ts';
import { segmentHeaderFromJson } from '../protocol/segment.ts';
import type {
  FarmerAppInfo,
  GlobalObject,
  PieceIndex,
  RewardSigningInfo,
  SegmentHeader,
  SegmentIndex,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../protocol/types.ts';
import {
  farmerAppInfoFromJson,
  rewardSignatureToJson,
  rewardSigningFromJson,
  slotInfoFromJson,
  solutionResponseToJson,
} from './farmer-json.ts';
import { subscribeDecoded } from './node-rpc.ts';
import type { CallOptions, RpcCaller, Subscription, SubscriptionNews } from './rpc.ts';
import type { RpcError } from './rpc-error.ts';

/** Most segment headers that one call may ask for. */
export const MAX_SEGMENT_HEADERS = 1_000;
/** A piece is 2 MiB of hex. */
const PIECE_TIMEOUT_MS = 60_000;

/** What a subscription reports besides its values. */
export interface SubscriptionTrouble {
  /** A notification that does not decode. */
  malformed?(error: DecodeError): void;
  /** The node does not accept the subscription. */
  failed?(error: RpcError): void;
}

/** Objects of archived history, as the node found them when it archived a block. */
export interface ObjectMappingNotice {
  blockNumber: number;
  objects: GlobalObject[];
}

/** Most hashes that a subscription filters for. */
export const MAX_FILTERED_HASHES = 1_000;

/** One node as the farmer sees it: the `AuthoringNode` and a `PieceSource` of the farm. */
export class FarmerRpc {
  /** `name`: what to call the node in messages, e.g. its address. */
  constructor(
    private readonly rpc: RpcCaller,
    readonly name: string,
    private readonly trouble: SubscriptionTrouble = {},
  ) {}

  /** What the network asks of farmers, as this node sees it now. */
  async appInfo(options?: CallOptions): Promise<FarmerAppInfo> {
    return farmerAppInfoFromJson(await this.rpc.call('subspace_getFarmerAppInfo', undefined, options));
  }

  /** Every slot as it begins; returns what stops that. */
  onSlot(listener: (slot: SlotInfo) => void): () => void {
    return this.subscribe('SlotInfo', undefined, slotInfoFromJson, listener);
  }

  /** Hashes to sign for solutions of any farmer; returns what stops that. */
  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void {
    return this.subscribe('RewardSigning', undefined, rewardSigningFromJson, listener);
  }

  /** Headers of segments as the node archives them; each must be acknowledged or the archiver waits. */
  onArchivedSegmentHeader(listener: (header: SegmentHeader) => void): () => void {
    return this.subscribe('ArchivedSegmentHeader', undefined, segmentHeaderFromJson, listener);
  }

  /** Tells the node that the farm has taken note of a segment. */
  async acknowledgeSegmentHeader(segment: SegmentIndex): Promise<void> {
    await this.rpc.call('subspace_acknowledgeArchivedSegmentHeader', [segment]);
  }

  /** Throws RpcError with `code` 9001 when the solution came too late. */
  async submitSolution(slotNumber: SlotNumber, solution: Solution): Promise<void> {
    await this.rpc.call('subspace_submitSolutionResponse', [
      solutionResponseToJson({ slotNumber, solution }),
    ]);
  }

  /** `signature`: 64 bytes, null to decline; the node waits for it for 500 ms. */
  async submitRewardSignature(hash: Uint8Array, signature: Uint8Array | null): Promise<void> {
    await this.rpc.call('subspace_submitRewardSignature', [rewardSignatureToJson({ hash, signature })]);
  }

  /** Headers of segments, null where the node has none. At most 1000 at once. */
  async segmentHeaders(
    segments: readonly SegmentIndex[],
    options?: CallOptions,
  ): Promise<(SegmentHeader | null)[]> {
    return segmentHeadersFromJson(await this.rpc.call('subspace_segmentHeaders', [segments], options));
  }

  /** The newest headers, ascending. At most 1000. */
  async lastSegmentHeaders(limit: number, options?: CallOptions): Promise<(SegmentHeader | null)[]> {
    return segmentHeadersFromJson(await this.rpc.call('subspace_lastSegmentHeaders', [limit], options));
  }

  /** A piece (1048672 bytes) of the newest segment or of segment 0, null when the node does not have it. */
  async piece(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null> {
    const options = { signal, timeoutMs: PIECE_TIMEOUT_MS };
    const result = await this.rpc.call('subspace_piece', [index], options);
    return result === null ? null : jsonHex('piece', result, PIECE_BYTES);
  }

  /** Objects as they are archived; returns what stops that. The node must create mappings. */
  onObjectMappings(listener: (notice: ObjectMappingNotice) => void): () => void {
    return this.subscribe('ObjectMappings', undefined, objectMappingNoticeFromJson, listener);
  }

  /** The same for some objects (32-byte hashes, at most 1000) until each was seen. */
  onFilteredObjectMappings(
    hashes: readonly Uint8Array[],
    listener: (notice: ObjectMappingNotice) => void,
    news?: SubscriptionNews,
  ): () => void {
    const params = [hashes.map(toHex)];
    return this.subscribe('FilteredObjectMappings', params, objectMappingNoticeFromJson, listener, news);
  }

  private subscribe<T>(
    name: string,
    params: readonly unknown[] | undefined,
    decode: (json: unknown) => T,
    listener: (value: T) => void,
    news: SubscriptionNews = {},
  ): () => void {
    const subscription: Subscription = subscribeDecoded(
      this.rpc,
      [`subspace_subscribe${name}`, `subspace_unsubscribe${name}`],
      params,
      decode,
      listener,
      (error) => this.trouble.malformed?.(error),
      {
        ...news,
        failed: (error) => {
          news.failed?.(error);
          this.trouble.failed?.(error);
        },
      },
    );
    return () => subscription.close();
  }
}

function segmentHeadersFromJson(json: unknown): (SegmentHeader | null)[] {
  return jsonArray('segment-headers', json, MAX_SEGMENT_HEADERS).map((header) =>
    header === null ? null : segmentHeaderFromJson(header),
  );
}

function objectMappingNoticeFromJson(json: unknown): ObjectMappingNotice {
  const what = 'object-mapping';
  return {
    blockNumber: jsonU32(what, jsonObject(what, json)['blockNumber']),
    objects: globalObjectMappingFromJson(json),
  };
}
