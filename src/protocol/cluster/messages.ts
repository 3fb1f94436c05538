/**
 * Every message of a farming cluster: its subject, how it travels, what it carries. The cluster's protocol has no
 * version in its messages; releases up to 2025 identify caches and farms one by one (`…identify`), later ones
 * identify the program and tell its parts on request (`…cache-identify`, `…farmer-identify`, `…details`). Their
 * subjects differ, so that one member can speak both.
 */
import {
  list,
  option,
  result,
  struct,
  tuple,
  u16,
  u32,
  u64,
  unit,
  bytes,
  text,
  type Codec,
} from '../codec.ts';
import { piece, segmentHeader } from '../dsn.ts';
import { DecodeError } from '../errors.ts';
import type {
  FarmerProtocolInfo,
  PieceIndex,
  PieceOffset,
  RewardSigningInfo,
  SectorIndex,
  SegmentHeader,
  SlotInfo,
} from '../types.ts';
import {
  bareUlid,
  farmerAppInfo,
  farmerProtocolInfo,
  farmingNotification,
  plottedSector,
  sectorPlottingProgress,
  sectorUpdate,
  slotInfo,
  solutionResponse,
  taggedUlid,
  type FarmingNotification,
  type SectorUpdate,
  type SolutionResponse,
  type Ulid,
} from './values.ts';

/** Published; nobody answers. */
export interface Publication<T> {
  kind: 'notification' | 'broadcast';
  /** `*` stands for the instance that sends (broadcast) or receives (notification). */
  subject: string;
  payload: Codec<T>;
  /** Header `Nats-Msg-Id` by which copies of one broadcast are told apart. */
  messageId?: (value: T) => string;
}

/** Answered by one message. */
export interface Request<Q, R> {
  kind: 'request';
  subject: string;
  payload: Codec<Q>;
  response: Codec<R>;
}

/** Answered by a stream of items, several of which travel in one message. */
export interface StreamRequest<Q, R> {
  kind: 'stream';
  subject: string;
  payload: Codec<Q>;
  item: Codec<R>;
}

// Whoever looks a message up by its subject learns which types it has only from what it decodes.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyMessage = Publication<any> | Request<any, any> | StreamRequest<any, any>;

function broadcast<T>(subject: string, payload: Codec<T>, messageId?: (value: T) => string): Publication<T> {
  return { kind: 'broadcast', subject, payload, messageId };
}

function notification<T>(subject: string, payload: Codec<T>): Publication<T> {
  return { kind: 'notification', subject, payload };
}

function request<Q, R>(subject: string, payload: Codec<Q>, response: Codec<R>): Request<Q, R> {
  return { kind: 'request', subject, payload, response };
}

function stream<Q, R>(subject: string, payload: Codec<Q>, item: Codec<R>): StreamRequest<Q, R> {
  return { kind: 'stream', subject, payload, item };
}

/** A slot as a controller announces it. */
export interface SlotInfoBroadcast {
  slotInfo: SlotInfo;
  /** The controller that solutions are sent to. */
  instance: string;
}

/** A farmer’s answer to a hash that it was asked to sign; null: it does not sign it. */
export interface RewardSignature {
  /** 32 bytes. */
  hash: Uint8Array;
  /** 64 bytes. */
  signature: Uint8Array | null;
}

/** A cache as releases up to 2025 announce it. */
export interface CacheIdentity {
  pieceCacheId: Ulid;
  /** Pieces that it can hold. */
  maxNumElements: number;
}

/** A farm as releases up to 2025 announce it. */
export interface FarmIdentity {
  farmId: Ulid;
  totalSectorsCount: number;
  /** 32 bytes: BLAKE3 of the encoded id and sector count; changes when the farm does. */
  fingerprint: Uint8Array;
}

/** A farm as its farmer lists it. */
export interface FarmDetails {
  farmId: Ulid;
  totalSectorsCount: number;
}

/** A piece for a place of a cache. */
export interface WritePiece {
  offset: number;
  pieceIndex: PieceIndex;
  /** 1 048 672 bytes. */
  piece: Uint8Array;
}

