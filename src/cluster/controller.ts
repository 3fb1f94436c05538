/** The role of a controller: the cluster's door to a node, and the one that knows where its pieces are. */
import { multiaddr } from '@multiformats/multiaddr';
import {
  ANY_CACHE_GROUP,
  clusterMessages,
  CONTROLLER_QUEUE,
  DEFAULT_CACHE_GROUP,
} from '../protocol/cluster/messages.ts';
import type { ClusterFarmerAppInfo, Ulid } from '../protocol/cluster/values.ts';
import { toHex } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import type {
  FarmerAppInfo,
  PieceIndex,
  RewardSigningInfo,
  SegmentHeader,
  SegmentIndex,
  SlotInfo,
  SlotNumber,
  Solution,
} from '../protocol/types.ts';
import { createUlid } from '../farm/ulid.ts';
import type { ClusterConnection } from './connection.ts';
import { ControllerCaches } from './controller-caches.ts';
import { ControllerFarms } from './controller-farms.ts';
import { IdentityWatch } from './identity-watch.ts';

/** The node that a controller speaks for; `FarmerRpc` is one. */
export interface ControllerNode {
  appInfo(): Promise<FarmerAppInfo>;
  onSlot(listener: (slot: SlotInfo) => void): () => void;
  onRewardSigning(listener: (request: RewardSigningInfo) => void): () => void;
  onArchivedSegmentHeader(listener: (header: SegmentHeader) => void): () => void;
  acknowledgeSegmentHeader(segment: SegmentIndex): Promise<void>;
  submitSolution(slot: SlotNumber, solution: Solution): Promise<void>;
  submitRewardSignature(hash: Uint8Array, signature: Uint8Array | null): Promise<void>;
  segmentHeaders(segments: readonly SegmentIndex[]): Promise<(SegmentHeader | null)[]>;
  piece(index: PieceIndex, signal?: AbortSignal): Promise<Uint8Array | null>;
}

export interface ControllerOptions {
  connection: ClusterConnection;
  node: ControllerNode;
  /** Whether a piece is the one of its index: asked of what caches and farms give, and of what is put into caches. */
  valid(index: PieceIndex, piece: Uint8Array): Promise<boolean>;
  /** Pieces that neither caches nor node have, e.g. from the storage network; unverified. */
  elsewhere?: (index: PieceIndex, signal: AbortSignal) => Promise<Uint8Array | null>;
  /** Caches that belong to this controller. */
  cacheGroup?: string;
  log?: (line: string) => void;
}

/** Most segment headers that a node gives in one call. */
const MAX_HEADERS = 1_000;
/** Hashes that rewards were asked for, remembered so that only answers to them reach the node. */
const MAX_ASKED = 64;
/** Pieces of one stream fetched side by side. */
const PIECES_AT_ONCE = 8;
const MAX_PIECES_ASKED = 4_096;

export class Controller {
  readonly instance = createUlid();
  readonly caches: ControllerCaches;
  readonly farms: ControllerFarms;
  private readonly headers: SegmentHeader[] = [];
  private readonly asked = new Set<string>();
  private readonly off: (() => void)[] = [];
  private readonly watch: IdentityWatch;

  constructor(private readonly options: ControllerOptions) {
    const { connection } = options;
    const log = (line: string): void => options.log?.(line);
    this.watch = new IdentityWatch('controller', log, () => this.identify());
    this.farms = new ControllerFarms(connection, log);
    this.caches = new ControllerCaches({
      connection,
      group: this.group,
      fetch: (index, signal) => this.pieceForCache(index, signal),
      historySize: () => BigInt(this.headers.length),
      log,
    });
  }

  private get group(): string {
    return this.options.cacheGroup ?? DEFAULT_CACHE_GROUP;
  }

  /** Begins to serve once the node has answered. Throws RpcError. */
  async start(): Promise<void> {
    const { connection, node } = this.options;
    await node.appInfo();
    await this.readHeaders();
    this.caches.start();
    this.farms.start();
    this.serve();
    this.off.push(
      node.onSlot((slotInfo) =>
        connection.publish(clusterMessages.slotInfo, { slotInfo, instance: this.instance }),
      ),
      node.onRewardSigning((request) => this.askToSign(request)),
      node.onArchivedSegmentHeader((header) => void this.onHeader(header)),
      connection.onState((state) => state === 'connected' && this.identify()),
    );
    this.identify();
  }

