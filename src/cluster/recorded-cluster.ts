/** For tests: what the members of the recorded cluster knew and were, and a stage to play them again on. */
import { multiaddr } from '@multiformats/multiaddr';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import { equal } from '../protocol/bytes.ts';
import { decodeWith, encodeWith, list, u64 } from '../protocol/codec.ts';
import type { FarmerAppInfo, SegmentHeader } from '../protocol/types.ts';
import type { ClusterConnection } from './connection.ts';
import { Controller } from './controller.ts';
import { bytesOf, NativePeer, Recording } from './recorded-peer.ts';
import { TestCluster, TestNode } from './testing.ts';

const messages = clusterMessages;
export const recording = Recording.read();

// What the recorded members knew and were.
export const appInfoRequest = recording.first('subspace.controller.farmer-app-info');
export const appInfoAnswer = recording.answersTo(appInfoRequest)[0]!;
export const recordedInfo = (() => {
  const answer = decodeWith(messages.farmerAppInfo.response, bytesOf(appInfoAnswer), 'app info');
  if (!answer.ok) throw new Error(answer.error);
  return answer.value;
})();
const headersRequest = recording.first('subspace.controller.segment-headers');
const headersAnswer = recording.answersTo(headersRequest)[0]!;
const recordedHeaders = recordedHistory();
export const plotRequest = recording.first('subspace.plotter.*.plot-sector');
export const order = decodeWith(messages.plotSector.payload, bytesOf(plotRequest), 'order');
export const farmAnnouncement = recording.first('subspace.farmer.*.identify');
export const recordedFarm = decodeWith(messages.farmIdentify.payload, bytesOf(farmAnnouncement), 'farm');
export const recordedCache = decodeWith(
  messages.pieceCacheIdentify.payload,
  bytesOf(recording.first('subspace.cache.*.identify')),
  'cache',
);
export const firstSector = plottedSectors()[0]!;

/** The history's headers: the answer to the first request tells those beyond the first as well as it. */
function recordedHistory(): SegmentHeader[] {
  const [first] = decodeWith(list(u64), bytesOf(headersRequest), 'indices');
  const told = decodeWith(messages.segmentHeaders.response, bytesOf(headersAnswer), 'headers');
  if (first !== 0n) throw new Error('the recording does not begin with the first header');
  return told.filter((header) => header !== null);
}

/** The sectors that the recorded farm plotted. */
export function plottedSectors() {
  return recording
    .all('subspace.farmer.*.sector-update')
    .map((frame) => decodeWith(messages.sectorUpdate.payload, bytesOf(frame), 'update').update)
    .flatMap((update) =>
      update.kind === 'plotting' && update.details.kind === 'finished' ? [update.details.plottedSector] : [],
    );
}

/** A node that knows what the recorded controller’s node knew. */
export function recordedNode(): TestNode {
  const node = new TestNode();
  node.headers = [...recordedHeaders];
  node.info = {
    genesisHash: recordedInfo.genesisHash,
    dsnBootstrapNodes: recordedInfo.dsnBootstrapNodes.map((address) => multiaddr(address).toString()),
    syncing: recordedInfo.syncing,
    farmingTimeoutMs: Number(recordedInfo.farmingTimeout) / 1e6,
    protocolInfo: recordedInfo.protocolInfo,
  } satisfies FarmerAppInfo;
  return node;
}

/** A NATS server with a bare client on it that plays native members, and a connection for one of ours. */
export class Stage {
  /** Undone in reverse when the stage is left. */
  readonly stops: (() => unknown)[] = [];

  private constructor(
    readonly cluster: TestCluster,
    readonly peer: NativePeer,
    readonly connection: ClusterConnection,
  ) {}

  static async set(): Promise<Stage> {
    // As large as the recorded members’ server allowed.
    const cluster = await TestCluster.start({ maxPayload: '4MB' });
    return new Stage(cluster, await NativePeer.join(cluster.server.url), await cluster.connect());
  }

  /** A controller of ours. */
  async startController(node: TestNode): Promise<Controller> {
    const { connection, stops } = this;
    const controller = new Controller({ connection, node, valid: async () => true });
    await controller.start();
    await connection.flush();
    stops.push(() => controller.stop());
    return controller;
  }

  /** Plays the recorded controller: app info and headers as it told them. */
  async playController(): Promise<void> {
    const { peer } = this;
    await peer.answer('subspace.controller.farmer-app-info', () => bytesOf(appInfoAnswer));
    await peer.answer('subspace.controller.segment-headers', (request) => {
      const known = [headersRequest, ...recording.all('subspace.controller.segment-headers')].find((frame) =>
        equal(bytesOf(frame), request),
      );
      if (known !== undefined) return bytesOf(recording.answersTo(known)[0]!);
      const asked = decodeWith(list(u64), request, 'indices');
      return encodeWith(
        messages.segmentHeaders.response,
        asked.map((index) => recordedHeaders[Number(index)] ?? null),
      );
    });
  }

  async leave(): Promise<void> {
    for (const stop of this.stops.splice(0).toReversed()) await stop();
    await this.peer.close();
    await this.cluster.stop();
  }
}
