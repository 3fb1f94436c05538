/** The role of a farmer: its farms belong to the cluster, which plots for them, hears of them and reads from them. */
import type { ComputePool } from '../crypto/jobs.ts';
import { clusterMessages } from '../protocol/cluster/messages.ts';
import type { FarmIdentity } from '../protocol/cluster/messages.ts';
import type { PlottedSector, SectorPlottingDetails, Ulid } from '../protocol/cluster/values.ts';
import { taggedUlid } from '../protocol/cluster/values.ts';
import type { Result } from '../protocol/codec.ts';
import { encodeWith, struct, u16 } from '../protocol/codec.ts';
import { equal, toHex } from '../protocol/bytes.ts';
import { sentenceOf } from '../protocol/errors.ts';
import { blake3Hash } from '../protocol/hash.ts';
import type { FarmerAppInfo, FarmerProtocolInfo } from '../protocol/types.ts';
import type { Farm, FarmOptions } from '../farm/farm.ts';
import { readPlottedPiece } from '../farm/piece-reader.ts';
import { planSector, type SectorPlan } from '../farm/plan.ts';
import type { PlotContext, SectorPlotter } from '../farm/plotter.ts';
import { SectorFile } from '../farm/sector-file.ts';
import type { VerifiedHistory } from '../farm/source.ts';
import { createUlid } from '../farm/ulid.ts';
import { Announcer } from './announcer.ts';
import type { ClusterConnection } from './connection.ts';
import { ClusterError } from './errors.ts';
import { FarmNews } from './farm-news.ts';
import { IdentityWatch } from './identity-watch.ts';
import { ClusterNode, clusterAppInfo } from './node.ts';
import { ClusterPieces } from './pieces.ts';
import { ClusterPlotting, type PlotWith } from './plotting.ts';
import { durationOf } from './plotter.ts';

export interface FarmerOptions {
  connection: ClusterConnection;
  pool: ComputePool;
  /** What pieces and delivered sectors are checked against. */
  history: VerifiedHistory;
  plotWith?: PlotWith;
  /** Plots on this machine; this program when left out. */
  plotHere?: SectorPlotter;
  /** Sectors of one farm under way at once, each with a plotter of its own. */
  sectorsAtOnce?: number;
  /** Records of a delivered sector that are encoded again to check it. */
  sample?: number;
  /** See `PlottingOptions`. */
  silenceMs?: number;
  patienceMs?: number;
  log?: (line: string) => void;
}

const DEFAULT_SECTORS_AT_ONCE = 4;
/** Pieces decoded for others side by side; more wait. */
const READS_AT_ONCE = 1;

const farmDetails = struct<{ farmId: Ulid; totalSectorsCount: number }>({
  farmId: taggedUlid,
  totalSectorsCount: u16,
});

/** What a farm of the cluster is opened with. */
export type FarmSeatOptions = Pick<FarmOptions, 'node' | 'pieces' | 'history' | 'plotter' | 'sectorsAtOnce'>;

export class FarmerMember {
  private readonly announcer: Announcer;
  private readonly seats = new Set<FarmSeat>();
  private readonly off: (() => void)[] = [];
  private info: FarmerAppInfo | null = null;

  constructor(readonly options: FarmerOptions) {
    this.announcer = new Announcer(options.connection, () => this.announce());
  }

  /** Begins to be a member; farms come later. Throws ClusterError where there is no controller. */
  async start(): Promise<void> {
    const { connection } = this.options;
    this.info = await clusterAppInfo(connection);
    const { seats } = this;
    this.off.push(
      connection.listen(clusterMessages.farmIdentify, ({ farmId }) => {
        for (const seat of seats) if (seat.farmId === farmId) seat.watch.seen(farmId);
      }),
    );
    this.announcer.start((again) => connection.listen(clusterMessages.identifyFarmers, again));
  }

  /**
   * A place for a farm of that key (32 bytes) that is about to be opened; it is told with `attach`. `genesisHash`:
   * 32 bytes, the network that the farm belongs to, where that is known. Throws ClusterError `other-network`.
   */
  seat(publicKey: Uint8Array, genesisHash?: Uint8Array): FarmSeat {
    const { info } = this;
    if (info === null) throw new Error('the farmer is not a member yet');
    if (genesisHash !== undefined && !equal(genesisHash, info.genesisHash))
      throw new ClusterError(
        'other-network',
        `the controller’s genesis is ${toHex(info.genesisHash)}`,
        'The cluster’s controller speaks for another network than the one followed here.',
      );
    return new FarmSeat(this, publicKey, this.seats, info.protocolInfo, () => this.announcer.again());
  }