  private identify(): void {
    const { connection } = this.options;
    connection.publish(clusterMessages.identifyCaches, null, this.group);
    connection.publish(clusterMessages.identifyFarmers, null);
  }

  private serve(): void {
    const { connection } = this.options;
    const any = { queue: CONTROLLER_QUEUE };
    this.off.push(
      connection.listen(clusterMessages.identifyCaches, () => this.watch.seen(this.group), {
        instance: this.group,
      }),
      connection.listen(clusterMessages.solution, (response) => void this.submit(response), {
        instance: this.instance,
        queue: this.instance,
      }),
      connection.listen(clusterMessages.rewardSignature, (signature) => void this.sign(signature), {
        queue: this.instance,
      }),
      connection.respond(clusterMessages.farmerAppInfo, any, async () => {
        try {
          return { ok: true as const, value: toCluster(await this.options.node.appInfo()) };
        } catch (error) {
          return { ok: false as const, error: sentenceOf(error) };
        }
      }),
      connection.respond(clusterMessages.segmentHeaders, any, (segments) =>
        this.headersOf(segments.slice(0, MAX_HEADERS)),
      ),
      connection.respond(clusterMessages.piece, any, (index) => this.piece(index)),
      connection.respondStream(clusterMessages.pieces, any, (indices, signal) =>
        this.pieces(indices.slice(0, MAX_PIECES_ASKED), signal),
      ),
    );
    for (const instance of [this.group, ANY_CACHE_GROUP]) {
      const own = { instance, queue: CONTROLLER_QUEUE };
      const { caches } = this;
      this.off.push(
        connection.respond(clusterMessages.findPieceInCache, own, async (index) => {
          const place = caches.find(index);
          return place === null ? null : [place.cache, place.offset];
        }),
        connection.respondStream(clusterMessages.findPiecesInCache, own, async function* find(indices) {
          for (const index of indices) {
            const place = caches.find(index);
            if (place !== null) yield [index, place.cache, place.offset] as [PieceIndex, Ulid, number];
          }
        }),
      );
    }
  }

  /** A piece from caches, node, plots or elsewhere, in that order. The node's is not verified here. */
  private async piece(
    index: PieceIndex,
    signal = this.options.connection.closed,
  ): Promise<Uint8Array | null> {
    const { node, elsewhere } = this.options;
    return (
      (await this.cachedPiece(index, signal)) ??
      (await node.piece(index, signal).catch(() => null)) ??
      (await this.plottedPiece(index, signal)) ??
      (await elsewhere?.(index, signal).catch(() => null)) ??
      null
    );
  }

  /** Verified: whoever finds nothing wrong with what a cache has takes it from there. */
  private async cachedPiece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null> {
    const piece = await this.caches.piece(index, signal);
    if (piece === null || (await this.options.valid(index, piece))) return piece;
    this.options.log?.(`A cache has another piece in the place of piece ${index}.`);
    this.caches.forgetPlace(index);
    return null;
  }