/** A farmer’s order of a sector. */
export interface PlotSector {
  /** 32 bytes. */
  publicKey: Uint8Array;
  sectorIndex: SectorIndex;
  protocolInfo: FarmerProtocolInfo;
  piecesInSector: number;
}

/** What became of a sector of a farm. */
export interface SectorEvent {
  farmId: Ulid;
  sectorIndex: SectorIndex;
  update: SectorUpdate;
}

const cacheIdentity = struct<CacheIdentity>({ pieceCacheId: taggedUlid, maxNumElements: u32 });
const indexedPiece = tuple<[PieceIndex, Uint8Array]>(u64, piece);

/** Every message of the protocol, by the role that the subject names first. */
export const clusterMessages = {
  // Broadcast by controllers.
  identifyFarmers: broadcast('subspace.controller.farmer-identify', unit),
  /** The instance is the cache group. */
  identifyCaches: broadcast('subspace.controller.*.cache-identify', unit),
  slotInfo: broadcast(
    'subspace.controller.slot-info',
    struct<SlotInfoBroadcast>({ slotInfo, instance: text }),
    (value) => `slot-info-${value.slotInfo.slotNumber}`,
  ),
  rewardSigningInfo: broadcast(
    'subspace.controller.reward-signing-info',
    struct<RewardSigningInfo>({ hash: bytes(32), publicKey: bytes(32) }),
  ),
  archivedSegmentHeader: broadcast(
    'subspace.controller.archived-segment-header',
    segmentHeader,
    (header: SegmentHeader) => `archived-segment-${header.segmentIndex}`,
  ),

  // Sent to controllers.
  solution: notification<SolutionResponse>('subspace.controller.*.solution', solutionResponse),
  rewardSignature: notification(
    'subspace.controller.reward-signature',
    struct<RewardSignature>({ hash: bytes(32), signature: option(bytes(64)) }),
  ),
  farmerAppInfo: request('subspace.controller.farmer-app-info', unit, result(farmerAppInfo)),
  segmentHeaders: request('subspace.controller.segment-headers', list(u64), list(option(segmentHeader))),
  /** The instance is the cache group, or `_` for any. */
  findPieceInCache: request(
    'subspace.controller.*.find-piece-in-cache',
    u64,
    option(tuple<[Ulid, number]>(taggedUlid, u32)),
  ),
  /** Gives those that were found: index, cache, offset. */
  findPiecesInCache: stream(
    'subspace.controller.*.find-pieces-in-cache',
    list(u64),
    tuple<[PieceIndex, Ulid, number]>(u64, taggedUlid, u32),
  ),
  piece: request('subspace.controller.piece', u64, option(piece)),
  /** Gives those that were found. */
  pieces: stream('subspace.controller.pieces', list(u64), indexedPiece),

  // Caches.
  /** The instance is the cache group. Releases after 2025. */
  cacheIdentify: broadcast('subspace.cache.*.cache-identify', taggedUlid),
  /** The instance is the cache group. Releases up to 2025. */
  pieceCacheIdentify: broadcast('subspace.cache.*.identify', cacheIdentity),
  cacheDetails: stream('subspace.cache.*.details', unit, cacheIdentity),
  writePiece: request(
    'subspace.cache.*.write-piece',
    struct<WritePiece>({ offset: u32, pieceIndex: u64, piece }),
    result(unit),
  ),
  readPieceIndex: request('subspace.cache.*.read-piece-index', u32, result(option(u64))),
  readPiece: request('subspace.cache.*.read-piece', u32, result(option(indexedPiece))),
  readPieces: stream(
    'subspace.cache.*.read-pieces',
    list(u32),
    result(tuple<[number, [PieceIndex, Uint8Array] | null]>(u32, option(indexedPiece))),
  ),
  contents: stream(
    'subspace.cache.*.contents',
    unit,
    result(tuple<[number, PieceIndex | null]>(u32, option(u64))),
  ),

  // Plotters.
  freePlotter: request('subspace.plotter.free-instance', unit, option(text)),
  plotSector: stream(
    'subspace.plotter.*.plot-sector',
    struct<PlotSector>({
      publicKey: bytes(32),
      sectorIndex: u16,
      protocolInfo: farmerProtocolInfo,
      piecesInSector: u16,
    }),
    sectorPlottingProgress,
  ),

  // Farmers.
  /** Releases after 2025. */
  farmerIdentify: broadcast('subspace.farmer.*.farmer-identify', bareUlid),
  /** Releases up to 2025. */
  farmIdentify: broadcast(
    'subspace.farmer.*.identify',
    struct<FarmIdentity>({ farmId: taggedUlid, totalSectorsCount: u16, fingerprint: bytes(32) }),
  ),
  farmDetails: stream(
    'subspace.farmer.*.farm.details',
    unit,
    struct<FarmDetails>({ farmId: taggedUlid, totalSectorsCount: u16 }),
  ),
  sectorUpdate: broadcast(
    'subspace.farmer.*.sector-update',
    struct<SectorEvent>({ farmId: taggedUlid, sectorIndex: u16, update: sectorUpdate }),
  ),
  farmingNotification: broadcast(
    'subspace.farmer.*.farming-notification',
    struct<{ farmId: Ulid; notification: FarmingNotification }>({
      farmId: taggedUlid,
      notification: farmingNotification,
    }),
  ),
  solutionResponse: broadcast(
    'subspace.farmer.*.solution-response',
    struct<{ farmId: Ulid; response: SolutionResponse }>({ farmId: taggedUlid, response: solutionResponse }),
  ),
  plottedSectors: stream('subspace.farmer.*.farm.plotted-sectors', unit, result(plottedSector)),
  readFarmPiece: request(
    'subspace.farmer.*.farm.read-piece',
    tuple<[SectorIndex, PieceOffset]>(u16, u16),
    result(option(piece)),
  ),
} as const;