  private announce(): void {
    const { connection } = this.options;
    for (const { identity, farmerId } of this.seats) {
      if (identity === null) continue;
      connection.publish(clusterMessages.farmerIdentify, farmerId, farmerId);
      connection.publish(clusterMessages.farmIdentify, identity, identity.farmId);
    }
  }

  /** Leaves the cluster. The farms are stopped by whoever opened them, before. */
  stop(): void {
    this.announcer.stop();
    for (const off of this.off.splice(0)) off();
    for (const seat of this.seats) seat.leave();
  }
}

/** One farm in the cluster. */
export class FarmSeat {
  /**
   * The farmer that this farm belongs to, as it stands in subjects; new with every start. Native controllers ask a
   * farmer for its farms once and never again, so that every farm has one of its own and none is announced before.
   */
  readonly farmerId = createUlid();
  readonly options: FarmSeatOptions;
  readonly watch: IdentityWatch;
  private readonly node: ClusterNode;
  private readonly off: (() => void)[] = [];
  private reads: Promise<unknown>[] = Array.from({ length: READS_AT_ONCE }, () => Promise.resolve());
  private farm: Farm | null = null;
  private news: FarmNews | null = null;

  constructor(
    private readonly member: FarmerMember,
    private readonly publicKey: Uint8Array,
    private readonly seats: Set<FarmSeat>,
    private readonly rules: FarmerProtocolInfo,
    private readonly announce: () => void,
  ) {
    const { plotWith = 'both', sectorsAtOnce, ...options } = member.options;
    const { connection, history, log } = options;
    this.node = new ClusterNode(connection, () => this.farmId);
    const plotting = new ClusterPlotting({ ...options, publicKey, rules: () => rules, plotWith });
    this.options = {
      node: this.node,
      pieces: new ClusterPieces(connection),
      history,
      plotter: this.told(plotting.plot),
      sectorsAtOnce: plotWith === 'self' ? 1 : (sectorsAtOnce ?? DEFAULT_SECTORS_AT_ONCE),
    };
    this.watch = new IdentityWatch('farm', (text) => log?.(text), announce);
  }

  get farmId(): Ulid | null {
    return this.farm?.id ?? null;
  }

  /** What the farm says of itself; null before it is there. */
  get identity(): FarmIdentity | null {
    if (this.farm === null) return null;
    const details = { farmId: this.farm.id, totalSectorsCount: this.farm.sectorCount };
    return { ...details, fingerprint: blake3Hash(encodeWith(farmDetails, details)) };
  }

  /** Makes the farm that was opened with this seat's options a farm of the cluster. */
  attach(farm: Farm): void {
    const { connection } = this.member.options;
    this.farm = farm;
    this.seats.add(this);
    const own = { instance: farm.id, queue: farm.id };
    const details = (): FarmIdentity[] => (this.identity === null ? [] : [this.identity]);
    const asFarmer = { instance: this.farmerId, queue: this.farmerId };
    this.off.push(
      connection.respondStream(clusterMessages.farmDetails, asFarmer, async function* told() {
        yield* details();
      }),
      connection.respondStream(clusterMessages.plottedSectors, own, (_, signal) =>
        this.plotted(farm, signal),
      ),
      connection.respond(clusterMessages.readFarmPiece, own, ([sector, offset]) =>
        this.read(farm, sector, offset),
      ),
    );
    this.news = new FarmNews(farm, (notification) =>
      connection.publish(clusterMessages.farmingNotification, { farmId: farm.id, notification }, farm.id),
    );
    this.announce();
  }

  /** Takes the farm out of the cluster. */
  leave(): void {
    for (const off of this.off.splice(0)) off();
    this.news?.stop();
    this.node.close();
    this.seats.delete(this);
  }