  /** Verified: a sector may have been replotted unheard, and native plotters believe what a controller gives. */
  private async plottedPiece(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null> {
    const piece = await this.farms.piece(index, signal);
    return piece !== null && (await this.options.valid(index, piece)) ? piece : null;
  }

  private async pieceForCache(index: PieceIndex, signal: AbortSignal): Promise<Uint8Array | null> {
    const { node, elsewhere, valid } = this.options;
    const piece =
      (await node.piece(index, signal).catch(() => null)) ??
      (await elsewhere?.(index, signal).catch(() => null)) ??
      null;
    return piece !== null && (await valid(index, piece)) ? piece : null;
  }

  /** Those that are found, in the order in which they are. */
  private async *pieces(
    indices: PieceIndex[],
    signal: AbortSignal,
  ): AsyncGenerator<[PieceIndex, Uint8Array], void, void> {
    const queue = [...indices];
    const running = new Map<PieceIndex, Promise<[PieceIndex, Uint8Array | null]>>();
    while (queue.length > 0 || running.size > 0) {
      while (queue.length > 0 && running.size < PIECES_AT_ONCE) {
        const index = queue.shift()!;
        const found = this.piece(index, signal).then((piece): [PieceIndex, Uint8Array | null] => [
          index,
          piece,
        ]);
        found.catch(() => undefined);
        running.set(index, found);
      }
      const [index, piece] = await Promise.race(running.values());
      running.delete(index);
      if (piece !== null) yield [index, piece];
    }
  }

  private async submit({
    slotNumber,
    solution,
  }: {
    slotNumber: SlotNumber;
    solution: Solution;
  }): Promise<void> {
    try {
      await this.options.node.submitSolution(slotNumber, solution);
    } catch (error) {
      this.options.log?.(`The solution for slot ${slotNumber} was not taken: ${sentenceOf(error)}`);
    }
  }

  private askToSign(request: RewardSigningInfo): void {
    this.asked.add(toHex(request.hash));
    if (this.asked.size > MAX_ASKED) this.asked.delete(this.asked.values().next().value ?? '');
    this.options.connection.publish(clusterMessages.rewardSigningInfo, request);
  }

  private async sign({ hash, signature }: { hash: Uint8Array; signature: Uint8Array | null }): Promise<void> {
    if (!this.asked.has(toHex(hash)) || signature === null) return;
    try {
      await this.options.node.submitRewardSignature(hash, signature);
    } catch (error) {
      this.options.log?.(`A reward signature was not taken: ${sentenceOf(error)}`);
    }
  }

  /** Whatever becomes of the reading, the cluster hears of the segment and the node, which waits for it, of that. */
  private async onHeader(header: SegmentHeader): Promise<void> {
    const { node, connection, log } = this.options;
    const failed = (error: unknown): void => log?.(`Segment ${header.segmentIndex}: ${sentenceOf(error)}`);
    // First, so that who hears of it can ask for it.
    await this.readHeaders().catch(failed);
    connection.publish(clusterMessages.archivedSegmentHeader, header);
    this.caches.fill();
    await node.acknowledgeSegmentHeader(header.segmentIndex).catch(failed);
  }

  /** Headers of segments; those that are not known are asked of the node, which may have archived while it was away. */
  private async headersOf(segments: readonly SegmentIndex[]): Promise<(SegmentHeader | null)[]> {
    const isNew = (segment: SegmentIndex): boolean => segment >= BigInt(this.headers.length);
    if (segments.some(isNew)) await this.readHeaders().catch(() => undefined);
    return segments.map((segment) => this.headers[Number(segment)] ?? null);
  }

  private async readHeaders(): Promise<void> {
    for (let complete = false; !complete;) {
      const next = BigInt(this.headers.length);
      const wanted = Array.from({ length: MAX_HEADERS }, (_, offset) => next + BigInt(offset));
      const found = await this.options.node.segmentHeaders(wanted);
      // Another reading may have been quicker.
      if (next !== BigInt(this.headers.length)) continue;
      const end = found.indexOf(null);
      const fresh = (end < 0 ? found : found.slice(0, end)) as SegmentHeader[];
      this.headers.push(...fresh);
      complete = fresh.length < MAX_HEADERS;
    }
  }

  /** 48 bytes, or null for a segment that the node does not know. */
  segmentCommitment(segment: SegmentIndex): Uint8Array | null {
    return this.headers[Number(segment)]?.segmentCommitment ?? null;
  }

  async stop(): Promise<void> {
    for (const off of this.off.splice(0)) off();
    this.caches.stop();
    this.farms.stop();
  }
}

const NANOSECONDS = 1_000_000;

function toCluster(info: FarmerAppInfo): ClusterFarmerAppInfo {
  return {
    genesisHash: info.genesisHash,
    dsnBootstrapNodes: info.dsnBootstrapNodes.map((address) => multiaddr(address).bytes),
    syncing: info.syncing,
    farmingTimeout: BigInt(Math.round(info.farmingTimeoutMs * NANOSECONDS)),
    protocolInfo: info.protocolInfo,
  };
}