/** Name of a message among `clusterMessages`. */
export type ClusterMessageName = keyof typeof clusterMessages;

/** Cache group of controllers and caches that were given none. */
export const DEFAULT_CACHE_GROUP = 'default';
/** In place of a cache group: any of them. */
export const ANY_CACHE_GROUP = '_';
/** Queue group of the requests that any controller may answer. */
export const CONTROLLER_QUEUE = 'subspace.controller';
/** Queue group of plotters that have capacity. */
export const PLOTTER_QUEUE = 'subspace.plotter';
/** Members refuse servers that carry less in one message, in bytes. */
export const MINIMAL_MAX_PAYLOAD = 2 * 1024 * 1024;

const TOKEN = /^[^\s.*>]+$/;

/**
 * Subject of a message to or from an instance; `*`, the default, is what receivers of all of them subscribe to. Throws
 * RangeError for an instance that cannot stand in a subject.
 */
export function subjectOf(message: AnyMessage, instance = '*'): string {
  if (instance !== '*' && !TOKEN.test(instance)) {
    throw new RangeError(`“${instance}” cannot stand in a subject`);
  }
  return message.subject.replace('*', instance);
}

/** The message that a subject belongs to, and the instance it names. Throws DecodeError for foreign subjects. */
export function messageOfSubject(subject: string): {
  name: ClusterMessageName;
  message: AnyMessage;
  instance: string | null;
} {
  const tokens = subject.split('.');
  for (const [name, message] of Object.entries(clusterMessages) as [ClusterMessageName, AnyMessage][]) {
    const pattern = message.subject.split('.');
    const matches =
      pattern.length === tokens.length &&
      pattern.every((token, index) => (token === '*' ? TOKEN.test(tokens[index]!) : token === tokens[index]));
    if (!matches) continue;
    const at = pattern.indexOf('*');
    return { name, message, instance: at < 0 ? null : tokens[at]! };
  }
  throw new DecodeError(
    'cluster-subject',
    `“${subject.slice(0, 100)}” is no subject of the cluster protocol`,
  );
}

/** Header block of a broadcast as NATS writes it, or null when it has none. */
export function headersOf<T>(message: Publication<T>, value: T): string | null {
  const id = message.messageId?.(value);
  return id === undefined ? null : `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`;
}