  /** Sectors that cannot be read are left out: native controllers drop a farm that answers with an error. */
  private async *plotted(farm: Farm, signal: AbortSignal): AsyncGenerator<Result<PlottedSector>, void, void> {
    for (let index = 0; index < farm.sectorCount; index += 1) {
      if (signal.aborted) return;
      const file = farm.sector(index);
      const sector = file === null ? null : await this.describe(file).catch(() => null);
      if (sector !== null) yield { ok: true, value: sector };
    }
  }

  private async describe(file: SectorFile): Promise<PlottedSector> {
    const metadata = await file.readMetadata();
    const { sectorIndex, historySize, piecesInSector } = metadata;
    const plan = planSector(this.publicKey, sectorIndex, historySize, piecesInSector, this.rules);
    return {
      sectorId: plan.sectorId,
      sectorIndex,
      metadata,
      pieceIndexes: plan.pieces.map(({ index }) => index),
    };
  }

  /** Reads in turn: decoding takes a core for a second or two, and the farm's own proofs go before. */
  private read(farm: Farm, sector: number, offset: number): Promise<Result<Uint8Array | null>> {
    const work = async (): Promise<Result<Uint8Array | null>> => {
      const { pool } = this.member.options;
      const file = farm.sector(sector);
      if (file === null) return { ok: true, value: null };
      try {
        return { ok: true, value: await readPlottedPiece(file, this.publicKey, offset, pool) };
      } catch (error) {
        return { ok: false, error: sentenceOf(error) };
      }
    };
    const result = this.reads.shift()!.then(work);
    this.reads.push(result);
    return result;
  }

  /** A plotter that also broadcasts what becomes of the sector. */
  private told(plot: SectorPlotter): SectorPlotter {
    return async (plan, context) => {
      const old = await this.oldSector(plan);
      const begun = performance.now();
      let stage: 'downloading' | 'encoding' | 'writing' | null = null;
      let since = begun;
      const enter = (next: 'downloading' | 'encoding' | 'writing' | null): void => {
        if (next === stage) return;
        const now = performance.now();
        const time = durationOf(now - since);
        if (stage === 'downloading') this.tell(plan, { kind: 'downloaded', time });
        if (stage === 'encoding') this.tell(plan, { kind: 'encoded', time });
        if (stage === 'writing' && next === null) this.tell(plan, { kind: 'written', time });
        if (next !== null) this.tell(plan, { kind: next });
        stage = next;
        since = now;
      };
      this.tell(plan, this.starting(old !== null));
      try {
        const watched: PlotContext = {
          ...context,
          progress: (progress) => {
            enter(progress.stage);
            context.progress(progress);
          },
        };
        await plot(plan, watched);
        enter(null);
        const time = durationOf(performance.now() - begun);
        const plottedSector = await this.described(plan, context);
        this.tell(plan, { kind: 'finished', plottedSector, oldPlottedSector: old, time });
      } catch (error) {
        this.tell(plan, { kind: 'error', error: sentenceOf(error) });
        throw error;
      }
    };
  }

  private async oldSector({ sectorIndex }: SectorPlan): Promise<PlottedSector | null> {
    const file = this.farm?.sector(sectorIndex) ?? null;
    return file === null ? null : this.describe(file).catch(() => null);
  }

  private async described({ sectorIndex }: SectorPlan, { directory }: PlotContext): Promise<PlottedSector> {
    const file = await SectorFile.open(directory, sectorIndex, false);
    return this.describe(file);
  }

  private starting(replotting: boolean): SectorPlottingDetails {
    const states = this.farm?.snapshot().sectors ?? [];
    const done = states.filter(({ state }) => state === 'plotted').length;
    const queued = states.filter(({ state }) => state !== 'plotted').length;
    const progress = states.length === 0 ? 0 : (100 * done) / states.length;
    return { kind: 'starting', progress: Math.fround(progress), replotting, lastQueued: queued <= 1 };
  }

  private tell({ sectorIndex }: SectorPlan, details: SectorPlottingDetails): void {
    const farmId = this.farmId;
    if (farmId === null) return;
    const event = { farmId, sectorIndex, update: { kind: 'plotting' as const, details } };
    // A controller that was there all the time learns of the sector by nothing else.
    const lasting = details.kind === 'finished';
    this.member.options.connection.publish(clusterMessages.sectorUpdate, event, farmId, lasting);
  }
}
